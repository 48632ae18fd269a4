"""
Kinds of providers: where the class of each is, and by what it is configured.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

OPENAI: Final = "openai"
LOCAL: Final = "local"


@attrs.frozen(kw_only=True)
class Kind:
    """
    A kind of provider, which is also the name of one that needs no entry in a provider file.

    Attributes:
        path: Module and class, imported when a client of this kind is made.

        variables: Setting → environment variables that hold it; the first that is set counts.

        options: Settings that no other kind has, as keys of the provider file.

        own_keys: What an entry of the file may say of the provider that is called as its kind: it must not lead the
            key or the files of that one astray.

        needs_key: Whether it is of no use without an API key.
    """

    path: str
    variables: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict)
    options: tuple[str, ...] = ()
    own_keys: tuple[str, ...]
    needs_key: bool = True


KINDS: Final[Mapping[str, Kind]] = {
    OPENAI: Kind(
        path="aikit.providers.openai:OpenAIProvider",
        # the names of OpenAI's own libraries
        variables={
            "api_key": ("OPENAI_API_KEY",),
            "base_url": ("OPENAI_BASE_URL",),
            "organization": ("OPENAI_ORG_ID",),
            "project": ("OPENAI_PROJECT_ID",),
        },
        own_keys=("apiKey", "organization", "project"),
    ),
    LOCAL: Kind(path="aikit.providers.local.provider:LocalProvider", own_keys=("home", "concurrency"), needs_key=False),
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
