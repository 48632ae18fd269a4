"""
Where the files and the jobs of Vertex AI are: project and location of the API, bucket and prefix of the objects.
"""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

import attrs

from aikit.http.headers import Headers
from aikit.http.messages import Body, Request, Sink
from aikit.providers.addresses import account_address, usable_url
from aikit.providers.config import ProviderSettings
from aikit.providers.kinds import KINDS

_GOOGLES_STORAGE: Final = "https://storage.googleapis.com"
_LOCATION: Final = "us-central1"
_PREFIX: Final = "aikit"
_MULTI_REGIONS: Final = frozenset(("us", "eu"))


@attrs.frozen(kw_only=True)
class Place:
    """
    The project that jobs are of and the part of a bucket that objects are in; what is asked of either begins here.

    Names of objects are those behind the prefix, ``"files/abc"``: nothing else of the bucket can be named.

    Attributes:
        prefix: What all names of objects begin with; without a slash at its end.

        api_url: Without a version, which is ``v1``.

        storage_url: Of Google Cloud Storage, or of an emulator.

        headers: Of requests to the API; those to an emulator go without secrets.
    """

    project: str
    location: str
    bucket: str
    prefix: str
    api_url: str
    storage_url: str = _GOOGLES_STORAGE
    headers: Headers = attrs.field(factory=Headers)

    @classmethod
    def from_settings(cls, settings: ProviderSettings, headers: Headers | None = None) -> Place:
        """
        Return the place that *settings* describe, where requests have *headers*.

        Raises:
            ValueError: Project or bucket is missing, or one of them cannot be the name of one.
        """
        settings.require_usable()
        if not settings.project:
            raise settings.lacking("project")
        bucket, _, behind = (settings.setting("bucket") or "").removeprefix("gs://").strip("/").partition("/")
        location = settings.setting("location") or _LOCATION
        names = {
            "project": settings.project,
            "location": location,
            "bucket": bucket,
            "prefix": behind or (settings.setting("prefix") or _PREFIX).strip("/"),
        }
        for name, value in names.items():
            KINDS["vertex"].require_form(name, value)
        return cls(
            **names,
            api_url=(settings.base_url or _api_url(location)).removesuffix("/v1"),
            storage_url=_storage_url(settings.setting("storage_url")),
            headers=Headers({"Accept": "application/json"}).merged(headers),
        )

    @property
    def signs_storage(self) -> bool:
        """Whether requests for objects carry credentials: to Google's own servers they do, to emulators not."""
        parts = urlsplit(self.storage_url)
        return parts.scheme == "https" and (parts.hostname or "").endswith(".googleapis.com")

    @property
    def storage_headers(self) -> Headers:
        """Headers of requests for objects."""
        return self.headers if self.signs_storage else self.headers.without_secrets()

    @property
    def account_url(self) -> str:
        """Address that stands for the project's account: one for all locations of Google's own."""
        is_own = self.api_url == _api_url(self.location)
        return _api_url("global") if is_own else account_address(self.api_url)

    @property
    def parent(self) -> str:
        """The resource that jobs are of: ``"projects/P/locations/L"``."""
        return f"projects/{self.project}/locations/{self.location}"

    def api(
        self, method: str, path: str, *, body: Body | None = None, is_idempotent: bool = True, **query: Any
    ) -> Request:
        """
        Return a request to the API about *path* of the project, ``"batchPredictionJobs/123"``.

        Arguments of the query that are ``None`` are left out.
        """
        url = f"{self.api_url}/v1/{self.parent}/{path}{_query(query)}"
        return Request(method=method, url=url, headers=self.headers, body=body, is_idempotent=is_idempotent)

    def storage(
        self,
        method: str,
        name: str | None = None,
        *,
        action: str = "",
        body: Body | None = None,
        sink: Sink | None = None,
        is_idempotent: bool = True,
        is_cleanup: bool = False,
        **query: Any,
    ) -> Request:
        """
        Return a request about the object called *name* behind the prefix, or about all; *action* is ``"/compose"``.
        """
        about = "" if name is None else f"/{quote(self.full_name(name), safe='')}{action}"
        return Request(
            method=method,
            url=f"{self.storage_url}/storage/v1/b/{self.bucket}/o{about}{_query(query)}",
            headers=self.storage_headers.merged({"Accept": "*/*"} if sink is not None else None),
            body=body,
            sink=sink,
            is_idempotent=is_idempotent,
            is_cleanup=is_cleanup,
        )

    def upload_url(self, name: str, **query: Any) -> str:
        """
        Return where the upload of an object begins.
        """
        asked = _query({"uploadType": "resumable", "name": self.full_name(name), **query})
        return f"{self.storage_url}/upload/storage/v1/b/{self.bucket}/o{asked}"

    def full_name(self, name: str) -> str:
        """
        Return *name* with the prefix, as the bucket has it.
        """
        return f"{self.prefix}/{name}"

    def own_name(self, full_name: Any) -> str | None:
        """
        Return what of an object's name is behind the prefix; ``None`` for an object that is not there.
        """
        start = f"{self.prefix}/"
        is_own = isinstance(full_name, str) and full_name.startswith(start) and len(full_name) > len(start)
        return full_name[len(start) :] if is_own else None

    def uri(self, name: str) -> str:
        """
        Return the address of an object, or of all whose names begin so: ``"gs://my-bucket/aikit/files/abc"``.
        """
        return f"gs://{self.bucket}/{self.full_name(name)}"

    def name_in(self, uri: Any) -> str | None:
        """
        Return the name of the object, or the beginning of names, that *uri* is about; ``None`` if it is not ours.

        What jobs tell goes through this: another bucket, and what is beside the prefix, is nobody's to be read.
        """
        start = f"gs://{self.bucket}/"
        name = self.own_name(uri[len(start) :]) if isinstance(uri, str) and uri.startswith(start) else None
        return None if name is None or _LEADS_AWAY.search(name) else name


_LEADS_AWAY: Final = re.compile(r"(?:^|/)\.{1,2}(?:/|$)|//|^/|[\x00-\x1f\x7f\\?#]")


def _api_url(location: str) -> str:
    # the endpoints of https://aiplatform.googleapis.com/$discovery/rest?version=v1, revision 20261106
    if location == "global":
        return "https://aiplatform.googleapis.com"
    if location in _MULTI_REGIONS:
        return f"https://aiplatform.{location}.rep.googleapis.com"
    return f"https://{location}-aiplatform.googleapis.com"


def _storage_url(given: str | None) -> str:
    if not given:
        return _GOOGLES_STORAGE
    return usable_url(given if "://" in given else f"http://{given}", name="storage_url") or _GOOGLES_STORAGE


def _query(query: dict[str, Any]) -> str:
    asked = urlencode({name: value for name, value in query.items() if value is not None})
    return f"?{asked}" if asked else ""
