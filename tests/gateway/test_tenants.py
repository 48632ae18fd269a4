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

from aikit.gateway.app import make_app
from aikit.gateway.registry.keys import hash_of
from aikit.gateway.registry.rows import BatchRow, FileRow, KeyRow, PartRow, UploadRow
from aikit.gateway.state import Gateway
from aikit.gateway.values import Principal
from tests.gateway.asgi import Answer, Asgi
from tests.gateway.gateways import opened

ANA: Final = "sk-of-ana-0123456789"
BEN: Final = "sk-of-ben-0123456789"
_IDS: Final = {
    "file": "file-AaBbCcDdEeFfGgHhIiJjKk01",
    "output": "file-AaBbCcDdEeFfGgHhIiJjKk02",
    "error": "file-AaBbCcDdEeFfGgHhIiJjKk03",
    "upload": "upload_AaBbCcDdEeFfGgHhIiJjKk04",
    "part": "part_AaBbCcDdEeFfGgHhIiJjKk05",
    "batch": "batch_AaBbCcDdEeFfGgHhIiJjKk06",
    "upstream file": "file-upstreamupstreamupstrea",
    "upstream batch": "batch_upstreamupstreamupstre",
}
"""Ana's ids, and two that her provider gave."""

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
    "complete own upload": lambda name: ("/v1/uploads/upload_of_ben/complete", {"part_ids": [name]}),
}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """
    A gateway where Ana has a file, an upload with a part, and a batch with both results, and Ben an upload.
    """
    with opened(tmp_path_factory.mktemp("home")) as opened_gateway:
        registry = opened_gateway.registry
        ana, ben = (hash_of(key) for key in (ANA, BEN))
        for token in (ana, ben):
            registry.keys.add(KeyRow(token=token, hash=token))
        registry.batches.add(_batch(ana))
        for role in ("file", "output", "error"):
            registry.files.add(_file(ana, role))
        registry.uploads.add(_upload(_IDS["upload"], ana))
        registry.uploads.add_part(PartRow(id=_IDS["part"], upload_id=_IDS["upload"], upstream_id="part_upstream"))
        registry.uploads.add(_upload("upload_of_ben", ben))
        yield opened_gateway


def _file(owner: str, role: str) -> FileRow:
    made: dict[str, Any] = {"batch_id": _IDS["batch"], "role": role} if role != "file" else {}
    return FileRow(
        id=_IDS[role],
        deployment="local",
        upstream_id=_IDS["upstream file"] if role == "file" else f"file-up-{role}",
        owner=owner,
        purpose="batch",
        filename="lines.jsonl",
        size_bytes=12,
        created_at=1_790_000_000,
        **made,
    )


def _upload(name: str, owner: str) -> UploadRow:
    return UploadRow(
        id=name, deployment="local", upstream_id=f"upload_up_{owner[:4]}", owner=owner, created_at=1_790_000_000
    )


def _batch(owner: str) -> BatchRow:
    return BatchRow(
        id=_IDS["batch"],
        deployment="local",
        upstream_id=_IDS["upstream batch"],
        owner=owner,
        input_file_id=_IDS["file"],
        output_file_id=_IDS["output"],
        error_file_id=_IDS["error"],
        endpoint="/v1/chat/completions",
        created_at=1_790_000_000,
        status="completed",
    )


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
def test_a_foreign_id_in_an_address_is_an_unknown_one(gateway: Gateway, route: str, spelling: str) -> None:
    """
    Status, headers and body are the same for Ana's id and for one that nothing has, in each spelling of the address.
    """
    ben, spell, ask = Asgi(make_app(gateway), BEN), _SPELLINGS[spelling], _ROUTES[route]
    for name in _IDS.values():
        for prefix in _PREFIXES:
            foreign, unknown = (
                told(ask(ben, prefix, spell(each)), each, spell(each)) for each in (name, unknown_like(name))
            )
            assert foreign == unknown
            assert 400 <= foreign.status < 500 or is_list_alike(foreign)
    assert_untouched(gateway)


def is_list_alike(answer: Told) -> bool:
    """
    Return whether an answer is an empty list: a spelling ended the cursor, such as a second parameter.
    """
    return answer.status == 200 and json.loads(answer.body).get("data") == []


@pytest.mark.parametrize("spelling", ["raw", "base64", "LiteLLM's", "case", "decoded NUL", "list", "object", "padded"])
@pytest.mark.parametrize("route", _BODIES)
def test_a_foreign_id_in_a_body_is_an_unknown_one(gateway: Gateway, route: str, spelling: str) -> None:
    """
    The same for input files of batches and for parts of uploads.
    """
    ben = Asgi(make_app(gateway), BEN)
    more: Mapping[str, Callable[[str], Any]] = {
        "decoded NUL": lambda name: f"{name}\0",
        "list": lambda name: [name],
        "object": lambda name: {"id": name},
        "padded": lambda name: f" {name}\n",
    }
    spell = more.get(spelling) or _SPELLINGS[spelling]
    for name in _IDS.values():
        answers = []
        for each in (name, unknown_like(name)):
            target, body = _BODIES[route](spell(each))
            answers.append(told(ben.post(target, body), each, str(spell(each))))
        assert answers[0] == answers[1]
        assert 400 <= answers[0].status < 500
    assert_untouched(gateway)


def test_lists_have_nothing_of_another_key(gateway: Gateway) -> None:
    """
    Ben sees empty lists where Ana and the master key see rows.
    """
    clients = {name: Asgi(make_app(gateway), key) for name, key in (("ana", ANA), ("ben", BEN))}
    for target, count in (("/v1/files?limit=100", 3), ("/v1/batches?limit=100", 1)):
        assert len(clients["ana"].get(target).json["data"]) == count
        assert clients["ben"].get(target).json["data"] == []
        assert len(Asgi(make_app(gateway)).get(target).json["data"]) == count
    for target in ("/spend/logs", "/spend/logs/v2"):
        assert _IDS["batch"] not in clients["ben"].get(target).body.decode()


def test_a_key_that_is_made_anew_has_nothing_of_the_one_before(gateway: Gateway) -> None:
    """
    A key with the same alias and user is another tenant.
    """
    admin = Asgi(make_app(gateway))
    first = admin.post("/key/generate", {"key_alias": "night", "user_id": "u", "team_id": "t"}).json
    gateway.registry.files.add(attrs.evolve(_file(first["token"], "file"), id="file-of-first"))
    admin.post("/key/delete", {"keys": [first["key"]]})
    second = admin.post("/key/generate", {"key_alias": "night", "user_id": "u", "team_id": "t"}).json
    assert admin.with_key(second["key"]).get("/v1/files").json["data"] == []
    assert admin.with_key(second["key"]).get("/v1/files/file-of-first").status == 404


def assert_untouched(gateway: Gateway) -> None:
    """
    Fail if anything of Ana's is gone or was changed.
    """
    ana = Principal(token=hash_of(ANA))
    registry = gateway.registry
    assert [registry.files.get(_IDS[role], ana) for role in ("file", "output", "error")] == [
        _file(str(ana.token), role) for role in ("file", "output", "error")
    ]
    assert registry.batches.get(_IDS["batch"], ana) == _batch(str(ana.token))
    assert registry.uploads.get(_IDS["upload"], ana) == _upload(_IDS["upload"], str(ana.token))
