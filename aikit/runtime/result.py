"""
What a caller gets: a result that is a handle while the call runs and an answer when it has terminated.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, Self, TypeVar, overload

import attrs

from aikit.http.messages import Request, Response
from aikit.runtime.call_state import CallState, Outcome, wake
from aikit.types.errors import OpenAIError
from aikit.types.interruptions import LONGEST_WAIT_S
from aikit.types.json_form import as_json
from aikit.types.page import Page
from aikit.types.rate_limit import RateLimit, rate_limit_of

T = TypeVar("T")

_LOOK_S: Final = 0.1  # how often a worker that waits for a call looks whether the call needs a thread
_LONGEST: Final = 300  # characters of one thing that `repr` shows
_LONGEST_FIELD: Final = 60
_NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})


@attrs.define(eq=False, slots=True, repr=False)
class OpenAIResult(Generic[T]):
    """
    The result of a call.

    While ``terminated`` is false it is the handle of a running call: `wait` for it, `cancel` it, or ``await`` it.
    It is true where ``success`` is, so never while it runs.
    """

    _carried: ClassVar[tuple[str, ...]] = ()  # attributes that `repr` and `to_dict` tell

    _state: CallState = attrs.field(factory=CallState)

    def __repr__(self) -> str:
        """What came of the call, cut to a few lines, and no content."""
        return f"{type(self).__name__}({', '.join(f'{key}={value}' for key, value in self._shown())})"

    def __bool__(self) -> bool:
        return self.success

    if not TYPE_CHECKING:  # which would take any name then

        def __getattr__(self, name: str) -> Any:
            hint = "" if name.startswith("_") or not self.terminated else self._hint_for(name)
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}{hint}")

    def _hint_for(self, name: str) -> str:
        """
        Return the end of a message about an attribute that is missing, where what the call is about has it or failed.
        """
        if self.errors:
            return f"; the call failed: {_cut(str(self.errors[0]))}"
        about: Any = self._unwrapped()
        is_there = about is not self and hasattr(about, name)
        return f"; unwrap() gives the {type(about).__name__}, which has it" if is_there else ""

    def _shown(self) -> Iterator[tuple[str, Any]]:
        yield "terminated", self.terminated
        if self.terminated:
            yield "success", self.success
        for name in self._carried:
            if value := getattr(self, name):
                yield name, _shortened(value)
        if self.errors:
            told = [f"{error.code}: {error}" if error.code else str(error) for error in self.errors[:3]]
            yield "errors", [_cut(one) for one in told]
        if more := self.errors[3:]:
            yield "more_errors", len(more)

    def to_dict(self) -> dict[str, Any]:
        """
        Return the result as JSON: what it carries, without contents, headers and other requests' secrets; and errors.
        """
        told = {"success": self.success, "terminated": self.terminated}
        told |= {name: as_json(getattr(self, name)) for name in self._carried}
        return told | {"errors": as_json(self.errors), "notes": list(self.notes)}

    @property
    def terminated(self) -> bool:
        """Whether the call is over; what it carries does not change any more."""
        return self._state.is_terminated

    @property
    def _outcome(self) -> Outcome:
        return self._state.outcome

    @property
    def success(self) -> bool:
        """Whether the call is over without any problem."""
        return self.terminated and not self._outcome.errors

    @property
    def errors(self) -> tuple[OpenAIError, ...]:
        """All problems; empty after success and while running."""
        return self._outcome.errors

    @property
    def request(self) -> Request | None:
        """The last request; ``None`` while running and when nothing was sent."""
        return self._outcome.request

    @property
    def response(self) -> Response | None:
        """The last answer; ``None`` while running and when none came."""
        return self._outcome.response

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes beside the answer, such as that an interrupted upload was resumed, or can be."""
        return self._outcome.notes

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers of the last answer, found in any spelling."""
        return self.response.headers if self.response is not None else _NO_HEADERS

    @property
    def rate_limit(self) -> RateLimit:
        """What the provider lets through."""
        return rate_limit_of(self.response.told_headers if self.response is not None else _NO_HEADERS)

    @property
    def usage(self) -> Any:
        """What the answer says it cost; ``None`` for most calls."""
        return _usage(self.response)

    def throw(self) -> Self:
        """
        Raise the first error, with notes of the others; return the result if there is none.
        """
        if not self.errors:
            return self
        first, others = self.errors[0], self.errors[1:]
        if others and not getattr(first, "__notes__", None):
            for other in others:
                first.add_note(f"also: {other}")
        raise first

    def unwrap(self) -> T:
        """
        Return what the call is about, such as the file that was made; never ``None``.

        Raises:
            OpenAIError: The call failed; the first error, with notes of the others.
            RuntimeError: The call is still running.
        """
        if not self.terminated:
            raise RuntimeError("the call is still running; wait() for it, await it, or unwrap it in its callback")
        return self.throw()._unwrapped()  # noqa: SLF001  itself

    def _unwrapped(self) -> T:
        return self._outcome.value  # type: ignore[no-any-return]  # the flow's type

    def _finished(self) -> Self:
        """
        Wait for the call; return the result.

        Raises:
            RuntimeError: It cannot be waited for here, in its own *on_progress*.
        """
        if not self.wait() or not self.terminated:
            raise RuntimeError("the call is still under way and cannot be waited for here; use it in its callback")
        return self

    def wait(self, timeout: float | None = None) -> bool:
        """
        Wait until the call is over and its callbacks ran or were handed to the dispatcher.

        Args:
            timeout: Seconds; ``None`` waits as long as it takes.

        Returns:
            Whether it is over. Inside the call's own callbacks it is; inside its *on_progress* it never can be, so
            this returns at once. Inside callbacks of other calls its own callbacks are not waited for: they may wait
            for this one.
        """
        state, handle = self._state, self._state.handle
        if state.delivering == threading.get_ident():
            return True
        if handle is not None and handle.is_driven_here():
            return self.terminated
        if (before_wait := state.before_wait) is not None and timeout != 0 and not self.terminated:
            before_wait(self)
        until = None if timeout is None else time.monotonic() + timeout
        while handle is not None and not self.terminated and handle.run_if_idle(until):
            if state.wait_for_delivery(until, _LOOK_S) or (until is not None and time.monotonic() >= until):
                return self.terminated
        if handle is not None and self.terminated and handle.run_if_idle(until):
            return True
        while not state.wait_for_delivery(until, LONGEST_WAIT_S):
            if until is not None and time.monotonic() >= until:
                return False
        return True

    def cancel(self, *, keep: bool = False) -> bool:
        """
        Ask a running call to stop; its result then has an error with code ``"cancelled"``.

        Args:
            keep: ``True`` leaves what has arrived of a file in parts at the provider: within the hour, the same call
                goes on with it.

        Returns:
            Whether there was still something to stop.
        """
        handle = self._state.handle
        if self.terminated or handle is None:
            return False
        handle.cancel(keep=keep)
        return True

    def pause(self) -> bool:
        """
        Let no bytes of a running call move until `resume`; return whether it was running.

        A provider that hears nothing for long hangs up; what was under way is then sent or asked for again.
        """
        return self._set_paused(is_on=True)

    def resume(self) -> bool:
        """
        Let the bytes of a running call move again; return whether it was running.
        """
        return self._set_paused(is_on=False)

    def _set_paused(self, *, is_on: bool) -> bool:
        handle = self._state.handle
        if self.terminated or handle is None:
            return False
        handle.pause(is_on=is_on)
        return True

    def __await__(self) -> Generator[Any, None, Self]:
        import asyncio  # noqa: PLC0415  only those who await pay for it

        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        self._state.notify(partial(wake, loop, future))
        try:
            yield from future
        except asyncio.CancelledError:
            self.cancel()
            raise
        return self

    def __getstate__(self) -> tuple[bool, Outcome]:
        if not self.terminated:
            raise TypeError("the result of a running call cannot be pickled or copied; wait() for it first")
        return self.terminated, self._outcome

    def __setstate__(self, state: tuple[bool, Outcome]) -> None:
        type(self).__init__(self, CallState(None, state[1], is_terminated=True, is_delivered=True))


@attrs.define(eq=False, slots=True, repr=False, getstate_setstate=False)  # pickled as its parent says
class OpenAIListResult(OpenAIResult[tuple[T, ...]]):
    """
    The result of a call that lists: one page, or all pages in one.

    Iterating it, its length and its items by number wait for a call that is under way, and raise the first error of one
    that failed.
    """

    _next: Callable[[str | None], Any] | None = attrs.field(default=None, kw_only=True)

    @property
    def _page(self) -> Page[T]:
        return self._outcome.value or Page(())

    @property
    def first_id(self) -> str | None:
        """Id of the first item."""
        return self._page.first_id

    @property
    def last_id(self) -> str | None:
        """Id of the last item."""
        return self._page.last_id

    @property
    def has_more(self) -> bool:
        """Whether there are more items after *last_id*."""
        return self._page.has_more

    def _unwrapped(self) -> tuple[T, ...]:
        return self._page.items

    def __iter__(self) -> Iterator[T]:
        return iter(self._finished().unwrap())

    def __len__(self) -> int:
        return len(self._finished().unwrap())

    @overload
    def __getitem__(self, number: int) -> T: ...
    @overload
    def __getitem__(self, number: slice) -> tuple[T, ...]: ...
    def __getitem__(self, number: int | slice) -> T | tuple[T, ...]:
        return self._finished().unwrap()[number]

    def next_page(self) -> Self:
        """
        Ask for the page after this one, with the same parameters.

        Raises:
            ValueError: There is none; see ``has_more``.
        """
        if not self.has_more:
            raise ValueError("there is no next page: has_more is false")
        if self._next is None:
            raise ValueError("a result that was pickled has no client; list with after=result.last_id")
        following: Self = self._next(self.last_id)
        return following


def _cut(text: str, longest: int = _LONGEST) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _shortened(value: Any) -> str:
    """
    Return *value* for a person: of many the first three, and of each what it has.
    """
    if isinstance(value, Sequence) and not isinstance(value, str):
        more = f", and {len(value) - 3:,} more" if len(value) > 3 else ""
        return f"[{', '.join(map(_shortened, value[:3]))}{more}]"
    if not attrs.has(type(value)):
        return _cut(repr(value))
    fields = {field.name: getattr(value, field.name) for field in attrs.fields(type(value)) if field.repr}
    told = (f"{name}={_cut(repr(one), _LONGEST_FIELD)}" for name, one in fields.items() if _is_telling(name, one))
    return _cut(f"{type(value).__name__}({', '.join(told)})")


def _is_telling(name: str, value: Any) -> bool:
    return name != "object" and (isinstance(value, int) or bool(value))


def _usage(response: Response | None) -> Any:
    """
    Return ``usage`` of a JSON object; what merely holds the word, such as the lines of a batch's output, has none.
    """
    if response is None or b'"usage"' not in response.body[:100_000]:
        return None
    try:
        answer = response.json()
    except OpenAIError:
        return None
    return answer.get("usage") if isinstance(answer, dict) else None
