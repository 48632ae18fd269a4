"""
Uploads in parts through the gateway, over the embedded provider.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import pytest

from aikit.gateway.registry.keys import hash_of
from aikit.gateway.state import Gateway
from tests.gateway.asgi import Answer, Asgi
from tests.gateway.gateways import OTHER, left_in_spool, lines, master_of, opened, row_of, tenant_of, upload
from tests.gateway.registry.rows import file
from tests.gateway.upstream import config_of, upstream
from tests.gemini_server import KEY, serving_gemini

ORDER = {"filename": "a.txt", "purpose": "user_data", "bytes": 6, "mime_type": "text/plain"}


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    """A gateway with the embedded provider."""
    with opened(tmp_path) as opened_gateway:
        yield opened_gateway


@pytest.fixture
def client(gateway: Gateway) -> Asgi:
    """A client with the master key."""
    return master_of(gateway)


def part(client: Asgi, upload_id: str, content: bytes) -> Answer:
    """
    Send a part.
    """
    return client.form(f"/v1/uploads/{upload_id}/parts", [("data", ("blob", content))])


def test_a_file_goes_up_in_parts(gateway: Gateway, client: Asgi) -> None:
    """
    Upload, parts and file have ids of the gateway's, and the content is that of the parts in their order.
    """
    content = lines("a", "a")
    order = {"filename": "a.jsonl", "purpose": "batch", "bytes": len(content), "mime_type": "application/jsonl"}
    upload = client.post("/v1/uploads", order).json
    told = (upload["object"], upload["status"], upload["bytes"], upload["file"])
    assert told == ("upload", "pending", len(content), None)
    second, first = (part(client, upload["id"], each).json for each in (content[9:], content[:9]))
    assert (first["object"], first["upload_id"]) == ("upload.part", upload["id"])
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    order = {"part_ids": [first["id"], second["id"]], "md5": md5}
    done = client.post(f"/v1/uploads/{upload['id']}/complete", order).json
    assert (done["id"], done["status"]) == (upload["id"], "completed")
    assert client.get(f"/v1/files/{done['file']['id']}").json == done["file"]
    row = row_of(gateway, done["file"]["id"])
    assert gateway.client.files.content(row.upstream_id, {"provider": "local"}).content == content
    ids = {upload["id"], first["id"], second["id"], done["file"]["id"]}
    assert all(len(each.rpartition("-" if "-" in each else "_")[2]) == 24 for each in ids)
    again = client.post(f"/v1/uploads/{upload['id']}/complete", order)
    assert (again.status, again.error["code"]) == (400, "upload_not_pending")
    assert again.error["message"] == f"Upload {upload['id']} has status 'completed'."


def test_an_upload_is_given_up(client: Asgi) -> None:
    """
    A cancelled upload takes no more parts.
    """
    upload = client.post("/v1/uploads", ORDER).json
    assert client.post(f"/v1/uploads/{upload['id']}/cancel").json["status"] == "cancelled"
    assert part(client, upload["id"], b"abc").status == 400


def test_uploads_are_their_makers_own(gateway: Gateway, client: Asgi) -> None:
    """
    To another key, an upload and its parts answer as ones that do not exist.
    """
    ana, ben = tenant_of(gateway), tenant_of(gateway, OTHER)
    mine, theirs = (each.post("/v1/uploads", ORDER).json["id"] for each in (ana, ben))
    unknown = "upload_" + "x" * 24
    foreign_part = part(ana, mine, b"abcdef").json["id"]

    def tried(identifier: str) -> list[tuple[int, bytes]]:
        answers = (
            part(ben, identifier, b"abc"),
            ben.post(f"/v1/uploads/{identifier}/complete", {"part_ids": [foreign_part]}),
            ben.post(f"/v1/uploads/{identifier}/cancel"),
        )
        return [(each.status, each.body.replace(identifier.encode(), b"ID")) for each in answers]

    assert tried(mine) == tried(unknown)
    assert {status for status, _ in tried(mine)} == {404}
    answer = ben.post(f"/v1/uploads/{theirs}/complete", {"part_ids": [foreign_part]})
    assert (answer.status, answer.error["param"]) == (400, "part_ids")
    assert client.post(f"/v1/uploads/{mine}/cancel").status == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"filename": None},
        {"bytes": 0},
        {"bytes": "6"},
        {"bytes": True},
        {"purpose": "nothing"},
        {"mime_type": 1},
        {"expires_after": {"anchor": "created_at", "seconds": 1}},
        {"filename": "a/../b"},
        {"custom_llm_provider": "nothing"},
    ],
)
def test_an_order_that_cannot_be_is_a_400(client: Asgi, changes: dict[str, Any]) -> None:
    """
    What OpenAI would refuse is refused, and so are unknown names.
    """
    answer = client.post("/v1/uploads", ORDER | changes)
    assert (answer.status, answer.error["type"]) == (400, "invalid_request_error")


@pytest.mark.parametrize(
    "value", [None, [], {}, {"part_ids": None}, {"part_ids": "x"}, {"part_ids": [1]}, {"part_ids": []}]
)
def test_a_completion_without_parts_is_a_400(client: Asgi, value: Any) -> None:
    """
    Parts must be named.
    """
    upload = client.post("/v1/uploads", ORDER).json["id"]
    assert client.post(f"/v1/uploads/{upload}/complete", value).status == 400


def test_a_part_needs_its_data(client: Asgi) -> None:
    """
    Another form, an empty part and one that is too large are refused.
    """
    upload = client.post("/v1/uploads", ORDER).json["id"]
    target = f"/v1/uploads/{upload}/parts"
    assert client.form(target, [("file", ("blob", b"abc"))]).status == 400
    assert client.form(target, []).status == 400
    assert part(client, upload, b"").status == 400
    answer = client.send(
        "POST", target, body=[b"x" * 70_000_000], headers={"content-type": "multipart/form-data; boundary=b"}
    )
    assert answer.status == 413


def test_a_part_may_be_as_large_as_sdks_send_them(client: Asgi) -> None:
    """
    OpenAI's libraries cut a file into parts of 64 MiB.
    """
    upload = client.post("/v1/uploads", ORDER | {"bytes": 64 * 2**20}).json["id"]
    assert part(client, upload, bytes(64 * 2**20)).status == 200


def test_keys_are_bound_in_parts_too(gateway: Gateway) -> None:
    """
    Purposes and providers of a key count for uploads.
    """
    tenant = tenant_of(gateway, purposes=("batch",))
    assert tenant.post("/v1/uploads", ORDER).error["code"] == "key_purpose_access_denied"
    content = lines("a")
    order = {"filename": "a.jsonl", "purpose": "batch", "bytes": len(content), "mime_type": "application/jsonl"}
    upload = tenant.post("/v1/uploads", order, headers={}).json["id"]
    part_id = part(tenant, upload, content).json["id"]
    done = tenant.post(f"/v1/uploads/{upload}/complete", {"part_ids": [part_id]}).json
    assert row_of(gateway, done["file"]["id"]).owner is not None


def test_lines_of_a_file_in_parts_are_counted_before_a_batch_is_made_of_it(gateway: Gateway) -> None:
    """
    The bound of records holds for files that nobody checked while they came, and the file stays.
    """
    tenant = tenant_of(gateway, metadata={"max_batch_file_records": 2})
    for count, status in ((2, 200), (3, 413)):
        content = lines(*"a" * count)
        order = {"filename": "a.jsonl", "purpose": "batch", "bytes": len(content), "mime_type": "application/jsonl"}
        upload = tenant.post("/v1/uploads", order).json["id"]
        done = {"part_ids": [part(tenant, upload, content).json["id"]]}
        file_id = tenant.post(f"/v1/uploads/{upload}/complete", done).json["file"]["id"]
        batch = {"input_file_id": file_id, "endpoint": "/v1/chat/completions", "completion_window": "24h"}
        answer = tenant.post("/v1/batches", batch)
        assert answer.status == status, answer.body
    assert answer.error["message"] == (
        "Batch input file has more than 2 records, which exceeds the max_batch_file_records of 2 set in this key's "
        "metadata. Nothing was created."
    )
    assert len(tenant.get("/v1/batches").json["data"]) == 1
    assert tenant.get(f"/v1/files/{file_id}").status == 200


@pytest.mark.parametrize("bound", [{"models": ("gpt-4o-mini",)}, {"max_budget": Decimal(1)}, {"rpm_limit": 9}])
def test_lines_of_a_file_in_parts_that_only_its_provider_can_read_are_refused(
    tmp_path: Path, bound: dict[str, Any]
) -> None:
    """
    What they ask for is not known, and a key with limits makes no batch of them.
    """
    with upstream() as provider, opened(tmp_path, config_of(provider), max_retries=0) as gateway:
        tenant, master = tenant_of(gateway, **bound), master_of(gateway)
        content = lines("gpt-4o-mini", "o").replace(b'{"model": "o"', b'{"n": NaN, "model": "o"')
        assert b"NaN" in content
        provider.files["file-parts"] = content
        for client, status in ((tenant, 400), (master, 200)):
            row = file(upstream_id="file-parts", owner=hash_of(client.key or "") if client is tenant else None)
            gateway.registry.files.add(attrs.evolve(row, deployment=gateway.settings.default, body={"id": row.id}))
            order = {"input_file_id": row.id, "endpoint": "/v1/chat/completions", "completion_window": "24h"}
            answer = client.post("/v1/batches", order)
            assert answer.status == status, answer.body
            assert len(provider.batches) == (status == 200)
        answer = tenant.get("/v1/batches")
        assert answer.json["data"] == []


@pytest.fixture
def gemini(tmp_path: Path) -> Iterator[Gateway]:
    """A gateway over a provider that has no uploads in parts."""
    with serving_gemini() as server:
        config = f"files_settings: [{{custom_llm_provider: gemini, api_key: {KEY}, api_base: '{server.url}'}}]"
        with opened(tmp_path, config, max_retries=0) as opened_gateway:
            yield opened_gateway


def kept(gateway: Gateway) -> list[Path]:
    """
    Return what the gateway keeps of uploads.
    """
    return list(gateway.kept_uploads.folder.glob("*/*"))


def test_a_provider_without_uploads_gets_the_file_in_one_piece(gemini: Gateway) -> None:
    """
    The parts wait at the gateway, and nothing of them stays.
    """
    client = tenant_of(gemini)
    order = ORDER | {"filename": "a.txt", "bytes": 6}
    upload = client.post("/v1/uploads", order).json
    assert (upload["status"], upload["expires_at"] - upload["created_at"]) == ("pending", 3600)
    second, first = (part(client, upload["id"], each).json["id"] for each in (b"def", b"abc"))
    assert len(kept(gemini)) == 2
    assert tenant_of(gemini, OTHER).post(f"/v1/uploads/{upload['id']}/cancel").status == 404
    target = f"/v1/uploads/{upload['id']}/complete"
    wrong = client.post(target, {"part_ids": [first]})
    assert (wrong.status, wrong.error["code"]) == (400, "size_mismatch")
    wrong = client.post(target, {"part_ids": [first, second], "md5": "0" * 32})
    assert (wrong.status, wrong.error["code"]) == (400, "checksum_mismatch")
    md5 = hashlib.md5(b"abcdef", usedforsecurity=False).hexdigest()
    done = client.post(target, {"part_ids": [first, second], "md5": md5}).json
    assert (done["id"], done["status"], done["file"]["bytes"]) == (upload["id"], "completed", 6)
    assert client.get(f"/v1/files/{done['file']['id']}").json["id"] == done["file"]["id"]
    assert kept(gemini) == []
    for again in (client.post(target, {"part_ids": [first, second]}), part(client, upload["id"], b"x")):
        assert (again.status, again.error["code"]) == (400, "upload_not_pending")


def test_what_the_gateway_keeps_is_bounded_and_goes(gemini: Gateway) -> None:
    """
    Cancelled and forgotten uploads leave nothing, and no more than was announced is kept.
    """
    client = tenant_of(gemini)
    upload = client.post("/v1/uploads", ORDER).json["id"]
    assert [part(client, upload, b"abcdef").status for _ in range(3)] == [200, 200, 400]
    assert part(client, upload, b"").status == 400
    assert client.post(f"/v1/uploads/{upload}/cancel").json["status"] == "cancelled"
    assert kept(gemini) == []
    old = client.post("/v1/uploads", ORDER).json["id"]
    part(client, old, b"abc")
    os.utime(gemini.kept_uploads.folder / old, (1, 1))
    client.post("/v1/uploads", ORDER)
    assert kept(gemini) == []
    assert part(client, old, b"def").error["code"] == "upload_not_pending"


def test_a_batch_file_in_parts_is_checked_before_it_is_sent(gemini: Gateway) -> None:
    """
    All its defects are told, and the upload may be completed with other parts.
    """
    client = tenant_of(gemini)
    content = lines("gemini-2.5-flash")
    order = {"filename": "a.jsonl", "purpose": "batch", "bytes": len(content), "mime_type": "application/jsonl"}
    upload = client.post("/v1/uploads", order).json["id"]
    bad, good = (part(client, upload, each).json["id"] for each in (b"x" * len(content), content))
    target = f"/v1/uploads/{upload}/complete"
    assert client.post(target, {"part_ids": [bad]}).error["code"] == "invalid_json_line"
    assert client.post(target, {"part_ids": [good]}).json["status"] == "completed"


@pytest.fixture
def renaming(tmp_path: Path) -> Iterator[Gateway]:
    """A gateway over a provider with uploads in parts, whose models have other names here."""
    with upstream() as provider:
        known = {"model": "openai/a-much-longer-name-*", "api_base": provider.url, "api_key": "k"}
        entry = {"model_name": "my-*", "litellm_params": known, "model_info": {"mode": "batch"}}
        with opened(tmp_path, json.dumps({"model_list": [entry]}), max_retries=0) as opened_gateway:
            yield opened_gateway


_RENAMED = lines("my-gpt", "my-gpt", "my-gpt")


@pytest.mark.parametrize("size", [1, 7, 200, 10_000])
@pytest.mark.parametrize(
    "content",
    [_RENAMED, _RENAMED.rstrip(b"\n"), _RENAMED.replace(b"\n", b"\r\n")],
    ids=["plain", "no-newline", "crlf"],
)
def test_models_are_renamed_wherever_a_file_is_cut(renaming: Gateway, content: bytes, size: int) -> None:
    """
    The provider gets the same file as if it had come in one piece, and the gateway knows as much of it.
    """
    client, model = tenant_of(renaming), {"model": "my-gpt"}
    pieces = [content[start : start + size] for start in range(0, len(content), size)]
    done = in_parts(client, pieces, model)
    whole = upload(client, content, "a.jsonl", "batch", more=model)
    assert (done.status, whole.status) == (200, 200), done.body
    rows = [row_of(renaming, each) for each in (done.json["file"]["id"], whole.json["id"])]
    assert rows[0].facts == rows[1].facts is not None
    sent = [
        renaming.client.files.content(row.upstream_id, {"provider": row.deployment}).throw().content for row in rows
    ]
    assert sent[0] == sent[1]
    assert (sent[0] or b"").count(b'"a-much-longer-name-') == 3
    assert kept(renaming) == []


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"\xef\xbb\xbf" + _RENAMED, "bom"),
        (_RENAMED + b"{", "invalid_json_line"),
        (b" " * 9, "empty_file"),
        (_RENAMED.replace(b"my-gpt", b"my-o"), "key_model_access_denied"),
    ],
)
def test_lines_in_parts_are_refused_as_those_in_one_piece(renaming: Gateway, content: bytes, code: str) -> None:
    """
    With the same error, and nothing of them stays.
    """
    client, model = tenant_of(renaming, models=("my-gpt",)), {"model": "my-gpt"}
    done = in_parts(client, [content[:3], content[3:]], model)
    whole = upload(client, content, "a.jsonl", "batch", more=model)
    assert (done.status, done.error) == (whole.status, whole.error)
    assert done.error["code"] == code
    assert left_in_spool(renaming) == []


@pytest.mark.parametrize("step", ["_copy", "take"])
def test_a_full_disk_leaves_the_parts(gemini: Gateway, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """
    With room again, the upload is completed.
    """
    client = tenant_of(gemini)
    _, target, order = _uploaded(client)
    with monkeypatch.context() as full:
        full.setattr(f"aikit.gateway.kept_uploads.{step}", _raise(OSError(errno.ENOSPC, "full")))
        assert client.post(target, order).status == 507
    assert [path.name for path in kept(gemini)] == order["part_ids"]
    assert client.post(target, order).json["status"] == "completed"
    assert kept(gemini) == []


def test_what_was_joined_by_a_process_that_was_killed_is_joined_anew(gemini: Gateway) -> None:
    """
    Its lock is gone with it, and what it wrote does not count.
    """
    client = tenant_of(gemini)
    upload_id, target, order = _uploaded(client)
    for name in ("whole", "lock"):
        (gemini.kept_uploads.folder / upload_id / name).write_bytes(b"abcdefghi")
    done = client.post(target, order).json
    assert (done["status"], done["file"]["bytes"]) == ("completed", 6)


def test_an_upload_that_is_being_completed_is_neither_cancelled_nor_removed(gemini: Gateway) -> None:
    """
    It is not told that there is no file while one is made.
    """
    client = tenant_of(gemini)
    upload_id, target, order = _uploaded(client)
    gemini.kept_uploads.join(upload_id, order["part_ids"], 6, None)
    os.utime(gemini.kept_uploads.folder / upload_id, (1, 1))
    client.post("/v1/uploads", ORDER)
    for answer in (client.post(f"/v1/uploads/{upload_id}/cancel"), client.post(target, order)):
        assert (answer.status, answer.error["code"]) == (400, "upload_not_pending")
    gemini.kept_uploads.give_back(upload_id)
    assert client.post(target, order).json["status"] == "completed"


def test_an_upload_that_cannot_be_noted_is_nowhere_and_can_be_completed(
    gemini: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The provider has its file once, after the second time.
    """
    client = tenant_of(gemini)
    _, target, order = _uploaded(client)
    with monkeypatch.context() as broken:
        broken.setattr(type(gemini.registry.files), "add", _raise(RuntimeError("no")))
        assert client.post(target, order).status == 500
    assert client.post(target, order).json["status"] == "completed"
    files = gemini.client.files.list({"provider": gemini.settings.deployments[0].name}).throw().files
    assert len(files or ()) == 1


def _uploaded(client: Asgi) -> tuple[str, str, dict[str, Any]]:
    """
    Send an upload in one part; return its id, where it is completed, and with what.
    """
    upload_id = client.post("/v1/uploads", ORDER).json["id"]
    ids = [part(client, upload_id, b"abcdef").json["id"]]
    return upload_id, f"/v1/uploads/{upload_id}/complete", {"part_ids": ids}


def _raise(error: Exception) -> Callable[..., Any]:
    def fail(*_: Any) -> None:
        raise error

    return fail


def in_parts(client: Asgi, pieces: list[bytes], more: dict[str, str]) -> Answer:
    """
    Send a batch file in parts, the last first; return the answer to its completion.
    """
    size = sum(map(len, pieces))
    order = {"filename": "a.jsonl", "purpose": "batch", "bytes": size, "mime_type": "application/jsonl"}
    upload_id = client.post("/v1/uploads", order | more).json["id"]
    ids = [part(client, upload_id, piece).json["id"] for piece in reversed(pieces[:400])]
    rest = [part(client, upload_id, b"".join(pieces[400:])).json["id"]] if pieces[400:] else []
    return client.post(f"/v1/uploads/{upload_id}/complete", {"part_ids": ids[::-1] + rest})
