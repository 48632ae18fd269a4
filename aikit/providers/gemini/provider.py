"""
The Gemini Developer API: a key, files that are kept for 48 hours, batches of lines in OpenAI's format.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast
from urllib.parse import urlencode

import attrs

from aikit.http.bodies import json_body, type_of
from aikit.http.flow import Flow, Work
from aikit.http.headers import USER_AGENT, Headers
from aikit.http.messages import Request, Response, Sink, Transport
from aikit.http.refusals import raise_for_status, require_same_id, understood
from aikit.http.sources import Source
from aikit.providers.config import ProviderSettings
from aikit.providers.gemini.batches import METHODS, batch_from_wire, batch_in_openai_names
from aikit.providers.gemini.files import (
    deleted_from_wire,
    file_from_wire,
    in_openai_names,
    label_from_wire,
    quota_finding,
)
from aikit.providers.gemini.lines import FirstLine, FirstLineReadError, model_in, model_of
from aikit.providers.gemini.missing import MissingTransport
from aikit.providers.gemini.names import BATCHES, FILES, FileLabel, batch_label, id_of, model_path, path_of
from aikit.providers.gemini.upload import Upload
from aikit.providers.google import batches as google
from aikit.providers.google.paging import entries_in, page_of, whole_list
from aikit.providers.google.retry_info import RetryInfoTransport
from aikit.providers.kinds import KINDS
from aikit.providers.openai import OpenAIProvider
from aikit.providers.tokens import require_no_extra, unsupported
from aikit.types.errors import CancelledError, OpenAIError
from aikit.validation.limits import Limits, limits_for

if TYPE_CHECKING:
    from aikit.providers.checks import Finding
    from aikit.types.batches import BatchOrder, BatchPage, OpenAIBatch
    from aikit.types.files import FileOrder, FilePage, OpenAIFile, OpenAIFileDeleted
    from aikit.types.uploads import OpenAIUpload, OpenAIUploadPart, UploadOrder

KIND: Final = "gemini"
T = TypeVar("T")
_VERSION: Final = "/v1beta"
_SURFACES: Final = ("/openai", _VERSION)
_JSONL: Final = "application/jsonl"  # another type is refused for batches
_LONGEST_MODEL: Final = 64  # that a display name has room for, beside the longest filename
_FILES_ON_PAGE: Final = 100
_NO_PARTS: Final = "Gemini has no uploads in parts; files.create sends a file of any size that Gemini takes, in chunks"
_NO_EXPIRY: Final = "Gemini keeps every file for 48 hours and no other time; leave expires_after out"


@attrs.frozen(kw_only=True)
class GeminiProvider(OpenAIProvider):
    """
    Files and batches of the Gemini Developer API.

    The key goes in a header, never in an address. Files keep filename and purpose in their display name, batches their
    metadata; see `aikit.providers.gemini.names`.

    Attributes:
        base_url: Without a version, which is ``v1beta``.
    """

    # https://ai.google.dev/api/files and https://ai.google.dev/api/batch-api (read 2026-11-30)

    base_url: str = KINDS[KIND].base_url
    kind: str = KIND

    @classmethod
    def from_settings(cls, settings: ProviderSettings) -> GeminiProvider:
        """
        Return the provider that *settings* describe; ``/v1beta`` and ``/openai`` at the end of a base URL are left out.
        """
        root = settings.base_url or KINDS[KIND].base_url
        for surface in _SURFACES:
            root = root.removesuffix(surface)
        headers = {"User-Agent": USER_AGENT}
        if settings.api_key:
            headers["x-goog-api-key"] = settings.api_key
        return cls(base_url=root, headers=Headers(headers).merged(settings.custom_headers), token=settings.token)

    @property
    def limits(self) -> Limits:
        """Gemini's limits."""
        return limits_for(KIND)

    def make_transport(self, *, connections: int, http_agent: Any = None) -> Transport:
        """
        Return what answers this provider's requests, and heeds when Google says to ask again.
        """
        usual = super().make_transport(connections=connections, http_agent=http_agent)
        return RetryInfoTransport(MissingTransport(usual))

    def examine(self) -> Flow[Sequence[Finding]]:
        """
        Look how near the files of the project are to what Gemini keeps.
        """
        page = yield from self.list_files({})
        return (quota_finding(page.files),)

    def create_file(self, source: Source, order: FileOrder) -> Flow[OpenAIFile]:
        """
        Upload *source* as the file that *order* describes; of the input of a batch the model is noted.
        """
        require_no_extra("Gemini", order)
        if order.expires_after is not None:
            raise unsupported(_NO_EXPIRY)
        model, mime_type = None, type_of(source)
        if order.purpose == "batch":
            model, mime_type = (yield Work(lambda context: model_of(source, context))), _JSONL
        label = FileLabel(source.name, order.purpose, model if model and len(model) <= _LONGEST_MODEL else None)
        upload = Upload(
            root=self.base_url, headers=self._for_json, source=source, mime_type=mime_type, label=label.to_wire()
        )
        return (yield from upload.send())

    def retrieve_file(self, file_id: str) -> Flow[OpenAIFile]:
        """
        Ask what is known of a file.
        """
        return self._retrieve(file_id, FILES, file_from_wire)

    def list_files(self, query: Mapping[str, Any]) -> Flow[FilePage]:
        """
        Ask for all files, in Google's pages, and return one of ours.
        """
        if query.get("after"):
            query = {**query, "after": id_of(path_of(query["after"], FILES), FILES)}
        files = yield from whole_list(
            lambda token: self._on("GET", FILES, pageSize=_FILES_ON_PAGE, pageToken=token),
            partial(entries_in, name=FILES),
            FILES,
        )
        return page_of(map(in_openai_names, files), query)

    def delete_file(self, file_id: str) -> Flow[OpenAIFileDeleted]:
        """
        Delete a file; one that an earlier attempt may have deleted already counts as deleted.
        """
        response: Response = yield self._on("DELETE", path_of(file_id, FILES))
        if response.status == 404 and response.request.may_have_been_applied:
            response = attrs.evolve(response, status=200, body=b"{}")
        return understood(response, lambda data: deleted_from_wire(data, file_id))

    def create_batch(self, order: BatchOrder) -> Flow[OpenAIBatch]:
        """
        Create a batch for the model that the lines of its input ask; never repeated by itself.
        """
        require_no_extra("Gemini", order)
        method = METHODS.get(order.endpoint)
        if method is None:
            raise unsupported(f"Gemini has batches for {' and '.join(METHODS)}, and none for {order.endpoint}")
        if order.output_expires_after is not None:
            raise unsupported("Gemini decides how long it keeps the output of a batch; leave output_expires_after out")
        label, file = batch_label(order), path_of(order.input_file_id, FILES)
        try:
            model = model_path((yield from self._model_of(order.input_file_id)))
        except CancelledError:
            raise
        except OpenAIError as error:  # whatever it was, no batch was asked for yet
            raise google.before_asking(error) from None
        body = json_body({"batch": {"displayName": label, "inputConfig": {"fileName": file}}})
        response = yield self._on("POST", f"{model}:{method}", body=body, is_idempotent=False)
        return understood(response, batch_from_wire)

    def retrieve_batch(self, batch_id: str) -> Flow[OpenAIBatch]:
        """
        Ask what is known of a batch.
        """
        return self._retrieve(batch_id, BATCHES, batch_from_wire)

    def list_batches(self, query: Mapping[str, Any]) -> Flow[BatchPage]:
        """
        Ask for one page of batches, in Google's order; *after* is the page's cursor, or the id of any batch.
        """
        return google.list_batches(
            query,
            "operations",
            lambda size, token: self._on("GET", BATCHES, pageSize=size, pageToken=token),
            batch_in_openai_names,
        )

    def cancel_batch(self, batch_id: str) -> Flow[OpenAIBatch]:
        """
        Ask to stop working on a batch, and return what is known of it then.
        """
        request = self._on("POST", f"{path_of(batch_id, BATCHES)}:cancel")
        return (yield from google.cancel_batch(request, lambda: self.retrieve_batch(batch_id)))

    def create_upload(self, order: UploadOrder) -> Flow[OpenAIUpload]:  # noqa: ARG002  whatever it is
        """
        Refuse: there are no uploads in parts.
        """
        return _refusal(_NO_PARTS)

    def add_upload_part(self, upload_id: str, source: Source) -> Flow[OpenAIUploadPart]:  # noqa: ARG002  likewise
        """
        Refuse likewise.
        """
        return _refusal(_NO_PARTS)

    def complete_upload(
        self,
        upload_id: str,  # noqa: ARG002  likewise
        part_ids: Sequence[str],  # noqa: ARG002  likewise
        md5: str | None,  # noqa: ARG002  likewise
    ) -> Flow[OpenAIUpload]:
        """
        Refuse likewise.
        """
        return _refusal(_NO_PARTS)

    def cancel_upload(self, upload_id: str) -> Flow[OpenAIUpload]:  # noqa: ARG002  likewise
        """
        Refuse likewise.
        """
        return _refusal(_NO_PARTS)

    def _content_request(self, file_id: str, sink: Sink) -> Request:
        url = f"{self.base_url}/download{_VERSION}/{path_of(file_id, FILES)}:download?alt=media"
        return Request(method="GET", url=url, headers=self._for_bytes, sink=sink)

    def _model_of(self, file_id: str) -> Flow[str]:
        """
        Return the model that the lines of a file ask: as was noted when it was uploaded, else that of the first line.

        Raises:
            OpenAIError: It is not known (code ``"unsupported"``): Gemini does not give out what another program stored.
        """
        response: Response = yield self._on("GET", path_of(file_id, FILES))
        model = understood(response, label_from_wire).model
        if model is None:
            model = model_in((yield from self._first_line(file_id)))
        if model is None:
            raise unsupported(
                f"a Gemini batch is of one model, and the first line of {file_id} cannot be read or names none; upload "
                "the input with files.create, as a file and not a stream, with a model in each line"
            )
        return model

    def _first_line(self, file_id: str) -> Flow[bytes]:
        """
        Return the first line of a file; empty if it is not given out.
        """
        line = FirstLine()
        try:
            while line.line is None and not line.is_whole:
                response: Response = yield self._content_request(file_id, line)
                if response.status in {400, 403, 404}:
                    break
                raise_for_status(response)
                line.asks_all = True
        except FirstLineReadError:
            pass
        return line.line or b""

    def _retrieve(self, item_id: str, collection: str, from_wire: Callable[[Any], T]) -> Flow[T]:
        response = yield self._on("GET", path_of(item_id, collection))
        item: Any = understood(response, from_wire)
        _require_same(response, item_id, item.id, collection)
        return cast("T", item)

    def _on(self, method: str, path: str, *, body: Any = None, is_idempotent: bool = True, **query: Any) -> Request:
        asked = urlencode({name: value for name, value in query.items() if value is not None})
        url = f"{self.base_url}{_VERSION}/{path}" + (f"?{asked}" if asked else "")
        return Request(method=method, url=url, headers=self._for_json, body=body, is_idempotent=is_idempotent)


def _require_same(response: Response, asked: str, told: str, collection: str) -> None:
    """
    Check that an answer is about what was asked for, in whichever way that was written.
    """
    own = path_of(asked, collection).rpartition("/")[2]
    if own != path_of(told, collection).rpartition("/")[2]:
        require_same_id(response, asked, told)


def _refusal(message: str) -> Flow[Any]:
    yield from ()
    raise unsupported(message)
