"""
What other rooms know of providers: the members of `Provider`, and nothing else.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

import aikit
from aikit import OpenAIBatch
from aikit.http.headers import Headers
from aikit.providers.config import ProviderSettings
from aikit.providers.local.provider import LocalProvider
from aikit.providers.openai import OpenAIProvider

_ROOT = Path(aikit.__file__).parent
_SERVER = "http://127.0.0.1:8000/v1"
_BATCH = json.loads((Path(__file__).parents[1] / "wire_samples" / "openai" / "batch.json").read_text("utf-8"))
_ASKING = frozenset(("getattr", "hasattr", "isinstance"))


def _leaks(source: str) -> Iterator[str]:
    """
    Walk over the places that ask a provider for its kind, or for what only some providers have.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Compare) and _is_about_kind([node.left, *node.comparators]):
            yield ast.unparse(node)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in _ASKING:
            asked = ast.unparse(node.args[0])
            if asked.lower().endswith("provider"):
                yield ast.unparse(node)


def _is_about_kind(operands: list[ast.expr]) -> bool:
    sides = [ast.unparse(operand) for operand in operands]
    if any(side in {"LOCAL", "OPENAI"} or side.endswith("provider.kind") for side in sides):
        return True
    return any(side.endswith(".kind") for side in sides) and any("'local'" in s or "'openai'" in s for s in sides)


def test_no_room_asks_for_the_kind_of_a_provider() -> None:
    """
    Outside ``providers/`` no kind is compared and no attribute is looked for: a new provider changes no other room.
    """
    found = {
        str(path.relative_to(_ROOT)): leaks
        for path in _ROOT.rglob("*.py")
        if "providers" not in path.relative_to(_ROOT).parts[:-1] and (leaks := list(_leaks(path.read_text("utf-8"))))
    }
    assert found == {}


@pytest.mark.parametrize(
    "line",
    [
        "provider.kind == 'local'",
        "client.provider.kind != LOCAL",
        "known.kind == LOCAL",
        "settings.kind in ('local',)",
        "account.kind == 'openai'",
        "getattr(provider, 'home', None)",
        "hasattr(self._provider, 'upstream')",
        "isinstance(client.provider, LocalProvider)",
    ],
)
def test_the_scanner_sees_each_way_to_ask(line: str) -> None:
    """
    The test above would fail for each of these.
    """
    assert len(list(_leaks(line))) == 1


def test_an_account_at_a_server_is_told_by_address_key_organization_and_project() -> None:
    """
    Other headers do not change the account, those of the call win, and no secret is in its key.
    """
    settings = ProviderSettings(api_key="sk-1", base_url=_SERVER, organization="o", project="p")
    provider = OpenAIProvider.from_settings(settings)
    key = provider.account_key()
    others: dict[str, Any] = {
        "api_key": "sk-2",
        "organization": "o2",
        "project": "p2",
        "base_url": "http://127.0.0.1:8001/v1",
    }
    for name, value in others.items():
        changed = OpenAIProvider.from_settings(attrs.evolve(settings, **{name: value}))
        assert changed.account_key() != key, name
    assert provider.account_key({"X-Trace": "1", "User-Agent": "mine"}) == key
    assert provider.account_key({"authorization": "Bearer sk-2"}) != key
    assert key.startswith("http://localhost:8000/v1")  # one name for this machine
    assert "sk-1" not in key


def test_a_server_is_told_by_kind_and_address() -> None:
    """
    Its batches cost what they cost, whoever answers them, and go on without this process.
    """
    provider = OpenAIProvider(base_url=_SERVER)
    assert (provider.address, provider.identity, provider.is_embedded) == (_SERVER, f"openai {_SERVER}", False)
    account = provider.account()
    assert (account.kind, account.address, account.is_free) == ("openai", "http://localhost:8000/v1", False)


def test_the_embedded_provider_is_told_by_its_folder(tmp_path: Path) -> None:
    """
    By whatever path it is named, its account is that of one folder; its key and its headers say nothing.
    """
    (tmp_path / "home").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "home")
    provider, linked = LocalProvider(home=tmp_path / "home"), LocalProvider(home=tmp_path / "link")
    assert provider.account() == linked.account()
    assert provider.account().address == str(tmp_path / "home")
    assert (linked.address, provider.is_embedded) == (str(tmp_path / "link"), True)
    assert provider.account_key({"authorization": "Bearer x"}) == f"local {tmp_path / 'home'}"


@pytest.mark.parametrize(
    ("upstream", "answered_by", "is_free"),
    [(None, "", True), (None, None, True), (_SERVER, "", False), (_SERVER, None, True), (None, _SERVER, False)],
)
def test_what_the_built_in_model_answers_is_free(
    tmp_path: Path, upstream: str | None, answered_by: str | None, *, is_free: bool
) -> None:
    """
    A batch is free unless a server answers it; the next batch is, unless the provider has a server.
    """
    provider = LocalProvider(home=tmp_path, upstream=upstream)
    wire: dict[str, Any] = _BATCH | ({"aikit_upstream": answered_by} if answered_by else {})
    batch = None if answered_by == "" else OpenAIBatch.from_wire(wire)
    assert provider.account(batch).is_free is is_free


def test_the_identity_of_the_embedded_provider_has_its_server_and_no_secret(tmp_path: Path) -> None:
    """
    Runs go on where the same folder and the same server answer.
    """
    bare = LocalProvider(home=tmp_path)
    served = LocalProvider(home=tmp_path, upstream=_SERVER, upstream_headers=Headers({"authorization": "Bearer sk"}))
    assert bare.identity == f"local http://local.aikit/v1 {tmp_path}"
    assert served.identity == f"{bare.identity} {_SERVER}"
