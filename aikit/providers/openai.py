"""
OpenAI, and whatever speaks its format at another address.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import quote, urlencode

import attrs

from aikit.http.bodies import MultipartBody, json_body
from aikit.http.flow import Flow
from aikit.http.headers import USER_AGENT, Headers, redacted
from aikit.http.messages import Request, Response, Sink, Transport
from aikit.http.refusals import error_from, raise_for_status, require_same_id, understood
from aikit.http.sinks import MemorySink, ResumingSink, SizeUnknownError
from aikit.http.sources import Source
from aikit.providers.account import Account, key_of
from aikit.providers.addresses import OPENAI_URL, account_address
from aikit.providers.config import ProviderSettings
from aikit.providers.tokens import TokenCallable, with_tokens
from aikit.types.errors import ExchangeError, OpenAIError
from aikit.types.files import FileOrder, FilePage, OpenAIFile, OpenAIFileDeleted
from aikit.types.loading import load
from aikit.types.uploads import OVER_STATUSES, OpenAIUpload, OpenAIUploadPart, UploadOrder
from aikit.types.wire import is_id
from aikit.validation.limits import Limits, limits_for

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from aikit.http.signal import Signal
    from aikit.http.transport import HTTPTransport
    from aikit.providers.checks import Finding
    from aikit.types.batches import BatchOrder, BatchPage, OpenAIBatch
    from aikit.validation.lines import LineRules
    from aikit.validation.problems import Problems

T = TypeVar("T", OpenAIFile, OpenAIFileDeleted, OpenAIUpload, "OpenAIBatch")

_MOST_UNANNOUNCED: Final = 64 * 1024 * 1024
_CONFLICT: Final = frozenset((409,))
_GRACE_S: Final = 0.6
_STOPPED: Final = frozenset(("cancelling", "cancelled"))


@attrs.frozen(kw_only=True)
class OpenAIProvider:
    """
    The operations of OpenAI's Files, Uploads and Batches APIs, each as a flow.

    Attributes:
        base_url: Without a slash at its end.

        headers: Sent with every request; the key is among them.

        kind: Name in the registry and in the data of limits.

        token: Returns the bearer token of the moment, where there is no key among the headers.
    """

    # https://developers.openai.com/api/reference/resources/files (read 2026-11-21)
    # https://developers.openai.com/api/reference/resources/batches (read 2026-11-21)
    # https://developers.openai.com/api/reference/resources/uploads (read 2026-11-21)

    base_url: str = OPENAI_URL
    headers: Headers = attrs.field(factory=Headers)
    kind: str = "openai"
    token: TokenCallable | None = attrs.field(default=None, repr=False)

    @classmethod
    def from_settings(cls, settings: ProviderSettings) -> OpenAIProvider:
        """
        Return the provider that *settings* describe.
        """
        headers = {"User-Agent": USER_AGENT}
        if settings.api_key:
            headers["Authorization"] = f"Bearer {settings.api_key}"
        if settings.organization:
            headers["OpenAI-Organization"] = settings.organization
        if settings.project:
            headers["OpenAI-Project"] = settings.project
        fields = Headers(headers).merged(settings.custom_headers)
        return cls(base_url=settings.base_url or OPENAI_URL, headers=fields, token=settings.token)

    @property
    def address(self) -> str:
        """The base URL."""
        return redacted(self.base_url)

    @property
    def model_address(self) -> str:
        """The base URL."""
        return self.base_url

    @property
    def identity(self) -> str:
        """Kind and base URL."""
        return f"{self.kind} {self.base_url}"

    @property
    def is_embedded(self) -> bool:
        """False: a server answers."""
        return False

    @cached_property
    def limits(self) -> Limits:
        """OpenAI's limits at its own address, hardly any elsewhere."""
        return limits_for("openai" if self.base_url == OPENAI_URL else "compatible")

    def watching_end(self, batch_id: str) -> AbstractContextManager[Signal] | None:  # noqa: ARG002  nothing tells
        """
        Return ``None``: the end of a batch is only known to who asks.
        """
        return None

    def line_rules(self, problems: Problems) -> LineRules | None:  # noqa: ARG002  there are none
        """
        Return ``None``: the general rules for lines of batches are OpenAI's.
        """
        return None

    def account(self, batch: OpenAIBatch | None = None) -> Account:  # noqa: ARG002  the same for all batches
        """
        Return the account of all batches at this address.
        """
        return Account(self.kind, account_address(self.base_url))

    def account_key(self, extra_headers: Mapping[str, str] | None = None) -> str:
        """
        Return a key made of the address, and of API key, organization and project; *extra_headers* win.
        """
        return key_of(account_address(self.base_url), self.headers.merged(extra_headers))

    def make_transport(self, *, connections: int, http_agent: Any = None) -> Transport:
        """
        Return what answers this provider's requests.
        """
        module = load("aikit.http.transport")  # and requests, by the first call
        transport: HTTPTransport = module.http_transport(http_agent, connections=connections)
        return with_tokens(transport, self.token, *self._signed_urls)

    def examine(self) -> Flow[Sequence[Finding]]:
        """
        Look at nothing more than others have, for OpenAI tells no quotas.
        """
        yield from ()
        return ()

    def create_file(self, source: Source, order: FileOrder) -> Flow[OpenAIFile]:
        """
        Upload *source* as the file that *order* describes.
        """
        body = MultipartBody(fields=self._form(order), file_field="file", source=source)
        return understood((yield self._request("POST", "/files", body=body)), self._read_file)

    def retrieve_file(self, file_id: str) -> Flow[OpenAIFile]:
        """
        Ask what is known of a file.
        """
        return _about(file_id, (yield self._request("GET", _path("/files", file_id))), self._read_file)

    def list_files(self, query: Mapping[str, Any]) -> Flow[FilePage]:
        """
        Ask for one page of files.
        """
        response = yield self._request("GET", with_query("/files", query))
        return understood(response, lambda data: FilePage.read(data, self._read_file))

    def delete_file(self, file_id: str) -> Flow[OpenAIFileDeleted]:
        """
        Delete a file; one that an earlier attempt may have deleted already counts as deleted.
        """
        response = yield self._request("DELETE", _path("/files", file_id))
        if response.status == 204 or (response.status == 404 and response.request.may_have_been_applied):
            return OpenAIFileDeleted(file_id, deleted=True)
        return _about(file_id, response, OpenAIFileDeleted.from_wire)

    def file_content(self, file_id: str) -> Flow[bytes]:
        """
        Fetch a file's content into memory.
        """
        sink = MemorySink()
        sink.require_whole((yield from self.download_file(file_id, sink)))
        return sink.content()

    def download_file(self, file_id: str, sink: ResumingSink) -> Flow[int | None]:
        """
        Fetch a file's content into *sink*; return the size the provider told.
        """
        sink.most_unannounced = _MOST_UNANNOUNCED
        try:
            response = yield from self._content(file_id, sink)
        except SizeUnknownError:  # what never ends is to end somewhere
            sink.expect((yield from self.retrieve_file(file_id)).bytes)
            response = yield from self._content(file_id, sink)
        if raise_for_status(response).status not in {200, 206}:
            raise attrs.evolve(error_from(response), code="invalid_response")
        announced = sink.total if sink.total is not None else sink.expected
        if announced:  # an empty answer is none of a file that has something
            return announced
        file = yield from self.retrieve_file(file_id)
        return file.bytes

    def _content(self, file_id: str, sink: ResumingSink) -> Flow[Response]:
        response: Response = yield self._content_request(file_id, sink)
        if response.status == 416:  # the break came after the last byte, or the file is another one now
            sink.restart()
            response = yield self._content_request(file_id, sink)
        return response

    def create_batch(self, order: BatchOrder) -> Flow[OpenAIBatch]:
        """
        Create a batch; never repeated by itself once it may have been created.
        """
        body = json_body(order.to_wire())
        response = yield self._request("POST", "/batches", body=body, is_idempotent=False)
        batch = understood(response, self._read_batch)
        if batch.metadata.get("aikit_intent", order.intent) != order.intent:  # servers may keep none, or the first one
            require_same_id(response, order.input_file_id, batch.input_file_id)
        return batch

    def retrieve_batch(self, batch_id: str) -> Flow[OpenAIBatch]:
        """
        Ask what is known of a batch.
        """
        return _about(batch_id, (yield self._request("GET", _path("/batches", batch_id))), self._read_batch)

    def list_batches(self, query: Mapping[str, Any]) -> Flow[BatchPage]:
        """
        Ask for one page of batches.
        """
        response = yield self._request("GET", with_query("/batches", query))
        page: BatchPage = understood(response, lambda data: _batches().BatchPage.read(data, self._read_batch))
        return page

    def cancel_batch(self, batch_id: str) -> Flow[OpenAIBatch]:
        """
        Ask to stop working on a batch; one that an earlier attempt may have stopped already counts as stopped.
        """
        path = _path("/batches", batch_id, "/cancel")
        response = yield self._request("POST", path, non_retryable_statuses=_CONFLICT)
        if response.status in _batches().REFUSED_TO_STOP and response.request.may_have_been_applied:
            batch = yield from self.retrieve_batch(batch_id)
            if batch.status in _STOPPED:
                return batch
        return _about(batch_id, response, self._read_batch)

    def create_upload(self, order: UploadOrder) -> Flow[OpenAIUpload]:
        """
        Announce a file that will come in parts.
        """
        body = json_body(order.to_wire())
        response = yield self._request("POST", "/uploads", body=body, cancel_grace_s=_GRACE_S)
        return understood(response, self._read_upload)

    def add_upload_part(self, upload_id: str, source: Source) -> Flow[OpenAIUploadPart]:
        """
        Send one part; one that arrived twice because an answer was lost counts once, by the id that came back.
        """
        body = MultipartBody(fields={}, file_field="data", source=source)
        response = yield self._request("POST", _path("/uploads", upload_id, "/parts"), body=body)
        part = understood(response, OpenAIUploadPart.from_wire)
        require_same_id(response, upload_id, part.upload_id)
        return part

    def complete_upload(self, upload_id: str, part_ids: Sequence[str], md5: str | None) -> Flow[OpenAIUpload]:
        """
        Make the file of its parts.

        Raises:
            ExchangeError: An answer was lost, and asked again the provider refused (code ``"answer_lost"``): the file
                may be there.
        """
        order = {"part_ids": list(part_ids)} | ({"md5": md5} if md5 else {})
        path = _path("/uploads", upload_id, "/complete")
        response = yield self._request("POST", path, body=json_body(order), cancel_grace_s=_GRACE_S)
        if response.request.may_have_been_applied and response.status in OVER_STATUSES:
            message = f"the answer to completing upload {upload_id} was lost; look for the file in files.list()"
            raise ExchangeError(message=message, code="answer_lost", status=response.status)
        return _about(upload_id, response, self._read_upload)

    def cancel_upload(self, upload_id: str) -> Flow[OpenAIUpload]:
        """
        Give up an upload; its parts are gone.
        """
        request = self._request("POST", _path("/uploads", upload_id, "/cancel"), is_cleanup=True)
        return _about(upload_id, (yield request), self._read_upload)

    def _content_request(self, file_id: str, sink: Sink) -> Request:
        return self._request("GET", _path("/files", file_id, "/content"), sink=sink)

    def _request(self, method: str, path: str, **options: Any) -> Request:
        headers = self._for_bytes if path.endswith("/content") else self._for_json
        return Request(method=method, url=self._url(path), headers=headers, **options)

    # What differs where another provider has the same operations.

    @property
    def _signed_urls(self) -> tuple[str, ...]:
        return (self.base_url,)

    def _url(self, path: str) -> str:
        return self.base_url + path

    def _form(self, order: FileOrder) -> dict[str, str]:
        return order.to_form()

    def _read_file(self, data: Any) -> OpenAIFile:
        return OpenAIFile.from_wire(data)

    def _read_upload(self, data: Any) -> OpenAIUpload:
        return OpenAIUpload.from_wire(data)

    def _read_batch(self, data: Any) -> OpenAIBatch:
        batch: OpenAIBatch = _batches().OpenAIBatch.from_wire(data)
        return batch

    @cached_property
    def _for_json(self) -> Headers:
        return self.headers.merged({"Accept": "application/json", **self.headers})

    @cached_property
    def _for_bytes(self) -> Headers:
        return self.headers.merged({"Accept": "application/octet-stream, */*", **self.headers})


def _path(collection: str, item_id: str, rest: str = "") -> str:
    if not is_id(item_id):  # from an answer: callers' own ids are checked before
        message = f"{item_id[:200]!r}, which the provider gave, cannot be an id; nothing can be asked about it"
        raise OpenAIError(message=message, code="invalid_id")
    return f"{collection}/{quote(item_id, safe='')}{rest}"


def with_query(path: str, query: Mapping[str, Any]) -> str:
    """
    Return *path* with *query* behind it, if there is one.
    """
    return f"{path}?{urlencode(query)}" if query else path


def _about(asked: str, response: Response, from_wire: Callable[[Any], T]) -> T:
    """
    Return what *from_wire* makes of an answer about the object whose id is *asked*.
    """
    value = understood(response, from_wire)
    require_same_id(response, asked, value.id)
    return value


def _batches() -> Any:
    from aikit.types import batches  # noqa: PLC0415  takes 8 ms, and calls about files need none

    return batches
