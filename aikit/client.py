"""
The client: the three APIs of one provider, and what they share.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Literal, Self

from aikit.providers.config import ProviderSettings
from aikit.providers.kinds import KINDS, OPENAI
from aikit.resources import apis
from aikit.resources.session import Session
from aikit.runtime.callback_checks import require_plain
from aikit.runtime.parameters import OpenAIParameters
from aikit.types.suggestions import did_you_mean, nearest

if TYPE_CHECKING:
    from aikit.billing.ledger import Ledger
    from aikit.billing.recorder import Hook
    from aikit.dispatch import Dispatcher
    from aikit.providers import Provider
    from aikit.providers.config.providers import Providers
    from aikit.resources.batches import BatchesAPI
    from aikit.resources.files import FilesAPI
    from aikit.resources.uploads import UploadsAPI

    MadeOnce = functools.cached_property
else:

    class MadeOnce(functools.cached_property):
        """
        A property that is made once, also when threads ask for it at once, which Python's own is not since 3.12.
        """

        def __get__(self, client: OpenAIClient | None, owner: type | None = None) -> Any:
            return self if client is None else vars(client).setdefault(self.attrname, self.func(client))


_APIS: Final = ("files", "uploads", "batches")
_ALIKE: Final = 0.8  # "timeot", and not the "team" of a program


class OpenAIClient:
    """
    A client of one provider's API; one serves many threads.

    Used as a context manager, it finishes what is pending when the block ends. It cannot be pickled. A client made
    before a fork may be used in the child: it starts anew.
    """

    # The arguments are 4D AIKit's in Python spelling: https://developer.4d.com/docs/aikit/openai (read 2026-11-21)

    def __init__(
        self,
        api_key: str | Callable[[], str] | None = None,
        *,
        provider: str | None = None,
        base_url: str | None = None,
        organization: str | None = None,
        project: str | None = None,
        timeout: float = 600.0,
        max_retries: int = 2,
        custom_headers: Mapping[str, str] | None = None,
        http_agent: Any = None,
        max_workers: int = 6,
        dispatcher: Dispatcher | Literal["immediate", "queue", "asyncio", "qt", "wx"] | None = None,
        home: str | os.PathLike[str] | None = None,
        concurrency: int | None = None,
        prices: Mapping[str, Any] | None = None,
        ledger: bool = True,
        hooks: Iterable[Hook] = (),
        bandwidth: float | None = None,
        providers: Providers | None = None,
    ) -> None:
        """
        Make a client; nothing is sent and nothing is opened yet.

        Args:
            api_key: Without it, that of the named provider, or ``OPENAI_API_KEY``; ``""`` sends none. A callable that
                returns one is asked before each request, in the thread that sends it: tokens of an identity end.

            provider: Name from the provider file, ``"azure"``, ``"vertex"``, ``"gemini"``, or ``"local"`` for the
                embedded one.

            base_url: Address of an OpenAI-format API; else ``OPENAI_BASE_URL``, else OpenAI's. With
                ``provider="azure"`` the endpoint of the resource; else ``AZURE_OPENAI_ENDPOINT``.

            organization: Else ``OPENAI_ORG_ID``.

            project: Else ``OPENAI_PROJECT_ID``; with ``provider="vertex"`` the one of Google Cloud, else
                ``GOOGLE_CLOUD_PROJECT``.

            timeout: Seconds without a byte after which an attempt fails.

            max_retries: Tries after the first.

            custom_headers: Sent with every request; win over built-in ones.

            http_agent: A ``requests`` adapter to send with; it stays the caller's to close.

            max_workers: Calls with callbacks that are under way at once; waiting ones do not count. With the timer and
                the main thread, six make eight threads. While contents go up or down, there is one more for what is
                short, such as a list, unless *max_workers* is 1.

            dispatcher: Where callbacks run: ``"immediate"`` (the client's threads), ``"queue"`` (in `pump`),
                ``"asyncio"`` (the running loop), ``"qt"``, ``"wx"``, or one of `aikit.dispatch`.

            home: Folder of the embedded provider, the ledger, ``prices.json`` and ``AIProviders.json``; else
                ``AIKIT_HOME``, else ``~/.aikit``, which is not looked at where *home* is given.

            concurrency: Lines of batches that the embedded provider has answered at once, 16 unless told. With
                *base_url* they are answered there, with *api_key* and *custom_headers*; without, by a built-in model.

            prices: Model → US dollars per million tokens, ``{"input": 0.15, "output": 0.6}`` and more, see
                `aikit.billing.price_overrides`; they win over ``prices.json``, which wins over the price list.

            ledger: ``False`` books nothing of what becomes of batches.

            hooks: Called with each `OpenAIBatchEvent` that this client books, in the thread that books it; what async
                ones return is awaited in the loop of the asyncio dispatcher, without which they are refused.

            bandwidth: Bytes a second that all calls together may send, and as many that they may fetch; at least
                1,024. Without it, as many as the line takes.

            providers: The configured providers, where a program has them from elsewhere than a provider file; a home
                that one of them has is its own.

        Raises:
            TypeError: An argument has the wrong type.
            ValueError: An argument cannot be used, or no such provider is configured.
            RuntimeError: The dispatcher is ``"asyncio"``, and no loop is running; or a toolkit's, without application.
            ModuleNotFoundError: The dispatcher is that of a toolkit that is not installed.
        """
        require_plain("api_key", api_key, "pass a plain function that returns the token")
        given = ProviderSettings(
            kind=provider if provider is not None and provider in KINDS else OPENAI,
            api_key="" if callable(api_key) else api_key,
            token=api_key if callable(api_key) else None,
            base_url=base_url,
            organization=organization,
            project=project,
            custom_headers=custom_headers,
            home=Path(home) if home is not None else None,
            concurrency=concurrency,
        )
        self._session = Session(
            given,
            provider,
            timeout=timeout,
            max_retries=max_retries,
            http_agent=http_agent,
            max_workers=max_workers,
            dispatcher=dispatcher,
            prices=prices,
            ledger=ledger,
            hooks=hooks,
            bandwidth=bandwidth,
            providers=providers,
        )

    if not TYPE_CHECKING:  # which knows the arguments, and would take any then

        @functools.wraps(__init__)  # so that Python's own help, and prompts that complete, know the arguments
        def __new__(cls, *_: object, **given: object) -> Self:  # noqa: D102  says what is misspelt
            for name in given if cls.__init__ is OpenAIClient.__init__ else ():
                if name not in _arguments():
                    hint = did_you_mean(name, _arguments())
                    raise TypeError(f"OpenAIClient has no argument {name!r}; there are {', '.join(_arguments())}{hint}")
            return object.__new__(cls)

        def __setattr__(self, name: str, value: object) -> None:
            if not name.startswith("_"):
                _require_own(type(self), name)
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        return f"OpenAIClient({self.provider.kind}, base_url={self.provider.base_url!r})"

    def __reduce__(self) -> Any:
        raise TypeError("an OpenAIClient cannot be pickled, it has a key and threads; make a new one there")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.end_with(kind)

    @MadeOnce
    def files(self) -> FilesAPI:
        """The Files API."""
        return apis.files.FilesAPI(self._session)

    @MadeOnce
    def uploads(self) -> UploadsAPI:
        """The Uploads API."""
        return apis.uploads.UploadsAPI(self._session)

    @MadeOnce
    def batches(self) -> BatchesAPI:
        """The Batches API."""
        return apis.batches.BatchesAPI(self._session)

    @property
    def defaults(self) -> OpenAIParameters:
        """*timeout* and *max_retries* of calls that name none: a copy, which changes none."""
        return OpenAIParameters.of(self._session.defaults)

    @property
    def dispatcher(self) -> Dispatcher:
        """Where callbacks run."""
        return self._session.dispatcher

    @property
    def home(self) -> Path:
        """The folder where this client keeps things."""
        return self._session.home

    @property
    def ledger(self) -> Ledger:
        """The ledger of batches in this client's home, whichever program wrote it: ``ledger.events()``."""
        return self._session.ledger

    @property
    def max_workers(self) -> int:
        """Calls with callbacks that are under way at once."""
        return self._session.max_workers

    @property
    def provider(self) -> Provider:
        """The provider of calls that name no other."""
        return self._session.provider

    @property
    def providers(self) -> Providers:
        """The configured providers, read once."""
        return self._session.providers

    def pump(self) -> int:
        """
        Run in this thread the callbacks that wait for it.

        Returns:
            How many calls had callbacks waiting.
        """
        return self._session.pump()

    def close(self, *, cancel: bool = False) -> None:
        """
        Finish what is pending, run the callbacks, and let go of threads and sockets; what is paused goes on.

        Args:
            cancel: ``True`` cancels what is pending, in other threads too; its callbacks run all the same, but cannot
                make further calls.
        """
        self._session.close(cancel=cancel)

    def close_with(self, window: Any) -> None:
        """
        Close when *window* goes: calls are cancelled, what can be resumed is kept, and no callback runs any more.

        One line for programs with a window, to be said in its thread, once the client is made. It is gone when it is
        closed or destroyed, when its main loop ends with it, or when the program does, which then ends at once.
        Said of several windows, the last of them counts. Without a *dispatcher*, callbacks run in its main loop.

        Args:
            window: A ``tkinter.Tk``, ``Toplevel`` or other widget, a ``QWidget``, ``QWindow`` or ``QApplication`` of
                PySide6 or PyQt6, or a ``wx.Window``.

        Raises:
            RuntimeError: The client is closed, the window is destroyed, or this is not the thread of the main loop.
            TypeError: *window* is none of these.
        """
        self._session.close_with(window)


def _require_own(cls: type[OpenAIClient], name: str) -> None:
    """
    Check that *name* may be assigned: that it is nothing of the client, and no argument that may be misspelt.
    """
    if name in _APIS and getattr(cls, name) is getattr(OpenAIClient, name):
        raise AttributeError(f"{name} of a client cannot be replaced; what can is one of its methods, {name}.list = …")
    if cls is OpenAIClient and (meant := nearest(name, _arguments(), _ALIKE)):
        raise AttributeError(f"a client stays as it was made; make one with OpenAIClient({meant}=…)")


def _arguments() -> tuple[str, ...]:
    return ("api_key", *(OpenAIClient.__init__.__kwdefaults__ or ()))
