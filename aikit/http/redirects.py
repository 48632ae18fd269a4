"""
Redirects: which are followed, and what goes with them.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import quote, urldefrag, urljoin, urlsplit

import attrs

from aikit.http.flow import Flow
from aikit.http.headers import redacted
from aikit.http.messages import Request, Response
from aikit.types.errors import OpenAIError

REDIRECTS: Final = frozenset((301, 302, 303, 307, 308))
_MAX_REDIRECTS: Final = 5
_SHOWN: Final = 500
_URL_CHARACTERS: Final = "%/:=&?~+!$,;'@()*[]\\"
_SHOWN_ELSEWHERE: Final = frozenset(("accept", "user-agent"))


def follow_redirects(request: Request) -> Flow[Response]:
    """
    Send *request* and follow redirects.

    Raises:
        OpenAIError: The redirect must not be followed (code ``"redirect_refused"``).
    """
    response: Response = yield request
    return (yield from follow(response)) if response.status in REDIRECTS else response


def follow(response: Response) -> Flow[Response]:
    """
    Follow the redirect that *response* is; another origin gets neither our headers nor a body.

    Raises:
        OpenAIError: The redirect must not be followed (code ``"redirect_refused"``).
    """
    # RFC 9110 section 15.4
    for _ in range(_MAX_REDIRECTS):
        if response.status not in REDIRECTS or "location" not in response.headers:
            return response
        response = yield _next_request(response)
    if response.status in REDIRECTS:
        raise _refused(response, f"after {_MAX_REDIRECTS} redirects there is still another one")
    return response


def _next_request(response: Response) -> Request:
    request = response.request
    url = _target(response)
    method = request.method
    if response.status == 303:
        method = "GET"
    elif response.status in {301, 302} and method not in {"GET", "HEAD"}:
        raise _refused(response, f"status {response.status} would turn {method} into GET")
    body = None if method == "GET" else request.body
    if not request.is_replayable and body is not None:
        raise _refused(response, "the stream was sent already and cannot go back")
    if _origin(url) == _origin(request.url):
        return attrs.evolve(request, url=url, method=method, body=body)
    if request.url.startswith("https:") and not url.startswith("https:"):
        raise _refused(response, "it leads away from https")
    if method not in {"GET", "HEAD"}:
        raise _refused(response, "it leads to another origin, and only reading goes there")
    return attrs.evolve(request, url=url, method=method, body=body, headers=request.headers.only(_SHOWN_ELSEWHERE))


def _target(response: Response) -> str:
    location = response.headers["location"]
    try:
        url = quote(urldefrag(urljoin(response.request.url, location)).url, safe=_URL_CHARACTERS)
        scheme, host, _ = _origin(url)
    except ValueError:
        scheme, host, url = "", None, ""
    # Programs do not agree on which host is meant by an address with a user or a backslash.
    if scheme not in {"http", "https"} or not host or "@" in urlsplit(url).netloc or "\\" in url:
        raise _refused(response, "it leads to no plain http address")
    return url


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def _refused(response: Response, why: str) -> OpenAIError:
    response = response.without_secrets()
    location = redacted(response.headers.get("location", ""))
    return OpenAIError(
        message=f"the redirect of {redacted(response.request.url)} to {location[:_SHOWN]!r} was not followed: {why}; "
        "correct the base URL",
        code="redirect_refused",
        status=response.status,
        request_id=response.request_id,
        headers=response.headers.merged({"Location": location}),
    )
