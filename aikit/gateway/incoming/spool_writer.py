"""
A file that is written to the spool and checked in blocks, while the next ones come.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any, Final

import attrs

from aikit.gateway.incoming.line_check import FileRules, LineCheck
from aikit.gateway.incoming.line_facts import LineFacts
from aikit.gateway.incoming.spool import Spool, SpoolFile

_BLOCK_BYTES: Final = 256 * 1024


@attrs.define(eq=False)
class SpoolWriter:
    """
    What comes of one file: at most two blocks of it are in memory.

    Attributes:
        received: Bytes so far.

        facts: What the lines ask for, once all are checked.
    """

    # A request may end while a thread works for it: the lock guards what threads use.

    _spool: Spool
    _rules: FileRules | None
    received: int = 0
    facts: LineFacts | None = None
    _block: list[bytes] = attrs.field(factory=list)
    _held: int = 0
    _job: asyncio.Future[Any] | None = None
    _is_over: bool = False
    _lock: Any = attrs.field(factory=threading.Lock)
    _file: SpoolFile = attrs.field(init=False)
    _check: LineCheck | None = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._file = self._spool.new_file()
        self._check = None if self._rules is None else LineCheck(self._rules, self._spool)

    async def take(self, piece: bytes) -> None:
        """
        Add *piece*; wait while the block before the one that it fills is not written yet.

        Raises:
            OpenAIError: The disk is full, or a bound of the lines is exceeded.
        """
        self._block.append(piece)
        self._held += len(piece)
        self.received += len(piece)
        if self._held >= _BLOCK_BYTES:
            await self._begin(self._write, self._taken())

    async def finish(self, rules: FileRules | None) -> SpoolFile:
        """
        Return the file, whole and, if *rules* are given, checked by them; what was to be renamed, is.

        Raises:
            OpenAIError: It is refused, with all its problems; or the disk is full.
        """
        await self._begin(self._write, self._taken())
        if rules is not None and (self._check is None or self._check.rules != rules):
            await self._check_again(rules)
        await self._begin(self._close if rules is None else self._finish)
        await self._settle()
        return self._file

    def discard(self) -> None:
        """
        Leave nothing of the file, as soon as no thread works on it.
        """
        self._is_over = True
        if self._job is not None:
            self._job.add_done_callback(lambda job: job.cancelled() or job.exception())
            self._job.cancel()
        self._spool.run_later(self._discard)

    def _taken(self) -> list[bytes]:
        block, self._block, self._held = self._block, [], 0
        return block

    async def _begin(self, work: Callable[..., None], *arguments: object) -> None:
        """
        Begin *work* on a thread, when what was begun before is done.
        """
        await self._settle()
        self._job = self._spool.run(self._locked, work, *arguments)

    async def _settle(self) -> None:
        if self._job is not None:
            await self._job
            self._job = None

    def _locked(self, work: Callable[..., None], *arguments: object) -> None:
        with self._lock:
            if not self._is_over:
                work(*arguments)

    def _write(self, pieces: list[bytes]) -> None:
        block = b"".join(pieces)
        self._file.write(block)
        if self._check is not None:
            self._check.feed(block)

    async def _check_again(self, rules: FileRules) -> None:
        """
        Check the file from the disk: when it came, what it must obey was not known, or has changed since.
        """
        await self._begin(self._start_again, rules)
        for start in range(0, self.received, _BLOCK_BYTES):
            await self._begin(self._feed_from, start)

    def _start_again(self, rules: FileRules) -> None:
        if self._check is not None:
            self._check.close()
        self._check = LineCheck(rules, self._spool)

    def _feed_from(self, start: int) -> None:
        if self._check is not None:
            self._check.feed(self._file.read(start, _BLOCK_BYTES))

    def _close(self) -> None:
        self._file.close()

    def _finish(self) -> None:
        check = self._check
        self._file.close()
        if check is None:
            return
        check.finish()
        renamed = check.result()
        self.facts = check.facts
        if renamed is not None:
            self._file.remove()
            self._file = renamed

    def _discard(self) -> None:
        with self._lock:
            self._file.remove()
            if self._check is not None:
                self._check.close()
