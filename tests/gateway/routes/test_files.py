"""
Files through the gateway, over the embedded provider.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from aikit.gateway.registry.rows import BatchRow, FileRow, SpendRow
from aikit.gateway.state import Gateway
from aikit.storage.errors import StoreError
from tests.gateway.asgi import Answer, Asgi
from tests.gateway.gateways import OTHER, left_in_spool, lines, master_of, opened, row_of, tenant_of, upload


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    """A gateway with the embedded provider."""
    with opened(tmp_path) as opened_gateway:
        yield opened_gateway


@pytest.fixture
def client(gateway: Gateway) -> Asgi:
    """A client with the master key."""
    return master_of(gateway)


def test_a_file_goes_up_is_listed_read_and_deleted(gateway: Gateway, client: Asgi) -> None:
    """
    All of it under an id of the gateway's own.
    """
    answer = upload(client)
    created = answer.json
    row = row_of(gateway, created["id"])
    assert created == {**row.body, "id": row.id}  # the embedded provider has no fields of its own
    assert (created["bytes"], created["filename"], created["purpose"]) == (4, "a.txt", "user_data")
    assert row.upstream_id != row.id
    assert answer.headers["x-litellm-model-id"] == "local"
    assert answer.headers["x-request-id"].startswith("req_")
    target = f"/v1/files/{row.id}"
    assert client.get(target).json == created
    ends = {"first_id": row.id, "last_id": row.id, "has_more": False}
    assert client.get("/v1/files").json == {"object": "list", "data": [created], **ends}
    assert client.delete(target).json == {"id": row.id, "object": "file", "deleted": True}
    assert client.get(target).status == client.delete(target).status == 404
    assert client.get("/v1/files").json["data"] == []
    assert client.get(f"/v1/files/{row.upstream_id}").status == 404
    assert left_in_spool(gateway) == []


def test_a_file_that_cannot_be_noted_is_nowhere(
    gateway: Gateway, client: Asgi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Who is told that there is no file sends it again, and has it once.
    """

    def fail(*_: object) -> FileRow:
        raise StoreError(message="others are writing", code="storage_busy")

    with monkeypatch.context() as patched:
        patched.setattr(type(gateway.registry.files), "add", fail)
        answer = upload(client)
    assert (answer.status, answer.error["type"]) == (503, "server_error")
    assert not gateway.client.files.list().files
    assert upload(client).status == 200
    assert len(gateway.client.files.list().files or ()) == 1


def test_pages_visit_each_file_once(client: Asgi) -> None:
    """
    Cursors are the gateway's ids, and one whose file was deleted goes on.
    """
    made = [upload(client, name=f"{number}.txt").json["id"] for number in range(5)]
    page = client.get("/v1/files?limit=2").json
    assert ([each["id"] for each in page["data"]], page["has_more"]) == ([made[4], made[3]], True)
    client.delete(f"/v1/files/{made[3]}")
    page = client.get(f"/v1/files?limit=3&after={page['last_id']}").json
    assert ([each["id"] for each in page["data"]], page["has_more"]) == ([made[2], made[1], made[0]], False)
    page = client.get("/v1/files?order=asc&limit=1").json
    assert page["first_id"] == page["last_id"] == made[0]
    assert client.get("/v1/files?purpose=batch").json["data"] == []


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=-1", "limit=10001", "limit=abc", "order=up", "what=1", "limit=%00"]
)
def test_a_query_that_cannot_be_is_a_400(client: Asgi, query: str) -> None:
    """
    Bounds of pages are OpenAI's, and so are the words.
    """
    answer = client.get(f"/v1/files?{query}")
    assert (answer.status, answer.error["type"]) == (400, "invalid_request_error")


def test_keys_see_only_what_they_made(gateway: Gateway, client: Asgi) -> None:
    """
    Whatever is done with the id of another key's file, the answer is that of an id that does not exist.
    """
    ana, ben = tenant_of(gateway), tenant_of(gateway, OTHER)
    foreign = upload(ana).json["id"]
    raw = row_of(gateway, foreign).upstream_id
    upload(client)
    assert [each["id"] for each in ana.get("/v1/files").json["data"]] == [foreign]
    assert ben.get("/v1/files").json == {
        "object": "list",
        "data": [],
        "first_id": None,
        "last_id": None,
        "has_more": False,
    }
    assert len(client.get("/v1/files").json["data"]) == 2
    unknown = "file-" + "x" * 24

    def tried(identifier: str, spelled: str) -> list[tuple[int, bytes]]:
        answers = [
            ben.get(f"/v1/files/{spelled}"),
            ben.get(f"/files/{spelled}/"),
            ben.get(f"/local/v1/files/{spelled}"),
            ben.delete(f"/v1/files/{spelled}"),
            ben.get(f"/v1/files?after={spelled}"),
        ]
        return [(answer.status, answer.body.replace(identifier.encode(), b"ID")) for answer in answers]

    expected = tried(unknown, unknown)
    assert {status for status, _ in expected} == {404}
    for identifier in (foreign, raw):
        for spelled in (identifier, identifier.replace("-", "%2D"), identifier.replace("f", "%66", 1)):
            assert tried(identifier, spelled) == expected
    assert ana.get(f"/v1/files/{foreign}").status == 200


@pytest.mark.parametrize("segment", ["%00", "..", "%2e%2e", "a%2Fb", "%F0%9F%98%80", "%ff", "x" * 5000, "%20", "%252e"])
def test_an_id_that_cannot_be_is_one_that_is_not_there(gateway: Gateway, client: Asgi, segment: str) -> None:
    """
    Nothing odd in an id is anything else than a 404, for any key.
    """
    for caller in (client, tenant_of(gateway)):
        for answer in (caller.get(f"/v1/files/{segment}"), caller.delete(f"/v1/files/{segment}")):
            assert (answer.status, answer.error["param"], answer.error["code"]) == (404, "id", None)
            assert len(answer.body) < 2_000


def test_the_master_key_may_name_a_file_as_its_provider_does(gateway: Gateway, client: Asgi) -> None:
    """
    What the registry does not know is asked for at the named account, or at the default; no other key may.
    """
    raw = gateway.client.files.create(b"text", "user_data", {"filename": "a.txt", "provider": "local"}).throw().file
    assert raw is not None
    for target in (f"/v1/files/{raw.id}", f"/local/v1/files/{raw.id}"):
        assert client.get(target).json["id"] == raw.id
        assert tenant_of_once(gateway).get(target).status == 404
    assert client.delete(f"/v1/files/{raw.id}").json["deleted"] is True


def tenant_of_once(gateway: Gateway) -> Asgi:
    """
    Return a client with the one other key.
    """
    known = gateway.registry.keys.page().rows
    return master_of(gateway).with_key(OTHER) if known else tenant_of(gateway, OTHER)


def test_a_file_that_its_provider_lost_is_not_there(gateway: Gateway, client: Asgi) -> None:
    """
    The answer has the gateway's id in it, and the deletion of what is gone clears the list.
    """
    created = upload(client).json["id"]
    gateway.client.files.delete(row_of(gateway, created).upstream_id, {"provider": "local"}).throw()
    answer = client.get(f"/v1/files/{created}")
    assert (answer.status, answer.error["message"]) == (404, f"No such File object: {created}")
    assert client.delete(f"/v1/files/{created}").status == 404
    assert client.get("/v1/files").json["data"] == []


def test_what_a_batch_made_is_not_deleted_before_its_cost_is_known(gateway: Gateway, client: Asgi) -> None:
    """
    Whoever deletes an output in time would not pay for it.
    """
    created = upload(client).json["id"]
    common: dict[str, Any] = {"deployment": "local", "owner": None, "created_at": 1}
    gateway.registry.batches.add(
        BatchRow(id="batch_1", upstream_id="batch_u", input_file_id="f", endpoint="/v1", status="completed", **common)
    )
    row: FileRow = attrs.evolve(row_of(gateway, created), id="file-output", role="output", batch_id="batch_1")
    gateway.registry.files.add(row)
    answer = client.delete("/v1/files/file-output")
    assert (answer.status, answer.error["code"]) == (409, "in_use")
    gateway.registry.batches.book("batch_1", SpendRow(request_id="batch_1_batch_cost"))
    assert client.delete("/v1/files/file-output").status == 200


def test_a_bad_batch_file_is_refused_with_all_its_lines_and_sent_nowhere(gateway: Gateway, client: Asgi) -> None:
    """
    Every defect is told at once.
    """
    answer = upload(client, b'{"custom_id": 1}\nnothing\n', "a.jsonl", "batch")
    assert (answer.status, answer.error["type"]) == (400, "invalid_request_error")
    assert "line 2" in answer.error["message"]
    assert gateway.client.files.list({"provider": "local"}).files == ()
    assert client.get("/v1/files").json["data"] == []
    assert left_in_spool(gateway) == []


def test_a_content_comes_down_whole_and_in_part(gateway: Gateway, client: Asgi) -> None:
    """
    Ranges and the headers alone, for its maker only.
    """
    content = lines("a", "a")
    file_id = upload(tenant_of(gateway), content, "a.jsonl", "batch").json["id"]
    whole = client.get(f"/v1/files/{file_id}/content")
    assert (whole.status, whole.body, whole.headers["content-length"]) == (200, content, str(len(content)))
    assert whole.headers["content-disposition"].startswith("attachment;")
    part = client.get(f"/v1/files/{file_id}/content", headers={"range": "bytes=3-5"})
    assert (part.status, part.body) == (206, content[3:6])
    assert client.get(f"/v1/files/{file_id}/content", headers={"range": "bytes=9999-"}).status == 416
    head = client.send("HEAD", f"/v1/files/{file_id}/content")
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", str(len(content)))
    other = tenant_of(gateway, OTHER)
    foreign, unknown = (other.get(f"/v1/files/{each}/content").body for each in (file_id, "file-" + "x" * 24))
    assert foreign.replace(file_id.encode(), b"ID") == unknown.replace(b"file-" + b"x" * 24, b"ID")


def test_downloads_are_counted_by_the_minute(tmp_path: Path) -> None:
    """
    One too many is a 429.
    """
    config = "general_settings: {max_file_downloads_per_minute: 1}\nmodel_list:\n"
    config += "  - {model_name: m, litellm_params: {model: hosted_vllm/m, api_base: 'http://127.0.0.1:9/v1'}}\n"
    with opened(tmp_path, config) as gateway:
        tenant = tenant_of(gateway)
        target = f"/v1/files/{upload(tenant, lines('m'), 'a.jsonl', 'batch').json['id']}/content"
        assert [tenant.get(target).status for _ in range(2)] == [200, 429]


def refused(answer: Answer) -> tuple[int, Any]:
    """
    Return status and code of an answer.
    """
    return answer.status, answer.error["code"]


def test_a_key_uploads_what_its_lists_allow(gateway: Gateway) -> None:
    """
    Purposes and the models of lines are compared before anything is sent on.
    """
    tenant = tenant_of(gateway, models=("a",), purposes=("batch",), providers=("local",))
    assert upload(tenant, lines("a", "a"), "a.jsonl", "batch").status == 200
    assert refused(upload(tenant, lines("b"), "a.jsonl", "batch")) == (403, "key_model_access_denied")
    assert refused(upload(tenant)) == (403, "key_purpose_access_denied")
    assert len(gateway.client.files.list({"provider": "local"}).files) == 1


def test_another_provider_is_refused_before_the_body_is_read(gateway: Gateway) -> None:
    """
    A key that may not use the default account has nothing of its body read for it.
    """
    tenant = tenant_of(gateway, providers=("an-account",))
    assert refused(upload(tenant)) == (403, "key_provider_access_denied")
    assert refused(upload(tenant, target="/local/v1/files")) == (403, "key_provider_access_denied")
    assert tenant.reads == 0


def test_batch_files_are_counted_by_the_day(tmp_path: Path) -> None:
    """
    One too many is a 429 with the time until tomorrow; a bad file does not count.
    """
    config = "general_settings: {max_batch_file_uploads_per_day: 1}\nmodel_list: []\nfiles_settings:\n"
    config += "  - {custom_llm_provider: openai, api_key: sk-x, api_base: 'http://127.0.0.1:9/v1'}\n"
    with opened(tmp_path, config, max_retries=0) as gateway:
        tenant = tenant_of(gateway)
        assert upload(tenant, b"x", "a.jsonl", "batch").status == 400
        assert upload(tenant, lines("a"), "a.jsonl", "batch").status == 502
        answer = upload(tenant, lines("a"), "a.jsonl", "batch")
        assert (answer.status, answer.error["type"]) == (429, "rate_limit_error")
        assert 0 < int(answer.headers["retry-after"]) <= 86_401
        order = {"filename": "a.jsonl", "purpose": "batch", "bytes": 9, "mime_type": "application/jsonl"}
        assert tenant.post("/v1/uploads", order).status == 429


def test_an_expiry_is_passed_on(client: Asgi) -> None:
    """
    The two fields of the form are one value, and what cannot be one is a 400.
    """
    after = {"expires_after[anchor]": "created_at", "expires_after[seconds]": "3600"}
    created = upload(client, more=after).json
    assert created["expires_at"] - created["created_at"] == 3600
    for seconds in ("1", "soon", "1" * 5000):
        assert upload(client, more=after | {"expires_after[seconds]": seconds}).status == 400


def test_facts_and_attribution_are_kept(gateway: Gateway) -> None:
    """
    What limits and bookings need later is in the registry.
    """
    tenant = tenant_of(gateway, max_budget=1)
    created = upload(tenant, lines("a", "a"), "a.jsonl", "batch", headers={"x-litellm-tags": "x,y"}, more={"user": "u"})
    row = row_of(gateway, created.json["id"])
    assert row.facts is not None
    assert {name: told["requests"] for name, told in row.facts["models"].items()} == {"a": 2}
    assert all(told["input_tokens"] > 0 for told in row.facts["models"].values())
    assert (row.user, row.tags) == ("u", ("x", "y"))
