"""
The lines of a run that no batch has yet.
"""

from __future__ import annotations

from pathlib import Path

from aikit.client import OpenAIClient
from aikit.resources.batches.run.costs import remaining_input
from aikit.resources.batches.run.folder import RunFolder
from aikit.resources.batches.run.plan import fingerprint, plan
from aikit.resources.batches.run.state import RunOrder, RunState
from aikit.resources.batches.run.steps import Listener, run_all
from tests.resources.batches.run.test_plan import lines


def test_lines_without_a_batch_are_those_that_are_sent(tmp_path: Path) -> None:
    """
    First all of them, also without an end of the last; then none; then what was left undone, byte for byte.
    """
    body = {"model": "n", "messages": [{"role": "user", "content": "x"}], "temperature": 9}
    content = lines({}, {"body": body}, {}).rstrip()
    path = tmp_path / "in.jsonl"
    path.write_bytes(content)
    mark, folder = fingerprint(path, lambda _: None), RunFolder.of(tmp_path)
    with OpenAIClient(provider="local", home=tmp_path) as client:
        order = RunOrder(provider=client.provider.identity, input=str(path), sha256=mark.sha256, size_bytes=1)
        parts = plan(path, client.provider.limits, folder.parts_of(order.key), lambda _: None)
        state = RunState(order=order, created_at=0, parts=parts)
        with remaining_input(client, state, mark) as found:
            assert sorted(found.read_bytes().split()) == sorted(content.split())
        state = run_all(client, state, Listener(on_state=folder.save), {"poll_interval": 0.02})
        with remaining_input(client, state, mark) as found:
            assert found.read_bytes() == b""
        with remaining_input(client, state.with_part(state.parts[1].intending("intent")), mark) as found:
            assert found.read_bytes().splitlines() == [content.splitlines()[1]]
        assert not found.exists()
