"""
``aikit gateway check``: what is read of a configuration, what is not heeded, and what is wrong.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Here

pytest.importorskip("yaml")

_GOOD = """
files_settings:
  - {custom_llm_provider: openai, api_key: os.environ/MY_KEY}
model_list:
  - model_name: llama
    litellm_params: {model: hosted_vllm/meta/llama, api_base: "http://127.0.0.1:8000/v1", api_key: sk-hidden}
general_settings:
  master_key: sk-1234
  database_url: postgresql://me:pw-hidden@db.example/aikit?password=pw-hidden
  max_file_size_mb: 1
  alerting: [slack]
"""
_BAD = """
files_settings:
  - {custom_llm_provider: openai, api_key: os.environ/NOT_SET}
general_settings:
  max_file_size_mb: much
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """
    The path of a configuration, and a variable with a key.
    """
    monkeypatch.setenv("MY_KEY", "sk-hidden-too")
    return tmp_path / "config.yaml"


def test_check_prints_deployments_and_what_is_not_heeded(aikit: Here, config: Path) -> None:
    """
    A line for each deployment, notes with lines for the rest, and nothing of any key or password.
    """
    config.write_text(_GOOD)
    ran = aikit("gateway", "check", config)
    assert ran.code == 0
    assert ran.fields == [
        ["openai", "openai", "-", "https://api.openai.com/v1", "its own", "yes"],
        ["llama+lines", "hosted_vllm", "llama = meta/llama", "http://127.0.0.1:8000/v1", "run by the gateway", "-"],
    ]
    assert f"note: {config}:11: general_settings.alerting is not used by this gateway" in ran.err
    assert "note: good for this machine alone: the master key is one that is publicly known" in ran.err
    as_json = aikit("gateway", "check", config, "--json")
    assert as_json.json["general"] == {
        "database": "postgresql db.example/aikit",
        "master_key": "set",
        "max_file_size_bytes": 1024 * 1024,
    }
    assert [one["name"] for one in as_json.json["deployments"]] == ["openai", "llama+lines"]
    assert "hidden" not in ran.out + ran.err + as_json.out + as_json.err
    assert aikit("gateway", "check", config, "-q").out == "openai\nllama+lines\n"


def test_check_tells_all_that_is_wrong(aikit: Here, config: Path) -> None:
    """
    Each problem is a line of its own with file and line, and the exit code says that nothing would start.
    """
    config.write_text(_BAD)
    ran = aikit("gateway", "check", config)
    assert (ran.code, ran.out) == (3, "")
    assert [line.partition(": ")[2].partition(": ")[0] for line in ran.err.splitlines()] == [
        f"{config}:3",
        f"{config}:5",
    ]
    assert len(aikit("gateway", "check", config, "--json").json["problems"]) == 2
    missing = aikit("gateway", "check", config.with_name("none.yaml"))
    assert missing.code == 3
    assert "none.yaml cannot be read: No such file or directory; correct its path" in missing.err
