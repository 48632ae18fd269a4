"""
Keys by HTTP: made, shown once, changed, blocked and deleted, by the master key alone.
"""

from __future__ import annotations

import hashlib
import logging
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aikit.gateway.app import make_app
from aikit.gateway.registry.keys import masked
from aikit.gateway.state import Gateway
from tests.gateway.asgi import KEY, Answer, Asgi
from tests.gateway.gateways import opened

OTHER = "sk-never-made-0123456789"


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    """
    A gateway with the embedded provider.
    """
    with opened(tmp_path) as opened_gateway:
        yield opened_gateway


@pytest.fixture
def admin(gateway: Gateway) -> Asgi:
    """
    A client with the master key.
    """
    return Asgi(make_app(gateway))


def made(admin: Asgi, **fields: Any) -> dict[str, Any]:
    """
    Make a key.
    """
    answer = admin.post("/key/generate", fields)
    assert answer.status == 200, answer.body
    told: dict[str, Any] = answer.json
    return told


def works(admin: Asgi, key: str) -> bool:
    """
    Return whether a key opens the gateway.
    """
    status = admin.with_key(key).get("/v1/models").status
    assert status in {200, 401}
    return status == 200


def told(answer: Answer, status: int) -> str:
    """
    Return the message of a refusal in OpenAI's and LiteLLM's shape.
    """
    assert answer.status == status, answer.body
    assert {"message", "type", "param", "code"} <= set(answer.error)
    return str(answer.error["message"])


def test_a_key_is_made_and_opens_the_gateway(admin: Asgi) -> None:
    """
    The answer has LiteLLM's fields, and the key works at once.
    """
    key = made(admin, models=["gpt-4o"], rpm_limit=100, max_budget=1.5, duration="30d", key_alias="night", tags=["a"])
    assert re.fullmatch(r"sk-[\w-]{43}", key["key"], re.ASCII)
    assert key["token"] == key["token_id"] == hashlib.sha256(key["key"].encode()).hexdigest()
    assert key["key_name"] == f"sk-...{key['key'][-4:]}"
    assert (key["models"], key["rpm_limit"], key["max_budget"], key["spend"]) == (["gpt-4o"], 100, 1.5, 0.0)
    assert re.match(r"\d{4}-\d\d-\d\dT", key["expires"])
    assert (key["key_alias"], key["tags"], key["blocked"]) == ("night", ["a"], False)
    assert works(admin, key["key"])


def test_a_key_without_any_field_is_made(admin: Asgi) -> None:
    """
    No body, an empty object and nulls make a key without restrictions.
    """
    assert admin.post("/key/generate").status == 200
    assert made(admin, models=None, duration=None, metadata=None, key=None)["expires"] is None


def test_a_key_is_shown_once(gateway: Gateway, admin: Asgi, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """
    Neither a later answer, nor the log, nor a file of the registry has it, whatever is done with it.
    """
    caplog.set_level(logging.DEBUG)
    key = made(admin, key_alias="night")["key"]
    secret = key[3:-4]
    for answer in (
        admin.get("/key/info?key=night"),
        admin.get("/key/list?return_full_object=true"),
        admin.post("/key/block", {"key": key}),
        admin.post("/key/unblock", {"key": key}),
        admin.post("/key/generate", {"key": key}),
        admin.post("/key/generate", {"key": f"{key}{KEY}", "colour": 1}),
        admin.get("/key/info?key=" + key + "x"),
        admin.with_key(key).get("/key/list"),
        admin.with_key(key + "x").get("/v1/models"),
        admin.post(f"/key/{key}x/regenerate", {}),
        admin.post("/key/delete", {"keys": [key + "x"]}),
    ):
        assert secret not in answer.body.decode()
    row = gateway.registry.keys.by_key(key)
    assert secret not in repr(row) + str(row)
    assert secret not in caplog.text
    gateway.registry.close()
    assert not any(secret.encode() in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_a_key_of_elsewhere_goes_on_working(admin: Asgi) -> None:
    """
    A key may be given, as when those of LiteLLM are taken over; the same one twice may not, nor the master key.
    """
    assert made(admin, key="sk-made-elsewhere-1")["key"] == "sk-made-elsewhere-1"
    assert works(admin, "sk-made-elsewhere-1")
    assert "already" in told(admin.post("/key/generate", {"key": "sk-made-elsewhere-1"}), 400)
    assert "master key" in told(admin.post("/key/generate", {"key": KEY}), 400)
    told(admin.post("/key/generate", {"key": "sk-1234"}), 400)


@pytest.mark.parametrize(
    ("method", "target", "body"),
    [
        ("POST", "/key/generate", {}),
        ("POST", "/key/update", {"key": OTHER}),
        ("POST", "/key/regenerate", {"key": OTHER}),
        ("POST", f"/key/{OTHER}/regenerate", {}),
        ("POST", "/key/block", {"key": OTHER}),
        ("POST", "/key/unblock", {"key": OTHER}),
        ("POST", "/key/delete", {"keys": [OTHER]}),
        ("GET", "/key/list", None),
    ],
)
def test_only_the_master_key_manages_keys(admin: Asgi, method: str, target: str, body: Any) -> None:
    """
    A key gets LiteLLM's 401 before a body is read, and so does one that was never made.
    """
    tenant = admin.with_key(made(admin)["key"])
    answer = tenant.get(target) if method == "GET" else tenant.post(target, body)
    assert "Only proxy admin" in told(answer, 401)
    assert tenant.reads == 0
    wrong = admin.with_key(OTHER)
    told(wrong.get(target) if method == "GET" else wrong.post(target, body), 401)
    assert wrong.reads == 0


def test_a_key_tells_of_itself_only(admin: Asgi) -> None:
    """
    A key reads its own limits; another's and one that does not exist answer alike.
    """
    own, other = made(admin, rpm_limit=70), made(admin)
    tenant = admin.with_key(own["key"])
    assert tenant.get("/key/info").json["info"]["rpm_limit"] == 70
    assert tenant.get(f"/key/info?key={own['key']}").json["key"] == own["key"]
    foreign = [tenant.get(f"/key/info?key={name}") for name in (other["key"], other["token"], OTHER, "", "%00", "%")]
    assert {(answer.status, answer.body) for answer in foreign} == {(403, foreign[0].body)}


def test_an_update_changes_what_it_names(admin: Asgi) -> None:
    """
    What is not named stays, null takes a restriction away; key, hash and alias name the key.
    """
    key = made(admin, key_alias="night", rpm_limit=1, models=["a"], metadata={"x": 1})
    changed = admin.post("/key/update", {"key": key["key"], "rpm_limit": None, "tags": ["t"]}).json
    assert (changed["rpm_limit"], changed["models"], changed["metadata"]) == (None, ["a"], {"x": 1, "tags": ["t"]})
    assert changed["key"] == key["key"]
    assert admin.post("/key/update", {"key": key["token"], "max_budget": 3}).json["max_budget"] == 3.0
    assert admin.post("/key/update", {"key": "night", "key_alias": "day"}).json["key_alias"] == "day"
    assert admin.get("/key/info?key=day").json["info"]["max_budget"] == 3.0
    told(admin.get("/key/info?key=night"), 404)


def test_an_alias_is_of_one_key(admin: Asgi) -> None:
    """
    The alias of another key is refused, at making and at changing.
    """
    made(admin, key_alias="one")
    other = made(admin, key_alias="two")
    assert "alias" in told(admin.post("/key/generate", {"key_alias": "one"}), 400)
    assert "alias" in told(admin.post("/key/update", {"key": other["token"], "key_alias": "one"}), 400)


def test_everything_wrong_with_a_request_is_told(admin: Asgi) -> None:
    """
    All fields at fault are in one answer, and nothing is made.
    """
    answer = admin.post("/key/generate", {"rpm_limit": -1, "duration": "soon", "colour": 1, "guardrails": ["x"]})
    told(answer, 400)
    assert {each["param"] for each in answer.error["errors"]} == {"rpm_limit", "duration", "colour", "guardrails"}
    assert admin.get("/key/list").json["total_count"] == 0


@pytest.mark.parametrize(
    "body", [[], "x", {"models": "x" * 2_000_000}, {"models": ["m"] * 100_000}, {"a": {"b": [[[]]]}}]
)
def test_bodies_that_are_none_are_refused(admin: Asgi, body: Any) -> None:
    """
    What is no object, too large or has huge lists is refused with a sentence.
    """
    told(admin.post("/key/generate", body), 413 if len(str(body)) > 1_048_576 else 400)
    assert admin.get("/key/list").json["total_count"] == 0


@pytest.mark.parametrize("alias", ["'; DROP TABLE keys; --", "../../x", "键 %s {0}", "x" * 256, "a/b?c=d&e"])
def test_an_alias_is_only_text(admin: Asgi, alias: str) -> None:
    """
    What looks like SQL, a path or a format names its key like any other.
    """
    made(admin, key_alias=alias)
    assert admin.post("/key/block", {"key": alias}).json["key_alias"] == alias
    assert admin.post("/key/delete", {"key_aliases": [alias]}).json == {"deleted_keys": [alias]}


def test_a_blocked_key_opens_nothing(admin: Asgi) -> None:
    """
    It is refused at once, and opens again when it is unblocked.
    """
    key = made(admin)["key"]
    assert works(admin, key)
    assert admin.post("/key/block", {"key": key}).json["blocked"] is True
    assert not works(admin, key)
    assert admin.post("/key/unblock", {"key": key}).json["blocked"] is False
    assert works(admin, key)


def test_a_deleted_key_opens_nothing(admin: Asgi) -> None:
    """
    It is refused at once; where one of several keys is unknown, none is deleted.
    """
    one, other = made(admin)["key"], made(admin, key_alias="other")["key"]
    assert "never" not in told(admin.post("/key/delete", {"keys": [one, OTHER]}), 404)
    assert works(admin, one)
    assert admin.post("/key/delete", {"keys": [one], "key_aliases": ["other"]}).json["deleted_keys"] == [one, "other"]
    assert not works(admin, one)
    assert not works(admin, other)


@pytest.mark.parametrize("body", [{}, {"keys": []}, {"keys": "x"}, {"keys": [1]}, {"keys": ["x"] * 501}, {"key": "x"}])
def test_a_deletion_names_keys(admin: Asgi, body: Any) -> None:
    """
    What names none, or something else, deletes nothing.
    """
    key = made(admin)["key"]
    told(admin.post("/key/delete", body), 400)
    assert works(admin, key)


def test_a_key_gets_another_secret(admin: Asgi) -> None:
    """
    The one before is refused at once, its token stays, and what it may stays or is changed.
    """
    before = made(admin, rpm_limit=5, key_alias="night")
    after = admin.post(f"/key/{before['key']}/regenerate", {"rpm_limit": 6}).json
    assert (after["token"], after["rpm_limit"], after["key_alias"]) == (before["token"], 6, "night")
    assert not works(admin, before["key"])
    assert works(admin, after["key"])
    last = admin.post("/key/regenerate", {"key": "night", "new_key": "sk-chosen-by-people-1"}).json
    assert last["key"] == "sk-chosen-by-people-1"
    assert last["key_name"] == masked(last["key"])
    assert works(admin, last["key"])
    assert not works(admin, after["key"])
    told(admin.post("/key/regenerate", {"key": "night", "new_key": KEY}), 400)


def test_an_expired_key_opens_nothing(gateway: Gateway, admin: Asgi) -> None:
    """
    A key that was good for a while is refused afterwards, before its body is read.
    """
    key = made(admin, duration="1h")["key"]
    assert works(admin, key)
    gateway.registry.keys.update(gateway.registry.keys.find(key).token, expires_at=1.0)  # type: ignore[union-attr]
    late = admin.with_key(key)
    assert "expired" in told(late.post("/key/generate", {"a": 1}), 401)
    assert late.reads == 0


def test_keys_are_listed_by_pages(admin: Asgi) -> None:
    """
    Pages have tokens or whole objects, how many there are in all, and filters.
    """
    tokens = [made(admin, user_id="u" if number % 2 else None)["token"] for number in range(5)]
    first = admin.get("/key/list?page=1&size=2").json
    assert (first["total_count"], first["current_page"], first["total_pages"]) == (5, 1, 3)
    pages = [key for page in (1, 2, 3) for key in admin.get(f"/key/list?page={page}&size=2").json["keys"]]
    assert pages == tokens[::-1]
    assert admin.get("/key/list?user_id=u").json["total_count"] == 2
    whole = admin.get(f"/key/list?return_full_object=true&key_hash={tokens[0]}").json["keys"]
    assert [key["token"] for key in whole] == [tokens[0]]
    for query in ("page=0", "size=101", "size=abc", "page=-1", "size=1e3", "page=99999999999999999999"):
        told(admin.get(f"/key/list?{query}"), 400)
    assert admin.get("/key/list?page=1000000&size=100").json["keys"] == []


def test_two_threads_that_update_lose_nothing(gateway: Gateway, admin: Asgi) -> None:
    """
    Updates of different fields at once are both there afterwards.
    """
    key = made(admin)["key"]
    app = make_app(gateway)

    def change(name: str) -> None:
        for number in range(20):
            assert Asgi(app).post("/key/update", {"key": key, name: number}).status == 200

    threads = [threading.Thread(target=change, args=(name,)) for name in ("rpm_limit", "tpm_limit", "max_budget")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    info = admin.get(f"/key/info?key={key}").json["info"]
    assert (info["rpm_limit"], info["tpm_limit"], info["max_budget"]) == (19, 19, 19.0)
