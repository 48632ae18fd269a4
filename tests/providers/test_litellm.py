"""
LiteLLM's ``config.yaml`` as a provider file: the configurations of its documentation, and hostile ones.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any

import pytest

from aikit import OpenAIClient
from aikit.providers.config import ProviderSettings
from aikit.providers.config.providers import Providers
from aikit.providers.kinds import KINDS
from tests.stopwatch import Stopwatch

pytest.importorskip("yaml")

_FILES_SETTINGS = """
model_list:
  - model_name: gpt-4o
    litellm_params:
      model: openai/gpt-4o
      api_key: os.environ/OPENAI_KEY_OF_MINE
files_settings:
  - custom_llm_provider: azure
    api_base: https://res.example
    api_key: sk-azure
    api_version: "2023-03-15-preview"
  - custom_llm_provider: openai
    api_key: os.environ/OPENAI_KEY_OF_MINE
general_settings:
  master_key: sk-1234
"""
_MODELS = """
model_list:
  - model_name: gpt-batch
    litellm_params: &azure
      model: azure/my-deployment
      api_base: os.environ/AZURE_BASE
      api_key: sk-azure
      api_version: 2024-10-21
      rpm: 6
    model_info: {mode: batch}
  - model_name: copied
    litellm_params:
      <<: *azure
      model: azure/other
  - model_name: own
    litellm_params: {model: hosted_vllm/llama, api_base: "http://127.0.0.1:8000/v1", api_key: none}
  - model_name: plain
    litellm_params: {model: gpt-4o-mini}
  - model_name: bedrock
    litellm_params: {model: bedrock/anthropic.claude, aws_region_name: us-east-1}
  - model_name: claude
    litellm_params: {model: anthropic/claude, api_key: x}
  - model_name: adrift
    litellm_params: {model: hosted_vllm/llama, api_key: x}
  - model_name: unset
    litellm_params: {model: openai/x, api_key: os.environ/NOT_SET_ANYWHERE}
"""


def _load(folder: Path, text: str, name: str = "config.yaml", **environ: str) -> Providers:
    path = folder / name
    path.write_text(text)
    return Providers.load({"AIKIT_PROVIDERS": str(path), "AIKIT_HOME": str(folder)} | environ)


def test_files_settings_of_the_documentation_load(tmp_path: Path) -> None:
    """
    Their providers are called as LiteLLM calls them; a name of the environment stands for its value.
    """
    found = _load(tmp_path, _FILES_SETTINGS, OPENAI_KEY_OF_MINE="sk-mine", AZURE_API_KEY="of-the-environment")
    assert found.list() == (*KINDS, "gpt-4o")
    assert found.get("openai") == found.get("gpt-4o") == ProviderSettings(api_key="sk-mine")
    assert found.get("azure") == ProviderSettings(
        kind="azure", base_url="https://res.example", api_key="sk-azure", options={"api_version": "2023-03-15-preview"}
    )
    assert found.models == {"gpt-4o": {"provider": "gpt-4o", "model": "gpt-4o"}}
    assert found.look_up("azure").sources["base_url"] == f"{tmp_path / 'config.yaml'}:9"


def test_models_of_the_documentation_load_or_say_why_not(tmp_path: Path) -> None:
    """
    Each deployment is a provider; what is not there yet, and what would send a key elsewhere, is refused by its name.
    """
    found = _load(tmp_path, _MODELS, AZURE_BASE="https://res.example", OPENAI_API_KEY="of-the-environment")
    azure = ProviderSettings(
        kind="azure", base_url="https://res.example", api_key="sk-azure", options={"api_version": "2024-10-21"}
    )
    assert found.get("gpt-batch") == found.get("copied") == azure
    assert found.models["copied"] == {"provider": "copied", "model": "other"}
    assert found.get("own") == ProviderSettings(base_url="http://127.0.0.1:8000/v1", api_key="none")
    assert found.get("plain") == ProviderSettings(api_key="of-the-environment")
    for name, line, said in (
        ("bedrock", 19, "'bedrock' is not supported"),
        ("claude", 21, "'anthropic' is not supported; supported before the model are openai"),
        ("adrift", 23, "hosted_vllm has no api_base, so its key would go to OpenAI"),
        ("unset", 26, "api_key is os.environ/NOT_SET_ANYWHERE, and that variable is not set; set it"),
    ):
        with pytest.raises(ValueError, match=rf"config\.yaml:{line}: provider '{name}': .*{said}"):
            found.get(name)


def test_vertex_of_the_documentation_loads(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """
    Credentials are a path, their text or a variable; what an entry leaves out is the environment's, as with LiteLLM.
    """
    text = """
    model_list:
    - model_name: gemini-batch
      litellm_params:
        model: vertex_ai/gemini-2.5-flash
        vertex_project: my-project
        vertex_location: europe-west4
        vertex_credentials: /keys/account.json
        gcs_bucket_name: my-bucket/team
      model_info: {mode: batch}
    - model_name: as-text
      litellm_params:
        model: vertex_ai/meta/llama-4-maverick
        vertex_credentials: '{"type": "service_account", "private_key": "s3cret"}'
        bucket_name: other-bucket
    - model_name: by-variable
      litellm_params: {model: gemini-2.5-pro, custom_llm_provider: vertex_ai, vertex_credentials: os.environ/MY_KEY}
    - {model_name: bare, litellm_params: {model: vertex_ai/gemini-2.5-flash}}
    - {model_name: unset, litellm_params: {model: vertex_ai/x, vertex_credentials: os.environ/NOT_SET_ANYWHERE}}
    files_settings:
    - {custom_llm_provider: vertex_ai, vertex_ai_project: files-project}
    """
    environ = {"GCS_BUCKET_NAME": "b-of-env", "VERTEXAI_PROJECT": "p-of-env", "GOOGLE_APPLICATION_CREDENTIALS": "/adc"}
    found = _load(tmp_path, text, MY_KEY="/keys/mine.json", **environ)
    first = {"location": "europe-west4", "credentials": "/keys/account.json", "bucket": "my-bucket/team"}
    assert found.get("gemini-batch") == ProviderSettings(kind="vertex", project="my-project", options=first)
    assert found.models["as-text"] == {"provider": "as-text", "model": "meta/llama-4-maverick"}
    as_text = found.get("as-text")
    assert (as_text.project, as_text.setting("bucket")) == ("p-of-env", "other-bucket")
    assert "s3cret" in as_text.setting("credentials")
    assert "s3cret" not in repr(as_text) + repr(found)
    variable = {"credentials": "/keys/mine.json", "bucket": "b-of-env"}
    assert found.get("by-variable") == ProviderSettings(kind="vertex", project="p-of-env", options=variable)
    bare = {"credentials": "/adc", "bucket": "b-of-env"}
    assert found.get("bare") == ProviderSettings(kind="vertex", project="p-of-env", options=bare)
    assert found.get("vertex_ai") == ProviderSettings(kind="vertex", project="files-project", options=bare)
    with pytest.raises(
        ValueError, match=r"config\.yaml:19: provider 'unset': vertex_credentials is os\.environ/NOT_SET"
    ):
        found.get("unset")
    assert caplog.records == []


def test_what_is_not_heeded_is_told_by_name_and_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """
    Sections and keys that are not known, and a second entry of one name; settings of calls and prices are no matter.
    """
    with caplog.at_level(logging.WARNING, "aikit"):
        found = _load(
            tmp_path,
            "model_list:\n"
            "- {model_name: a, litellm_params: {model: openai/x, api_key: sk-a, api_bas: y, rpm: 1}, odd: 1}\n"
            "- {model_name: a, litellm_params: {model: openai/x, api_key: sk-b}}\n"
            "- {litellm_params: {model: openai/x}}\n"
            "general_setings: {}\n"
            "litellm_settings: {callbacks: [x]}\n"
            "files_settings: [{api_key: sk-secret}]\n",
        )
        assert found.get("a").api_key == "sk-a"
    path = tmp_path / "config.yaml"
    assert [record.getMessage() for record in caplog.records] == [
        f"{path}:5: unknown key 'general_setings', which is ignored",
        f"{path}:2: model 'a' has the unknown key 'odd', which is ignored",
        f"{path}:2: model 'a' has the unknown key 'api_bas', which is ignored",
        f"{path}:7: an entry of files_settings has no custom_llm_provider, and is ignored",
        f"{path}:3: there is another 'a' before, which counts",
        f"{path}:4: an entry of model_list lacks model_name, or a model in litellm_params, and is ignored",
    ]


_CREDENTIALS = """
model_list:
  - model_name: named
    litellm_params: {model: azure/gpt-4o, litellm_credential_name: eu, api_version: 2024-10-21}
  - model_name: astray
    litellm_params: {model: azure/gpt-4o, litellm_credential_name: us}
credential_list:
  - credential_name: eu
    credential_values: {api_key: os.environ/EU_KEY, api_base: "https://eu.example", api_version: 2023-05-15}
"""
_IDENTITIES = """
model_list:
  - model_name: ours
    litellm_params: &identity
      model: azure/dep
      api_base: https://res.example
      tenant_id: os.environ/AZURE_TENANT_ID
      client_id: os.environ/AZURE_CLIENT_ID
      client_secret: os.environ/AZURE_CLIENT_SECRET
  - model_name: keyed
    litellm_params: {<<: *identity, client_secret: another-secret, api_key: sk-azure}
  - model_name: theirs
    litellm_params: {<<: *identity, client_secret: another-secret}
  - model_name: person
    litellm_params: {model: azure/dep, api_base: "https://res.example", azure_username: me, azure_password: secret}
  - model_name: federated
    litellm_params: {model: azure/dep, api_base: "https://res.example", azure_ad_token: oidc/google/https://a.example}
"""


def test_credentials_by_name_are_those_of_the_list(tmp_path: Path) -> None:
    """
    An entry that names one goes to no other account, and what it says itself counts.
    """
    environ = {"EU_KEY": "eu-secret", "AZURE_API_KEY": "env-secret", "AZURE_API_BASE": "https://env.example"}
    found = _load(tmp_path, _CREDENTIALS, **environ)
    assert found.get("named") == ProviderSettings(
        kind="azure", base_url="https://eu.example", api_key="eu-secret", options={"api_version": "2024-10-21"}
    )
    assert found.look_up("named").sources["api_key"].endswith("config.yaml:9")
    with pytest.raises(ValueError, match=r"config.yaml:6: provider 'astray': litellm_credential_name is 'us', which"):
        found.get("astray")
    assert found.own.warnings == ()


def test_identities_are_those_of_the_environment_or_are_refused(tmp_path: Path) -> None:
    """
    Another identity than the file names would see other files; what Azure's library reads from there is the same one.
    """
    found = _load(tmp_path, _IDENTITIES)
    assert (found.get("ours").api_key, found.get("keyed").api_key, found.own.warnings) == (None, "sk-azure", ())
    for name, key in (("theirs", "client_secret"), ("person", "azure_username"), ("federated", "azure_ad_token")):
        with pytest.raises(ValueError, match=f"provider '{name}': {key} is not supported"):
            found.get(name)


def test_variables_of_the_file_are_in_the_environment(tmp_path: Path) -> None:
    """
    As LiteLLM has it, they come before what was there, and may name it.
    """
    text = """
model_list:
  - {model_name: a, litellm_params: {model: azure/dep}}
environment_variables:
  {AZURE_API_BASE: "https://file.example", AZURE_API_KEY: os.environ/MINE, AZURE_SCOPE: os.environ/NO}
"""
    found = _load(tmp_path, text, AZURE_API_BASE="https://env.example", AZURE_API_KEY="env-secret", MINE="my-secret")
    for name in ("a", "azure"):
        assert found.get(name) == ProviderSettings(kind="azure", base_url="https://file.example", api_key="my-secret")
    assert "secret" not in repr(found)


def test_files_that_are_included_are_read(tmp_path: Path) -> None:
    """
    Beside the file that names them; lines are those of each file; one that includes itself is an error.
    """
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "more.yaml").write_text(_MODELS)
    text = "include: [sub/more.yaml]\nmodel_list:\n- {model_name: one, litellm_params: {model: openai/x, api_key: k}}\n"
    found = _load(tmp_path, text, AZURE_BASE="https://res.example")
    assert (found.get("one").api_key, found.get("own").api_key) == ("k", "none")
    with pytest.raises(ValueError, match=r"more\.yaml:19: provider 'bedrock'"):
        found.get("bedrock")
    for odd, said in (
        ("include: [config.yaml]", r"config\.yaml:1: .*config\.yaml is included already"),
        ("include: [none.yaml]", r"config\.yaml:1: .*none\.yaml cannot be included: .*correct its path"),
        ("include: 5", r"config\.yaml:1: include must be a list of paths"),
    ):
        with pytest.raises(ValueError, match=said):
            _load(tmp_path, odd)


def test_a_key_of_the_environment_goes_to_no_address_of_the_file(tmp_path: Path) -> None:
    """
    Where an entry has an address and no key it has none, unless it is called as its kind.
    """
    text = "files_settings: [{custom_llm_provider: openai, api_base: 'https://other.example/v1'}]\n"
    text += "model_list: [{model_name: own, litellm_params: {model: openai/x, api_base: 'https://other.example'}}]"
    found = _load(tmp_path, text, OPENAI_API_KEY="of-the-environment")
    assert found.get("own") == ProviderSettings(base_url="https://other.example")
    assert found.get("files-openai") == ProviderSettings(base_url="https://other.example/v1")
    assert found.get("openai") == ProviderSettings(api_key="of-the-environment")


def test_the_first_file_of_the_home_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    AIProviders.json, then config.yaml; one in the working folder, which may be anybody's, is not looked at.
    """
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    environ = {"AIKIT_HOME": str(tmp_path)}
    Path("config.yaml").write_text(_FILES_SETTINGS)
    assert Providers.load(environ).list() == tuple(KINDS)
    (tmp_path / "config.yaml").write_text(_FILES_SETTINGS)
    assert Providers.load(environ).list() == (*KINDS, "gpt-4o")
    (tmp_path / "AIProviders.json").write_text('{"providers": {"mine": {}}}')
    assert Providers.load(environ).list() == (*KINDS, "mine")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "must hold a mapping"),
        ("- a", "must hold a mapping"),
        ("model_list: 5", ":1: model_list must be a list of mappings"),
        ("a: 1\nfiles_settings: [5]", ":2: files_settings must be a list of mappings"),
        ("a: [", ":1 cannot be read as YAML"),
        ("a: 1\nb: 'sk-secret", "cannot be read as YAML"),
        ("a: *sk", "cannot be read as YAML"),
        ("a: !!python/object/apply:os.system ['true']\nb: !!python/name:os.system", "cannot be read as YAML"),
        ("a: !x y", "cannot be read as YAML"),
        ("a: 1\n--- \nb: 2", "cannot be read as YAML"),
        ("\0", "cannot be read as YAML"),
        ("[" * 10_000, ":1 has more, or deeper"),
        ("{a: " * 10_000, ":1 has more, or deeper"),
        ("a: &a [*a]", ":1 has more, or deeper"),
        ("- " * 1_000 + "x", "has more, or deeper"),
        ("\n".join(f"k{number}: 1" for number in range(50_000)), "has more, or deeper"),
        ("a: &a0 [x]\n" + "".join(f"b{n}: &a{n + 1} [{f'*a{n},' * 9}]\n" for n in range(20)), "has more, or deeper"),
        ("a: &a0 {x: 1}\n" + "".join(f"b{n}: &a{n + 1} {{<<: [{f'*a{n},' * 9}]}}\n" for n in range(25)), "has more"),
        ("a: " + "x" * 1_100_000, "has more than 1,048,576 bytes"),
    ],
    ids=lambda text: text[:30],
)
def test_what_is_no_configuration_is_refused_soon(text: str, said: str, tmp_path: Path) -> None:
    """
    With one sentence that quotes no key, without running anything, in little time.
    """
    watch = Stopwatch()
    with pytest.raises(ValueError, match=said) as caught:
        _load(tmp_path, text)
    assert watch.stop() < 10
    assert "sk-secret" not in str(caught.value)


def test_odd_values_are_told_at_their_entry(tmp_path: Path) -> None:
    """
    Days that are none, numbers and lists where text is due.
    """
    text = """
    model_list:
    - {model_name: day, litellm_params: {model: azure/x, api_base: "https://h", api_key: k, api_version: 2024-13-45}}
    - {model_name: number, litellm_params: {model: openai/x, api_key: 123}}
    - {model_name: many, litellm_params: {model: openai/x, api_key: [1]}}
    """
    found = _load(tmp_path, text)
    assert found.get("day").setting("api_version") == "2024-13-45"
    assert found.get("number").api_key == "123"
    with pytest.raises(ValueError, match=r"config\.yaml:5: provider 'many': api_key must be text"):
        found.get("many")


def test_without_the_extra_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The sentence says what to install.
    """
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(ValueError, match=r"pip install 'aikit-client\[yaml\]'"):
        _load(tmp_path, _MODELS)


def test_a_client_is_made_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    As of any other provider.
    """
    path = tmp_path / "lite.YML"
    path.write_text(_MODELS)
    monkeypatch.setenv("AIKIT_PROVIDERS", str(path))
    with OpenAIClient(provider="own") as client:
        provider: Any = client.provider
        assert provider.base_url == "http://127.0.0.1:8000/v1"


def test_servers_without_accounts_are_found_where_litellm_finds_them(tmp_path: Path) -> None:
    """
    Their address and key are those of the entry, or both the environment's; Ollama has its usual address.
    """
    text = """
    model_list:
    - {model_name: told, litellm_params: {model: hosted_vllm/a, api_base: "http://127.0.0.1:1/v1"}}
    - {model_name: untold, litellm_params: {model: hosted_vllm/a}}
    - {model_name: ollama, litellm_params: {model: ollama_chat/a}}
    - {model_name: remote, litellm_params: {model: ollama/a, api_base: "http://box.example:11434/"}}
    - {model_name: llamafile, litellm_params: {model: llamafile/a, api_base: "http://127.0.0.1:8080/v1"}}
    - {model_name: studio, litellm_params: {model: lm_studio/a}}
    """
    found = _load(tmp_path, text, HOSTED_VLLM_API_BASE="http://127.0.0.1:2/v1", HOSTED_VLLM_API_KEY="k")
    assert found.get("told") == ProviderSettings(base_url="http://127.0.0.1:1/v1")
    assert found.get("untold") == ProviderSettings(base_url="http://127.0.0.1:2/v1", api_key="k")
    assert found.get("ollama") == ProviderSettings(base_url="http://localhost:11434/v1")
    assert found.get("remote") == ProviderSettings(base_url="http://box.example:11434/v1")
    assert found.get("llamafile") == ProviderSettings(base_url="http://127.0.0.1:8080/v1")
    with pytest.raises(ValueError, match="lm_studio has no api_base"):
        found.get("studio")


def test_a_key_said_twice_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """
    What is said last counts, as with other readers of YAML, and the line is told; a key must be text.
    """
    path = tmp_path / "config.yaml"
    with caplog.at_level(logging.WARNING):
        found = _load(tmp_path, "files_settings:\n- {custom_llm_provider: openai, api_key: sk-a,\n   api_key: sk-b}\n")
    assert found.get("openai").api_key == "sk-b"
    assert [record.getMessage() for record in caplog.records] == [
        f"{path}:3: 'api_key' is said twice, and what is said last counts"
    ]
    with pytest.raises(ValueError, match=r"config\.yaml:2: a key must be text"):
        _load(tmp_path, "a: b\n? [sk-secret]\n: c\n")


def test_characters_that_yaml_has_not_are_told_with_their_line(tmp_path: Path) -> None:
    """
    A control character in the middle of a file is found by its line, and not shown.
    """
    with pytest.raises(ValueError, match=r"config\.yaml:2 cannot be read as YAML: special characters are not allowed"):
        _load(tmp_path, 'a: b\nc: "\x1b[2Jsk-secret"\n')
