"""
Blob storage: the one place beside the resource whose blobs are input and output of batches, and how it is asked.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final
from urllib.parse import quote, unquote, urlsplit

import attrs

from aikit.http.context import CallContext
from aikit.http.headers import USER_AGENT, Headers
from aikit.http.messages import Request, Response, Sink, Transport
from aikit.http.redirects import REDIRECTS
from aikit.http.refusals import discreet, error_from
from aikit.providers.addresses import account_address, origin, usable_url
from aikit.providers.azure.entra import EntraToken
from aikit.providers.config import ProviderSettings
from aikit.providers.tokens import with_tokens
from aikit.types.errors import OpenAIError
from aikit.types.files import OpenAIFile
from aikit.types.wire import is_id, unix_time, whole_number

_SCOPE: Final = "https://storage.azure.com/.default"
_MARK: Final = "x-ms-version"
_HEADERS: Final = Headers({"User-Agent": USER_AGENT, "Accept": "*/*", _MARK: "2023-11-03"})
_SENT: Final = frozenset(name.lower() for name in _HEADERS)
_ACCOUNT: Final = re.compile(r"[a-z0-9]{3,24}")
_SAS: Final = re.compile(r"(?=.*\bsig=)[\w%.~&=:+/,-]+", re.ASCII)
_AZURES: Final = re.compile(
    r"https://[a-z0-9.-]+\.blob\.(core\.(windows\.net|usgovcloudapi\.net|chinacloudapi\.cn)|storage\.azure\.net)"
)
"""Hosts of Azure's own: the token of an identity opens other accounts as well, so it goes to no others."""
_UNSAFE: Final = re.compile(r"//|/\.{1,2}(/|$)|[\\\x00-\x1f\x7f]")
_WORDS: Final = re.compile(rb"<Message>\s*([^<\n]{1,500})")
_PLAIN: Final = "%/:=&~+!$,;'@()*"
_MONTHS: Final = "JanFebMarAprMayJunJulAugSepOctNovDec"
_DATE: Final = re.compile(
    rf"(\d\d) ({'|'.join(_MONTHS[n : n + 3] for n in range(0, 36, 3))}) (\d{{4}}) (\d\d:\d\d:\d\d)", re.ASCII
)


def is_address(file_id: str) -> bool:
    """
    Return whether *file_id* is an address, such as that of a blob, and no id.
    """
    return "://" in file_id


@attrs.frozen(kw_only=True)
class BlobStorage:
    """
    An account, or a container of one, whose blobs are asked for; those elsewhere are not.

    Attributes:
        url: Its address, without a slash at its end.

        sas: Signs requests; without one, the token of an identity does.

        has_identity: Whether an identity may sign them.

        folder: Where outputs go; ``None`` for the folder of the input.
    """

    # https://learn.microsoft.com/azure/ai-services/openai/how-to/batch-blob-storage (read 2026-11-21)
    # https://learn.microsoft.com/rest/api/storageservices/get-blob (read 2026-11-30)

    url: str
    sas: str = attrs.field(default="", repr=False)
    has_identity: bool = False
    folder: str | None = None

    @classmethod
    def from_settings(cls, settings: ProviderSettings) -> BlobStorage | None:
        """
        Return the storage that *settings* name, if they do.

        Raises:
            ValueError: It is no address that a credential may go to, or the folder of outputs is not in it.
        """
        given = settings.setting("blob_storage")
        if not given:
            return None
        address, _, sas = given.strip().partition("?")
        url = _usable(f"https://{address}.blob.core.windows.net" if _ACCOUNT.fullmatch(address) else address)
        if url is None or (sas and not _SAS.fullmatch(sas)) or "sig=" in unquote(url).lower():
            raise ValueError(
                "blob_storage must be an account or a container, such as https://ACCOUNT.blob.core.windows.net, with "
                "its SAS behind a question mark if there is one"
            )
        # with an empty key and no token the user wants none, or the address may be anybody's
        is_signed = settings.api_key != "" or settings.token is not None
        has_identity = is_signed and (_AZURES.fullmatch(origin(url)) is not None or _is_here(url))
        storage = cls(url=url, sas=sas, has_identity=has_identity and not sas)
        folder = settings.setting("output_folder")
        if folder and storage._located(folder.rstrip("/")) is None:
            raise ValueError(f"output_folder must be the address of a container or a folder in {url}")
        return attrs.evolve(storage, folder=folder.rstrip("/") if folder else None)

    def order(self, blob: str) -> dict[str, Any]:
        """
        Return what the order of a batch says of its input, and of where its output goes.

        Raises:
            OpenAIError: *blob* is not in this storage.
        """
        self._require(blob)
        folder = {"url": self.folder or blob.rpartition("/")[0], "delimiter": "/"}
        return {"input_file_id": None, "input_blob": blob, "output_folder": folder}

    def request(self, blob: str, *, method: str = "GET", sink: Sink | None = None) -> Request:
        """
        Return a request for *blob* as it is before it is signed: neither key nor token of the resource is in it.

        Raises:
            OpenAIError: *blob* is not in this storage.
        """
        return Request(method=method, url=self._require(blob), headers=_HEADERS, sink=sink)

    def transport(self, bare: Transport, others: Transport) -> BlobTransport:
        """
        Return what answers requests for blobs by *bare*, and all others by *others*.
        """
        token = EntraToken(_SCOPE, need="reading blobs takes a SAS in blob_storage") if self.has_identity else None
        return BlobTransport(storage=self, signed=with_tokens(bare, token, self.url), others=others)

    def _require(self, blob: str) -> str:
        url = self._located(blob)
        if url is not None:
            return url
        shown = re.split("[?#]", blob)[0][:500]
        why = f"is not in blob_storage, which is {self.url}"
        if "?" in blob:
            why = "is given without what is behind its question mark: a SAS stands in blob_storage"
        raise OpenAIError(message=f"the blob {shown!r} {why}", code="invalid_value", param="input_file_id")

    def _located(self, address: str) -> str | None:
        """
        Return *address* as it is asked for; ``None`` if it is not in this storage, or a query follows it.
        """
        try:
            parts, base = urlsplit(address), urlsplit(self.url).path
            is_inside = origin(address) == origin(self.url) and f"{parts.path}/".startswith(f"{base}/")
        except ValueError:
            return None
        is_plain = is_id(address) and "@" not in parts.netloc and not re.search("[?#]", address)
        if not (is_inside and is_plain) or _UNSAFE.search(unquote(parts.path)):
            return None
        return self.url + quote(parts.path[len(base) :], safe=_PLAIN)


@attrs.frozen(kw_only=True)
class BlobTransport:
    """
    A transport that signs requests for blobs, and only for the moment that they are sent; redirects lead nowhere.

    Attributes:
        signed: What answers them; it may add a token.

        others: What answers all other requests.
    """

    storage: BlobStorage
    signed: Transport
    others: Transport

    def send(self, request: Request, context: CallContext) -> Response:
        """
        Make one exchange; of the headers of a call none goes to blob storage.

        Raises:
            OpenAIError: A redirect was the answer (code ``"redirect_refused"``).
        """
        if _MARK not in request.headers or not request.url.startswith(f"{self.storage.url}/"):
            return self.others.send(request, context)
        url = f"{request.url}?{self.storage.sas}" if self.storage.sas else request.url
        sent = attrs.evolve(request, url=url, headers=request.headers.only(_SENT))
        response = self.signed.send(sent, context)
        if not response.is_success:
            response = _in_json(discreet(response.without_secrets(), url))
        response = attrs.evolve(response, request=request)
        if response.status in REDIRECTS:
            message = "blob storage answered with a redirect, which was not followed; is blob_storage right?"
            raise attrs.evolve(error_from(response), message=message, code="redirect_refused")
        return response

    def close(self) -> None:
        """
        Let go of connections.
        """
        self.others.close()


def _in_json(response: Response) -> Response:
    """
    Return a refusal of blob storage, whose words are in XML, in the shape that those of the resource have.
    """
    found, code = _WORDS.search(response.body), response.headers.get("x-ms-error-code")
    if found is None and code is None:
        return response
    words = {"code": code, "message": found[1].decode("utf-8", "replace") if found else f"blob storage says {code}"}
    return attrs.evolve(response, body=json.dumps({"error": words}).encode())


def blob_file(blob: str, response: Response) -> OpenAIFile:
    """
    Return the File object that stands for *blob*, of what the answer to a HEAD tells.
    """
    found = _DATE.search(response.headers.get("last-modified", ""))
    iso = f"{found[3]}-{_MONTHS.index(found[2]) // 3 + 1:02}-{found[1]}T{found[4]}Z" if found else ""
    return OpenAIFile(
        id=blob,
        bytes=whole_number(response.headers.get("content-length")),
        created_at=unix_time(iso) or 0,
        filename=unquote(urlsplit(blob).path).rpartition("/")[2],
        purpose="batch",
        status="processed",
    )


def _usable(address: str) -> str | None:
    try:
        url = usable_url(address)
    except ValueError:  # its words would be about another setting
        return None
    return url if url and (url.startswith("https://") or _is_here(url)) else None


def _is_here(url: str) -> bool:
    return urlsplit(account_address(url)).hostname == "localhost"
