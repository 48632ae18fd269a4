"""
``aikit batch run`` at a resource: killed again and again, it pays for one batch.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.azure_server import KEY, VERSION, resource_here
from tests.providers.killed_runs import run_killed

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("ending", ["/openai/v1", f"?api-version={VERSION}"])
def test_a_run_that_is_killed_ten_times_pays_once(tmp_path: Path, ending: str) -> None:
    """
    At any moment of its upload, its creation and its wait; the last is left in peace and has all rows.
    """
    with resource_here(looks=3) as resource:
        environment = {
            "AZURE_OPENAI_ENDPOINT": resource.url + ending,
            "AZURE_OPENAI_API_KEY": KEY,
            "AIKIT_PROVIDER": "azure",
        }
        run_killed(tmp_path, "mine", environment, resource.asked)
    assert len(resource.batches) == 1
