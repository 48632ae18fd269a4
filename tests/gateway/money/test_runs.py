"""
Batches of servers that have none: the gateway runs their lines itself, and nobody can tell.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.batch_house import ADMIN, House, house, lines
from tests.gateway.upstream import Upstream, upstream

_CONFIG = """
model_list:
  - model_name: llama
    litellm_params:
      model: hosted_vllm/meta/llama
      api_base: {url}
    model_info:
      input_cost_per_token: 0.001
      output_cost_per_token: 0.002
"""


@pytest.fixture
def server() -> Iterator[Upstream]:
    """A server that answers chat completions."""
    with upstream() as provider:
        yield provider


def _chats(server: Upstream) -> int:
    return sum(path == "/v1/chat/completions" for _, path in server.asked)


def _opened(server: Upstream, home: Path, **options: Any) -> Any:
    return house(home, _CONFIG.format(url=server.url), **options)


def _account(home: House) -> str:
    (deployment,) = home.gateway.settings.deployments
    assert deployment.runs_lines
    return deployment.name


def test_lines_are_answered_and_cost_what_the_entry_says(server: Upstream, tmp_path: Path) -> None:
    """
    At the full price, since nothing is cheaper in a batch of single requests; the object is one of OpenAI's.
    """
    with _opened(server, tmp_path) as home:
        client = home.key()
        file_id = home.file(lines(5, model="meta/llama"), client, account=_account(home))
        created = home.create(file_id, client)
        assert created.status == 200
        home.poll(lambda: home.row(created.json["id"]).is_booked)
        over = client.get(f"/v1/batches/{created.json['id']}")
        assert over.json["request_counts"] == {"total": 5, "completed": 5, "failed": 0}
        assert home.row(over.json["id"]).cost == 5 * (10 * Decimal("0.001") + 5 * Decimal("0.002"))
        assert _chats(server) == 5
        for text in (server.url, "upstream", "local"):
            assert text not in over.body.decode()
        assert set(over.json) - set(created.json) <= {"usage", "model"}


def test_a_restart_goes_on_with_the_lines_that_are_missing(server: Upstream, tmp_path: Path) -> None:
    """
    Nobody has to ask for the batch, and no line that was answered is asked again.
    """
    limit = 7
    server.refuses = lambda _, path: None if "chat" not in path or _chats(server) <= limit else 503
    with _opened(server, tmp_path) as home:
        file_id = home.file(lines(20, model="meta/llama"), account=_account(home))
        batch_id = home.create(file_id).json["id"]
        home.poll(lambda: _chats(server) > limit + 3)
        assert not home.row(batch_id).is_booked
    server.refuses = lambda *_: None
    answered = _chats(server)
    with _opened(server, tmp_path) as home:
        home.gateway.registry.batches.update(batch_id, next_poll_at=home.gateway.clock() + 1e6)
        home.poll(lambda: home.row(batch_id).is_booked)
        over = home.admin.get(f"/v1/batches/{batch_id}").json
        assert over["request_counts"] == {"total": 20, "completed": 20, "failed": 0}
        assert _chats(server) - answered == 20 - limit
        output = home.gateway.registry.files.get(over["output_file_id"], ADMIN)
        assert output is not None
        content = home.gateway.client.files.content(output.upstream_id, {"provider": output.deployment}).throw().content
        assert len({json.loads(line)["custom_id"] for line in (content or b"").splitlines()}) == 20


def test_a_cancelled_batch_keeps_what_was_answered(server: Upstream, tmp_path: Path) -> None:
    """
    It belongs to its owner, who pays for that much.
    """
    server.refuses = lambda _, path: None if "chat" not in path or _chats(server) <= 3 else 503
    with _opened(server, tmp_path) as home:
        client = home.key(alias="team")
        file_id = home.file(lines(8, model="meta/llama"), client, account=_account(home))
        batch_id = home.create(file_id, client).json["id"]
        home.poll(lambda: _chats(server) > 6)
        assert client.post(f"/v1/batches/{batch_id}/cancel").status == 200
        home.poll(lambda: home.row(batch_id).is_booked)
        over = client.get(f"/v1/batches/{batch_id}").json
        assert (over["status"], over["request_counts"]["completed"]) == ("cancelled", 3)
        assert over["output_file_id"] is not None
        key = home.gateway.registry.keys.find("team")
        assert key is not None
        assert key.spend == 3 * Decimal("0.02")
