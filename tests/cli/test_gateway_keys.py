"""
``aikit gateway keys``: keys of the gateway are made, listed, changed, blocked and revoked.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from tests.cli.conftest import Here
from tests.gateway.postgres import running_postgres

registry = pytest.importorskip("aikit.gateway.registry.registry")


def opened(home: Path) -> registry.Registry:  # type: ignore[name-defined]
    """
    Open the registry that the command line uses.
    """
    from aikit.gateway.settings import read_settings  # noqa: PLC0415  after importorskip

    return registry.Registry.open(read_settings(None, os.environ, home=home).database_url)


def test_a_key_is_printed_alone_and_once(aikit: Here, home: Path) -> None:
    """
    Stdout has nothing but the key, for a variable of a shell to take; no later list shows more than its end.
    """
    ran = aikit("gateway", "keys", "create", "--alias", "night", "--models", "a,b", "--expires", "30d", "--rpm", "5")
    key = ran.out.strip()
    assert (ran.code, key[:3], len(key)) == (0, "sk-", 46)
    assert "only its hash is stored" in ran.err
    listed = aikit("gateway", "keys", "list")
    assert listed.fields[0][:5] == ["night", f"sk-...{key[-4:]}", "good", "0", "-"]
    whole = aikit("gateway", "keys", "list", "--json")
    assert whole.json["data"][0]["models"] == ["a", "b"]
    assert key not in listed.out + whole.out
    found = opened(home)
    assert found.keys.by_key(key).rpm_limit == 5
    found.close()
    assert not any(key.encode() in path.read_bytes() for path in home.rglob("*") if path.is_file())


def test_an_update_changes_what_it_names(aikit: Here) -> None:
    """
    Options that are not given stay, and none takes a restriction away.
    """
    aikit("gateway", "keys", "create", "--alias", "night", "--models", "a", "--tag", "x", "--max-budget", "2.5")
    ran = aikit("gateway", "keys", "update", "night", "--models", "none", "--metadata", "team=x", "--json")
    assert ran.code == 0
    assert (ran.json["models"], ran.json["max_budget"], ran.json["metadata"]) == ([], 2.5, {"team": "x"})
    fields = aikit("gateway", "keys", "update", "night", "--budget-duration", "30d", "--alias", "day").fields[0]
    assert (fields[0], fields[4]) == ("day", "2.5/30d")


def test_a_key_is_blocked_and_revoked(aikit: Here, home: Path) -> None:
    """
    The key itself, its token and its alias name it; another one is an error of usage.
    """
    key = aikit("gateway", "keys", "create", "--alias", "night").out.strip()
    token = aikit("gateway", "keys", "block", key, "-q").out.strip()
    assert aikit("gateway", "keys", "list").fields[0][2] == "blocked"
    aikit("gateway", "keys", "block", token, "--undo")
    assert aikit("gateway", "keys", "list").fields[0][2] == "good"
    assert aikit("gateway", "keys", "revoke", "night").code == 0
    assert aikit("gateway", "keys", "list").out == ""
    for command in ("update", "block", "revoke"):
        again = aikit("gateway", "keys", command, key)
        assert again.code == 2
        assert "no such key" in again.err
        assert key not in again.err + again.out
    found = opened(home)
    assert found.keys.by_key(key) is None
    found.close()


def test_all_that_is_wrong_is_told(aikit: Here) -> None:
    """
    Values that cannot be are errors of usage, with what is allowed.
    """
    ran = aikit("gateway", "keys", "create", "--expires", "soon", "--alias", "a\nb", "--rpm", "9" * 20)
    assert ran.code == 2
    assert all(name in ran.err for name in ("duration", "key_alias", "rpm_limit"))
    assert aikit("gateway", "keys", "create", "--rpm", "many").code == 2
    aikit("gateway", "keys", "create", "--alias", "one")
    assert "alias" in aikit("gateway", "keys", "create", "--alias", "one").err


def test_keys_of_a_configuration_are_in_its_database(aikit: Here, tmp_path: Path) -> None:
    """
    The configuration names the database; one that cannot be read is an error of usage.
    """
    config = tmp_path / "config.yaml"
    config.write_text(f"general_settings: {{database_url: 'sqlite:///{tmp_path / 'other.db'}', master_key: sk-1}}")
    assert aikit("gateway", "keys", "--config", config, "create", "--alias", "there").code == 0
    assert aikit("gateway", "keys", "list").out == ""
    assert aikit("gateway", "keys", "--config", config, "list").fields[0][0] == "there"
    ran = aikit("gateway", "keys", "--config", tmp_path / "none.yaml", "list")
    assert ran.code == 2
    assert "cannot be read" in ran.err


def test_many_keys_are_listed(aikit: Here, home: Path) -> None:
    """
    A list goes on behind its first page.
    """
    from aikit.gateway.registry.rows import KeyRow  # noqa: PLC0415  after importorskip

    found = opened(home)
    for number in range(501):
        found.keys.add(KeyRow(token=f"{number}", hash=f"{number}", created_at=float(number + 1)))
    found.close()
    assert [fields[-1] for fields in aikit("gateway", "keys", "list").fields] == [str(n) for n in range(500, -1, -1)]


def test_litellms_keys_go_on_working(aikit: Here, home: Path, tmp_path: Path) -> None:
    """
    A dump is taken over once; what is left out is told, and makes the exit code.
    """
    digest = hashlib.sha256(b"sk-of-litellm-1").hexdigest()
    rows = [{"token": digest, "key_alias": "old", "spend": 0.5, "max_budget": 2}, {"token": "x", "key_alias": "odd"}]
    dump = tmp_path / "keys.jsonl"
    dump.write_text("".join(json.dumps(row) + "\n" for row in rows))
    spend = tmp_path / "spend.jsonl"
    spend.write_text(json.dumps({"api_key": digest, "model": "m", "spend": 0.5, "endTime": "2026-11-01 00:00:00"}))
    tried = aikit("gateway", "keys", "import", dump, "--dry-run")
    assert tried.fields == [["added 1", "known 0", "left out 1", "spend of 0"]]
    assert aikit("gateway", "keys", "list").out == ""
    ran = aikit("gateway", "keys", "import", dump, "--spend", spend)
    assert (ran.code, ran.fields) == (4, [["added 1", "known 0", "left out 1", "spend of 1"]])
    assert "odd: its token is no SHA-256" in ran.err
    again = aikit("gateway", "keys", "import", dump, "--json").json
    assert (again["added"], again["known"]) == (0, 1)
    found = opened(home)
    assert found.keys.by_key("sk-of-litellm-1").alias == "old"
    assert float(found.spend.total().cost) == 0.5
    found.close()


def test_a_source_that_is_none_is_refused(aikit: Here, tmp_path: Path) -> None:
    """
    Without a source the configuration has to name LiteLLM's database.
    """
    (tmp_path / "odd.csv").write_text("a,b\n1,2\n")
    assert "SQLite" in aikit("gateway", "keys", "import").err
    assert "column names" in aikit("gateway", "keys", "import", tmp_path / "odd.csv").err
    missing = aikit("gateway", "keys", "import", tmp_path / "missing")
    assert missing.code == 1
    assert "missing" in missing.err


@pytest.mark.foreign
def test_keys_come_from_the_database_of_the_configuration(aikit: Here, tmp_path: Path) -> None:
    """
    The same configuration is all that is needed: the gateway's tables stand beside LiteLLM's.
    """
    with running_postgres() as server:
        url = server.database()
        server.ask(url, 'CREATE TABLE "LiteLLM_VerificationToken" (token TEXT PRIMARY KEY, key_alias TEXT)')
        server.ask(url, """INSERT INTO "LiteLLM_VerificationToken" VALUES (repeat('ab', 32), 'old')""")
        config = tmp_path / "config.yaml"
        config.write_text(f"general_settings: {{database_url: '{url}', master_key: sk-1}}")
        ran = aikit("gateway", "keys", "--config", config, "import")
        assert ran.fields == [["added 1", "known 0", "left out 0", "spend of 0"]], ran.err
        assert aikit("gateway", "keys", "--config", config, "list").fields[0][0] == "old"
