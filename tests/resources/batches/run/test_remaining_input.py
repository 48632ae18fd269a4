"""
The lines of a run that no batch has yet.
"""

from __future__ import annotations

from pathlib import Path

from aikit.client import OpenAIClient
from aikit.resources.batches.fetch import Answers
from aikit.resources.batches.run.costs import copy_remaining
from aikit.resources.batches.run.folder import RunFolder
from aikit.resources.batches.run.joining import AskedLines
from aikit.resources.batches.run.plan import fingerprint, plan
from aikit.resources.batches.run.state import RunOrder, RunState
from tests.resources.batches.run.flows import carried_out
from tests.resources.batches.run.test_plan import lines


def test_lines_without_a_batch_are_those_that_are_sent(tmp_path: Path) -> None:
    """
    First all of them, also without an end of the last; then none; then what was left undone, byte for byte.
    """
    body = {"model": "n", "messages": [{"role": "user", "content": "x"}], "temperature": 9}
    content = lines({}, {"body": body}, {}).rstrip()
    path = tmp_path / "in.jsonl"
    path.write_bytes(content)
    asked, folder = AskedLines(path, fingerprint(path, lambda _: None)), RunFolder.of(tmp_path)
    with OpenAIClient(provider="local", home=tmp_path) as client:

        def remaining(state: RunState) -> bytes:
            place, answers = tmp_path / "rest", Answers(tmp_path)
            carried_out(
                client,
                lambda provider, context: copy_remaining(provider, state, asked, place, context, answers=answers),
            )
            return place.read_bytes()

        order = RunOrder(provider=client.provider.identity, input=str(path), sha256="", size_bytes=1)
        parts = plan(path, client.provider.limits, folder.parts_of(order.key), lambda _: None)
        state = RunState(order=order, created_at=0, parts=parts)
        assert sorted(remaining(state).split()) == sorted(content.split())
        run = client.batches.run(path, tmp_path / "out.jsonl", poll_interval=0.02).unwrap()
        ended = folder.load(run.key)
        assert ended is not None
        assert remaining(ended) == b""
        assert remaining(ended.with_part(ended.parts[1].intending("intent"))).splitlines() == [content.splitlines()[1]]
