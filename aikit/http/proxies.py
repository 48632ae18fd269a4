"""
The proxy that the environment names for an address: which variable says so, and whether it can be used.
"""

from __future__ import annotations

import os
import re
import ssl
from importlib.util import find_spec
from typing import Final

import attrs
import urllib3
from requests.utils import get_environ_proxies, select_proxy
from urllib3.util import parse_url

from aikit.http.trust import untrusted
from aikit.types.errors import ExchangeError, OpenAIError

_SOCKS: Final = frozenset(("socks4", "socks4a", "socks5", "socks5h"))
_REFUSED_TUNNEL: Final = re.compile(r"Tunnel connection failed: (\d{3})")
_NO_ADDRESS: Final = "is no address, or has a port that is none; write http://HOST:PORT"
_LONG: Final = 200


@attrs.frozen
class Proxy:
    """
    A proxy of the environment.

    Attributes:
        variable: What names it, for example ``HTTPS_PROXY``; the system's settings where no variable does.

        url: Its address, which may have a password.
    """

    variable: str
    url: str = attrs.field(repr=False)

    @property
    def shown(self) -> str:
        """Its address without user and password."""
        scheme, mark, rest = self.url.rpartition("://")
        return f"{scheme}{mark}{rest.rpartition('@')[2]}"[:_LONG]

    def require_usable(self) -> None:
        """
        Check that requests can be sent through it, before any is.

        Raises:
            OpenAIError: They cannot (code ``"proxy_error"``); variable and mend are named, a password is not.
        """
        problem = _problem_of(self.url.partition("://")[0].lower())
        try:
            parts = parse_url(self.url)
        except urllib3.exceptions.LocationParseError:
            problem = problem or _NO_ADDRESS
        else:
            if not parts.host:
                problem = problem or "names no host; write http://HOST:PORT"
        if problem:
            raise self._unusable(problem)

    def error(self, where: str, reason: BaseException) -> OpenAIError:
        """
        Return what is to be said when no request got through to *where*: *reason* is what came about instead.
        """
        if isinstance(reason, ssl.SSLCertVerificationError):
            return untrusted(f"the proxy {self.shown}", reason)
        if isinstance(reason, UnicodeError):  # a label that no name can have
            return self._unusable(_NO_ADDRESS)
        refusal = _REFUSED_TUNNEL.search(str(reason))
        if refusal is not None:
            return self._refusal(where, int(refusal[1]))
        told = f"{self._named} failed on the way to {where}: {' '.join(str(reason).split())[:_LONG]}"
        if isinstance(reason, ssl.SSLError) and not isinstance(reason, ssl.SSLEOFError):
            return OpenAIError(message=f"{told}; if it does not speak TLS, write http:// instead", code="proxy_error")
        message = f"{told}; check that it is running, or correct {self.variable}"
        return ExchangeError(message=message, code="proxy_error", is_ambiguous=False)

    def _unusable(self, problem: str) -> OpenAIError:
        return OpenAIError(message=f"{self.variable} names the proxy {self.shown}, which {problem}", code="proxy_error")

    def _refusal(self, where: str, status: int) -> OpenAIError:
        told = f"refused the way to {where} with status {status}; ask who runs it, or name the host in NO_PROXY"
        if status == 407:
            told = f"wants a user and a password; set {self.variable} to http://USER:PASSWORD@HOST:PORT"
        message = f"{self._named} {told}"
        if status < 500:  # it will say so again
            return OpenAIError(message=message, code="proxy_error")
        return ExchangeError(message=message, code="proxy_error", is_ambiguous=False)

    @property
    def _named(self) -> str:
        return f"the proxy {self.shown}, which {self.variable} names,"


def proxies_for(origin: str) -> dict[str, str]:
    """
    Return what ``requests`` is to know of the environment's proxies.

    Raises:
        OpenAIError: The one for *origin* cannot be used (code ``"proxy_error"``).
    """
    given = get_environ_proxies(origin, no_proxy=None).items()
    found = {scheme: _with_scheme(url) for scheme, url in given if url.strip()}
    proxy = proxy_among(found, origin)
    if proxy is not None:
        proxy.require_usable()
    return found


def proxy_among(proxies: dict[str, str], origin: str) -> Proxy | None:
    """
    Return which of *proxies* a request to *origin* goes through.
    """
    url = select_proxy(origin, proxies)
    if url is None:
        return None
    schemes = [scheme for scheme in (origin.partition("://")[0].lower(), "all") if proxies.get(scheme) == url]
    names = [f"{scheme}_proxy" for scheme in schemes]
    said = (name for wanted in names for name in (wanted, *os.environ) if name.lower() == wanted)
    variable = next((name for name in said if _with_scheme(os.environ.get(name, "")) == url), "the system's settings")
    return Proxy(variable, url)


def _with_scheme(url: str) -> str:
    url = url.strip()
    return url if "://" in url else f"http://{url}"


def _problem_of(scheme: str) -> str | None:
    if scheme in {"http", "https"}:
        return None
    if scheme not in _SOCKS:
        hint = "socks5h://HOST:PORT" if scheme.startswith("socks") else "http://HOST:PORT"
        return f"has a scheme that is none of http, https, socks4, socks4a, socks5 and socks5h; write {hint}"
    if find_spec("socks") is None:
        return "speaks SOCKS, for which a package is missing; pip install 'requests[socks]'"
    return None
