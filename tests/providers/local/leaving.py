"""
Begins a batch and ends, in the way named by the second argument; run as a program.

Prints the batch's id, and at its very end how many lines were answered.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import time

from aikit import OpenAIBatchResult, OpenAIClient
from aikit.providers.local.model import BuiltInModel
from tests.providers.local.embedded_batches import ENDPOINT, input_of

_model = BuiltInModel.answer
_takes_s = [0.02]
_answered = [0]


def slowly(model, task, context):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201  a replacement
    """
    Take a while for each line.
    """
    time.sleep(_takes_s[0])
    _answered[0] += 1
    return _model(model, task, context)


def tell(result: OpenAIBatchResult) -> None:
    """
    Print how the batch ended.
    """
    sys.stdout.write(f"{result.batch and result.batch.status}\n")


def main(home: str, way: str) -> None:
    """
    Begin, and end.
    """
    atexit.register(lambda: sys.stdout.write(f"{_answered[0]}\n"))
    BuiltInModel.answer = slowly  # type: ignore[method-assign]
    client = OpenAIClient(provider="local", home=home)
    file = client.files.create(input_of(80), "batch").throw().file
    assert file is not None
    batch = client.batches.create(file.id, ENDPOINT).throw().batch
    assert batch is not None
    sys.stdout.write(f"{batch.id}\n")
    sys.stdout.flush()
    while not client.batches.retrieve(batch.id).throw().batch.request_counts.completed:  # type: ignore[union-attr]
        time.sleep(0.02)
    if way == "close":
        client.close()
    elif way == "exit":
        sys.exit(3)
    elif way == "interrupt":
        _takes_s[0] = 30.0
        time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(30)
    elif way == "raise":
        raise ValueError("the program failed")
    elif way == "wait":
        client.batches.wait(batch.id, {"poll_interval": 0.05, "on_terminate": tell})
    elif way == "fork":
        child = os.fork()
        if child:
            os.kill(os.getpid(), 9)
        tell(client.batches.wait(batch.id, {"poll_interval": 0.05}))


if __name__ == "__main__":
    main(*sys.argv[1:])
