"""
Every way in which a key and an address meet: given, of the environment, of the user's file, of the working folder.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from aikit import OpenAIClient
from aikit.cli import main
from aikit.providers.addresses import OPENAI_URL
from aikit.providers.config.file import FILE_NAME
from aikit.providers.config.providers import Providers
from aikit.providers.kinds import LOCAL, OPENAI
from aikit.providers.openai import OpenAIProvider

_ENV_KEY, _HOME_KEY, _GIVEN, _FOREIGN = "sk-environment", "sk-of-home", "sk-given", "sk-of-its-author"
_ENV_URL, _HOME_URL, _HERE_URL = "https://env.example/v1", "https://home.example/v1", "https://author.example/v1"


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """
    Give a working folder, which is anybody's, and a home with a provider called ``work``.
    """
    for name in ("here", "home"):
        (tmp_path / name).mkdir(0o700)
    monkeypatch.chdir(tmp_path / "here")
    for name in ("OPENAI_BASE_URL", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "AIKIT_PROVIDERS", "AIKIT_PROVIDER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AIKIT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("OPENAI_API_KEY", _ENV_KEY)
    _write(tmp_path / "home", {"work": {"baseURL": _HOME_URL, "apiKey": _HOME_KEY}, "bare": {"baseURL": _HOME_URL}})
    return tmp_path


def _write(folder: Path, providers: Mapping[str, Any]) -> None:
    (folder / FILE_NAME).write_text(json.dumps({"providers": providers}))


def _asked(client: OpenAIClient) -> tuple[str, str | None]:
    """
    Return the address that *client* asks, and the key it shows there.
    """
    provider = client.provider
    assert isinstance(provider, OpenAIProvider)
    return provider.base_url, provider.headers.get("authorization", "").removeprefix("Bearer ") or None


@pytest.mark.parametrize(
    ("given", "environ", "address", "key"),
    [
        # no name: what is given, then the environment
        ({}, {}, OPENAI_URL, _ENV_KEY),
        ({}, {"OPENAI_BASE_URL": _ENV_URL}, _ENV_URL, _ENV_KEY),
        ({}, {"OPENAI_BASE_URL": "  "}, OPENAI_URL, _ENV_KEY),
        ({}, {"OPENAI_BASE_URL": "", "OPENAI_API_KEY": "  "}, OPENAI_URL, None),
        ({"api_key": _GIVEN}, {"OPENAI_BASE_URL": _ENV_URL}, _ENV_URL, _GIVEN),
        ({"base_url": _HERE_URL}, {}, _HERE_URL, _ENV_KEY),
        ({"base_url": _HERE_URL, "api_key": ""}, {}, _HERE_URL, None),
        # what is built in: whatever the working folder says of it
        ({"provider": "openai"}, {}, OPENAI_URL, _ENV_KEY),
        ({"provider": "openai"}, {"OPENAI_BASE_URL": _ENV_URL}, _ENV_URL, _ENV_KEY),
        ({"provider": "openai", "api_key": _GIVEN}, {}, OPENAI_URL, _GIVEN),
        # a name of the home: its own key, or none, never the environment's; the working folder does not hide it
        ({"provider": "work"}, {"OPENAI_BASE_URL": _ENV_URL}, _HOME_URL, _HOME_KEY),
        ({"provider": "work", "api_key": _GIVEN}, {}, _HOME_URL, _GIVEN),
        ({"provider": "bare"}, {"OPENAI_BASE_URL": _ENV_URL}, _HOME_URL, None),
        ({"provider": "work", "base_url": _ENV_URL}, {}, _ENV_URL, _HOME_KEY),
        # a name of the working folder only: its own key, or none, or one that is given
        ({"provider": "new"}, {"OPENAI_BASE_URL": _ENV_URL}, _HERE_URL, None),
        ({"provider": "keyed"}, {}, _HERE_URL, _FOREIGN),
        ({"provider": "new", "api_key": _GIVEN}, {}, _HERE_URL, _GIVEN),
        ({"provider": "plain"}, {}, OPENAI_URL, None),
        ({"provider": "plain", "api_key": _ENV_KEY}, {}, OPENAI_URL, _ENV_KEY),
        ({"provider": "same", "api_key": _HOME_KEY}, {}, _HOME_URL, _HOME_KEY),
    ],
)
def test_which_key_goes_to_which_address(
    given: dict[str, Any],
    environ: dict[str, str],
    address: str,
    key: str | None,
    house: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    The table of all ways; the working folder's file has something to say of each name, and wins with none of them.
    """
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    foreign = {"baseURL": _HERE_URL, "apiKey": _FOREIGN}
    _write(
        house / "here",
        {
            "openai": {"apiKey": _FOREIGN},
            "local": {"home": str(house / "elsewhere")},
            "work": foreign,
            "bare": foreign,
            "new": {"baseURL": _HERE_URL},
            "keyed": foreign,
            "plain": {},
            "same": {"baseURL": _HOME_URL},
        },
    )
    with OpenAIClient(**given) as client:
        assert _asked(client) == (address, key)


@pytest.mark.parametrize("key", [_ENV_KEY, _HOME_KEY])
@pytest.mark.parametrize("way", ["api_key", "header", "command line"])
def test_a_key_of_another_address_does_not_go_to_a_name_of_the_working_folder(
    key: str, way: str, house: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    Not even where the caller hands it over by name: the message says whose key it is, and what to do, not the key.
    """
    _write(house / "here", {"new": {"baseURL": _HERE_URL}, "upstream": {"kind": "local", "baseURL": _HERE_URL}})
    holder = "OPENAI_API_KEY" if key == _ENV_KEY else "provider 'work'"
    if way == "command line":
        assert main(["files", "list", "--provider", "new", "--api-key", key]) == 2
        told = capsys.readouterr().err
    else:
        given = {"api_key": key} if way == "api_key" else {"custom_headers": {"X-Key": f"Bearer {key}"}}
        for name in ("new", "upstream"):
            with pytest.raises(ValueError, match="in the working folder") as caught:
                OpenAIClient(provider=name, **given)
            told = str(caught.value)
    assert holder in told
    assert "AIKIT_PROVIDERS" in told
    assert key not in told


def test_the_built_in_embedded_provider_stays_where_it_is(house: Path) -> None:
    """
    Files do not go into a folder that the working folder's file names.
    """
    _write(house / "here", {"local": {"home": str(house / "elsewhere")}})
    with OpenAIClient(provider="local") as client:
        assert client.files.create(b"hello", "user_data", {"filename": "a.txt"}).success
    assert (house / "home" / "local").is_dir()
    assert not (house / "elsewhere").exists()


def test_a_call_that_names_a_provider_takes_no_key_along(house: Path) -> None:
    """
    What a client was made with stays at the address it was made for.
    """
    _write(house / "here", {"new": {"baseURL": _HERE_URL}})
    with OpenAIClient(_GIVEN, custom_headers={"X-Key": _GIVEN}) as client:
        provider = client._session._connections.named("new").provider
    assert isinstance(provider, OpenAIProvider)
    assert provider.base_url == _HERE_URL
    assert not any(_GIVEN in value or _ENV_KEY in value for value in provider.headers.values())


def test_the_file_that_is_named_is_the_users(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Who names the working folder's file in AIKIT_PROVIDERS trusts it with what the home's is trusted with.
    """
    _write(house / "here", {"openai": {"apiKey": _FOREIGN}, "new": {"baseURL": _HERE_URL}})
    monkeypatch.setenv("AIKIT_PROVIDERS", FILE_NAME)
    assert _asked(OpenAIClient(provider="openai")) == (OPENAI_URL, _FOREIGN)
    assert _asked(OpenAIClient(_ENV_KEY, provider="new")) == (_HERE_URL, _ENV_KEY)


def test_a_home_that_is_the_working_folder_is_the_users(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    One file under two names is not two files, also over a link.
    """
    monkeypatch.chdir(house / "home")
    assert _asked(OpenAIClient(_ENV_KEY, provider="bare")) == (_HOME_URL, _ENV_KEY)
    monkeypatch.chdir(house / "here")
    Path(FILE_NAME).symlink_to(house / "home" / FILE_NAME)
    assert _asked(OpenAIClient(_ENV_KEY, provider="bare")) == (_HOME_URL, _ENV_KEY)


def test_use_of_the_working_folders_file_is_told_once(house: Path, caplog: pytest.LogCaptureFixture) -> None:
    """
    Once for each name that is used, and once for all names of it that are not heeded; no key is told.
    """
    _write(house / "here", {"new": {"baseURL": _HERE_URL, "apiKey": _FOREIGN}, "work": {}, "openai": {}})
    with caplog.at_level(logging.WARNING, "aikit"):
        for _ in range(3):
            OpenAIClient(provider="new").close()
            OpenAIClient(provider="work").close()
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 2
    assert "says of work, openai is not heeded" in told[0]
    assert told[1].startswith("provider 'new' is that of AIProviders.json in the working folder ")
    assert str(house / "here") in told[1]
    assert _FOREIGN not in "".join(told)


def test_providers_of_the_command_line_say_where_each_is_from(house: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """
    The list has the file of each; notes tell what only the working folder has, and what of it is not heeded.
    """
    _write(house / "here", {"new": {"baseURL": _HERE_URL}, "work": {"baseURL": _HERE_URL}, "openai": {}})
    assert main(["providers", "--json"]) == 0
    out, err = capsys.readouterr()
    listed = {one["name"]: (one["address"], one["from"]) for one in json.loads(out)["data"]}
    assert listed[OPENAI] == (OPENAI_URL, "environment")
    assert listed["work"] == (_HOME_URL, str(house / "home" / FILE_NAME))
    assert listed["new"] == (_HERE_URL, FILE_NAME)
    assert "note: new: only AIProviders.json in the working folder has them" in err
    assert "says of work, openai is not heeded" in err
    assert list(listed) == [OPENAI, LOCAL, "gemini", "work", "bare", "new"]


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ('"sk-1234567890"', "has quotes around it"),
        ("'sk-1234567890'", "has quotes around it"),
        ("`sk-1234567890`", "has quotes around it"),
        ("“sk-1234567890”", "has quotes around it"),
        ("sk-1234567890'", "has quotes around it"),
        ("Bearer sk-1234567890", "begins with Bearer"),
        ("bearer  sk-1234567890", "begins with Bearer"),
        ("Authorization: Bearer sk-1234567890", "begins with Bearer"),
        ("OPENAI_API_KEY=sk-1234567890", "begins with a variable's name"),
        ("export OPENAI_API_KEY=sk-1234567890", "begins with a variable's name"),
        ("${OPENAI_API_KEY}", "is a variable's name"),
        ("$OPENAI_API_KEY", "is a variable's name"),
        ("%OPENAI_API_KEY%", "is a variable's name"),
    ],
)
@pytest.mark.parametrize("way", ["argument", "environment", "file"])
def test_a_key_with_something_around_it_is_refused(
    key: str, said: str, way: str, house: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    What goes wrong in copying is told where it stands, before a server says 401; the key is not repeated.
    """
    monkeypatch.setenv("OPENAI_API_KEY", key if way == "environment" else "")
    if way == "file":
        _write(house / "home", {"work": {"apiKey": key}})
    where = {"argument": "api_key", "environment": "OPENAI_API_KEY: api_key", "file": "'work': api_key"}[way]
    with pytest.raises(ValueError, match=f"{where} {said}") as caught:
        OpenAIClient(key if way == "argument" else None, provider="work" if way == "file" else None)
    assert "1234567890" not in str(caught.value)


@pytest.mark.usefixtures("house")
@pytest.mark.parametrize("key", ["none", "sk-a$b", "$ecret", "Bearertoken", "a=b", "key-with=equals", "x'y"])
def test_keys_that_only_look_odd_are_keys(key: str) -> None:
    """
    Servers of one's own have keys of all kinds.
    """
    assert _asked(OpenAIClient(key))[1] == key


@pytest.mark.usefixtures("house")
def test_quotes_around_other_settings_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Organization, project and address come out of the same files as the key.
    """
    monkeypatch.setenv("OPENAI_ORG_ID", '"org-1"')
    with pytest.raises(ValueError, match="OPENAI_ORG_ID: organization has quotes around it"):
        OpenAIClient()
    monkeypatch.setenv("OPENAI_ORG_ID", "")
    monkeypatch.setenv("OPENAI_BASE_URL", "'https://env.example/v1'")
    with pytest.raises(ValueError, match=r"OPENAI_BASE_URL: base_url .* has quotes around it"):
        OpenAIClient()


def test_no_token_or_key_of_another_address_goes_to_one_of_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    What is given by hand is looked for among all that is held: keys and tokens, in variables and in the user's file.
    """
    monkeypatch.chdir(tmp_path)
    (tmp_path / FILE_NAME).write_text('{"providers": {"evil": {"type": "azure", "baseURL": "https://evil.example"}}}')
    (tmp_path / "home").mkdir()
    own = {"type": "azure", "baseURL": "https://own.example", "ad_token": "token-of-mine"}
    (tmp_path / "home" / FILE_NAME).write_text(json.dumps({"providers": {"own": own}}))
    held = {"AZURE_API_KEY": "key-one", "AZURE_AD_TOKEN": "token-two", "AZURE_API_BASE": "https://own.example"}
    found = Providers.load({"AIKIT_HOME": str(tmp_path / "home")} | held)
    for secret, holder in {"key-one": "AZURE_API_KEY", "token-two": "AZURE_AD_TOKEN", "token-of-mine": "'own'"}.items():
        with pytest.raises(ValueError, match=f"the key given to it is that of .*{holder}"):
            found.require_own_key("evil", found.get("evil", {"api_key": secret}))
    found.require_own_key("evil", found.get("evil", {"api_key": "another-key"}))
