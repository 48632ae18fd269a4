"""
The lines of a run that no batch has yet, for whoever wants to know what they would cost.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from aikit.resources.batches.rows.folder import unusable
from aikit.resources.batches.run.plan import Fingerprint
from aikit.resources.batches.run.results import input_of
from aikit.resources.batches.run.state import Part, RunState
from aikit.types.errors import Rejected

if TYPE_CHECKING:
    from aikit.resources.batches.run.client import Client


@contextmanager
def unsent(client: Client, state: RunState, mark: Fingerprint) -> Iterator[Path]:
    """
    Yield a file of the lines for which a batch is still to be created: of a part that had one, what that left undone.

    Args:
        client: Whose provider tells what was left undone.

        state: The run.

        mark: Of its input.

    Raises:
        Rejected: The results of a batch cannot be had.
        OpenAIError: There is no room for the file (code ``"temporary_storage"``).
    """
    parts = [part for part in state.parts if not part.is_submitted]
    with tempfile.TemporaryDirectory(prefix="aikit-") as folder:
        path = Path(folder) / "unsent.jsonl"
        try:
            with path.open("wb") as file:
                for part in parts:
                    _add(client, part, state, mark, file)
        except OSError as error:
            raise unusable(path.parent, error) from error
        yield path


def _add(client: Client, part: Part, state: RunState, mark: Fingerprint, file: BinaryIO) -> None:
    if len(part.attempts) < 2:
        with Path(part.path).open("rb") as lines:
            shutil.copyfileobj(lines, file)
        file.write(b"\n")  # the last line may have no end
        return
    options = {"with_lineage": True} | input_of(part, state, mark)
    with client.batches.results(part.attempts[-2].batch_id or "", options) as result:
        if result.errors:
            raise Rejected(result.errors)
        for row in result:
            if not row.is_ok:
                file.write(row.input_line + b"\n")
