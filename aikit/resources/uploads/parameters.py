"""
Options of the calls of ``client.uploads``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import attrs

from aikit.runtime.callback_checks import CallbacksOf
from aikit.runtime.extra_fields import fits_beside
from aikit.runtime.parameters import OpenAIParameters, by, filled, is_expiry, is_flag, is_text

if TYPE_CHECKING:
    from aikit.resources.uploads.results import OpenAIUploadResult
    from aikit.types.progress import Progress

_SAID: Final = ("filename", "purpose", "bytes", "mime_type", "expires_after")
_MD5: Final = re.compile(r"[0-9a-fA-F]{32}")


def _is_md5(name: str, value: Any) -> None:
    is_text(name, value)
    if value is not None and not _MD5.fullmatch(value):
        raise ValueError(f"{name} must be 32 hexadecimal digits, not {value!r}; hashlib.md5(…).hexdigest() gives them")


@attrs.define(kw_only=True, on_setattr=attrs.setters.NO_OP)
class OpenAIUploadParameters(CallbacksOf["OpenAIUploadResult", "Progress"], OpenAIParameters):
    """
    Options of ``uploads.create``.

    Attributes:
        expires_after: Of the file it becomes: ``{"anchor": "created_at", "seconds": N}``, N from 3,600 to 2,592,000.

        mime_type: Type of the content; without it that of the name's extension.

        validate: ``False`` leaves judging to the provider.

        extra_body: Further fields of the order, for servers that take some.
    """

    expires_after: dict[str, Any] = attrs.field(default=None, validator=by(is_expiry), converter=filled)
    mime_type: str | None = attrs.field(default=None, validator=by(is_text))
    validate: bool = attrs.field(default=True, validator=by(is_flag))
    extra_body: dict[str, Any] = attrs.field(
        default=None, validator=by(fits_beside(_SAID)), converter=filled, repr=False
    )


@attrs.define(kw_only=True, on_setattr=attrs.setters.NO_OP)
class OpenAIUploadCompleteParameters(CallbacksOf["OpenAIUploadResult", "Progress"], OpenAIParameters):
    """
    Options of ``uploads.complete``.

    Attributes:
        md5: Of the whole content, in hexadecimal; the provider compares it.
    """

    md5: str | None = attrs.field(default=None, validator=by(_is_md5))
