"""
Azure OpenAI as OpenAI with another address, another header for its key, and limits of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import attrs

from aikit import __version__
from aikit.http.flow import Flow, Work
from aikit.http.headers import Headers
from aikit.http.refusals import understood
from aikit.http.sources import Source
from aikit.providers.account import Account, key_of
from aikit.providers.addresses import account_address
from aikit.providers.azure.endpoint import Endpoint
from aikit.providers.azure.quota import Quota, with_mend
from aikit.providers.azure.reading import as_openai_file, as_openai_upload, page_of
from aikit.providers.config import ProviderSettings
from aikit.providers.openai import OpenAIProvider, with_query
from aikit.types.errors import CancelledError, OpenAIError
from aikit.types.files import FileOrder, FilePage, OpenAIFile
from aikit.types.uploads import OpenAIUpload
from aikit.validation.limits import Limits, limits_for

if TYPE_CHECKING:
    from aikit.types.batches import OpenAIBatch

_CREDENTIALS: Final = ("api-key", "Authorization")


@attrs.frozen(kw_only=True)
class AzureProvider(OpenAIProvider):
    """
    The operations of one resource, on the dated surface or on ``/openai/v1``.

    Attributes:
        endpoint: Where the resource answers.

        quota: When to count again the files that are kept without expiry.
    """

    # https://learn.microsoft.com/azure/ai-services/openai/reference (read 2026-11-21)

    kind: str = "azure"
    endpoint: Endpoint
    quota: Quota = attrs.field(factory=Quota, eq=False, repr=False)

    @classmethod
    def from_settings(cls, settings: ProviderSettings) -> AzureProvider:
        """
        Return the provider that *settings* describe.

        Raises:
            ValueError: There is no endpoint, or its version is none.
        """
        settings.require_usable()
        endpoint = Endpoint.of(settings.base_url or "", settings.setting("api_version"))
        fields, is_signed = _fields(settings)
        return cls(
            base_url=endpoint.base_url,
            headers=fields,
            endpoint=endpoint,
            token=None if is_signed else settings.token,
        )

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

    def create_file(self, source: Source, order: FileOrder) -> Flow[OpenAIFile]:
        """
        Upload *source*; where files without expiry become many, a note says so before the quota is full.
        """
        if order.purpose == "batch" and not order.expires_after and self.quota.is_due():
            yield from self._look_at_quota()
        try:
            return (yield from super().create_file(source, order))
        except OpenAIError as error:
            if error.code != "quotaExceeded":
                raise
            raise with_mend(error) from None

    def list_files(self, query: Mapping[str, Any]) -> Flow[FilePage]:
        """
        Ask for one page of files; the dated surface knows no pages, so that one is cut out of its whole list.
        """
        if not self.endpoint.is_dated:
            return (yield from super().list_files(query))
        whole = yield from super().list_files({name: query[name] for name in query if name == "purpose"})
        return (yield from super().list_files(query)) if whole.has_more else page_of(whole, query)

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

    def _url(self, path: str) -> str:
        return self.endpoint.url(path)

    def _form(self, order: FileOrder) -> dict[str, str]:
        form = order.to_form()
        if not self.endpoint.is_dated:
            return form
        return {name.replace("[", ".").removesuffix("]"): value for name, value in form.items()}

    def _read_file(self, data: Any) -> OpenAIFile:
        return OpenAIFile.from_wire(as_openai_file(data))

    def _read_upload(self, data: Any) -> OpenAIUpload:
        return OpenAIUpload.from_wire(as_openai_upload(data))


def _fields(settings: ProviderSettings) -> tuple[Headers, bool]:
    """
    Return the headers of all requests, and whether a key or a token is among them: one of the two, never both.

    The caller's own headers count, then a callable that gives tokens, then the key, then a token that is given.
    """
    own = Headers(settings.custom_headers)
    agent = Headers({"User-Agent": f"aikit/{__version__}"})
    if any(own.get(name) for name in _CREDENTIALS):
        return agent.merged(own), True
    ad_token = settings.setting("ad_token")
    if settings.token is None and settings.api_key:
        return agent.merged({"api-key": settings.api_key}, own), True
    if settings.token is None and settings.api_key is None and ad_token:
        return agent.merged({"Authorization": f"Bearer {ad_token}"}, own), True
    return agent.merged(own), False
