"""
Servers are asked whether they have files, and so batches, of their own.
"""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

from aikit.gateway.settings import GatewaySettings, read_settings
from aikit.gateway.settings.probing import probed
from tests.scripted_server import Exchange, Step, answer, serving, silent

pytest.importorskip("yaml")

_PAGE = b'{"object": "list", "data": [], "has_more": false}'


def _read(folder: Path, provider: str, address: str, info: str = "{}") -> GatewaySettings:
    path = folder / "config.yaml"
    params = f"{{model: {provider}/m, api_base: '{address}', api_key: k}}"
    path.write_text(f"model_list:\n- {{model_name: llama, litellm_params: {params}, model_info: {info}}}\n")
    return read_settings(path, {}, home=folder / "home")


@pytest.mark.parametrize("provider", ["hosted_vllm", "openai"])
@pytest.mark.parametrize(
    ("step", "runs_lines"),
    [
        (answer(200, _PAGE), False),
        (answer(404, b'{"detail": "Not Found"}'), True),
        (answer(405, b""), False),
        (answer(501, b""), True),
        (answer(200, b'{"error": "Unexpected endpoint"}'), True),
        (answer(401, b"{}"), False),
        (answer(500, b"{}"), False),
    ],
)
def test_a_server_without_files_has_its_lines_run_here(
    tmp_path: Path, provider: str, step: Step, *, runs_lines: bool
) -> None:
    """
    What it answers to a request for a page of files decides, and both forms go on to be known by their names.
    """
    with serving(step) as server:
        before = _read(tmp_path, provider, server.url)
        after = probed(before)
        assert {one.path for one in server.received} == {"/v1/files?limit=1", "/v1/batches?limit=1"}
    assert [one.runs_lines for one in after.deployments] == [runs_lines]
    assert after.of_model("llama") is after.deployments[0]
    for settings in (before, after):
        assert settings.deployment(after.deployments[0].name) == after.deployments[0]
        assert not settings.deployment("llama").runs_lines
        assert settings.deployment("llama+lines").runs_lines
        assert settings.providers.get(after.deployments[0].name).is_embedded == runs_lines


def _only_batches(exchange: Exchange) -> None:
    is_there = exchange.request_head()[1].startswith("/v1/batches")
    answer(200 if is_there else 404, _PAGE if is_there else b"{}")(exchange)


def test_a_server_that_lists_only_its_batches_has_them(tmp_path: Path) -> None:
    """
    Some servers take files and do not list them; their batches are their own.
    """
    with serving(_only_batches) as server:
        for provider in ("hosted_vllm", "openai"):
            assert not probed(_read(tmp_path, provider, server.url)).deployments[0].runs_lines


def test_a_server_that_does_not_answer_is_what_its_provider_usually_is(tmp_path: Path) -> None:
    """
    Nothing listens, or nothing is said: two seconds are waited at most, for all of them together.
    """
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        assert probed(_read(tmp_path, "hosted_vllm", address)).deployments[0].runs_lines
        assert not probed(_read(tmp_path, "openai", address)).deployments[0].runs_lines
    with serving(silent()) as server:
        started = time.monotonic()
        assert probed(_read(tmp_path, "hosted_vllm", server.url)).deployments[0].runs_lines
        assert time.monotonic() - started < 20


def test_nobody_is_asked_who_need_not_be(tmp_path: Path) -> None:
    """
    Neither entries with the mode batch, nor OpenAI itself, nor those of other kinds.
    """
    told = _read(tmp_path, "hosted_vllm", "http://127.0.0.1:1/v1", "{mode: batch}")
    assert (told.unsure, told.deployments[0].runs_lines) == (frozenset(), False)
    assert told.deployment("llama+lines").runs_lines  # as it was before the mode was told
    assert _read(tmp_path, "openai", "https://api.openai.com/v1").others == {}
    assert _read(tmp_path, "openai", "https://eu.api.openai.com/v1").others == {}
    settings = _read(tmp_path, "azure", "https://res.example")
    assert probed(settings) is settings
