"""
The upload of one file: checked, then sent whole or in parts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aikit.http.flow import Flow
from aikit.http.slices import without_mark
from aikit.types.errors import OpenAIError, Rejected
from aikit.types.files import FileOrder, OpenAIFile
from aikit.types.ids import is_encoded_id
from aikit.validation import check_file

if TYPE_CHECKING:
    from aikit.http.context import CallContext
    from aikit.http.sources import Source
    from aikit.providers import Provider
    from aikit.resources.files.parameters import OpenAIFileParameters
    from aikit.resources.session import Session


def create_file(
    session: Session,
    provider: Provider,
    source: Source,
    purpose: str,
    options: OpenAIFileParameters,
    *,
    context: CallContext,
) -> Flow[OpenAIFile]:
    """
    Check *source* and upload it, in parts if it is larger than the provider takes at once.

    Raises:
        Rejected: The provider would refuse it, and nothing was sent; or it was stored with another size.
        OpenAIError: It was refused, or did not arrive.
    """
    source = source.resolved()
    limits = provider.limits
    problems = check_file(source, purpose, limits, context) if options.validate else ()
    if problems:
        raise Rejected(problems)
    if limits.removes_mark and source.name.lower().endswith(".jsonl"):
        source = without_mark(source)
    if (source.size_bytes or 0) > limits.size_limit(purpose):
        from aikit.resources.files.multipart import create_in_parts, goes_in_parts  # noqa: PLC0415  most files are small

        if goes_in_parts(source, purpose, limits):
            file = yield from create_in_parts(
                provider, source, purpose, options, journal=session.journal, context=context
            )
            return _of_size(file, source.size_bytes)
    order = FileOrder(purpose=purpose, expires_after=options.expires_after)
    return _of_size((yield from provider.create_file(source, order)), source.size_bytes)


def _of_size(file: OpenAIFile, size_bytes: int | None) -> OpenAIFile:
    """
    Return *file* if it has the size that was sent; servers may tell none or 0 at first, gateways store others.

    Raises:
        Rejected: It has another; the file comes along.
    """
    if not file.bytes or size_bytes is None or file.bytes == size_bytes or is_encoded_id(file.id):
        return file
    message = (
        f"{size_bytes:,} bytes were sent, and the provider says that file {file.id} has {file.bytes:,}; it is stored "
        "there all the same: compare its content, or delete it and upload again"
    )
    raise Rejected([OpenAIError(message=message, code="size_mismatch", param="file")], file)
