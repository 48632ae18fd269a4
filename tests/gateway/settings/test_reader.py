"""
The settings of the gateway, read from LiteLLM's configuration and the environment.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from aikit.gateway.settings import GatewaySettings, SettingsError, client_of, read_settings

pytest.importorskip("yaml")

_CONFIG = """
files_settings:
  - custom_llm_provider: openai
    api_key: os.environ/KEY_A
  - custom_llm_provider: openai
    api_key: os.environ/KEY_B
  - custom_llm_provider: azure
    api_base: https://res.example
    api_key: sk-azure-secret
model_list:
  - model_name: gpt-4o-batch
    litellm_params:
      model: azure/my-deployment
      api_base: https://res.example
      api_key: sk-azure-secret
    model_info: {id: my-id, mode: batch, input_cost_per_token: 1.5e-07, output_cost_per_token_batches: 3e-7}
  - model_name: llama
    litellm_params: {model: hosted_vllm/meta/llama, api_base: "http://127.0.0.1:8000/v1", api_key: sk-vllm-secret}
general_settings:
  master_key: os.environ/MASTER
  database_url: postgres://me:s3cret@db.example:5432/litellm?schema=llm&connection_limit=5
  max_file_size_mb: 512
  max_batch_file_records: 50000
  allowed_file_extensions: [jsonl, .PDF]
"""
_ENVIRON = {"KEY_A": "sk-a-secret", "KEY_B": "sk-b-secret", "MASTER": "sk-master-secret"}


def read(folder: Path, text: str, host: str | None = None, **environ: str) -> GatewaySettings:
    """
    Return the settings that *text* describes.
    """
    path = folder / "config.yaml"
    path.write_text(text)
    return read_settings(path, environ, home=folder / "home", host=host)


def test_without_a_configuration_the_embedded_provider_is_served(tmp_path: Path) -> None:
    """
    It is the one deployment, no key is needed on loopback, and the database is a file in the home.
    """
    settings = read_settings(None, {"DATABASE_URL": "postgres://of-another/program"}, home=tmp_path, host="127.0.0.1")
    assert [one.name for one in settings.deployments] == [settings.default] == ["local"]
    assert (settings.master_key, settings.database_url) == (None, f"sqlite:///{tmp_path}/gateway.db")
    assert settings.warnings == ("DATABASE_URL is not used without a configuration; name it there as database_url",)
    with client_of(settings) as client:
        file = client.files.create(b"%PDF-", "user_data", {"provider": "local"}).file
        assert file is not None
        assert client.files.retrieve(file.id).file == file


def test_entries_are_deployments_with_names_of_their_own(tmp_path: Path) -> None:
    """
    Several accounts of one kind are kept, with the models, addresses and prices of each.
    """
    settings = read(tmp_path, _CONFIG, **_ENVIRON)
    first, second, azure, batch, llama = settings.deployments
    assert first.name != second.name
    assert settings.deployment("openai") is settings.of_provider("openai") is first
    assert settings.default == first.name
    assert (azure.name, azure.provider, azure.api_base, azure.models) == ("azure", "azure", "https://res.example", {})
    assert (batch.model_id, batch.models) == ("my-id", {"gpt-4o-batch": "my-deployment"})
    assert settings.of_model("gpt-4o-batch") is batch
    assert settings.of_model("unknown") is None
    assert str(batch.prices["my-deployment"]["input"]) == "0.15"
    assert {name: str(price) for name, price in batch.prices["gpt-4o-batch"]["batch"].items()} == {
        "input": "0.075",
        "output": "0.3",
    }
    assert (llama.runs_lines, llama.api_base) == (True, "http://127.0.0.1:8000/v1")
    assert llama.models == {"llama": "meta/llama"}
    assert not any(one.runs_lines for one in settings.deployments[:4])


def test_one_client_reaches_every_account_with_its_own_key(tmp_path: Path) -> None:
    """
    Each deployment is a provider of the client; those that run lines have a home of their own.
    """
    settings = read(tmp_path, _CONFIG, **_ENVIRON)
    names = [one.name for one in settings.deployments]
    with client_of(settings, max_workers=2) as client:
        found = [client.providers.get(name) for name in names]
        assert [one.api_key for one in found] == [
            "sk-a-secret",
            "sk-b-secret",
            "sk-azure-secret",
            "sk-azure-secret",
            "sk-vllm-secret",
        ]
        assert found[4].kind == "local"
        assert found[4].home is not None
        assert found[4].home.parent == tmp_path / "home" / "gateway-runs"
        assert client.files.list({"provider": "llama+lines"}).files == ()
        assert found[4].home.is_dir()


def test_general_settings_are_read(tmp_path: Path) -> None:
    """
    Sizes become bytes, extensions have their dot, and Prisma's address of a database becomes SQLAlchemy's.
    """
    settings = read(tmp_path, _CONFIG, **_ENVIRON)
    assert settings.master_key == "sk-master-secret"
    assert settings.database_url == "postgresql+psycopg://me:s3cret@db.example:5432/litellm?options=-csearch_path%3Dllm"
    assert settings.max_file_size_bytes == 512 * 1024 * 1024
    assert settings.max_batch_file_records == 50_000
    assert settings.allowed_file_extensions == (".jsonl", ".pdf")
    assert settings.warnings == ()


def test_keys_are_not_shown(tmp_path: Path) -> None:
    """
    Neither keys nor the password of the database are in what the settings look like when they are printed.
    """
    shown = repr(read(tmp_path, _CONFIG, **_ENVIRON))
    assert "secret" not in shown
    assert "s3cret" not in shown


def test_a_problem_has_the_line_of_its_key(tmp_path: Path) -> None:
    """
    In an entry of many lines, the one that is wrong is named, also in what it has from a credential.
    """
    text = """
model_list:
  - model_name: a
    litellm_params:
      model: openai/a
      api_key: os.environ/NOT_SET
      api_base: os.environ/NOT_SET_EITHER
  - model_name: b
    litellm_params:
      model: vertex_ai/b
      vertex_project: p-123456
    model_info:
      mode: batch
  - model_name: c
    litellm_params: {model: azure/c, litellm_credential_name: mine}
  - model_name: d
    litellm_params: {model: azure/d, litellm_credential_name: other}
credential_list:
  - credential_name: mine
    credential_values:
      api_base: [https://res.example]
"""
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, text)
    path = tmp_path / "config.yaml"
    assert [problem.removeprefix(f"{path}:") for problem in caught.value.problems] == [
        "6: 'a': api_key is os.environ/NOT_SET, and that variable is not set; set it",
        "7: 'a': api_base is os.environ/NOT_SET_EITHER, and that variable is not set; set it",
        "21: 'c': api_base must be text",
        "17: 'd': litellm_credential_name is 'other', which is none of credential_list; add it there",
        "8: provider 'b' has no bucket; add it there",
    ]


def test_a_name_stays_with_its_account_when_entries_change_places(tmp_path: Path) -> None:
    """
    Files and batches are remembered by the names of deployments, so these do not depend on the order.
    """
    one = "- {custom_llm_provider: openai, api_key: os.environ/KEY_A}\n"
    other = "- {custom_llm_provider: openai, api_key: os.environ/KEY_B}\n"
    before = read(tmp_path, f"files_settings:\n{one}{other}", **_ENVIRON)
    after = read(tmp_path, f"files_settings:\n{other}{one}", **_ENVIRON)
    alone = read(tmp_path, f"files_settings:\n{other}", **_ENVIRON)
    names = [deployment.name for deployment in before.deployments]
    assert [deployment.name for deployment in after.deployments] == names[::-1]
    assert alone.deployment(names[1]) is alone.deployment("openai") is alone.deployments[0]
    assert after.deployment("openai") is after.deployments[0]


def test_everything_wrong_is_told_at_once(tmp_path: Path) -> None:
    """
    Each problem has its line, and none hides another.
    """
    text = """
files_settings:
  - {custom_llm_provider: openai, api_key: os.environ/NOT_SET}
  - {custom_llm_provider: azure, api_base: "no address", api_key: x}
  - {api_key: sk-secret}
model_list:
  - {model_name: a, litellm_params: {model: hosted_vllm/llama}}
  - {model_name: b, litellm_params: {model: openai/gpt}, model_info: {input_cost_per_token: -1}}
general_settings:
  master_key: os.environ/NOT_SET
  max_file_size_mb: much
  max_batch_file_records: 0
  max_file_downloads_per_minute: 1.5
  database_url: mysql://root:s3cret@host/db
"""
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, text, OPENAI_API_KEY="sk-env")
    path = tmp_path / "config.yaml"
    lines = [problem.removeprefix(f"{path}:").partition(":")[0] for problem in caught.value.problems]
    assert sorted(lines, key=int) == ["3", "4", "5", "7", "8", "10", "11", "12", "13", "14"]
    assert "s3cret" not in str(caught.value)
    assert "sk-" not in str(caught.value)


@pytest.mark.parametrize("key", ["", "master_key: sk-1234", "master_key: ''"])
def test_a_key_that_everybody_knows_is_for_loopback_only(tmp_path: Path, key: str) -> None:
    """
    With an empty or publicly known master key nothing is listened to but loopback, unless that is asked for.
    """
    text = f"general_settings: {{{key}}}\n"
    for host in ("127.0.0.1", "127.9.9.9", "::1", "localhost", "[::1]"):
        read(tmp_path, text, host)
    for host in ("0.0.0.0", "::", "10.0.0.1", "example.org", ""):  # noqa: S104  what is refused
        with pytest.raises(SettingsError, match="LITELLM_MASTER_KEY"):
            read(tmp_path, text, host)
    danger = "dangerously_permit_weak_or_unset_master_key: true"
    read(tmp_path, f"general_settings: {{{', '.join(filter(None, (key, danger)))}}}\n", "10.0.0.1")
    read(tmp_path, text, "10.0.0.1", LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY="True")
    if not key:
        read(tmp_path, text, "10.0.0.1", LITELLM_MASTER_KEY="sk-of-one-person")


def test_what_is_not_heeded_is_told_by_name_and_line(tmp_path: Path) -> None:
    """
    Keys of all sections, prices of another kind, and accounts of providers that there are not; servers need no key.
    """
    text = """
general_settings: {store_model_in_db: true}
litellm_settings: {callbacks: [prometheus], request_timeout: 30, num_retries: 0}
router_settings: {routing_strategy: simple-shuffle}
model_list:
  - {model_name: claude, litellm_params: {model: anthropic/claude, api_key: k}}
  - {model_name: priced, litellm_params: {model: openai/x, input_cost_per_second: 1, odd: 1}}
  - {model_name: ollama, litellm_params: {model: ollama/x}}
  - {model_name: single, litellm_params: {model: vertex_ai/gemini-2.5-flash, vertex_project: p-123456}}
  - {model_name: identity, litellm_params: {model: azure/x, api_base: "https://res.example", tenant_id: other}}
"""
    settings = read(tmp_path, text)
    path = tmp_path / "config.yaml"
    told = [warning.removeprefix(f"{path}:").split("; supported")[0].split(": an ")[0] for warning in settings.warnings]
    assert told == [
        "7: model 'priced' has the unknown key 'odd', which is ignored",
        "6: 'claude': LiteLLM's provider 'anthropic' is not supported",
        "9: 'single': it has no gcs_bucket_name, which files and batches need; the entry is left out",
        "10: 'identity': tenant_id is not supported",
        "7: 'priced' has no api_key; give it one, or set OPENAI_API_KEY",
        "7: 'priced': input_cost_per_second is not used by this gateway",
        "2: general_settings.store_model_in_db is not used by this gateway",
        "3: litellm_settings.callbacks is not used by this gateway",
        "4: router_settings is not used by this gateway",
    ]
    with client_of(settings) as client:
        assert (client.defaults.timeout, client.defaults.max_retries) == (30.0, 0)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgres://u:p@h:5432/d", "postgresql+psycopg://u:p@h:5432/d"),
        ("postgresql://u:p@h/d?sslmode=require&pgbouncer=true", "postgresql+psycopg://u:p@h/d?sslmode=require"),
        ("postgresql+psycopg://h/d", "postgresql+psycopg://h/d"),
        ("sqlite:////var/lib/gateway.db", "sqlite:////var/lib/gateway.db"),
        ("mysql://u:hidden@h/d", None),
        ("postgresql://u:hidden@h", None),
        ("hidden", None),
        ("file:hidden.db", None),
        ("", None),
    ],
)
def test_addresses_of_databases_are_sqlalchemys(tmp_path: Path, url: str, expected: str | None) -> None:
    """
    LiteLLM's spellings lead to psycopg, without what is Prisma's; others are refused without being quoted.
    """
    text = f"general_settings: {{database_url: '{url}'}}"
    if expected is None:
        with pytest.raises(SettingsError, match=r"config\.yaml:1: general_settings\.database_url must be") as caught:
            read(tmp_path, text)
        assert "hidden" not in str(caught.value)
    else:
        assert read(tmp_path, text).database_url == expected
        assert read(tmp_path, "general_settings: {}", DATABASE_URL=url).database_url == expected


def test_included_files_are_read_with_their_own_lines(tmp_path: Path) -> None:
    """
    Lists become longer by those of the included file, other sections are its own, and problems name it.
    """
    (tmp_path / "models.yaml").write_text(
        "model_list:\n- {model_name: b, litellm_params: {model: openai/b}}\ngeneral_settings: {max_file_size_mb: x}\n"
    )
    text = "include: [models.yaml]\nmodel_list:\n- {model_name: a, litellm_params: {model: openai/a}}\n"
    with pytest.raises(SettingsError, match=r"models\.yaml:3: general_settings\.max_file_size_mb must be a number"):
        read(tmp_path, text)
    (tmp_path / "models.yaml").write_text("model_list:\n- {model_name: b, litellm_params: {model: openai/b}}\n")
    assert [one.name for one in read(tmp_path, text).deployments] == ["a", "b"]


def test_names_of_models_may_have_a_star(tmp_path: Path) -> None:
    """
    It stands for the same text in the provider's name; an exact name comes first.
    """
    text = """
model_list:
  - {model_name: "gemini/*", litellm_params: {model: "gemini/*", api_key: k}}
  - {model_name: gemini/own, litellm_params: {model: openai/x, api_key: k}}
"""
    settings = read(tmp_path, text)
    found = settings.of_model("gemini/gemini-2.5-flash")
    assert found is not None
    assert (found.provider, found.model_for("gemini/gemini-2.5-flash")) == ("gemini", "gemini-2.5-flash")
    own = settings.of_model("gemini/own")
    assert own is not None
    assert own.provider == "openai"
    assert settings.of_model("gemini") is None


def test_an_account_of_files_settings_may_have_a_name(tmp_path: Path) -> None:
    """
    Programs then name it as its provider; the first of a provider is found by that one's name, too.
    """
    text = """
files_settings:
  - {custom_llm_provider: openai, account: eu, api_key: k, api_base: "https://eu.api.openai.com/v1"}
  - {custom_llm_provider: openai, account: us, api_key: k}
"""
    settings = read(tmp_path, text)
    assert [one.name for one in settings.deployments] == ["eu", "us"]
    assert settings.of_provider("openai") is settings.deployment("eu")
    assert settings.providers.get("us") != settings.providers.get("eu")
    assert settings.warnings == ()
    with pytest.raises(SettingsError, match=r"config\.yaml:2: 'openai': account must be a name"):
        read(tmp_path, "files_settings:\n- {custom_llm_provider: openai, account: a/b}\n")
