"""
Tenants: an id of another key answers on every route and in every spelling as one that does not exist.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote, unquote

import attrs
import pytest

from aikit.gateway.values import Principal
from tests.gateway.asgi import Answer, Asgi
from tests.gateway.batch_house import House, house, lines

_SPELLINGS: Final[Mapping[str, Callable[[str], str]]] = {
    "raw": str,
    "encoded": lambda name: "".join(f"%{byte:02X}" for byte in name.encode()),
    "encoded twice": lambda name: quote("".join(f"%{byte:02x}" for byte in name.encode())),
    "base64": lambda name: base64.urlsafe_b64encode(name.encode()).decode().rstrip("="),
    "LiteLLM's": lambda name: (
        "file-" + base64.urlsafe_b64encode(f"litellm:{name};model,gpt-4o".encode()).decode().rstrip("=")
    ),
    "NUL": lambda name: f"{name}%00",
    "NUL before": lambda name: f"%00{name}",
    "slash": lambda name: f"{name}/",
    "dots": lambda name: f"x/../{name}",
    "encoded dots": lambda name: f"x%2F..%2F{name}",
    "case": str.swapcase,
    "space": lambda name: f"{name}%20",
    "line": lambda name: f"{name}%0A",
    "wide": lambda name: quote(chr(ord(name[0]) + 0xFEE0)) + name[1:],
    "query": lambda name: f"{name}?after={name}&limit=1",
    "fragment": lambda name: f"{name}%23x",
    "parameters": lambda name: f"{name};v=1",
    "wildcard": lambda name: f"{name[:-1]}%25",
}
_PREFIXES: Final = ("/v1", "", "/local/v1", "/openai", "/openai/v1")


def _complete(client: Asgi, prefix: str, name: str) -> Answer:
    return client.post(f"{prefix}/uploads/{name}/complete", {"part_ids": ["part_x"]})


_ROUTES: Final[Mapping[str, Callable[[Asgi, str, str], Answer]]] = {
    "retrieve file": lambda client, prefix, name: client.get(f"{prefix}/files/{name}"),
    "content": lambda client, prefix, name: client.get(f"{prefix}/files/{name}/content"),
    "delete": lambda client, prefix, name: client.delete(f"{prefix}/files/{name}"),
    "list files after": lambda client, prefix, name: client.get(f"{prefix}/files?after={name}"),
    "retrieve upload": lambda client, prefix, name: client.get(f"{prefix}/uploads/{name}"),
    "add part": lambda client, prefix, name: client.form(f"{prefix}/uploads/{name}/parts", [("data", ("x", b"x"))]),
    "complete": _complete,
    "cancel upload": lambda client, prefix, name: client.post(f"{prefix}/uploads/{name}/cancel"),
    "retrieve batch": lambda client, prefix, name: client.get(f"{prefix}/batches/{name}"),
    "cancel batch": lambda client, prefix, name: client.post(f"{prefix}/batches/{name}/cancel"),
    "list batches after": lambda client, prefix, name: client.get(f"{prefix}/batches?after={name}"),
}
_BODIES: Final[Mapping[str, Callable[[str], tuple[str, Any]]]] = {
    "create batch": lambda name: (
        "/v1/batches",
        {"input_file_id": name, "endpoint": "/v1/chat/completions", "completion_window": "24h"},
    ),
    "complete own upload": lambda name: ("/v1/uploads/UPLOAD/complete", {"part_ids": [name]}),
}


@attrs.frozen(kw_only=True)
class Tenants:
    """
    Two keys of one gateway.

    Attributes:
        ids: Of all that Ana has, and those that her provider gave to it.

        before: What the registry and the provider had of it at the begin.
    """

    house: House
    ana: Asgi
    ben: Asgi
    ids: Mapping[str, str]
    upload_of_ben: str
    before: Mapping[str, Any]


@pytest.fixture(scope="module")
def tenants(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tenants]:
    """
    Ana has a file, an upload with a part, and a batch that is over, with both results; Ben has an upload.
    """
    with house(tmp_path_factory.mktemp("tenants")) as home:
        ana, ben = home.key(), home.key()
        file_id = home.file(lines() + lines(1, tool_choice="required").replace(b"line-0", b"line-9"), ana)
        batch_id = home.create(file_id, ana).json["id"]
        home.poll(lambda: home.row(batch_id).is_booked)
        batch = ana.get(f"/v1/batches/{batch_id}").json
        upload_id = begin_upload(ana)
        part = ana.form(f"/v1/uploads/{upload_id}/parts", [("data", ("x", b"x"))]).json
        ids = {
            "file": file_id,
            "output": batch["output_file_id"],
            "error": batch["error_file_id"],
            "upload": upload_id,
            "part": part["id"],
            "batch": batch_id,
        }
        registry, admin = home.gateway.registry, Principal()
        file, made = registry.files.get(file_id, admin), registry.batches.get(batch_id, admin)
        upload = registry.uploads.get(upload_id, admin)
        assert file is not None
        assert made is not None
        assert upload is not None
        upstream = {"upstream file": file.upstream_id, "upstream batch": str(made.upstream_id)}
        ids |= {**upstream, "upstream upload": upload.upstream_id}
        yield Tenants(
            house=home, ana=ana, ben=ben, ids=ids, upload_of_ben=begin_upload(ben), before=everything(home, ana, ids)
        )


def begin_upload(client: Asgi) -> str:
    """
    Announce an upload, and return its id.
    """
    order = {"filename": "x.txt", "purpose": "user_data", "bytes": 1, "mime_type": "text/plain"}
    made = client.post("/v1/uploads", order)
    assert made.status == 200, made.body
    return str(made.json["id"])


def everything(home: House, ana: Asgi, ids: Mapping[str, str]) -> dict[str, Any]:
    """
    Return what there is of Ana's.
    """
    registry, admin = home.gateway.registry, Principal()
    files = [ids["file"], ids["output"], ids["error"]]
    return {
        "files": [registry.files.get(each, admin) for each in files],
        "batch": registry.batches.get(ids["batch"], admin),
        "upload": registry.uploads.get(ids["upload"], admin),
        "part": registry.uploads.part(ids["upload"], ids["part"]),
        "answers": [
            (answer.status, answer.body) for answer in (ana.get(f"/v1/files/{each}/content") for each in files)
        ],
    }


def unknown_like(name: str) -> str:
    """
    Return an id of the same form that nothing has.
    """
    return f"{name[:-16]}{'q7W' * 5}{name[-1]}"


@attrs.frozen
class Told:
    """
    An answer without what differs from one request to the next.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


def told(answer: Answer, name: str, spelled: str) -> Told:
    """
    Return *answer*, with the id that it echoes in place of its spelling.
    """
    body = answer.body.decode()
    for echoed in dict.fromkeys((spelled, unquote(spelled), unquote(unquote(spelled)), name, name.swapcase())):
        body = body.replace(json.dumps(echoed, ensure_ascii=False)[1:-1], "ID").replace(echoed, "ID")
    changing = ("x-litellm-call-id", "x-request-id", "x-litellm-response-duration-ms", "content-length")
    headers = {key: value for key, value in answer.headers.items() if key not in changing}
    return Told(answer.status, headers, body.encode())


@pytest.mark.parametrize("spelling", _SPELLINGS)
@pytest.mark.parametrize("route", _ROUTES)
def test_a_foreign_id_in_an_address_is_an_unknown_one(tenants: Tenants, route: str, spelling: str) -> None:
    """
    Status, headers and body are the same for Ana's id and for one that nothing has, in each spelling of the address.
    """
    ben, spell, ask = tenants.ben, _SPELLINGS[spelling], _ROUTES[route]
    for name in tenants.ids.values():
        for prefix in _PREFIXES:
            foreign, unknown = (
                told(ask(ben, prefix, spell(each)), each, spell(each)) for each in (name, unknown_like(name))
            )
            assert foreign == unknown
            assert 400 <= foreign.status < 500 or is_list_alike(foreign)
    assert everything(tenants.house, tenants.ana, tenants.ids) == tenants.before


def is_list_alike(answer: Told) -> bool:
    """
    Return whether an answer is an empty list: a spelling ended the cursor, such as a second parameter.
    """
    return answer.status == 200 and json.loads(answer.body).get("data") == []


@pytest.mark.parametrize("spelling", ["raw", "base64", "LiteLLM's", "case", "decoded NUL", "list", "object", "padded"])
@pytest.mark.parametrize("route", _BODIES)
def test_a_foreign_id_in_a_body_is_an_unknown_one(tenants: Tenants, route: str, spelling: str) -> None:
    """
    The same for input files of batches and for parts of uploads.
    """
    more: Mapping[str, Callable[[str], Any]] = {
        "decoded NUL": lambda name: f"{name}\0",
        "list": lambda name: [name],
        "object": lambda name: {"id": name},
        "padded": lambda name: f" {name}\n",
    }
    spell = more.get(spelling) or _SPELLINGS[spelling]
    for name in tenants.ids.values():
        answers = []
        for each in (name, unknown_like(name)):
            target, body = _BODIES[route](spell(each))
            target = target.replace("UPLOAD", tenants.upload_of_ben)
            answers.append(told(tenants.ben.post(target, body), each, str(spell(each))))
        assert answers[0] == answers[1]
        assert 400 <= answers[0].status < 500
    assert everything(tenants.house, tenants.ana, tenants.ids) == tenants.before


def test_the_owner_has_it_all(tenants: Tenants) -> None:
    """
    What is hidden from others is there for Ana, so that the tests above compare with something.
    """
    for name in ("file", "output", "error"):
        assert tenants.ana.get(f"/v1/files/{tenants.ids[name]}").status == 200
        assert tenants.ana.get(f"/v1/files/{tenants.ids[name]}/content").body
    assert tenants.ana.get(f"/v1/batches/{tenants.ids['batch']}").json["status"] == "completed"
    assert tenants.before["upload"] is not None
    assert tenants.before["part"] is not None
    assert {status for status, _ in tenants.before["answers"]} == {200}


def test_lists_have_nothing_of_another_key(tenants: Tenants) -> None:
    """
    Ben sees empty lists where Ana and the master key see rows.
    """
    for target, count in (("/v1/files?limit=100", 3), ("/v1/batches?limit=100", 1), ("/spend/logs/v2", 1)):
        assert len(tenants.ana.get(target).json["data"]) == count
        assert tenants.ben.get(target).json["data"] == []
        assert len(tenants.house.admin.get(target).json["data"]) == count
    assert tenants.ben.get("/spend/logs").json == []


def test_a_key_that_is_made_anew_has_nothing_of_the_one_before(tenants: Tenants) -> None:
    """
    A key with the same alias and user is another tenant.
    """
    admin, fields = tenants.house.admin, {"key_alias": "night", "user_id": "u", "team_id": "t"}
    first = admin.post("/key/generate", fields).json
    name = begin_upload(admin.with_key(first["key"]))
    admin.post("/key/delete", {"keys": [first["key"]]})
    second = admin.with_key(admin.post("/key/generate", fields).json["key"])
    assert second.post(f"/v1/uploads/{name}/cancel").status == 404
    assert admin.post(f"/v1/uploads/{name}/cancel").status == 200
