"""
Health: what probes ask, and what operators ask.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from aikit.gateway.app import make_app
from aikit.gateway.registry.keys import hash_of
from aikit.gateway.registry.rows import KeyRow
from aikit.gateway.state import Gateway
from aikit.storage.errors import StoreError
from tests.gateway.asgi import Asgi
from tests.gateway.gateways import master_of, opened, tenant_of, upload
from tests.scripted_server import answer, serving

_PAGE = json.dumps({"object": "list", "data": [], "has_more": False}).encode()
_TENANT = "sk-of-a-tenant-0123456789"


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    """A gateway with the embedded provider."""
    with opened(tmp_path) as opened_gateway:
        yield opened_gateway


@pytest.fixture
def probe(gateway: Gateway) -> Asgi:
    """A client without a key."""
    return Asgi(make_app(gateway), None)


@pytest.mark.parametrize("name", ["liveliness", "liveness", "live"])
def test_a_living_process_says_so(probe: Asgi, gateway: Gateway, name: str) -> None:
    """
    Without a key, and also while it drains.
    """
    gateway.is_draining = True
    found = probe.get(f"/health/{name}")
    assert (found.status, found.json) == (200, "I'm alive!")
    assert probe.send("HEAD", f"/health/{name}").status == 200


@pytest.mark.parametrize("name", ["readiness", "ready"])
def test_a_gateway_that_drains_is_not_ready(probe: Asgi, gateway: Gateway, name: str) -> None:
    """
    It says 503 before it stops, so that no more requests are sent to it.
    """
    found = probe.get(f"/health/{name}")
    assert (found.status, found.json["status"], found.json["db"]) == (200, "healthy", "connected")
    gateway.is_draining = True
    found = probe.get(f"/health/{name}")
    assert (found.status, found.json["status"]) == (503, "draining")


def test_without_its_database_a_gateway_is_not_ready(
    probe: Asgi, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The answer tells nothing of where the database is.
    """

    def fail(_: object) -> None:
        raise StoreError(message="no connection to /secret/place", code="storage_unavailable")

    monkeypatch.setattr(type(gateway.registry.database), "ping", fail)
    found = probe.get("/health/readiness")
    assert (found.status, found.json["db"]) == (503, "Not connected")
    assert b"secret" not in found.body


def test_accounts_are_asked_with_a_key_only(gateway: Gateway) -> None:
    """
    Each account is asked for one file; addresses are told to the master key alone.
    """
    client = Asgi(make_app(gateway))
    found = client.get("/health")
    assert (found.status, found.json["healthy_count"], found.json["unhealthy_count"]) == (200, 1, 0)
    assert found.json["healthy_endpoints"][0]["api_base"]
    assert client.with_key(None).get("/health").status == 401
    gateway.registry.keys.add(KeyRow(token="t", hash=hash_of(_TENANT)))
    (about,) = client.with_key(_TENANT).get("/health").json["healthy_endpoints"]
    assert "api_base" not in about


def test_an_account_that_does_not_answer_is_told_apart(tmp_path: Path) -> None:
    """
    One that refuses its key, and one where nothing listens, beside one that answers.
    """
    refusal = json.dumps({"error": {"message": "Incorrect API key: sk-upst***eam", "code": "invalid_api_key"}}).encode()
    with serving(answer(200, _PAGE)) as good, serving(answer(401, refusal)) as bad:
        entries = "".join(
            f"  - model_name: m{number}\n    litellm_params: {{model: openai/m, api_key: sk-up, api_base: {url}}}\n"
            for number, url in enumerate((good.url, bad.url, "http://127.0.0.1:9/v1"))
        )
        with opened(tmp_path, f"model_list:\n{entries}") as gateway:
            found = Asgi(make_app(gateway)).get("/health").json
    assert [about["model"] for about in found["healthy_endpoints"]] == ["m0"]
    assert [about["model"] for about in found["unhealthy_endpoints"]] == ["m1", "m2"]
    assert found["unhealthy_endpoints"][0]["error"] == "The provider refuses the key."


def test_reading_goes_on_while_all_that_write_wait_for_the_database(gateway: Gateway, tmp_path: Path) -> None:
    """
    Another process has SQLite's lock: what only reads waits for nobody who waits for that.
    """
    tenant = tenant_of(gateway)
    (database,) = tmp_path.rglob("gateway.db")
    with closing(sqlite3.connect(database, isolation_level=None)) as other, ThreadPoolExecutor(8) as writers:
        other.execute("BEGIN IMMEDIATE")
        writing = [writers.submit(upload, master_of(gateway)) for _ in range(8)]
        try:
            time.sleep(1.0)  # what is known of the key is forgotten, and all that write wait
            begun = time.monotonic()
            for path in ("/v1/models", "/v1/files", "/v1/files/file-x", "/v1/batches", "/spend/logs", "/key/info"):
                assert tenant.get(path).status in {200, 404}
            assert time.monotonic() - begun < 5
        finally:
            other.execute("ROLLBACK")
        assert {each.result().status for each in writing} == {200}
