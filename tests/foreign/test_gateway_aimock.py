"""
The gateway before a foreign server, which is OpenAI at one address and Azure at another.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aikit.gateway.state import Gateway
from tests.foreign.aimock import Aimock
from tests.gateway.asgi import Asgi
from tests.gateway.gateways import lines, master_of, opened, row_of, upload

pytestmark = pytest.mark.foreign


@pytest.fixture
def gateway(aimock: Aimock, tmp_path: Path) -> Iterator[Gateway]:
    """A gateway whose accounts are those of the server."""
    config = f"""
files_settings:
  - {{custom_llm_provider: openai, api_base: "{aimock.base_url}", api_key: sk-of-a-test}}
  - {{custom_llm_provider: azure, api_base: "{aimock.address}/openai/v1", api_key: of-a-test}}
"""
    with opened(tmp_path, config) as opened_gateway:
        yield opened_gateway


@pytest.mark.parametrize("provider", ["openai", "azure"])
def test_a_batch_goes_there_and_its_answers_come_back(gateway: Gateway, provider: str) -> None:
    """
    The provider is named once; afterwards an id is enough, and none of the server's ids is seen.
    """
    client = master_of(gateway)
    sent = lines("gpt-4o-mini", "gpt-4o-mini")
    file_id = upload(client, sent, "a.jsonl", "batch", target=f"/{provider}/v1/files").json["id"]
    row = row_of(gateway, file_id)
    assert gateway.settings.deployment(row.deployment).provider == provider
    batch = _created(client, file_id)
    ended = _ended(client, batch["id"])
    assert (ended["status"], ended["request_counts"]["completed"]) == ("completed", 2)
    answers = client.get(f"/v1/files/{ended['output_file_id']}/content").body.splitlines()
    assert sorted(json.loads(line)["custom_id"] for line in answers) == ["r-0", "r-1"]
    assert client.get(f"/v1/files/{file_id}/content").body == sent
    told = json.dumps([batch, ended, client.get("/v1/files").json])
    assert row.upstream_id not in told
    assert client.delete(f"/v1/files/{file_id}").json["deleted"]
    assert client.get(f"/v1/files/{file_id}").status == 404


def _created(client: Asgi, file_id: str) -> dict[str, Any]:
    order = {"input_file_id": file_id, "endpoint": "/v1/chat/completions", "completion_window": "24h"}
    answer = client.post("/v1/batches", order)
    assert answer.status == 200, answer.body
    created: dict[str, Any] = answer.json
    return created


def _ended(client: Asgi, batch_id: str) -> dict[str, Any]:
    for _ in range(200):
        batch: dict[str, Any] = client.get(f"/v1/batches/{batch_id}").json
        if batch["status"] in {"completed", "failed"}:
            return batch
        time.sleep(0.1)
    raise AssertionError(batch)
