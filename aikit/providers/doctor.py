"""
The examination of one provider: what stands between this machine and an answer, and what to do about it.
"""

from __future__ import annotations

import ipaddress
import os
import shutil
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import attrs

from aikit.http.cleaning import cleaned
from aikit.http.context import CallContext
from aikit.http.flow import Flow, Work
from aikit.http.messages import Request, Response
from aikit.http.proxies import Proxy, proxies_for, proxy_among
from aikit.providers import Provider, provider_from
from aikit.providers.checks import Finding
from aikit.providers.config.entries import Configured
from aikit.providers.config.logins import is_signed
from aikit.providers.kinds import KINDS, OPENAI
from aikit.types.errors import OpenAIError
from aikit.types.interruptions import suppress

PROBE_S: Final = 5.0
_MOST_OFF_S: Final = 60
_LEAST_FREE: Final = 2**30
_LONG: Final = 400
_MOST_REQUESTS: Final = 20
_LOOKED_INTO: Final = frozenset((403, 404))
T = TypeVar("T")

_MENDS: Final = {
    "tls": "look at the certificate, at REQUESTS_CA_BUNDLE, and whether base_url should begin with http://",
    "proxy": "correct the variable of the proxy, or name the host in NO_PROXY",
    "connection": "is base_url right, and does the server run? a firewall or a proxy may be in the way",
    "address": "correct base_url: it is the part before /files",
    "limits": "wait, or ask the provider for a higher limit",
    "provider": "try again later; the provider's status page may tell more",
}
_CHECKS: Final = {"tls_error": "tls", "proxy_error": "proxy", "token_unavailable": "key", "invalid_response": "address"}
_OF_STATUS: Final = {401: "key", 403: "key", 404: "address", 405: "address", 429: "limits"}


def examine(configured: Configured) -> Iterator[Finding]:
    """
    Yield what is found about a provider; nothing is changed there, and each probe takes `PROBE_S` at most.
    """
    settings = configured.settings
    secrets = [value or "" for name, value in settings.options.items() if settings.is_secret(name)]
    secrets.append(settings.api_key or "")
    for finding in _findings(configured):
        text, mend = (" ".join(cleaned(text or "", secrets).split())[:_LONG] for text in (finding.text, finding.mend))
        yield attrs.evolve(finding, text=text, mend=mend or None)


def _findings(configured: Configured) -> Iterator[Finding]:
    settings = configured.settings
    try:
        settings.require_usable()
        provider = provider_from(settings)
    except (OpenAIError, ValueError) as error:
        yield Finding("settings", is_good=False, text=str(error), mend="aikit providers tells where each is from")
        return
    if provider.is_embedded:
        yield _store(Path(provider.address))
        if settings.base_url is None:
            return
        upstream = attrs.evolve(settings, kind=OPENAI, home=None, concurrency=None)
        configured, provider = attrs.evolve(configured, settings=upstream), provider_from(upstream)
    if KINDS[settings.kind].needs_key and settings.base_url is None and not is_signed(settings):
        yield Finding("key", is_good=False, text="no key is set", mend=_other_key(configured))
    yield from _network(provider, configured, needs_list=not settings.is_embedded)


def _network(provider: Provider, configured: Configured, *, needs_list: bool) -> Iterator[Finding]:
    parts = urlsplit(provider.base_url)
    try:
        proxy = _proxy(f"{parts.scheme}://{parts.netloc}")
    except OpenAIError as error:
        yield Finding("proxy", is_good=False, text=error.message, mend=_MENDS["proxy"])
        return
    if proxy is not None:
        yield Finding("proxy", is_good=True, text=f"{proxy.shown}, of {proxy.variable}")
    elif not _is_address(parts.hostname or ""):
        found = _dns(parts.hostname or "")
        yield found
        if not found.is_good:
            return
    started = time.time()
    try:
        response, fault, _ = _bounded(lambda: _driven(provider, provider.list_files({"limit": 1}), most=1))
    except TimeoutError:
        text = f"no answer of {parts.netloc} within {PROBE_S:g} s"
        yield Finding("connection", is_good=False, text=text, mend=_MENDS["connection"])
        return
    if response is not None:
        yield Finding("connection", is_good=True, text=f"{parts.netloc} answers")
        yield from _tls(parts.scheme, parts.hostname or "")
        yield from _clock(response, started)
    own = list(_own(provider, configured)) if needs_list and (fault is None or fault.status in _LOOKED_INTO) else []
    if fault is not None and (needs_list or fault.status in {None, 401, 403}):
        if all(one.is_good for one in own):  # otherwise it is told better there
            yield _refusal(fault, configured)
    elif configured.settings.api_key and all(one.is_good for one in own):
        yield Finding("key", is_good=True, text="it is accepted" if fault is None else "it is not refused")
    yield from own


def _own(provider: Provider, configured: Configured) -> Iterator[Finding]:
    """
    Yield what the provider finds that it alone has.
    """
    try:
        _, fault, found = _bounded(lambda: _driven(provider, provider.examine(), most=_MOST_REQUESTS))
    except TimeoutError:
        return
    yield from found or ()
    if fault is not None:
        yield _refusal(fault, configured)


def _refusal(error: OpenAIError, configured: Configured) -> Finding:
    if error.status is None:
        check = _CHECKS.get(str(error.code), "connection")
    else:
        check = _OF_STATUS.get(error.status, "provider" if error.status >= 500 else "address")
    text = error.message if error.status is None else f"status {error.status}: {error.message}"
    return Finding(check, is_good=False, text=text, mend=_MENDS.get(check) or _other_key(configured))


def _other_key(configured: Configured) -> str:
    source = configured.sources.get("api_key") or configured.sources.get("credentials")
    if source is not None:
        return f"correct the key of {source}"
    kind = KINDS[configured.settings.kind]
    if "credentials" in kind.options:
        return f"set {' or '.join(kind.variables['credentials'])}, or use gcloud auth application-default login"
    variables = " or ".join(kind.variables.get("api_key", ()))
    return f"set {variables}, or apiKey in AIProviders.json, or use aikit providers login"


def _driven(provider: Provider, flow: Flow[T], most: int) -> tuple[Response | None, OpenAIError | None, T | None]:
    """
    Drive *flow* for *most* requests; return the last answer, what is wrong with it, and what the flow returned.
    """
    context, response = CallContext(), None
    timer = threading.Timer(PROBE_S, context.cancel)
    timer.daemon = True
    timer.start()
    try:
        transport = provider.make_transport(connections=1)
        try:
            step: Any = next(flow)
            for _ in range(most):
                while isinstance(step, Work):
                    step = flow.send(step.run(context))
                if not isinstance(step, Request):
                    raise OpenAIError(message="it cannot be asked for its files", code="unsupported")
                response = transport.send(attrs.evolve(step, timeout_s=PROBE_S), context)
                step = flow.send(response)
        except StopIteration as end:
            return response, None, end.value
        finally:
            transport.close()
    except OpenAIError as error:
        if error.code == "cancelled":
            raise TimeoutError from None
        return response, error, None
    except Exception as error:  # noqa: BLE001  of a library that makes tokens
        return response, OpenAIError(message=f"{type(error).__name__}: {error}", code="token_unavailable"), None
    finally:
        timer.cancel()
    return response, None, None


def _proxy(origin: str) -> Proxy | None:
    return proxy_among(proxies_for(origin), origin)


def _is_address(host: str) -> bool:
    with suppress(ValueError):
        ipaddress.ip_address(host)
        return True
    return False


def _dns(host: str) -> Finding:
    mend = "correct the host in base_url, or this machine's name servers"
    try:
        found = _bounded(lambda: socket.getaddrinfo(host, None, type=socket.SOCK_STREAM))
    except TimeoutError:
        return Finding("dns", is_good=False, text=f"no answer about {host} within {PROBE_S:g} s", mend=mend)
    except (OSError, UnicodeError) as error:
        return Finding("dns", is_good=False, text=f"{host} has no address: {error}", mend=mend)
    addresses = list(dict.fromkeys(str(one[4][0]) for one in found))
    return Finding("dns", is_good=True, text=f"{host} is {', '.join(addresses[:4])}")


def _tls(scheme: str, host: str) -> Iterator[Finding]:
    if scheme == "https":
        yield Finding("tls", is_good=True, text=f"the certificate of {host} is trusted ({ssl.OPENSSL_VERSION})")
    elif not (host == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)):
        yield Finding("tls", is_good=True, text=f"{host} is asked without TLS: key and files can be read on the way")


def _clock(response: Response, started: float) -> Iterator[Finding]:
    """
    Yield how far the clocks are apart; less than a minute goes for the way and for coarse answers.
    """
    with suppress(TypeError, ValueError):
        theirs = parsedate_to_datetime(response.headers.get("Date", "")).timestamp()
        off_s = round(started - theirs)
        if abs(off_s) <= _MOST_OFF_S:
            yield Finding("clock", is_good=True, text="as the provider's")
            return
        text = f"this machine's is {abs(off_s):,} s {'ahead' if off_s > 0 else 'behind'}"
        yield Finding("clock", is_good=False, text=text, mend="set it, or switch on its synchronization (NTP)")


def _store(home: Path) -> Finding:
    mend = "set AIKIT_HOME to a folder of yours on a disk with room"
    try:
        text = _bounded(lambda: _folder_problem(home))
        free = _bounded(lambda: shutil.disk_usage(_existing(home)).free)
    except (TimeoutError, OSError) as error:
        return Finding("store", is_good=False, text=f"{home} cannot be looked at: {error}", mend=mend)
    if text is None and free < _LEAST_FREE:
        text = f"{home} has {free / 2**20:,.0f} MiB of free space"
    if text is not None:
        return Finding("store", is_good=False, text=text, mend=mend)
    return Finding("store", is_good=True, text=f"{home} can be written, {free / 2**30:,.1f} GiB are free")


def _folder_problem(home: Path) -> str | None:
    for folder in (_existing(home), _existing(home / "local")):
        if not folder.is_dir():
            return f"{folder} is not a folder"
        if not os.access(folder, os.W_OK | os.X_OK):
            return f"{folder} cannot be written"
    return None


def _existing(path: Path) -> Path:
    return next((one for one in (path, *path.parents) if os.path.lexists(one)), path)


def _bounded(work: Callable[[], T]) -> T:
    """
    Return what *work* returns, which cannot be stopped and is left alone when it takes too long.

    Raises:
        TimeoutError: It did.
    """
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001  raised by the caller's thread
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(PROBE_S)
    if errors:
        raise errors[0]
    if not results:
        raise TimeoutError(f"nothing came within {PROBE_S:g} s")
    return results[0]
