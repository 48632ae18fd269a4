"""
The Batches API of a client.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import attrs

from aikit.http.flow import Flow
from aikit.resources.arguments import require_id
from aikit.resources.batches.costs import check_affordable
from aikit.resources.batches.create import create_checked, new_intent
from aikit.resources.batches.estimates import CostsAPI, require_batch
from aikit.resources.batches.fetch import fetch_and_join
from aikit.resources.batches.parameters import (
    OpenAIBatchListParameters,
    OpenAIBatchParameters,
    OpenAIBatchResubmitParameters,
    OpenAIBatchRowsParameters,
    OpenAIBatchWaitParameters,
)
from aikit.resources.batches.recording import record_created, record_end, record_end_of_rows
from aikit.resources.batches.resubmit import resubmit_lines, statuses_of
from aikit.resources.batches.results import (
    OpenAIBatchListResult,
    OpenAIBatchResult,
    OpenAIBatchRowsResult,
)
from aikit.resources.batches.wait import wait_until_ended, with_bounded_timeout
from aikit.resources.call import retry_policy, start
from aikit.resources.pages import all_pages, one_page
from aikit.runtime.parameters import OpenAIParameters, require_text
from aikit.types.batches import BatchOrder, BatchPage, OpenAIBatch

if TYPE_CHECKING:
    import os
    from collections.abc import Collection
    from typing import Unpack

    from aikit.http.context import CallContext
    from aikit.providers import Provider
    from aikit.resources.batches.options import (
        BatchCancelOptions,
        BatchCreateOptions,
        BatchListOptions,
        BatchResubmitOptions,
        BatchRetrieveOptions,
        BatchRowsOptions,
        BatchRunOptions,
        BatchWaitOptions,
    )
    from aikit.resources.batches.run.inputs import RunSource
    from aikit.resources.batches.run.parameters import OpenAIBatchRunParameters
    from aikit.resources.batches.run.results import OpenAIBatchRunResult
    from aikit.runtime.callback_checks import CommonParameters


class BatchesAPI(CostsAPI):
    """
    Files of requests that a provider answers within a day, at half the price.
    """

    # https://developers.openai.com/api/reference/resources/batches (read 2026-11-21)

    def create(
        self,
        input_file_id: str,
        endpoint: str,
        parameters: OpenAIBatchParameters | CommonParameters | BatchCreateOptions | None = None,
        **options: Unpack[BatchCreateOptions],
    ) -> OpenAIBatchResult:
        """
        Have the requests of a file answered; the answers come as a file, within a day.

        However the network fails, it is created once: when the answer is lost, the batch is looked for by the pair
        ``"aikit_intent"`` of its metadata, for 15 seconds, before it is asked for again, and where that leaves doubt it
        is not asked for again. Looking is no retry: it is also done with *max_retries* 0. After a second creation it
        is looked for 15 seconds more, and the younger of two is cancelled.

        With an *intent* of the caller it is created once also by several runs of a program, one after the other or at
        the same time: the newest 1,000 batches are looked through before and after creating, and of two that were
        created at once the younger is cancelled. What the API cannot prevent: two that stay because the provider lists
        new batches more than 15 seconds late, or because a process died between creating and looking.

        Args:
            input_file_id: A file of purpose ``"batch"``, at the provider. A path is refused, and not uploaded: a file
                that the caller has not made would stay there, and be made again by each call; `run` takes paths.

            endpoint: What each of its lines asks, for example ``"/v1/chat/completions"``.

            parameters: *metadata*, *output_expires_after*, *completion_window*, *intent*, *max_queue_wait*; *validate*
                ``False`` leaves judging *endpoint* and *completion_window* to the provider.

        Returns:
            A result whose ``batch`` is the `OpenAIBatch`, or ``None`` while running and after errors. The provider
            reads the file later: a bad line shows in `wait` or `retrieve`. A batch that carries the *intent* already is
            returned as it is, also if it has another input or has ended in whatever way.

        Raises:
            TypeError: *input_file_id* or *endpoint* is no string. Nothing was sent.
            ValueError: *input_file_id* is empty, a path or no id of a file, or *endpoint* is empty. Nothing was sent.
        """
        # POST {base}/batches {input_file_id, endpoint, completion_window, metadata, output_expires_after}
        # https://developers.openai.com/api/reference/resources/batches/methods/create (read 2026-11-21)
        require_id("input_file_id", input_file_id)
        require_text("endpoint", endpoint)
        asked = OpenAIBatchParameters.of(parameters, options)
        order = _order(input_file_id, endpoint, asked)
        policy = retry_policy(self._session.defaults, asked)
        return start(
            self._session,
            OpenAIBatchResult,
            lambda provider, context: record_created(
                create_checked(
                    provider,
                    order,
                    policy,
                    asked,
                    check_affordable(provider, input_file_id, asked, self._session.recorder, context),
                ),
                provider,
                self._session.recorder,
            ),
            asked,
        )

    def retrieve(
        self,
        batch_id: str,
        parameters: CommonParameters | BatchRetrieveOptions | None = None,
        **options: Unpack[BatchRetrieveOptions],
    ) -> OpenAIBatchResult:
        """
        Ask what is known of a batch.

        Returns:
            A result whose ``batch`` is the `OpenAIBatch`, or ``None`` while running and after errors. Asking succeeds
            also for a batch that failed.

        Raises:
            TypeError: *batch_id* is no string. Nothing was sent.
            ValueError: *batch_id* is empty or cannot be an id. Nothing was sent.
        """
        # GET {base}/batches/{batch_id}
        # https://developers.openai.com/api/reference/resources/batches/methods/retrieve (read 2026-11-21)
        require_id("batch_id", batch_id)
        return start(
            self._session,
            OpenAIBatchResult,
            lambda provider, _: self._recorded(provider.retrieve_batch(batch_id), provider, only_own=True),
            OpenAIParameters.of(parameters, options),
        )

    def list(
        self,
        parameters: OpenAIBatchListParameters | CommonParameters | BatchListOptions | None = None,
        **options: Unpack[BatchListOptions],
    ) -> OpenAIBatchListResult:
        """
        List batches, newest first.

        Args:
            parameters: *after*, *limit* (1 to 100 a page); *all_pages* for all in one result.

        Returns:
            A result with ``batches``, ``first_id``, ``last_id``, ``has_more`` and ``next_page()``. When *all_pages*
            fails on a later page, the batches that came are there beside ``errors``, and ``next_page()`` goes on.
        """
        # GET {base}/batches?after&limit
        # https://developers.openai.com/api/reference/resources/batches/methods/list (read 2026-11-21)
        asked = OpenAIBatchListParameters.of(parameters, options)
        make_result = partial(OpenAIBatchListResult, next=lambda after: self.list(attrs.evolve(asked, after=after)))
        return start(self._session, make_result, lambda provider, context: _list(provider, asked, context), asked)

    def cancel(
        self,
        batch_id: str,
        parameters: CommonParameters | BatchCancelOptions | None = None,
        **options: Unpack[BatchCancelOptions],
    ) -> OpenAIBatchResult:
        """
        Ask the provider to stop working on a batch; it may take ten minutes, and what is done by then is paid for.

        Returns:
            A result whose ``batch`` is the `OpenAIBatch`, mostly still ``"cancelling"``, or ``None`` while running and
            after errors. A batch that has completed or failed cannot be cancelled: an error with status 409.

        Raises:
            TypeError: *batch_id* is no string. Nothing was sent.
            ValueError: *batch_id* is empty or cannot be an id. Nothing was sent.
        """
        # POST {base}/batches/{batch_id}/cancel
        # https://developers.openai.com/api/reference/resources/batches/methods/cancel (read 2026-11-21)
        require_id("batch_id", batch_id)
        return start(
            self._session,
            OpenAIBatchResult,
            lambda provider, _: self._recorded(provider.cancel_batch(batch_id), provider, only_own=True),
            OpenAIParameters.of(parameters, options),
        )

    def wait(
        self,
        batch_id: str,
        parameters: OpenAIBatchWaitParameters | CommonParameters | BatchWaitOptions | None = None,
        **options: Unpack[BatchWaitOptions],
    ) -> OpenAIBatchResult:
        """
        Ask until a batch is over, through troubles of the network and the provider; with a callback it holds no thread.

        Args:
            batch_id: The batch.

            parameters: *poll_interval* and *max_wait* in seconds; *on_progress* gets an `OpenAIBatchProgress`.

        Returns:
            A result whose ``batch`` is the ended `OpenAIBatch`. It is a success if the batch is ``"completed"``, though
            single requests may have failed, see its ``request_counts``. Else the first of ``errors`` says how it ended
            (code ``"batch_failed"``, ``"batch_expired"`` or ``"batch_cancelled"``), and those that follow what was
            wrong with which line. After *max_wait* there is an error with code ``"timeout"``, and ``batch`` is what
            was last known.

        Raises:
            TypeError: *batch_id* is no string. Nothing was sent.
            ValueError: *batch_id* is empty or cannot be an id. Nothing was sent.
        """
        require_id("batch_id", batch_id)
        asked = with_bounded_timeout(OpenAIBatchWaitParameters.of(parameters, options), self._session.defaults)
        return start(
            self._session,
            OpenAIBatchResult,
            lambda provider, context: self._recorded(wait_until_ended(provider, batch_id, asked, context), provider),
            asked,
        )

    def results(
        self,
        batch: OpenAIBatch | str,
        parameters: OpenAIBatchRowsParameters | CommonParameters | BatchRowsOptions | None = None,
        **options: Unpack[BatchRowsOptions],
    ) -> OpenAIBatchRowsResult:
        """
        Fetch what became of each line of a batch that has ended: its output and error files, joined with its input.

        Whatever the files hold, each line of the input that is not blank has one row, in its order; what could not be
        joined is in ``problems``. The files are fetched into a private temporary folder, so there must be room on that
        disk, and memory does not grow with them.

        Args:
            batch: The batch, or its id; one that was not over when it was asked for is asked for anew.

            parameters: *input_file*, the input's path on this machine, if there is one; *with_lineage* for the rows of
                the first batch where this one came from `resubmit`.

        Returns:
            A result to iterate over, with ``counts``, ``problems``, ``write_jsonl()`` and ``write_csv()``; ``close()``
            it, or use it as a context manager. A batch that is not over is an error with code ``"batch_not_ended"``;
            files that the provider has no more are errors with code ``"file_gone"``.

        Raises:
            TypeError: *batch* is neither a batch nor a string. Nothing was sent.
            ValueError: *batch* is empty or cannot be an id. Nothing was sent.
        """
        # GET {base}/batches/{batch_id}, then {base}/files/{file_id}/content of its three files
        # https://developers.openai.com/api/docs/guides/batch (read 2026-11-21)
        require_batch(batch)
        asked = OpenAIBatchRowsParameters.of(parameters, options)
        return start(
            self._session,
            OpenAIBatchRowsResult,
            lambda provider, context: record_end_of_rows(
                fetch_and_join(provider, batch, asked.input_file, context, with_lineage=asked.with_lineage),
                provider,
                self._session.recorder,
            ),
            asked,
            is_long=True,
        )

    def run(
        self,
        input: RunSource,  # noqa: A002  what it is
        output: str | os.PathLike[str] | None = None,
        parameters: OpenAIBatchRunParameters | CommonParameters | BatchRunOptions | None = None,
        **options: Unpack[BatchRunOptions],
    ) -> OpenAIBatchRunResult:
        """
        Have a whole file of requests answered: checked, split if need be, uploaded, created, waited for and joined.

        With a callback it holds no thread while it waits. Stopped at any moment, by `cancel`, a crash or a power cut,
        it goes on when it is called again with the same lines, provider and options, and no batch is created twice: how
        far it has come is kept in the client's home. A finished run writes its rows again, and costs nothing.

        Args:
            input: A path, or an iterable of lines: mappings as `jsonl.chat_line` makes them, or text. It is taken once,
                and never held as a whole. With *prompt*, a CSV file (or JSON lines), or an iterable of records: a row
                for each question.

            output: The file of the rows, in the order of the input: JSON lines, or comma-separated values if its name
                ends in ``.csv``; of a table, these unless it ends in ``.jsonl``. It appears when it is complete; one of
                that name is replaced. Without it, the result is to be iterated over.

            parameters: *confirm*, *max_cost*, *again*, *resubmit*, *metadata*, *output_expires_after*, *poll_interval*,
                *max_wait*; of tables *prompt*, *system*, *model*, *body*, *encoding*, *delimiter*. *on_progress* gets
                an `OpenAIBatchRunProgress`.

        Returns:
            A result with ``path``, ``counts``, ``cost``, ``batches``, ``lines`` and ``problems``; ``unwrap()`` has all
            of them in one value. It is a success when each line has its row, though single ones may not be ok: see
            ``counts``. Cancelling it stops no batch at the provider.

        Raises:
            TypeError: *input* or *output* is nothing of that kind. Nothing was sent.
            ValueError: A path is empty, *output* is the input, there is no home, or *prompt* names no column or cannot
                be read. Nothing was sent.
        """
        # POST {base}/files, POST {base}/batches, GET {base}/batches/{batch_id} and the contents of its files
        # https://developers.openai.com/api/docs/guides/batch (read 2026-11-21)
        from aikit.resources.batches.run.run import start_run  # noqa: PLC0415  a client that runs no file needs none

        return start_run(self._session, input, output, parameters, options)

    def resubmit(
        self,
        batch: OpenAIBatch | str,
        only: Collection[str] = ("failed", "expired", "missing"),
        parameters: OpenAIBatchResubmitParameters | CommonParameters | BatchResubmitOptions | None = None,
        **options: Unpack[BatchResubmitOptions],
    ) -> OpenAIBatchResult:
        """
        Create the next batch, of just those lines of an ended one that came to nothing, byte for byte.

        It has the endpoint and the window of its parent, the metadata its caller gave it, and the pair
        ``"aikit_parent"`` with the parent's id; ``results`` with *with_lineage* puts all together. As with `create`, it
        is created once; the uploaded input stays at the provider also if the creation fails.

        Args:
            batch: The batch, or its id.

            only: Which lines: ``"ok"``, ``"failed"``, ``"expired"``, ``"cancelled"``, ``"missing"``.

            parameters: As of `create`, and *input_file*, the parent's input on this machine.

        Returns:
            A result whose ``batch`` is the new `OpenAIBatch`. Where there is no such line nothing is sent: an error
            with code ``"nothing_to_resubmit"``.

        Raises:
            TypeError: *batch* is neither a batch nor a string, or *only* no collection of strings. Nothing was sent.
            ValueError: *batch* cannot be an id, or *only* is empty or has another status. Nothing was sent.
        """
        # GET {base}/batches/{batch_id} and the files' contents, POST {base}/files, POST {base}/batches
        # https://developers.openai.com/api/docs/guides/batch (read 2026-11-21)
        require_batch(batch)
        statuses = statuses_of(only)
        asked = OpenAIBatchResubmitParameters.of(parameters, options)
        policy, recorder = retry_policy(self._session.defaults, asked), self._session.recorder
        return start(
            self._session,
            OpenAIBatchResult,
            lambda provider, context: record_created(
                resubmit_lines(
                    provider, batch, statuses, options=asked, policy=policy, recorder=recorder, context=context
                ),
                provider,
                recorder,
            ),
            asked,
            is_long=True,
        )

    def _recorded(self, flow: Flow[OpenAIBatch], provider: Provider, *, only_own: bool = False) -> Flow[OpenAIBatch]:
        return record_end(flow, provider, self._session.recorder, only_own=only_own)


def _order(input_file_id: str, endpoint: str, options: OpenAIBatchParameters) -> BatchOrder:
    return BatchOrder(
        input_file_id=input_file_id,
        endpoint=endpoint,
        completion_window=options.completion_window,
        metadata=options.metadata,
        output_expires_after=options.output_expires_after or None,
        intent=options.intent or new_intent(),
        extra=options.extra_body,
    )


def _list(provider: Provider, options: OpenAIBatchListParameters, context: CallContext) -> Flow[BatchPage]:
    query = options.query()
    return (all_pages if options.all_pages else one_page)(provider.list_batches, query, context)
