"""
Work that waits for its turn, and what goes up and down; for the windows among the examples, which show it.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from in_words import duration, size

from aikit import Progress

AT_ONCE = 50


class InTurn:
    """
    Work of which only so much is under way at once.
    """

    def __init__(self, most: int, changed: Callable[[], object]) -> None:
        self.most, self.changed = most, changed
        self.waiting: deque[Callable[[], None]] = deque()
        self.running = 0
        self.is_going_on = False

    def add(self, begin: Callable[[], None]) -> None:
        """
        Call *begin* when it is its turn; it, or what it began, calls `ended` once.
        """
        self.waiting.append(begin)
        self.go_on()

    def ended(self) -> None:
        """
        Give the turn to what waits.
        """
        self.running -= 1
        self.go_on()

    def clear(self) -> None:
        """
        Begin nothing of what waits.
        """
        self.waiting.clear()
        self.changed()

    def go_on(self) -> None:
        """
        Begin what there is room for; what ends while it begins has its room taken here, not one inside the other.
        """
        if self.is_going_on:
            return
        self.is_going_on = True
        try:
            while self.waiting and self.running < self.most:
                self.running += 1
                self.waiting.popleft()()
        finally:
            self.is_going_on = False
        self.changed()


class Line(Protocol):
    """
    What the window shows of one transfer: a name, a bar, a text, and a button that stops it or clears it away.
    """

    def show_progress(self, share: float, text: str) -> None:
        """Move the bar, and tell how far it is."""
        ...

    def succeed(self) -> None:
        """Tell that it is done, and go away after a moment."""
        ...

    def fail(self, why: str) -> None:
        """Tell why it went wrong, until the user has read it."""
        ...

    def remove(self) -> None:
        """Go away, if it is still there."""
        ...


class Transfers:
    """
    What goes up and down. More than so many wait for their turn, and what failed keeps no turn from them.

    No widget can be as high as ten thousand lines: of what failed, too, only so many are shown until they are cleared.
    """

    def __init__(self, place: Callable[[str, Callable[[], None]], Line], say: Callable[[str], object]) -> None:
        self.place, self.say = place, say
        self.turns = InTurn(AT_ONCE, self.tell)
        self.running: list[Transfer] = []
        self.failed: list[Transfer] = []
        self.unshown: deque[Transfer] = deque()

    def add(
        self,
        name: str,
        call: Callable[..., Any],
        options: dict[str, Any],
        then: Callable[[Any], object] = lambda _: None,
    ) -> None:
        """
        Make *call* with *options* when it is its turn; *then* gets the result when it went well.
        """
        self.turns.add(partial(self.begin, Transfer(self, name, call, then), options))

    def begin(self, transfer: Transfer, options: dict[str, Any]) -> None:
        """
        Place a line, and make its call.
        """
        self.running.append(transfer)
        transfer.place()
        transfer.start(options)

    def ended(self, transfer: Transfer, why: str) -> None:
        """
        Let others have the turn; a line that says *why* stays, unless there are too many of them.
        """
        self.running.remove(transfer)
        transfer.why = why
        if why and len(self.failed) < AT_ONCE:
            self.failed.append(transfer)
            transfer.line.fail(why)
        elif why:
            self.unshown.append(transfer)
            transfer.line.remove()
        elif self.turns.waiting:
            transfer.line.remove()
        else:
            transfer.line.succeed()
        self.turns.ended()

    def clear(self, transfer: Transfer) -> None:
        """
        Clear away a line that failed; another one that did takes its place.
        """
        self.failed.remove(transfer)
        transfer.line.remove()
        if self.unshown:
            other = self.unshown.popleft()
            self.failed.append(other)
            other.place()
            other.line.fail(other.why)
        self.tell()

    def tell(self) -> None:
        """
        Say what has no line.
        """
        waiting, failed = len(self.turns.waiting), len(self.unshown)
        texts = [f"{waiting:,} more wait for their turn"] if waiting else []
        texts += [f"{failed:,} more failed"] if failed else []
        self.say("  ·  ".join(texts))

    def cancel(self) -> None:
        """
        Cancel what is running or waits; if there is no such thing, clear away what went wrong.
        """
        is_any = bool(self.running or self.turns.waiting)
        self.turns.clear()
        for transfer in list(self.running):
            transfer.stop()
        if not is_any:
            self.unshown.clear()
            for transfer in list(self.failed):
                self.clear(transfer)


class Transfer:
    """
    A file on its way up or down.
    """

    line: Line

    def __init__(
        self, all_of_them: Transfers, name: str, call: Callable[..., Any], then: Callable[[Any], object]
    ) -> None:
        self.all, self.name, self.call, self.then = all_of_them, name, call, then
        self.running: Any = None
        self.why, self.phase, self.began = "", "", 0.0

    def place(self) -> None:
        """
        Have a line.
        """
        self.line = self.all.place(self.name, self.stop)

    def start(self, options: dict[str, Any]) -> None:
        """
        Make the call; what is wrong with its arguments is told in the line as well.
        """
        try:
            self.running = self.call(**options, on_progress=self.show, on_terminate=self.end)
        except (TypeError, ValueError) as error:
            self.all.ended(self, str(error))

    def show(self, progress: Progress) -> None:
        """
        Move the bar.
        """
        now = time.monotonic()
        if progress.phase != self.phase:
            self.phase, self.began = progress.phase, now
        words = [size(progress.bytes) + (f" of {size(progress.total)}" if progress.total else "")]
        if progress.phase == "checking":
            words.insert(0, "checking")
        elif progress.bytes == progress.total:
            words.append("finishing")
        elif now - self.began > 1:
            speed = progress.bytes / (now - self.began)
            words.append(f"{size(speed)}/s")
            if progress.total and speed:
                words.append(f"{duration((progress.total - progress.bytes) / speed)} left")
        self.line.show_progress(progress.fraction or 0.0, "  ·  ".join(words))

    def end(self, result: Any) -> None:
        """
        Go away after success; else stay, and tell why.
        """
        self.running = None
        more = f" (and {len(result.errors) - 1} more)" if len(result.errors) > 1 else ""
        self.all.ended(self, f"{result.errors[0]}{more}" if result.errors else "")
        if result.success:
            self.then(result)

    def stop(self) -> None:
        """
        Cancel it if it is running, else clear it away.
        """
        if self.running is not None:
            self.running.cancel()
        elif self.why:
            self.all.clear(self)
