"""
Whatever a configuration says, it is read, or refused with lines; never with another error, never with a secret.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aikit.gateway.settings import GatewaySettings, SettingsError, client_of, read_settings

yaml = pytest.importorskip("yaml")

_HIDDEN: Final = "sk-hush-hush"
_ENVIRON: Final = {"SET": f"{_HIDDEN}-of-the-environment", "ADDRESS": "http://127.0.0.1:9/v1"}
_scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 10**20),
    st.floats(),
    st.text(max_size=8),
    st.dates(),
    st.sampled_from(
        ["os.environ/SET", "os.environ/ADDRESS", "os.environ/UNSET", "os.environ/", "http://[::1", "*", "512"]
    ),
)
_values = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
_secrets = st.sampled_from([_HIDDEN, f"Bearer {_HIDDEN}", f"'{_HIDDEN}'", f"OPENAI_API_KEY={_HIDDEN}", f"{_HIDDEN}é"])
_addresses = st.sampled_from(
    ["http://127.0.0.1:9/v1", "https://res.example", f"http://me:{_HIDDEN}@h/v1", "no address", ""]
)
_providers = st.sampled_from(
    ["openai", "azure", "hosted_vllm", "ollama", "vertex_ai", "gemini", "local", "anthropic", "", "litellm_proxy"]
)
_keys: dict[str, Any] = {
    "api_key": _secrets | _values,
    "api_base": _addresses | _values,
    "api_version": _values,
    "organization": _values,
    "azure_ad_token": _secrets,
    "vertex_project": _values,
    "vertex_credentials": st.just(f'{{"private_key": "{_HIDDEN}"}}') | _values,
    "gcs_bucket_name": st.just("my-bucket") | _values,
    "litellm_credential_name": st.just("mine") | _values,
    "input_cost_per_token": st.floats(0, 1) | _values,
}
_files = st.fixed_dictionaries({}, optional={**_keys, "custom_llm_provider": _providers | _values})
_params = st.fixed_dictionaries(
    {}, optional={**_keys, "model": st.builds("{}/{}".format, _providers, st.text(max_size=4)) | _values}
)
_info = st.fixed_dictionaries(
    {}, optional={"id": _values, "mode": st.just("batch") | _values, "output_cost_per_token_batches": _values}
)
_model = st.fixed_dictionaries(
    {},
    optional={
        "model_name": st.sampled_from(["a", "openai", "local", "b/*"]) | _values,
        "litellm_params": _params | _values,
        "model_info": _info | _values,
    },
)
_urls = st.sampled_from([f"postgresql://me:{_HIDDEN}@h/db?schema=x", f"mysql://me:{_HIDDEN}@h/db"])
_general = st.fixed_dictionaries(
    {},
    optional={
        "master_key": _secrets | _values,
        "database_url": _urls | _secrets | _values,
        "max_file_size_mb": _secrets | _values,
        "max_batch_file_records": _values,
        "allowed_file_extensions": _values,
        "cors_origins": _values,
        "dangerously_permit_weak_or_unset_master_key": _secrets | _values,
        "other": _secrets,
    },
)
_config = st.fixed_dictionaries(
    {},
    optional={
        "files_settings": st.lists(_files, max_size=4) | _values,
        "model_list": st.lists(_model, max_size=6) | _values,
        "general_settings": _general | _values,
        "credential_list": st.just([{"credential_name": "mine", "credential_values": {"api_key": _HIDDEN}}]) | _values,
        "environment_variables": st.dictionaries(st.text(max_size=3), _values, max_size=2) | _values,
        "litellm_settings": _values,
        "include": _values,
    },
)


def _read(text: str | bytes) -> GatewaySettings | tuple[str, ...]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "config.yaml")
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        try:
            return read_settings(path, _ENVIRON, home=Path(folder, "home"), host="127.0.0.1")
        except SettingsError as error:
            return error.problems


@given(_config)
def test_any_configuration_is_read_or_refused(config: Any) -> None:
    """
    What is read has unique names that the client knows; what is refused says where; neither shows a secret.
    """
    found = _read(yaml.safe_dump(config, allow_unicode=True))
    assert _HIDDEN not in repr(found)
    if isinstance(found, tuple):
        assert found
        assert [problem for problem in found if "config.yaml" not in problem] == []
        return
    names = [one.name for one in found.deployments]
    assert len(set(names)) == len(names) > 0
    assert found.default in names
    with client_of(found, ledger=False) as client:
        assert _HIDDEN not in repr(client) + repr(client.providers)
        for one in found.deployments:
            assert found.deployment(one.name) is one
            assert client.providers.get(one.name).is_embedded == (one.runs_lines or one.provider == "local")
            for model_name in one.models:
                assert found.of_model(model_name) is not None
    for alias in found.aliases:
        assert found.deployment(alias).name in names


@given(st.binary(max_size=200) | st.text(alphabet="{}[]&*:-<!|>'\"ab\n #%@\t", max_size=60))
def test_any_text_is_read_or_refused(text: str | bytes) -> None:
    """
    Bytes and scraps of YAML raise nothing but the error that is promised.
    """
    found = _read(text)
    assert found.deployments if isinstance(found, GatewaySettings) else found


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x,x,x,x,x,x,x,x,x]\n"
        + "".join(f"{chr(98 + n)}: &{chr(98 + n)} [{('*' + chr(97 + n) + ', ') * 9}]\n" for n in range(20)),
        "a: " + "[" * 5_000,
        "a: " + "{a: " * 5_000,
        "- " * 5_000,
        "model_list: &m\n- *m\n",
        "files_settings:\n" + "- {custom_llm_provider: openai}\n" * 30_000,
        "general_settings:\n" + "".join(f"  k{n}: 1\n" for n in range(50_000)),
        "x" * 2_000_000,
        "a: &x {<<: *x}\n",
        "? [a, b]\n: c\n",
        "a: 1\0\n",
        "general_settings: {max_file_size_mb: " + "9" * 10_000 + "}\n",
    ],
)
def test_bombs_are_refused_at_once(text: str) -> None:
    """
    Aliases that multiply, depth, and size are bounded, and what is dangerous is not carried out.
    """
    started = time.process_time()
    assert isinstance(_read(text), tuple)
    assert time.process_time() - started < 20


def test_thousands_of_entries_alike_are_read_in_little_time() -> None:
    """
    As many entries as fit have names of their own, in time that grows with their number.
    """
    started = time.process_time()
    found = _read("files_settings:\n" + "- {custom_llm_provider: openai, api_key: k}\n" * 3_000)
    assert isinstance(found, GatewaySettings)
    assert len({one.name for one in found.deployments}) == 3_000
    assert time.process_time() - started < 60


_accounts = st.lists(
    st.tuples(st.sampled_from(["a", "b"]), st.sampled_from(["x", "y"]), st.integers(0, 5), st.booleans()),
    min_size=1,
    max_size=8,
    unique_by=lambda one: one[2],
)


@given(_accounts, st.randoms(use_true_random=False))
def test_names_do_not_depend_on_the_order_of_entries(accounts: list[tuple[str, str, int, bool]], random: Any) -> None:
    """
    Whatever entries change places, each account keeps its name; where one comes or goes, it is found by its old one.
    """
    entries = [
        {
            "model_name": name,
            "litellm_params": {"model": f"openai/{model}", "api_key": f"os.environ/K{number}"},
            "model_info": {"id": f"id-{number}"} if has_id else {},
        }
        for name, model, number, has_id in accounts
    ]
    before = _keys_by_name(entries)
    shuffled = entries.copy()
    random.shuffle(shuffled)
    assert _keys_by_name(shuffled)[1] == before[1]
    fewer = shuffled[: 1 + len(shuffled) // 2]
    settings, found = _keys_by_name(fewer)
    for name, key in before[1].items():
        if key in found.values():
            assert settings.providers.get(settings.deployment(name).name).api_key == key


def _keys_by_name(entries: list[Any]) -> tuple[GatewaySettings, dict[str, str | None]]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "config.yaml")
        path.write_text(yaml.safe_dump({"model_list": entries}))
        found = read_settings(path, {f"K{number}": f"key-{number}" for number in range(6)}, home=Path(folder))
    return found, {one.name: found.providers.get(one.name).api_key for one in found.deployments}
