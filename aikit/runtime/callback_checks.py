"""
What may be a callback, and what type checkers know of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, Literal, Protocol, TypeVar

if TYPE_CHECKING:
    import attrs

WAY_OUT: Final = 'make the client with dispatcher="asyncio", in the thread of the loop, or pass a plain function'

Callback = Callable[[Any], object]
"""Gets the very result that the call returned, its progress, or an event of the ledger."""

ResultT = TypeVar("ResultT")
ProgressT = TypeVar("ProgressT")


if TYPE_CHECKING:

    @attrs.define(kw_only=True, slots=False)
    class CallbacksOf(Generic[ResultT, ProgressT]):
        """
        A base of parameters that tells type checkers which result callbacks get, and *on_progress* which progress.
        """

        _is_common: ClassVar[Literal[False]] = False
        on_response: Callable[[ResultT], object] | None = None
        on_error: Callable[[ResultT], object] | None = None
        on_terminate: Callable[[ResultT], object] | None = None
        on_progress: Callable[[ProgressT], object] | None = None

    class CommonParameters(Protocol):
        """
        `OpenAIParameters`, or a class of the caller's below it: none with options that only another call has.
        """

        _is_common: ClassVar[Literal[True]]

else:

    class CallbacksOf(Generic[ResultT, ProgressT]):  # noqa: D101  see above
        __slots__ = ()


def require_callback(name: str, value: Any) -> None:
    """
    Check a callback, or that there is none.

    Raises:
        TypeError: It cannot be called, or its code would not run if it were.
    """
    if value is None:
        return
    if not callable(value):
        raise TypeError(f"{name} must be callable, not {type(value).__name__}")
    if _is_made_by(isgeneratorfunction, value) or _is_made_by(isasyncgenfunction, value):
        raise TypeError(f"{name} is a generator function, whose code would not run; pass one without yield")


def require_plain(name: str, value: Any, way_out: str = WAY_OUT) -> None:
    """
    Check a callback that is called where nothing can await; *way_out* says what to do instead.

    Raises:
        TypeError: It is an async function.
    """
    if value is not None and _is_made_by(iscoroutinefunction, value):
        raise TypeError(f"{name} is an async function, which nothing would await here; {way_out}")


def _is_made_by(is_kind: Callable[[Any], bool], callback: Any) -> bool:
    """
    Return whether *callback* is a function of that kind, a partial or method of one, or an object whose call is one.
    """
    while isinstance(callback, partial):
        callback = callback.func
    return is_kind(callback) or is_kind(type(callback).__call__)


def checked_hooks(hooks: Any, *, is_kept: bool, can_await: bool) -> tuple[Callback, ...]:
    """
    Return the hooks of a ledger as a tuple.

    Raises:
        TypeError: *hooks* are no callables, or async ones where nothing can await.
        ValueError: There are hooks, and no ledger.
    """
    if isinstance(hooks, str) or not isinstance(hooks, Iterable):
        raise TypeError(f"hooks must be a list of callables, not {type(hooks).__name__}")
    checked = tuple(hooks)
    for hook in checked:
        if not callable(hook):
            raise TypeError(f"hooks must be a list of callables; {hook!r} is none")
        require_callback(f"hook {hook!r}", hook)
        if not can_await:
            require_plain(f"hook {hook!r}", hook)
    if checked and not is_kept:
        raise ValueError("hooks need the ledger, which decides who calls them; leave out ledger=False, or the hooks")
    return checked
