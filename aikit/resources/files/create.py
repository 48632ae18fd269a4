"""
The upload of one file: checked, then sent whole or in parts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aikit.http.flow import Flow
from aikit.types.errors import Rejected
from aikit.types.files import FileOrder, OpenAIFile
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
        Rejected: The provider would refuse it; nothing was sent.
        OpenAIError: It was refused, or did not arrive.
    """
    source = source.resolved()
    limits = provider.limits
    problems = check_file(source, purpose, limits, context) if options.validate else ()
    if problems:
        raise Rejected(problems)
    if (source.size_bytes or 0) > limits.size_limit(purpose):
        from aikit.resources.files.multipart import create_in_parts, goes_in_parts  # noqa: PLC0415  most files are small

        if goes_in_parts(source, purpose, limits):
            return (
                yield from create_in_parts(provider, source, purpose, options, journal=session.journal, context=context)
            )
    return (yield from provider.create_file(source, FileOrder(purpose=purpose, expires_after=options.expires_after)))
