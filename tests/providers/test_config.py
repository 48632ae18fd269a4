"""
What is configured: the provider file, found in its places and read with care, and the environment.
"""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import attrs
import pytest

from aikit.providers import provider_from
from aikit.providers.config import ProviderSettings
from aikit.providers.config.file import FILE_NAME
from aikit.providers.config.providers import Providers
from aikit.providers.kinds import KINDS, require_kind

_KEY = "sk-proj-0123456789"


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """
    Give a folder to work in, and a home beside it.
    """
    (tmp_path / "here").mkdir()
    (tmp_path / "home").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path


def _environ(house: Path, **more: str) -> dict[str, str]:
    return {"AIKIT_HOME": str(house / "home")} | more


def _write(path: Path, content: Any) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return path


def _entry(name: str) -> dict[str, Any]:
    return {"providers": {name: {"baseURL": f"https://{name}.example/v1", "apiKey": _KEY}}}


def test_the_users_file_wins_and_the_working_folder_adds_names(house: Path) -> None:
    """
    The named file stands alone; that of the home comes before that of the working folder, which only adds to it.
    """
    home = _write(house / "home" / FILE_NAME, _entry("athome"))
    assert (Providers.load(_environ(house)).path, Providers.load(_environ(house)).list()) == (
        home,
        (*KINDS, "athome"),
    )
    _write(house / "here" / FILE_NAME, _entry("here"))
    found = Providers.load(_environ(house))
    assert found.list() == (*KINDS, "athome", "here")
    assert [found.origin(name) for name in found.list()] == [*[None] * len(KINDS), home, Path(FILE_NAME)]
    named = _write(house / "named.json", _entry("named"))
    found = Providers.load(_environ(house, AIKIT_PROVIDERS=str(named)))
    assert (found.path, found.list()) == (named, (*KINDS, "named"))


def test_without_a_file_there_are_two_providers(house: Path) -> None:
    """
    OpenAI and the embedded one are always there.
    """
    found = Providers.load(_environ(house, OPENAI_API_KEY=_KEY))
    assert (found.path, found.list(), found.model_aliases()) == (None, tuple(KINDS), ())
    assert found.get("openai").api_key == _KEY
    assert found.get("local").kind == "local"


def test_named_file_must_be_there(house: Path) -> None:
    """
    A file that is named and missing, or a folder, is an error instead of the next candidate.
    """
    _write(house / "here" / FILE_NAME, _entry("here"))
    for named in (house / "missing.json", house / "home"):
        with pytest.raises(ValueError, match="which is not a file"):
            Providers.load(_environ(house, AIKIT_PROVIDERS=str(named)))


def test_entry_is_read_as_it_stands(house: Path) -> None:
    """
    Every known key has its place; ``null`` is the same as leaving it out; a mark at the beginning is no problem.
    """
    entry = {
        "kind": "openai",
        "baseURL": "http://127.0.0.1:4000/v1",
        "apiKey": _KEY,
        "organization": "org",
        "project": None,
        "home": None,
    }
    models = {"fast": {"provider": "mine", "model": "m-1"}}
    _write(house / "here" / FILE_NAME, "\ufeff" + json.dumps({"providers": {"mine": entry}, "models": models}))
    found = Providers.load(_environ(house))
    assert found.get("mine") == ProviderSettings(base_url="http://127.0.0.1:4000/v1", api_key=_KEY, organization="org")
    assert (found.model_aliases(), found.models) == (("fast",), models)


def test_embedded_provider_can_be_moved(house: Path) -> None:
    """
    An entry called ``local`` is of that kind by itself, as is any that says so.
    """
    entries = {"local": {"home": str(house / "a")}, "second": {"kind": "local", "home": str(house / "b")}}
    _write(house / "home" / FILE_NAME, {"providers": entries})
    found = Providers.load(_environ(house))
    assert found.get("local") == ProviderSettings(kind="local", home=house / "a")
    assert found.get("second") == ProviderSettings(kind="local", home=house / "b")


@pytest.mark.parametrize(
    ("name", "entry"),
    [
        ("local", {"kind": "openai"}),
        ("local", {"kind": "openai", "baseURL": "https://elsewhere.example/v1"}),
        ("local", {"baseURL": "https://elsewhere.example/v1"}),
        ("local", {"home": "a", "apiKey": _KEY}),
        ("openai", {"baseURL": "https://elsewhere.example/v1"}),
        ("openai", {"baseURL": "https://elsewhere.example/v1", "apiKey": _KEY}),
        ("openai", {"kind": "local"}),
    ],
    ids=str,
)
def test_built_in_name_keeps_its_meaning(name: str, entry: dict[str, str], house: Path) -> None:
    """
    Not even the user's own file leads the embedded provider to the network, or a key to another address.
    """
    _write(house / "home" / FILE_NAME, {"providers": {name: entry}})
    with pytest.raises(ValueError, match=rf"{FILE_NAME}:1: provider '{name}' is built in.*choose another") as caught:
        Providers.load(_environ(house)).get(name)
    assert _KEY not in str(caught.value)


def test_built_in_names_take_what_does_not_change_them(house: Path) -> None:
    """
    The kind may be said again; OpenAI's entry may have a key, which goes to no address from the environment.
    """
    local = {"kind": "local", "home": str(house / "a"), "baseURL": None}
    _write(house / "home" / FILE_NAME, {"providers": {"local": local, "openai": {"kind": "openai", "apiKey": _KEY}}})
    found = Providers.load(_environ(house))
    assert found.get("local") == ProviderSettings(kind="local", home=house / "a")
    assert found.get("openai") == ProviderSettings(api_key=_KEY)
    elsewhere = {"OPENAI_BASE_URL": "https://elsewhere.example/v1", "OPENAI_ORG_ID": "another"}
    assert Providers.load(_environ(house, **elsewhere)).get("openai") == ProviderSettings(api_key=_KEY)
    _write(house / "home" / FILE_NAME, {"providers": {"openai": {"project": "p"}}})
    found = Providers.load(_environ(house, OPENAI_API_KEY="from-environment"))
    assert found.get("openai") == ProviderSettings(api_key="from-environment", project="p")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "cannot be read as JSON"),
        ("{", "cannot be read as JSON"),
        ('{"providers": }', "cannot be read as JSON"),
        ("[" * 100_000, "cannot be read as JSON"),
        ([], "must hold"),
        ("null", "must hold"),
        ({"providers": []}, "must hold"),
        ({"providers": None}, "must hold"),
        ({"models": []}, "must hold"),
        ({"models": {"a": 5}}, "must hold"),
        ({"models": {"a": {"model": 5}}}, "must hold"),
    ],
    ids=str,
)
@pytest.mark.parametrize("place", ["here", "home", "named"])
def test_file_that_is_not_what_it_should_be(content: Any, said: str, place: str, house: Path) -> None:
    """
    It is a ValueError that names it; in the working folder, which may be anybody's, only for a name it might have.
    """
    (house / "named").mkdir()
    path = _write(house / place / FILE_NAME, content)
    environ = _environ(house, **({"AIKIT_PROVIDERS": str(path)} if place == "named" else {}))
    with pytest.raises(ValueError, match=f"(?s){FILE_NAME}.*{said}"):
        Providers.load(environ).get("mine")
    if place == "here":
        assert Providers.load(environ).get("local").kind == "local"


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (5, "provider 'mine' must be an object of strings"),
        ({"apiKey": 5}, "provider 'mine' must be an object of strings"),
        ({"baseUrl": "x", "a": "b"}, ":1: provider 'mine' has the unknown key 'baseUrl'; its address is baseURL"),
        ({"api_base": "x"}, "'mine' has the unknown key 'api_base'; its address is baseURL"),
        ({"kind": "azur"}, "'mine': provider kind 'azur' is not one of openai"),
        ({"type": 5}, "provider 'mine' must be an object of strings"),
        ({"baseURL": "nowhere"}, "provider 'mine'.*base_url 'nowhere' must start with http"),
        ({"apiKey": "sk-ü"}, "provider 'mine'.*api_key has characters"),
    ],
    ids=str,
)
def test_entry_that_is_not_what_it_should_be(entry: Any, said: str, house: Path) -> None:
    """
    A bad entry is a ValueError that names file and provider, when it is asked for: it hides none of the others.
    """
    _write(house / "here" / FILE_NAME, {"providers": {"mine": entry, **_entry("good")["providers"]}})
    found = Providers.load(_environ(house))
    assert (found.list(), found.get("good").api_key) == ((*KINDS, "mine", "good"), _KEY)
    with pytest.raises(ValueError, match=f"(?s){FILE_NAME}.*{said}"):
        found.get("mine")


def test_file_that_is_no_text_is_an_error(house: Path) -> None:
    """
    Bytes that are not UTF-8 are an error like any other.
    """
    (house / "here" / FILE_NAME).write_bytes(b"\xff\xfe{}")
    with pytest.raises(ValueError, match="cannot be read as JSON"):
        Providers.load(_environ(house)).get("mine")


def test_unknown_provider_names_those_there_are(house: Path) -> None:
    """
    The message says which exist, and where they are from.
    """
    with pytest.raises(ValueError, match=f"provider 'x' is not one of {', '.join(KINDS)} and there is no AIProviders"):
        Providers.load(_environ(house)).get("x")
    _write(house / "here" / FILE_NAME, _entry("mine"))
    with pytest.raises(ValueError, match=rf"provider 'x' is not one of {', '.join(KINDS)}, mine in AIProviders\.json"):
        Providers.load(_environ(house)).get("x")


def test_unknown_kind_names_those_there_are() -> None:
    """
    A kind that is not in the registry is a ValueError with the list.
    """
    with pytest.raises(ValueError, match=f"kind 'azur' is not one of {', '.join(KINDS)}"):
        require_kind("azur")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_can_be_made(kind: str) -> None:
    """
    The registry names classes that exist and call themselves so.
    """
    settings = ProviderSettings(kind=kind, project="my-project")
    for name in KINDS[kind].required:
        settings = settings.with_setting(name, "https://h.example" if name == "base_url" else "my-name")
    assert provider_from(settings).kind == kind


def test_environment_fills_what_is_not_given() -> None:
    """
    OpenAI's variables are taken for what is missing; empty ones are as good as none, and an empty key is a choice.
    """
    environ = {
        "OPENAI_API_KEY": "from-environment",
        "OPENAI_BASE_URL": "https://env.example/v1",
        "OPENAI_ORG_ID": "",
        "OPENAI_PROJECT_ID": "proj",
    }
    assert ProviderSettings(project="mine").or_environment(environ) == ProviderSettings(
        api_key="from-environment", base_url="https://env.example/v1", project="mine"
    )
    assert ProviderSettings(api_key="").or_environment(environ).api_key == ""
    assert ProviderSettings().or_environment({}) == ProviderSettings()


def test_keys_are_not_shown_and_not_pickled(house: Path) -> None:
    """
    Neither settings nor providers show a key, or a password in an address, or let themselves be carried away.
    """
    _write(house / "here" / FILE_NAME, _entry("mine"))
    found = Providers.load(_environ(house))
    settings = attrs.evolve(found.get("mine"), custom_headers={"api-key": _KEY})
    assert _KEY not in f"{found!r} {settings!r}"
    for value in (found, settings):
        with pytest.raises(TypeError, match="cannot be pickled"):
            pickle.dumps(value)


def test_error_about_a_file_does_not_repeat_a_key(house: Path) -> None:
    """
    A fault beside a key is told without it.
    """
    for broken in (
        '{"providers": {"mine": {"apiKey": "' + _KEY + '", }}}',
        json.dumps({"providers": {"mine": {"apiKey": _KEY, "baseURL": "https://u:" + _KEY + "@h/v1"}}}),
        json.dumps({"providers": {"mine": {"apiKey": _KEY + "\nx", "x": _KEY}}}),
    ):
        _write(house / "here" / FILE_NAME, broken)
        with pytest.raises(ValueError, match=FILE_NAME) as caught:
            Providers.load(_environ(house)).get("mine")
        assert _KEY not in str(caught.value)


def test_a_file_may_say_how_many_lines_at_once(house: Path) -> None:
    """
    Also of the built-in embedded provider; others of its kind may name where lines are answered.
    """
    entries = {
        "local": {"concurrency": 4},
        "ollama": {"kind": "local", "baseURL": "http://127.0.0.1:11434/v1/", "apiKey": _KEY, "concurrency": 2},
    }
    _write(house / "home" / FILE_NAME, {"providers": entries})
    found = Providers.load(_environ(house))
    assert found.get("local") == ProviderSettings(kind="local", concurrency=4)
    assert found.get("ollama") == ProviderSettings(
        kind="local", base_url="http://127.0.0.1:11434/v1", api_key=_KEY, concurrency=2
    )


@pytest.mark.parametrize("concurrency", [0, 1_001, "4", True, 1.5])
def test_a_concurrency_that_is_none_is_refused(house: Path, concurrency: Any) -> None:
    """
    It is a whole number within bounds, and the message names provider and field.
    """
    _write(house / "here" / FILE_NAME, {"providers": {"mine": {"kind": "local", "concurrency": concurrency}}})
    with pytest.raises(ValueError, match="provider 'mine': concurrency"):
        Providers.load(_environ(house)).get("mine")


def test_unknown_keys_are_told_by_name_and_line(house: Path, caplog: pytest.LogCaptureFixture) -> None:
    """
    Once in the log, with what was meant; the entry is used all the same, whatever the value of the key is.
    """
    path = house / "home" / FILE_NAME
    _write(
        path,
        """{
          "$schema": "x",
          "providers": {
            "empty": {},
            "mine": {"baseURL": "https://mine.example/v1", "apiKey": "sk-1 \\" { ,",
              "api_key": "sk-secret",
              "of a newer version": {"a": [1, {"b": 2}]}
            }
          }
        }""",
    )
    for _ in range(2):
        found = Providers.load(_environ(house))
        assert found.get("mine") == ProviderSettings(base_url="https://mine.example/v1", api_key='sk-1 " { ,')
    assert [record.getMessage() for record in caplog.records] == [
        f"{path}:2: '$schema' is neither of providers, models, and is ignored",
        f"{path}:6: provider 'mine' has the unknown key 'api_key', which is ignored; did you mean 'apiKey'?",
        f"{path}:7: provider 'mine' has the unknown key 'of a newer version', which is ignored",
    ]
    assert found.look_up("mine").sources == {"base_url": f"{path}:5", "api_key": f"{path}:5"}


def test_wrong_values_name_their_line(house: Path) -> None:
    """
    The line is that of the key, also behind a mark and Windows' ends of lines.
    """
    text = '\ufeff{"providers": {"mine": {\r\n"kind": "local",\r\n"home": "x",\r\n\r\n"concurrency": 0}}}'
    (house / "home" / FILE_NAME).write_bytes(text.encode())
    with pytest.raises(ValueError, match=rf"{FILE_NAME}:5: provider 'mine': concurrency must be from 1 to"):
        Providers.load(_environ(house)).get("mine")


@pytest.mark.parametrize(
    ("endpoint", "key"),
    [
        (None, "from-environment"),
        ("https://MINE.example:443/openai/v1", "from-environment"),
        ("https://other.example", None),
        ("https://mine.example:444", None),
        ("http://mine.example", None),
        ("https://[", None),
    ],
)
def test_a_key_of_the_environment_goes_to_its_own_address(endpoint: str | None, key: str | None, house: Path) -> None:
    """
    An entry with an address and no key gets the environment's, unless that has another address for its key.
    """
    _write(house / "home" / FILE_NAME, {"providers": {"azure": {"baseURL": "https://mine.example"}}})
    environ = _environ(house, AZURE_OPENAI_API_KEY="from-environment", AZURE_OPENAI_AD_TOKEN="token")
    environ |= {} if endpoint is None else {"AZURE_API_BASE": endpoint}
    settings = Providers.load(environ).get("azure")
    assert (settings.base_url, settings.api_key) == ("https://mine.example", key)
    assert settings.setting("ad_token") == (key and "token")


def test_a_key_of_a_file_wants_its_address_beside_it(house: Path) -> None:
    """
    No variable leads it anywhere, so the mend is not to set one; an argument is as good as the file.
    """
    path = _write(house / "home" / FILE_NAME, {"providers": {"azure": {"apiKey": _KEY}}})
    found = Providers.load(_environ(house, AZURE_OPENAI_ENDPOINT="https://other.example"))
    with pytest.raises(ValueError, match=f"{path}:1: provider 'azure' has a key and no baseURL; add it there"):
        found.get("azure")
    assert found.get("azure", {"base_url": "https://mine.example"}).api_key == _KEY
