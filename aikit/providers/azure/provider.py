"""
Azure OpenAI as OpenAI with another address, another header for its key, and limits of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import attrs

from aikit.http.bodies import json_body
from aikit.http.flow import Flow, Pause, Work
from aikit.http.messages import Request, Sink, Transport
from aikit.http.refusals import discreet, raise_for_status, understood
from aikit.http.sinks import ResumingSink
from aikit.http.sources import Source
from aikit.http.url_source import URLSource
from aikit.providers.account import Account, key_of
from aikit.providers.addresses import account_address
from aikit.providers.azure.blobs import BlobStorage, blob_file, is_address
from aikit.providers.azure.credentials import OneCredential, signed_headers
from aikit.providers.azure.endpoint import Endpoint
from aikit.providers.azure.entra import EntraToken, scope_of
from aikit.providers.azure.mends import mending
from aikit.providers.azure.quota import Quota, queue_of, quota_finding
from aikit.providers.azure.reading import (
    RAW_STATUS,
    UNREADY,
    as_openai_batch,
    as_openai_file,
    as_openai_upload,
    page_of,
)
from aikit.providers.checks import Finding
from aikit.providers.config import ProviderSettings
from aikit.providers.openai import OpenAIProvider, with_query
from aikit.providers.tokens import TokenTransport, unsupported
from aikit.types.errors import CancelledError, OpenAIError
from aikit.types.files import FileOrder, FilePage, OpenAIFile, OpenAIFileDeleted
from aikit.types.uploads import OpenAIUpload
from aikit.validation.limits import Limits, limits_for

if TYPE_CHECKING:
    from aikit.types.batches import BatchOrder, BatchPage, OpenAIBatch

_CHAT: Final = "/chat/completions"
_FIRST_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 10.0
_LONGEST_WAIT_S: Final = 1800.0


@attrs.frozen(kw_only=True)
class AzureProvider(OpenAIProvider):
    """
    The operations of one resource, on the dated surface or on ``/openai/v1``.

    Attributes:
        endpoint: Where the resource answers.

        blobs: Where blobs are that stand for files of batches, if that is told.

        quota: When to count again the files that are kept without expiry.
    """

    # https://learn.microsoft.com/azure/ai-services/openai/reference (read 2026-11-21)

    kind: str = "azure"
    endpoint: Endpoint
    blobs: BlobStorage | None = None
    quota: Quota = attrs.field(factory=Quota, eq=False, repr=False)

    @classmethod
    def from_settings(cls, settings: ProviderSettings) -> AzureProvider:
        """
        Return the provider that *settings* describe.

        Raises:
            ValueError: There is no endpoint, or its version is none, or blobs are not where they may be.
        """
        settings.require_usable()
        endpoint = Endpoint.of(settings.base_url or "", settings.setting("api_version"))
        fields, is_signed = signed_headers(settings)
        token = settings.token
        if token is None and settings.api_key is None:
            token = EntraToken(settings.setting("scope") or scope_of(endpoint.resource))
        return cls(
            base_url=endpoint.base_url,
            headers=fields,
            endpoint=endpoint,
            blobs=BlobStorage.from_settings(settings),
            token=None if is_signed else token,
        )

    @property
    def identity(self) -> str:
        """Kind and resource: files and batches are the same on both surfaces."""
        return f"{self.kind} {self.endpoint.resource}"

    @property
    def limits(self) -> Limits:
        """Azure's limits."""
        return limits_for("azure")

    def account(self, batch: OpenAIBatch | None = None) -> Account:  # noqa: ARG002  the same for all batches
        """
        Return the account of all batches of the resource, on whichever surface.
        """
        return Account(self.kind, account_address(self.endpoint.resource))

    def account_key(self, extra_headers: Mapping[str, str] | None = None) -> str:
        """
        Return a key made of the resource and of the API key; *extra_headers* win.
        """
        return key_of(account_address(self.endpoint.resource), self.headers.merged(extra_headers))

    def make_transport(self, *, connections: int, http_agent: Any = None) -> Transport:
        """
        Return what answers this provider's requests.
        """
        signed = super().make_transport(connections=connections, http_agent=http_agent)
        own = OneCredential(signed=signed, headers=self.headers, has_token=self.token is not None)
        bare = signed.inner if isinstance(signed, TokenTransport) else signed
        return own if self.blobs is None else self.blobs.transport(bare, own)

    def examine(self) -> Flow[Sequence[Finding]]:
        """
        Look how near the quota of files is.
        """
        page = yield from super().list_files({"purpose": "batch"})
        return (quota_finding(page),)

    def create_file(self, source: Source, order: FileOrder) -> Flow[OpenAIFile]:
        """
        Upload *source*, or have it fetched from its address; before files without expiry are too many, a note says so.

        Raises:
            OpenAIError: It is at an address, and this surface fetches none (code ``"unsupported"``), or it was refused.
        """
        if isinstance(source, URLSource) and not self.endpoint.is_dated:
            raise unsupported(
                "only Azure's dated surface fetches a file from an address: give an api_version such as 2024-10-21, or "
                "fetch the file first"
            )
        if order.purpose == "batch" and not order.expires_after and self.quota.is_due():
            yield from self._look_at_quota()
        if isinstance(source, URLSource):
            return (yield from mending(self._import_file(source, order)))
        return (yield from mending(super().create_file(source, order)))

    def _import_file(self, source: URLSource, order: FileOrder) -> Flow[OpenAIFile]:
        wire: dict[str, Any] = {"purpose": order.purpose, "filename": source.name, "content_url": source.url}
        if order.expires_after:
            wire["expires_after"] = dict(order.expires_after)
        wire |= order.extra
        response = yield self._request("POST", "/files/import", body=json_body(wire))
        return understood(discreet(response, source.url), self._read_file)

    def retrieve_file(self, file_id: str) -> Flow[OpenAIFile]:
        """
        Ask what is known of a file, or of a blob.
        """
        if not is_address(file_id):
            return (yield from super().retrieve_file(file_id))
        response = yield self._blobs.request(file_id, method="HEAD")
        return blob_file(file_id, raise_for_status(response))

    def delete_file(self, file_id: str) -> Flow[OpenAIFileDeleted]:
        """
        Delete a file; blobs are the user's own to delete.
        """
        if is_address(file_id):
            raise unsupported("blobs are not deleted; delete them where they are stored")
        return (yield from super().delete_file(file_id))

    def download_file(self, file_id: str, sink: ResumingSink) -> Flow[int | None]:
        """
        Fetch the content of a file, or of a blob, into *sink*; return the size that was told.
        """
        return mending(super().download_file(file_id, sink))

    def list_files(self, query: Mapping[str, Any]) -> Flow[FilePage]:
        """
        Ask for one page of files; the dated surface knows no pages, so that one is cut out of its whole list.
        """
        if not self.endpoint.is_dated:
            return (yield from mending(super().list_files(query)))
        whole = yield from mending(super().list_files({name: query[name] for name in query if name == "purpose"}))
        return (yield from super().list_files(query)) if whole.has_more else page_of(whole, query)

    def create_batch(self, order: BatchOrder) -> Flow[OpenAIBatch]:
        """
        Create a batch, as soon as its input file is processed; never repeated by itself.

        Raises:
            OpenAIError: The file could not be processed (code ``"processing_failed"``), or not in time
                (``"timeout"``), or is a blob elsewhere than it may be: nothing was created. Or it was refused.
        """
        return (yield from mending(self._create_batch(order)))

    def _create_batch(self, order: BatchOrder) -> Flow[OpenAIBatch]:
        endpoint = order.endpoint or _CHAT
        wire = order.to_wire() | {"endpoint": endpoint.removeprefix("/v1") if self.endpoint.is_dated else endpoint}
        if is_address(order.input_file_id):
            wire |= self._blobs.order(order.input_file_id)
            del wire["metadata"]  # of batches of blobs none is kept
        else:
            yield from self._until_processed(order.input_file_id)
        response = yield self._request("POST", "/batches", body=json_body(wire), is_idempotent=False)
        batch = understood(response, self._read_batch)
        words = queue_of(response.headers)
        if words is not None:
            with suppress(CancelledError):  # the batch is there, and is to be told
                yield Work(lambda context: context.note(words))
        return attrs.evolve(batch, endpoint=batch.endpoint or endpoint)

    def list_batches(self, query: Mapping[str, Any]) -> Flow[BatchPage]:
        """
        Ask for one page of batches.
        """
        return mending(super().list_batches(query))

    def _until_processed(self, file_id: str) -> Flow[None]:
        """
        Wait for the input file of a batch; one that cannot be looked at is left to what creating the batch says.
        """
        waited_s, pause_s = 0.0, _FIRST_PAUSE_S
        while True:
            try:
                file = yield from self.retrieve_file(file_id)
            except CancelledError:
                raise
            except OpenAIError:
                return
            if file.status == "error":
                message = (
                    f"the provider could not process {file.filename}: {file.status_details or 'it does not say why'}"
                )
                raise OpenAIError(message=message, code="processing_failed", param="input_file_id")
            status = file.extra.get(RAW_STATUS)
            if status not in UNREADY:
                return
            if waited_s >= _LONGEST_WAIT_S:
                message = f"file {file_id} is still {status!r} after {waited_s:.0f} s, so no batch was created of it"
                raise OpenAIError(message=message, code="timeout", param="input_file_id")
            yield Pause(pause_s)
            waited_s, pause_s = waited_s + pause_s, min(pause_s * 1.5, _LONGEST_PAUSE_S)

    def _look_at_quota(self) -> Flow[None]:
        """
        Count the batch files that are kept without expiry; that this cannot be known stops no upload.
        """
        request = self._request("GET", with_query("/files", {"purpose": "batch"}), is_best_effort=True)
        try:
            page = understood((yield request), lambda data: FilePage.read(data, self._read_file))
        except CancelledError:
            raise
        except OpenAIError:
            return
        words = self.quota.count(page)
        if words is not None:
            yield Work(lambda context: context.note(words))

    @property
    def _blobs(self) -> BlobStorage:
        if self.blobs is None:
            raise unsupported(
                "a blob can be read, and be the input of a batch, only where blob_storage names its account: in the "
                "provider's settings, or in AZURE_STORAGE_BLOB_URL"
            )
        return self.blobs

    def _content_request(self, file_id: str, sink: Sink) -> Request:
        is_blob = is_address(file_id)
        return self._blobs.request(file_id, sink=sink) if is_blob else super()._content_request(file_id, sink)

    def _url(self, path: str) -> str:
        return self.endpoint.url(path)

    def _form(self, order: FileOrder) -> dict[str, str]:
        form = order.to_form()
        if not self.endpoint.is_dated:
            return form
        return {name.replace("[", ".").removesuffix("]"): value for name, value in form.items()}

    def _read_file(self, data: Any) -> OpenAIFile:
        return OpenAIFile.from_wire(as_openai_file(data))

    def _read_batch(self, data: Any) -> OpenAIBatch:
        return super()._read_batch(as_openai_batch(data))

    def _read_upload(self, data: Any) -> OpenAIUpload:
        return OpenAIUpload.from_wire(as_openai_upload(data))
