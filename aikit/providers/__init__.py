"""
The providers: what each must be able to do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from aikit.providers.kinds import KINDS
from aikit.types.loading import load

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from aikit.http.flow import Flow
    from aikit.http.messages import Transport
    from aikit.http.signal import Signal
    from aikit.http.sinks import ResumingSink
    from aikit.http.sources import Source
    from aikit.providers.account import Account
    from aikit.providers.azure.provider import AzureProvider as AzureProvider
    from aikit.providers.checks import Finding
    from aikit.providers.config import ProviderSettings
    from aikit.providers.gemini.provider import GeminiProvider as GeminiProvider
    from aikit.providers.local.provider import LocalProvider as LocalProvider
    from aikit.providers.openai import OpenAIProvider as OpenAIProvider
    from aikit.providers.vertex.provider import VertexProvider as VertexProvider
    from aikit.types.batches import BatchOrder, BatchPage, OpenAIBatch
    from aikit.types.files import FileOrder, FilePage, OpenAIFile, OpenAIFileDeleted
    from aikit.types.uploads import OpenAIUpload, OpenAIUploadPart, UploadOrder
    from aikit.validation.limits import Limits
    from aikit.validation.lines import LineRules
    from aikit.validation.problems import Problems


class Provider(Protocol):
    """
    One provider: who it is, whose account its calls use, its limits, its transport, and its operations as flows.

    What other rooms need to know of a provider is a member here; none of them asks for its kind or looks for
    attributes that only some providers have.
    """

    @property
    def kind(self) -> str:
        """Name in the registry, for events, messages and prices."""
        ...

    @property
    def base_url(self) -> str:
        """Address that requests are made to."""
        ...

    @property
    def address(self) -> str:
        """Place to show to users: the base URL, or the folder of the embedded provider."""
        ...

    @property
    def model_address(self) -> str:
        """Base URL of the server whose models answer the lines of batches; empty for the built-in model."""
        ...

    @property
    def identity(self) -> str:
        """Text that tells this provider from others, without secrets: the same files and answers have the same text."""
        ...

    @property
    def is_embedded(self) -> bool:
        """Whether requests are answered in this process: batches stand still while no program asks about them."""
        ...

    @property
    def limits(self) -> Limits:
        """Sizes, counts and purposes that the provider accepts."""
        ...

    def watching_end(self, batch_id: str) -> AbstractContextManager[Signal] | None:
        """Return a context with a signal that is set when the batch ends; ``None`` where nothing would set it."""
        ...

    def line_rules(self, problems: Problems) -> LineRules | None:
        """Return its own rules for lines of batches, which add to *problems*; ``None`` where there are none."""
        ...

    def account(self, batch: OpenAIBatch | None = None) -> Account:
        """Return where the costs of *batch*, or of the next batch, are booked, and whether it is free of charge."""
        ...

    def account_key(self, extra_headers: Mapping[str, str] | None = None) -> str:
        """Return a key that identifies the account of calls with *extra_headers*, without secrets."""
        ...

    def make_transport(self, *, connections: int, http_agent: Any = None) -> Transport:
        """Return a new transport that answers requests, with room for *connections* at once."""
        ...

    def examine(self) -> Flow[Sequence[Finding]]:
        """Look at what others do not have, such as quotas and buckets, and change nothing."""
        ...

    def create_file(self, source: Source, order: FileOrder) -> Flow[OpenAIFile]:
        """Upload *source* as the file that *order* describes."""
        ...

    def retrieve_file(self, file_id: str) -> Flow[OpenAIFile]:
        """Ask what is known of a file."""
        ...

    def list_files(self, query: Mapping[str, Any]) -> Flow[FilePage]:
        """Ask for one page of files."""
        ...

    def delete_file(self, file_id: str) -> Flow[OpenAIFileDeleted]:
        """Delete a file."""
        ...

    def file_content(self, file_id: str) -> Flow[bytes]:
        """Fetch a file's content into memory."""
        ...

    def download_file(self, file_id: str, sink: ResumingSink) -> Flow[int | None]:
        """Fetch a file's content into *sink*; return the size the provider told."""
        ...

    def create_batch(self, order: BatchOrder) -> Flow[OpenAIBatch]:
        """Create a batch, asking once: whether it may be asked again is the caller's to find out."""
        ...

    def retrieve_batch(self, batch_id: str) -> Flow[OpenAIBatch]:
        """Ask what is known of a batch."""
        ...

    def list_batches(self, query: Mapping[str, Any]) -> Flow[BatchPage]:
        """Ask for one page of batches."""
        ...

    def cancel_batch(self, batch_id: str) -> Flow[OpenAIBatch]:
        """Ask to stop working on a batch."""
        ...

    def create_upload(self, order: UploadOrder) -> Flow[OpenAIUpload]:
        """Announce a file that will come in parts."""
        ...

    def add_upload_part(self, upload_id: str, source: Source) -> Flow[OpenAIUploadPart]:
        """Send one part."""
        ...

    def complete_upload(self, upload_id: str, part_ids: Sequence[str], md5: str | None) -> Flow[OpenAIUpload]:
        """Make the file of its parts, in the order given."""
        ...

    def cancel_upload(self, upload_id: str) -> Flow[OpenAIUpload]:
        """Give up an upload."""
        ...


def provider_from(settings: ProviderSettings) -> Provider:
    """
    Return the provider that *settings* describe.
    """
    module, name = KINDS[settings.kind].path.split(":")
    provider: Provider = getattr(load(module), name).from_settings(settings)
    return provider
