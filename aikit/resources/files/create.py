"""
The upload of one file: checked, then sent whole or in parts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from aikit.http.flow import Flow
from aikit.http.slices import without_mark
from aikit.http.url_source import URLSource
from aikit.types.errors import OpenAIError, Rejected
from aikit.types.files import FileOrder, OpenAIFile
from aikit.types.ids import is_encoded_id
from aikit.validation import check_file

if TYPE_CHECKING:
    from aikit.http.context import CallContext
    from aikit.http.sources import Source
    from aikit.providers import Provider
    from aikit.resources.files.parameters import EachFileParameters
    from aikit.resources.session import Session


def create_file(
    session: Session,
    provider: Provider,
    source: Source,
    purpose: str,
    options: EachFileParameters,
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
    order = FileOrder(purpose=purpose, expires_after=options.expires_after or None, extra=options.extra_body)
    if isinstance(source, URLSource):
        if not limits.imports_files:
            message = f"{provider.kind} fetches no file from an address; fetch it first, and give its path"
            raise OpenAIError(message=message, code="unsupported", param="file")
        return (yield from provider.create_file(source, order))
    bounds = attrs.evolve(limits, checked_purposes=()) if purpose in limits.translated_purposes else limits
    problems = check_file(source, purpose, bounds, context) if options.validate else ()
    if problems:
        raise Rejected(problems)
    if limits.removes_mark and source.name.lower().endswith(".jsonl"):
        source = without_mark(source)
    flow = None
    if (source.size_bytes or 0) > min(limits.batch_max_bytes, limits.file_max_bytes):
        from aikit.resources.files.multipart import create_in_parts, goes_in_parts  # noqa: PLC0415  most files are small

        if goes_in_parts(source, purpose, limits):
            flow = create_in_parts(provider, source, purpose, options, journal=session.journal, context=context)
    file = yield from flow or provider.create_file(source, order)
    if file.bytes != source.size_bytes and (problem := problem_of_size(file, source.size_bytes)) is not None:
        raise Rejected([problem], file)
    return file


def problem_of_size(file: OpenAIFile, size_bytes: int | None) -> OpenAIError | None:
    """
    Return the error for a *file* of another size than was sent, if it is one; 0 is what servers may tell at first.
    """
    if not file.bytes or size_bytes in {file.bytes, None} or is_encoded_id(file.id):
        return None
    message = (
        f"{size_bytes:,} bytes were sent, and the provider says that file {file.id} has {file.bytes:,}; it is stored "
        "there all the same: compare its content, or delete it and upload again"
    )
    return OpenAIError(message=message, code="size_mismatch", param="file")
