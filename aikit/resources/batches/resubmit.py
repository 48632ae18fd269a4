"""
Resubmission: a batch of those lines of an earlier one that have no good answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from aikit.billing.recorder import BillingRecorder
from aikit.http.context import CallContext
from aikit.http.flow import Flow
from aikit.http.retry import RetryPolicy
from aikit.http.sources import source_of
from aikit.resources.batches.costs import check_affordable
from aikit.resources.batches.create import create_as_asked, new_intent
from aikit.resources.batches.fetch import Answers, fetch_and_join, output_missing
from aikit.resources.batches.parameters import MAX_METADATA_PAIRS, OpenAIBatchResubmitParameters
from aikit.resources.batches.rows.folder import telling_faults
from aikit.resources.batches.rows.join import BatchRows, lacks_answers
from aikit.resources.batches.search import find_oldest
from aikit.resources.files.create import problem_of_size
from aikit.resources.files.parameters import OpenAIFileWaitParameters
from aikit.resources.files.wait import UNREADY, wait_until_processed
from aikit.types.batch_rows import STATUSES
from aikit.types.batches import INTENT_KEY, PARENT_KEY, BatchOrder, OpenAIBatch
from aikit.types.errors import OpenAIError, Rejected
from aikit.types.files import FileOrder, OpenAIFile
from aikit.validation import check_file

if TYPE_CHECKING:
    from aikit.providers import Provider

_UNSAFE: Final = re.compile(r"[^A-Za-z0-9_-]")


def statuses_of(only: Any) -> tuple[str, ...]:
    """
    Return the statuses that *only* names.

    Raises:
        TypeError: It is no collection of strings.
        ValueError: It names none, or something else.
    """
    allowed = f"at least one of {', '.join(STATUSES)}"
    if isinstance(only, str) or not isinstance(only, Collection):
        raise TypeError(f'only must be a collection such as ("failed", "missing"), with {allowed}, not {only!r}')
    for status in only:
        if not isinstance(status, str):
            raise TypeError(f"only must hold strings, {allowed}; {status!r} is none")
        if status not in STATUSES:
            raise ValueError(f"only has {status!r}; it must hold {allowed}")
    if not only:
        raise ValueError(f"only must not be empty; it must hold {allowed}")
    return tuple(only)


def resubmit_lines(
    provider: Provider,
    batch: OpenAIBatch | str,
    statuses: Collection[str],
    *,
    options: OpenAIBatchResubmitParameters,
    policy: RetryPolicy,
    recorder: BillingRecorder,
    context: CallContext,
    once: Callable[[Flow[OpenAIFile]], Flow[str]] | None = None,
    answers: Answers | None = None,
) -> Flow[OpenAIBatch]:
    """
    Make the next input from the lines of *batch* with one of *statuses*, upload it and create its batch.

    Where *once* is given it returns the id of the input: it carries out the upload, unless there was one before.

    Raises:
        OpenAIError: There are no such lines (code ``"nothing_to_resubmit"``), the metadata has no room for the lineage
            (``"too_many_metadata"``), answers that there must be have no file yet (``"output_missing"``), or what
            results, uploads and creations can fail with.
        Rejected: The provider would refuse the input.
    """
    if options.intent is not None:
        found = yield from find_oldest(provider, options.intent)
        if found is not None:
            return found
    rows = yield from fetch_and_join(provider, batch, options.input_file, context, answers=answers)
    try:
        if "missing" in statuses and lacks_answers(rows.batch, rows.counts):  # they are paid for
            raise output_missing(rows.batch)
        metadata = _metadata(rows.batch, options)
        place = _copy_lines(rows, statuses)
        yield from check_affordable(provider, source_of(place), options, recorder, context)
        upload = _upload(provider, place, options, context)
        file_id = (yield from upload).id if once is None else (yield from once(upload))
    finally:
        rows.close()
    order = _order(rows.batch, file_id, metadata, options)
    return (yield from create_as_asked(provider, order, policy, options))


def _copy_lines(rows: BatchRows, statuses: Collection[str]) -> Path:
    place = rows.folder / f"rest-of-{_UNSAFE.sub('_', rows.batch.id)[:100]}.jsonl"
    with telling_faults(rows.folder), place.open("xb") as file:
        count = rows.copy_input(statuses, file)
    if count:
        return place
    found = ", ".join(f"{count:,} {status}" for status, count in rows.counts.items() if count) or "no line at all"
    message = f"batch {rows.batch.id} has no line that is {' or '.join(statuses)}: it has {found}; nothing was sent"
    raise OpenAIError(message=message, code="nothing_to_resubmit", param="only")


def _upload(
    provider: Provider, place: Path, options: OpenAIBatchResubmitParameters, context: CallContext
) -> Flow[OpenAIFile]:
    """
    Upload the lines at *place*, and wait until a batch can be made of them.
    """
    source = source_of(place).resolved()
    if options.validate:
        problems = check_file(source, "batch", provider.limits, context)
        if problems:
            raise Rejected(problems)
    file = yield from provider.create_file(source, FileOrder(purpose="batch"))
    problem = problem_of_size(file, source.size_bytes)
    if problem is not None:
        raise problem
    if file.status not in UNREADY:
        return file
    return (yield from wait_until_processed(provider, file.id, OpenAIFileWaitParameters()))


def _metadata(parent: OpenAIBatch, options: OpenAIBatchResubmitParameters) -> dict[str, str]:
    """
    Return the parent's own pairs and the caller's, and who the parent is; room is left for the intent.
    """
    metadata = {**parent.metadata, **options.metadata, PARENT_KEY: parent.id}
    metadata.pop(INTENT_KEY, None)
    if len(metadata) < MAX_METADATA_PAIRS:
        return metadata
    raise OpenAIError(
        message=f"batch {parent.id} and the caller have {len(metadata) - 1} pairs of metadata, but there is room for "
        f"{MAX_METADATA_PAIRS - 2} beside {PARENT_KEY} and {INTENT_KEY}; create the batch from a file of your own, or "
        "give fewer",
        code="too_many_metadata",
        param="metadata",
    )


def _order(
    parent: OpenAIBatch, input_file_id: str, metadata: dict[str, str], options: OpenAIBatchResubmitParameters
) -> BatchOrder:
    return BatchOrder(
        input_file_id=input_file_id,
        endpoint=parent.endpoint,
        completion_window=options.completion_window or parent.completion_window,
        metadata=metadata,
        output_expires_after=options.output_expires_after or None,
        intent=options.intent or new_intent(),
        extra=options.extra_body,
    )
