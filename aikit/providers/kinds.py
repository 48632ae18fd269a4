"""
Kinds of providers: where the class of each is, and by what it is configured.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import attrs

from aikit.http.headers import is_secret
from aikit.providers.addresses import OPENAI_URL

OPENAI: Final = "openai"
LOCAL: Final = "local"
AZURE: Final = "azure"

_PROJECT: Final = (r"[a-z0-9][a-z0-9.:-]{1,98}[a-z0-9]", "the id of a project, such as my-project-123")
_PREFIX: Final = r"(?=.{1,100}\Z)\w[\w.+=-]*(?:/\w[\w.+=-]*)*/*"
_VERTEX: Final = ("location", "bucket", "prefix", "credentials", "quota_project", "storage_url")


@attrs.frozen(kw_only=True)
class Kind:
    """
    A kind of provider, which is also the name of one that needs no entry in a provider file.

    Attributes:
        path: Module and class, imported when a client of this kind is made.

        base_url: Where requests go that no setting leads elsewhere.

        variables: Setting → environment variables that hold it; the first that is set counts.

        options: Settings that no other kind has, as keys of the provider file.

        own_keys: What an entry of the file may say of the provider that is called as its kind: it must not lead the
            key or the files of that one astray.

        needs_key: Whether it is of no use without an API key.

        required: Settings without which it is of no use.

        takes_query: Whether its base URL may have a query.

        forms: Setting → pattern of its values, and what that is in words.
    """

    path: str
    base_url: str = OPENAI_URL
    variables: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict)
    options: tuple[str, ...] = ()
    own_keys: tuple[str, ...]
    needs_key: bool = True
    required: tuple[str, ...] = ()
    takes_query: bool = False
    forms: Mapping[str, tuple[str, str]] = attrs.field(factory=dict)

    def require_form(self, name: str, value: str) -> None:
        """
        Check that *value* has the form of the setting *name*, if that has one.

        Raises:
            ValueError: It has another.
        """
        pattern, words = self.forms.get(name, ("", ""))
        if pattern and not re.fullmatch(pattern, value, re.ASCII):
            shown = "" if is_secret(name) else f" {value[:100]!r}"
            raise ValueError(f"{name}{shown} is not {words}")


KINDS: Final[Mapping[str, Kind]] = {
    OPENAI: Kind(
        path="aikit.providers.openai:OpenAIProvider",
        # the names of OpenAI's own libraries, then those of LiteLLM
        variables={
            "api_key": ("OPENAI_API_KEY",),
            "base_url": ("OPENAI_BASE_URL", "OPENAI_API_BASE"),
            "organization": ("OPENAI_ORG_ID", "OPENAI_ORGANIZATION"),
            "project": ("OPENAI_PROJECT_ID",),
        },
        own_keys=("apiKey", "organization", "project"),
    ),
    LOCAL: Kind(path="aikit.providers.local.provider:LocalProvider", own_keys=("home", "concurrency"), needs_key=False),
    AZURE: Kind(
        path="aikit.providers.azure.provider:AzureProvider",
        # the names of OpenAI's library for Azure, then those of LiteLLM
        variables={
            "api_key": ("AZURE_OPENAI_API_KEY", "AZURE_API_KEY"),
            "base_url": ("AZURE_OPENAI_ENDPOINT", "AZURE_API_BASE"),
            "api_version": ("OPENAI_API_VERSION", "AZURE_API_VERSION"),
            "ad_token": ("AZURE_OPENAI_AD_TOKEN", "AZURE_AD_TOKEN"),
            "scope": ("AZURE_SCOPE",),
            "blob_storage": ("AZURE_STORAGE_BLOB_URL",),
        },
        options=("api_version", "ad_token", "scope", "blob_storage", "output_folder"),
        own_keys=("apiKey", "baseURL", "api_version", "ad_token", "scope", "blob_storage", "output_folder"),
        needs_key=False,
        required=("base_url",),
        takes_query=True,
        forms={
            "api_version": (
                r"(?i:v1|latest|preview)|20\d\d-\d\d-\d\d(-preview)?",
                "one of v1, preview, or a date such as 2024-10-21",
            ),
            "ad_token": (r"[A-Za-z0-9._~+/=-]+", "a token alone, without Bearer or quotes; copy it again, whole"),
        },
    ),
    "gemini": Kind(
        path="aikit.providers.gemini.provider:GeminiProvider",
        base_url="https://generativelanguage.googleapis.com",
        # the names of Google's own library, in its order, then that of LiteLLM
        variables={
            "api_key": ("GOOGLE_API_KEY", "GEMINI_API_KEY"),
            "base_url": ("GOOGLE_GEMINI_BASE_URL", "GEMINI_API_BASE"),
        },
        own_keys=("apiKey", "baseURL"),
    ),
    "vertex": Kind(
        path="aikit.providers.vertex.provider:VertexProvider",
        base_url="https://us-central1-aiplatform.googleapis.com",
        # the names of Google's own libraries, then those of LiteLLM
        variables={
            "base_url": ("GOOGLE_VERTEX_BASE_URL", "VERTEXAI_API_BASE"),
            "project": ("GOOGLE_CLOUD_PROJECT", "VERTEXAI_PROJECT"),
            "location": ("GOOGLE_CLOUD_LOCATION", "VERTEXAI_LOCATION"),
            "bucket": ("GCS_BUCKET_NAME",),
            "credentials": ("GOOGLE_APPLICATION_CREDENTIALS", "VERTEXAI_CREDENTIALS"),
            "quota_project": ("GOOGLE_CLOUD_QUOTA_PROJECT",),
            "storage_url": ("STORAGE_EMULATOR_HOST",),
        },
        options=_VERTEX,
        own_keys=("apiKey", "baseURL", "project", *_VERTEX),
        needs_key=False,
        required=("bucket",),  # a project may be that of the credentials
        forms={
            "project": _PROJECT,
            "quota_project": _PROJECT,
            "location": (r"[a-z][a-z0-9-]{1,62}", "a location, such as us-central1 or global"),
            "bucket": (
                rf"(?:gs://)?[a-z0-9][a-z0-9._-]{{1,220}}[a-z0-9](?:/*|/{_PREFIX})",
                "a bucket, such as my-bucket or gs://my-bucket/prefix",
            ),
            "prefix": (f"/*{_PREFIX}", "a prefix, such as aikit or team/aikit"),
        },
    ),
}
"""
Name of a kind → what is known of it without loading it.

Each class stands among the imports for types of `aikit.providers`, too, where programs that freeze others find it.
"""


def require_kind(kind: str) -> None:
    """
    Check that there is such a kind of provider, without loading it.

    Raises:
        ValueError: There is none.
    """
    if kind not in KINDS:
        raise ValueError(f"provider kind {kind!r} is not one of {', '.join(KINDS)}")
