"""
Ten thousand batches at once.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

_PROGRAM = "tests.gateway.money.many_batches"
_CONFIG = """
model_list:
  - model_name: one
    litellm_params: {{model: openai/gpt-4o-mini, api_base: "http://127.0.0.1:{port}/v1", api_key: sk-upstream}}
    model_info: {{mode: batch}}
"""


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc")
def test_ten_thousand_batches_are_looked_after_on_the_side(tmp_path: Path) -> None:
    """
    In little memory, and with a small share of a processor; measured were 63 MiB and a ninth.
    """
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    command = [sys.executable, "-m", "tests.gateway.money.steady_provider"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as provider:
        try:
            assert provider.stdout is not None
            port = provider.stdout.readline().strip()
            (home / "config.yaml").write_text(_CONFIG.format(port=port), "utf-8")
            subprocess.run([sys.executable, "-m", _PROGRAM, "fill", str(home)], check=True)
            run = [sys.executable, "-m", _PROGRAM, "measure", str(home)]
            found = json.loads(subprocess.run(run, check=True, capture_output=True, text=True).stdout)
        finally:
            provider.kill()
    assert found["asked"] >= 1_000  # in 35 s; each is asked for within five minutes
    assert found["mib"] <= 100
    assert found["share"] <= 0.4
