"""
Vertex AI: a project, a bucket, files that are objects in it, batches that are jobs on them.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import attrs

from aikit.http.bodies import type_of
from aikit.http.flow import Flow, Gather, Work
from aikit.http.messages import Response, Transport
from aikit.http.sinks import ResumingSink
from aikit.http.sources import Source
from aikit.providers.account import Account, key_of
from aikit.providers.config import ProviderSettings
from aikit.providers.google.retry_info import RetryInfoTransport
from aikit.providers.openai import OpenAIProvider
from aikit.providers.tokens import require_no_extra
from aikit.providers.vertex import later
from aikit.providers.vertex.access import Access
from aikit.providers.vertex.names import FILES, STORED, FileName, new_name, read_file_id
from aikit.providers.vertex.objects import (
    delete,
    fetch,
    file_from_wire,
    list_files,
    metadata_of,
    require_there,
    retrieve,
)
from aikit.providers.vertex.place import Place
from aikit.providers.vertex.upload import store
from aikit.validation.limits import Limits, limits_for

if TYPE_CHECKING:
    from aikit.providers.checks import Finding
    from aikit.types.batches import BatchOrder, BatchPage, OpenAIBatch
    from aikit.types.files import FileOrder, FilePage, OpenAIFile, OpenAIFileDeleted
    from aikit.types.uploads import OpenAIUpload, OpenAIUploadPart, UploadOrder
    from aikit.validation.lines import LineRules
    from aikit.validation.problems import Problems

KIND: Final = "vertex"


@attrs.frozen(kw_only=True)
class VertexProvider(OpenAIProvider):
    """
    Files and batches of one project of Vertex AI.

    Attributes:
        place: Where its files and jobs are.
    """

    # https://docs.cloud.google.com/storage/docs/json_api and the discovery documents of aiplatform v1 (revision
    # 20261106) and storage v1 (revision 20261009), read 2026-11-21

    kind: str = KIND
    place: Place

    @classmethod
    def from_settings(cls, settings: ProviderSettings) -> VertexProvider:
        """
        Return the provider that *settings* describe.

        Raises:
            ValueError: Project or bucket is missing, or cannot be the name of one; or credentials cannot be read.
        """
        settings.require_usable()
        access = Access.of(settings)
        settings = attrs.evolve(settings, project=settings.project or access.project)
        place = Place.from_settings(settings, access.headers)
        return cls(base_url=place.api_url, headers=place.headers, token=access.token, place=place)

    @property
    def identity(self) -> str:
        """Kind, API, project and what of the bucket is ours."""
        return f"{self.kind} {self.base_url} {self.place.parent} {self.place.uri(FILES)}"

    @property
    def limits(self) -> Limits:
        """Limits of Vertex AI, and of its storage."""
        return limits_for(KIND)

    def line_rules(self, problems: Problems) -> LineRules:
        """
        Return the rules that lines obey which can be translated and imported.
        """
        return later.staging.TranslationRules(problems)

    def account(self, batch: OpenAIBatch | None = None) -> Account:  # noqa: ARG002  the same for all batches
        """
        Return the account of all batches of the project, wherever they run.
        """
        return Account(self.kind, f"{self.place.account_url}/v1/projects/{self.place.project}")

    def account_key(self, extra_headers: Mapping[str, str] | None = None) -> str:
        """
        Return a key made of the project, of what of the bucket is ours, and of credentials among the headers.
        """
        return key_of(f"{self.account().address} {self.place.uri(FILES)}", self.headers.merged(extra_headers))

    def make_transport(self, *, connections: int, http_agent: Any = None) -> Transport:
        """
        Return what answers requests to API and storage, signs them and heeds when Google says to ask again.
        """
        return RetryInfoTransport(super().make_transport(connections=connections, http_agent=http_agent))

    def examine(self) -> Flow[Sequence[Finding]]:
        """
        Look at the bucket, at what may be done in it, and at jobs.
        """
        return (yield from later.checks.findings_at(self.place))

    def create_file(self, source: Source, order: FileOrder) -> Flow[OpenAIFile]:
        """
        Upload *source* as the file that *order* describes; of the input of a batch what its job will read, too.

        Raises:
            Rejected: Lines cannot be translated, or would not be imported; nothing was sent.
            OpenAIError: It was refused, or did not arrive.
        """
        require_no_extra("Vertex AI", order)
        about = yield Work(lambda _: metadata_of(source.name, order, time.time()))
        name, staged = FileName(STORED, new_name()), None
        if order.purpose == "batch" and source.is_replayable:
            staged = yield Work(lambda context: later.staging.stage(source, context, limits=self.limits))
        storing = store(self.place, source, name.stored, content_type=type_of(source), **about)
        if staged is None:
            return file_from_wire((yield from storing), self.place)
        try:
            size = source.size_bytes or 0
            total = size + staged.size_bytes
            (stored,) = yield Gather((storing,), total_bytes=total)
            lines = later.inputs.store_lines_if_possible(self.place, name, staged, stored)
            yield Gather((lines,), total_bytes=total, done_bytes=size)
        finally:
            staged.discard()
        return file_from_wire(stored, self.place)

    def retrieve_file(self, file_id: str) -> Flow[OpenAIFile]:
        """
        Ask what is known of a file.
        """
        name = read_file_id(file_id)
        return (yield from (retrieve if name.kind == STORED else later.files.retrieve)(self.place, name))

    def list_files(self, query: Mapping[str, Any]) -> Flow[FilePage]:
        """
        Ask for all files, in Google's pages, and return one of ours.
        """
        return list_files(self.place, query)

    def delete_file(self, file_id: str) -> Flow[OpenAIFileDeleted]:
        """
        Delete a file, with what was made of it for jobs, or what a job has written.
        """
        name = read_file_id(file_id)
        return (yield from (delete if name.kind == STORED else later.files.delete)(self.place, name))

    def download_file(self, file_id: str, sink: ResumingSink) -> Flow[int | None]:
        """
        Fetch a file's content into *sink*; that of an output or error file is made while it comes.
        """
        name = read_file_id(file_id)
        if name.kind != STORED:
            return (yield from later.files.download(self.place, name, sink))
        return (yield from OpenAIProvider.download_file(self, file_id, sink))

    def _content(self, file_id: str, sink: ResumingSink) -> Flow[Response]:
        name = read_file_id(file_id)
        return require_there((yield from fetch(self.place, name.stored, sink)), name)

    def create_batch(self, order: BatchOrder) -> Flow[OpenAIBatch]:
        """
        Create the job for *order*, or return the one with its intent; never repeated by itself.
        """
        require_no_extra("Vertex AI", order)
        return later.batches.create_batch(self.place, order, self.limits)

    def retrieve_batch(self, batch_id: str) -> Flow[OpenAIBatch]:
        """
        Ask what is known of a batch.
        """
        return later.batches.retrieve_batch(self.place, batch_id)

    def list_batches(self, query: Mapping[str, Any]) -> Flow[BatchPage]:
        """
        Ask for one page of batches, in Google's order.
        """
        return later.batches.list_batches(self.place, query)

    def cancel_batch(self, batch_id: str) -> Flow[OpenAIBatch]:
        """
        Ask to stop working on a batch.
        """
        return later.batches.cancel_batch(self.place, batch_id)

    def create_upload(self, order: UploadOrder) -> Flow[OpenAIUpload]:
        """
        Announce a file that will come in parts.
        """
        require_no_extra("Vertex AI", order)
        return later.uploads.create_upload(self.place, order)

    def add_upload_part(self, upload_id: str, source: Source) -> Flow[OpenAIUploadPart]:
        """
        Send one part.
        """
        return later.uploads.add_part(self.place, upload_id, source)

    def complete_upload(self, upload_id: str, part_ids: Sequence[str], md5: str | None) -> Flow[OpenAIUpload]:
        """
        Make the file of its parts.
        """
        return later.uploads.complete(self.place, upload_id, part_ids, md5)

    def cancel_upload(self, upload_id: str) -> Flow[OpenAIUpload]:
        """
        Give up an upload.
        """
        return later.uploads.cancel(self.place, upload_id)

    @property
    def _signed_urls(self) -> tuple[str, ...]:
        return (self.base_url, *((self.place.storage_url,) if self.place.signs_storage else ()))
