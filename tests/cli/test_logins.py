"""
Keys in the keyring: put there and deleted by the command line, and used where nothing else gives one.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from aikit import OpenAIClient
from aikit.providers.openai import OpenAIProvider
from tests.cli.conftest import Here

_KEY = "sk-of-the-keyring"
Kept = dict[tuple[str, str], str]


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Kept:
    """
    Stand in for the library, and return what it keeps.
    """
    keys: Kept = {}
    module: Any = ModuleType("keyring")
    module.get_password = lambda service, name: keys.get((service, name))
    module.set_password = lambda service, name, key: keys.update({(service, name): key})
    module.delete_password = lambda service, name: keys.pop((service, name))
    monkeypatch.setitem(sys.modules, "keyring", module)
    monkeypatch.delenv("AIKIT_PROVIDER")
    return keys


def _write(home: Path, **entries: Any) -> None:
    home.mkdir(exist_ok=True, mode=0o700)
    (home / "AIProviders.json").write_text(json.dumps({"providers": entries}))


def _key(**given: Any) -> str | None:
    with OpenAIClient(**given) as client:
        provider = client.provider
        assert isinstance(provider, OpenAIProvider)
        return provider.headers.get("authorization", "").removeprefix("Bearer ") or None


def _login(aikit: Here, name: str, key: str = _KEY) -> None:
    ran = aikit("providers", "login", name, stdin=f"{key}\n".encode())
    assert (ran.code, _KEY in ran.out + ran.err) == (0, False), ran.err


def test_a_key_of_the_keyring_is_used_where_nothing_else_gives_one(
    aikit: Here, kept: Kept, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Without a name, too; what is given, a file or the environment has goes before it, and after a logout it is gone.
    """
    _login(aikit, "openai")
    assert list(kept.values()) == [_KEY]
    assert _KEY not in (home / "logins.json").read_text()
    assert (_key(), _key(provider="openai"), _key(api_key="given")) == (_KEY, _KEY, "given")
    listed = {one["name"]: one for one in aikit("providers", "--json").json["data"]}
    assert listed["openai"]["settings"]["api_key"] == {"value": "***", "from": "keyring"}
    assert (listed["openai"]["from"], listed["local"]["from"]) == ("keyring", "built in")
    monkeypatch.setenv("OPENAI_API_KEY", "of-the-environment")
    assert (_key(), _key(provider="openai")) == ("of-the-environment", "of-the-environment")
    monkeypatch.delenv("OPENAI_API_KEY")
    assert (aikit("providers", "logout", "openai").code, kept, _key()) == (0, {}, None)
    assert "has no key of openai" in aikit("providers", "logout", "openai").err


def test_a_key_of_the_keyring_goes_to_the_address_it_was_given_for(
    aikit: Here, kept: Kept, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Neither an argument nor a variable nor another entry leads it elsewhere, nor does a file of the working folder.
    """
    _write(home, work={"baseURL": "https://work.example/v1"})
    _login(aikit, "work")
    _login(aikit, "openai")
    assert _key(provider="work") == _KEY
    assert _key(provider="work", base_url="https://other.example") is None
    assert _key(base_url="https://other.example") is None
    monkeypatch.setenv("OPENAI_BASE_URL", "https://other.example")
    assert (_key(), _key(provider="openai")) == (None, None)
    monkeypatch.delenv("OPENAI_BASE_URL")
    _write(home, work={"baseURL": "https://moved.example/v1"})
    assert _key(provider="work") is None
    assert "is for https://work.example; aikit providers login work" in aikit("providers").err
    _login(aikit, "work", "another")
    assert (_key(provider="work"), sorted(kept.values())) == ("another", ["another", _KEY])
    _write(home)
    Path("AIProviders.json").write_text(json.dumps({"providers": {"work": {"baseURL": "https://moved.example/v1"}}}))
    assert _key(provider="work") is None
    ran = aikit("providers", "login", "work", stdin=b"k")
    assert (ran.code, "working folder" in ran.err) == (2, True)


@pytest.mark.parametrize("name", ["get_password", "set_password", "delete_password"])
def test_a_keyring_that_fails_is_one_sentence(
    name: str, aikit: Here, kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Also one that says the key, or nothing at all; clients that need it say so when they are made.
    """
    _login(aikit, "openai")

    def fail(*given: str) -> None:
        raise OSError(f"locked\n{given}")

    monkeypatch.setattr(sys.modules["keyring"], name, fail)
    words = ("logout", "openai") if name == "delete_password" else ("login", "openai")
    ran = aikit("providers", *words, stdin=_KEY.encode())
    assert (ran.code, ran.err.count("\n"), "OSError: locked" in ran.err) == (1, 1, True)
    assert _KEY not in ran.err
    if name == "get_password":
        with pytest.raises(ValueError, match="the keyring cannot be used"):
            OpenAIClient()
        assert "cannot be used" in aikit("providers").out
    assert kept


def test_without_the_extra_it_is_named(aikit: Here, kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The sentence says what to install; a keyring that nothing was put into is never looked for.
    """
    monkeypatch.setitem(sys.modules, "keyring", None)
    assert _key() is None
    ran = aikit("providers", "login", "openai", "--json", stdin=_KEY.encode())
    assert ran.code == 1
    assert "pip install 'aikit-client[keyring]'" in ran.err + ran.out
    assert kept == {}


@pytest.mark.parametrize(
    ("name", "key", "said"),
    [
        ("openai", b"  \n", "no key was given"),
        ("openai", b"Bearer sk-1234567", "begins with Bearer"),
        ("local", b"k", "sends no key anywhere"),
        ("azure", b"k", "set AZURE_OPENAI_ENDPOINT"),
        ("nowhere", b"k", "is not one of"),
    ],
)
@pytest.mark.usefixtures("kept")
def test_a_login_that_makes_no_sense_is_wrong_usage(name: str, key: bytes, said: str, aikit: Here) -> None:
    """
    Nothing is kept of it.
    """
    ran = aikit("providers", "login", name, stdin=key)
    assert (ran.code, said in ran.err, "1234567" in ran.err) == (2, True, False)


@pytest.mark.skipif(sys.platform == "win32", reason="other backends")
@pytest.mark.parametrize("backend", ["null", "fail"])
def test_a_keyring_that_keeps_nothing_is_told(backend: str, aikit: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The library's own backends: one that forgets, one that refuses.
    """
    keyring = pytest.importorskip("keyring")
    monkeypatch.delenv("AIKIT_PROVIDER")
    former = keyring.get_keyring()
    monkeypatch.setitem(os.environ, "PYTHON_KEYRING_BACKEND", f"keyring.backends.{backend}.Keyring")
    keyring.core.init_backend()
    try:
        ran = aikit("providers", "login", "openai", stdin=_KEY.encode())
    finally:
        keyring.set_keyring(former)
    assert (ran.code, ran.err.count("\n"), _KEY in ran.err) == (1, 1, False)
    assert _key() is None
