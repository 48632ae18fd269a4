"""
A gateway as a program: it starts, says where, reads its configuration anew, and ends.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import attrs
import pytest

from aikit.gateway.running import reload
from aikit.gateway.settings import GatewaySettings, SettingsError, read_settings
from aikit.gateway.state import Gateway
from tests.scripted_server import serving, silent

pytest.importorskip("yaml")

_ROOT = Path(__file__).parents[2]
_ONE = "model_list:\n- {model_name: one, litellm_params: {model: openai/x, api_key: sk-hidden}}\n"
_OTHER = "model_list:\n- {model_name: other, litellm_params: {model: openai/y, api_key: sk-hidden}}\n"


@attrs.define
class _Program:
    """
    A gateway that runs.
    """

    process: subprocess.Popen[str]
    url: str
    log: Path

    def models(self) -> list[str]:
        """
        Return the names of the models that it serves.
        """
        with urllib.request.urlopen(f"{self.url}/models", timeout=30) as answer:  # noqa: S310  of this machine
            return [one["id"] for one in json.load(answer)["data"]]

    def wait_for(self, words: str) -> str:
        """
        Wait until *words* stand in the log, and return it.
        """
        for _ in range(600):
            text = self.log.read_text()
            if words in text:
                return text
            time.sleep(0.05)
        raise AssertionError(f"{words!r} is not in {text}")


@contextmanager
def _started(folder: Path, *arguments: str | Path) -> Iterator[_Program]:
    words = [sys.executable, "-m", "aikit", "gateway", "--port", "0", "--home", folder / "home", "-q", *arguments]
    environ = {**os.environ, "PYTHONPATH": str(_ROOT)}
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=log, text=True, env=environ, cwd=folder)
    try:
        out: IO[Any] | None = process.stdout
        assert out is not None
        line = out.readline().strip()
        yield _Program(process, f"{line}/v1", folder / "log")
    finally:
        process.kill()
        process.communicate()


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="there are no such signals there")
def test_a_configuration_is_read_anew_unless_it_is_wrong(tmp_path: Path) -> None:
    """
    SIGHUP: what is wrong goes to the log with its line, and the accounts stay; what is right is served; SIGTERM ends.
    """
    config = tmp_path / "config.yaml"
    config.write_text(_ONE)
    with _started(tmp_path, "--config", config) as program:
        assert program.models() == ["one"]
        config.write_text("general_settings: {max_file_size_mb: much}\n")
        program.process.send_signal(signal.SIGHUP)
        log = program.wait_for("the one before goes on")
        assert f"{config}:1: general_settings.max_file_size_mb must be a number of MB" in log
        assert program.models() == ["one"]
        config.write_text(_OTHER)
        program.process.send_signal(signal.SIGHUP)
        program.wait_for("was read anew: 1 accounts")
        assert program.models() == ["other"]
        program.process.send_signal(signal.SIGTERM)
        assert program.process.wait(60) == 0
        assert "hidden" not in program.log.read_text()


@pytest.mark.slow
def test_what_cannot_start_says_why_in_sentences(tmp_path: Path) -> None:
    """
    A port that is taken, a known key at an address for all, no configuration there, and no database there.
    """
    config = tmp_path / "config.yaml"
    config.write_text("general_settings: {master_key: sk-1234}\n")
    with _started(tmp_path, "--config", config, "--host", "0.0.0.0") as program:  # noqa: S104  what is refused
        assert program.process.wait(60) == 2
        assert program.wait_for("publicly known").count("\n") == 1
    with _started(tmp_path, "--config", tmp_path / "none.yaml") as program:
        assert program.process.wait(60) == 2
        assert program.wait_for("none.yaml cannot be read: No such file")
    config.write_text("general_settings: {database_url: 'postgresql://u:hidden@127.0.0.1:1/d'}\n")
    with _started(tmp_path, "--config", config) as program:
        assert program.process.wait(60) == 1
        log = program.wait_for("cannot be used")
        assert log.startswith("error: the database postgresql+psycopg://u:***@127.0.0.1:1/d")
        assert "bug" not in log
    with _started(tmp_path, "--host", "[::1]") as program:
        assert program.url.startswith("http://[::1]:") or "Cannot assign" in program.log.read_text()
    with _started(tmp_path) as program:
        port = program.url.rpartition(":")[2].removesuffix("/v1")
        with _started(tmp_path, "--port", port) as second:
            assert second.process.wait(60) == 1
            assert second.wait_for("Address already in use").startswith("error: ")


@pytest.mark.slow
def test_a_request_that_does_not_end_in_time_is_told_so(tmp_path: Path) -> None:
    """
    A provider says nothing; after --drain-timeout the request has an answer in OpenAI's shape, and the program ends.
    """
    config = tmp_path / "config.yaml"
    part = 'Content-Disposition: form-data; name="'
    body = f'--b\r\n{part}purpose"\r\n\r\nuser_data\r\n--b\r\n{part}file"; filename="a.pdf"\r\n\r\n%PDF-\r\n--b--\r\n'
    with serving(silent()) as provider:
        config.write_text(
            f"files_settings: [{{custom_llm_provider: openai, account: a, api_base: '{provider.url}', api_key: k}}]\n"
        )
        with _started(tmp_path, "-c", config, "--drain-timeout", "1") as program:
            connection = http.client.HTTPConnection(program.url.split("/")[2], timeout=60)
            connection.request("POST", "/v1/files", body, {"Content-Type": "multipart/form-data; boundary=b"})
            while not provider.received:
                time.sleep(0.05)
            program.process.send_signal(signal.SIGTERM)
            answer = connection.getresponse()
            assert (answer.status, answer.headers["retry-after"]) == (503, "5")
            assert json.loads(answer.read())["error"]["code"] == "gateway_stopped"
            assert program.process.wait(60) == 0
            assert "Traceback" not in program.log.read_text()


def _settings(folder: Path, text: str) -> GatewaySettings:
    path = folder / "config.yaml"
    path.write_text(text)
    return read_settings(path, {}, home=folder / "home")


def test_settings_are_taken_with_a_new_client_only_when_accounts_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Limits change beside running calls; other accounts come with another client, and the old one ends its calls.
    """
    monkeypatch.setattr("aikit.gateway.running._GRACE_S", 0.0)
    gateway = Gateway.open(_settings(tmp_path, _ONE))
    try:
        client, database = gateway.client, gateway.settings.database_url
        limited = _ONE + "general_settings: {max_file_size_mb: 1, database_url: 'sqlite:////elsewhere.db'}\n"
        reload(gateway, lambda: _settings(tmp_path, limited))
        assert gateway.client is client
        assert (gateway.settings.max_file_size_bytes, gateway.settings.database_url) == (1024 * 1024, database)
        reload(gateway, lambda: _settings(tmp_path, _OTHER))
        assert gateway.client is not client
        assert gateway.client.providers.get("other").api_key == "sk-hidden"
        with pytest.raises(RuntimeError, match="closed"):
            client.files.list()

        def wrong() -> GatewaySettings:
            raise SettingsError(("config.yaml:1: is wrong",))

        before = gateway.settings
        reload(gateway, wrong)
        assert gateway.settings is before
    finally:
        gateway.close()


@pytest.mark.slow
def test_it_misbehaves_as_a_file_says(tmp_path: Path) -> None:
    """
    A program on any SDK meets the fault, and then none.
    """
    faults = tmp_path / "faults.yaml"
    faults.write_text("calls: [{method: GET, path: /models, status: 418}]\n")
    with _started(tmp_path, "--faults", faults) as program:
        with pytest.raises(urllib.error.HTTPError, match="418"):
            program.models()
        assert program.models() == []


@pytest.mark.slow
def test_faults_that_cannot_be_read_stop_the_start(tmp_path: Path) -> None:
    """
    Told by file and line, before anything is listened on.
    """
    faults = tmp_path / "faults.yaml"
    faults.write_text("calls: [{statsu: 418}]\n")
    words = [sys.executable, "-m", "aikit", "gateway", "--port", "0", "--home", str(tmp_path), "--faults", str(faults)]
    environ = {**os.environ, "PYTHONPATH": str(_ROOT)}
    ran = subprocess.run(words, capture_output=True, text=True, env=environ, cwd=tmp_path, timeout=60, check=False)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "faults.yaml:1: 'statsu' is no part of a fault; did you mean" in ran.stderr


def test_the_newest_settings_come_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    While one signal's configuration is still being read, another signal waits, and no client is forgotten.
    """
    monkeypatch.setattr("aikit.gateway.running._GRACE_S", 0.0)
    gateway = Gateway.open(_settings(tmp_path, _ONE))
    is_read, may_end = threading.Event(), threading.Event()

    def slowly() -> GatewaySettings:
        settings = _settings(tmp_path, _OTHER)
        is_read.set()
        may_end.wait(20)
        return settings

    try:
        first = threading.Thread(target=reload, args=(gateway, slowly))
        first.start()
        assert is_read.wait(20)
        third = _ONE.replace("one", "third")
        second = threading.Thread(target=reload, args=(gateway, lambda: _settings(tmp_path, third)))
        second.start()
        may_end.set()
        for thread in (first, second):
            thread.join(20)
        assert [one.name for one in gateway.settings.deployments] == ["third"]
        assert gateway.client.providers.list()[-1] == "third"
    finally:
        gateway.close()
