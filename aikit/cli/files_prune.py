"""
``aikit files usage`` and ``aikit files prune``: sums of stored files, and deleting those that match.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import click

from aikit.cli.calls import tell_errors, tell_notes
from aikit.cli.option_types import Duration, Purpose
from aikit.cli.options import Command, settings_of_context, usage_errors
from aikit.cli.output import Exit, Output
from aikit.cli.output.formats import counted, human_size, human_time, iso_time
from aikit.cli.output.messages import begin_line
from aikit.cli.output.progress import housekeeping_bar
from aikit.cli.safety import safe
from aikit.resources.files.parameters import MAX_RATE
from aikit.resources.files.results import OpenAIFilePruneResult
from aikit.types.bulk_files import OpenAIFilePruneItem, OpenAIFileTotals, OpenAIFileUsage

_TITLES = ("WHAT", "FILES", "SIZE", "OLDEST")


@click.command(cls=Command)
@click.option("-p", "--purpose", type=Purpose(), help="Only files for this.")
@click.option("--expiring", type=Duration(), default="7d", show_default=True, help="Time that counts as expiring soon.")
def usage(purpose: str | None, expiring: int) -> int:
    """
    Sum up stored files by purpose, expiry, age and size.

    Off a terminal a sum is a line of fields separated by tabs: group, what, files, bytes, creation of the oldest.
    """
    settings = settings_of_context()
    output = Output(settings)
    with settings.connected() as client, usage_errors(), housekeeping_bar(output) as shown:
        asked: dict[str, Any] = {
            "purpose": purpose,
            "expiring_within": expiring,
            "on_progress": shown,
            "background": True,
        }
        result = client.files.usage(**asked)
        result.wait()
    if result.stored is None:
        return tell_errors(output, result)
    if settings.json:
        output.document(attrs.asdict(result.stored))
    elif output.is_plain:
        for group, sums in _groups(result.stored).items():
            for what, one in sums.items():
                output.line("\t".join((group, safe(what), str(one.files), str(one.bytes), iso_time(one.oldest))))
    else:
        _show(output, result.stored)
    tell_notes(output, result)
    return Exit.DONE


def _groups(stored: OpenAIFileUsage) -> Mapping[str, Mapping[str, OpenAIFileTotals]]:
    kept = {"expiring soon": stored.expiring, "never expiring": stored.never_expiring}
    return {
        "total": {"all": stored.total},
        "purpose": stored.by_purpose,
        "expiry": kept,
        "age": stored.by_age,
        "size": stored.by_size,
    }


def _show(output: Output, stored: OpenAIFileUsage) -> None:
    rows = [
        [what, f"{one.files:,}", human_size(one.bytes), human_time(one.oldest)]
        for sums in _groups(stored).values()
        for what, one in sums.items()
        if one.files or what == "all"
    ]
    output.columns(_TITLES, rows, flexible="WHAT", spare=("OLDEST",))


@click.command(cls=Command)
@click.option("--older-than", type=Duration(may_be_none=False), help="Only files older than that: 12h, 30d.")
@click.option("-p", "--purpose", type=Purpose(), help="Only files for this.")
@click.option("--name", metavar="PATTERN", help="Only files named like this: 'tmp-*'.")
@click.option(
    "--unused", is_flag=True, help="Only files that no batch uses; without --older-than none of the last hour."
)
@click.option("-y", "--yes", is_flag=True, help="Delete the files; without it they are only listed.")
@click.option(
    "--rate", type=click.IntRange(1, MAX_RATE), metavar="N", help="Deletions per minute. Default: the provider's limit."
)
def prune(*, yes: bool, **asked: Any) -> int:
    """
    List the files that would be deleted; with --yes, delete them.

    A file is deleted when it matches all given options. Off a terminal it is a line of fields separated by tabs: id,
    name, bytes, purpose, created, status, reasons; -q prints only the ids of files that are deleted, or would be.
    """
    if not any(asked[name] for name in ("older_than", "purpose", "name", "unused")):
        raise click.UsageError("no option selects files; pass --older-than, --purpose, --name or --unused")
    settings = settings_of_context()
    output = Output(settings)
    with settings.connected() as client, usage_errors(), housekeeping_bar(output) as shown:
        result = client.files.prune(**{**asked, "dry_run": not yes, "on_progress": shown, "background": True})
        _wait_or_stop(result)
    is_stopped = any(error.code == "cancelled" for error in result.errors)
    if is_stopped:
        begin_line()
    if result.errors and not len(result.items):
        if is_stopped:
            output.say("stopped by Ctrl-C: no file was deleted")
        return tell_errors(output, result)
    if settings.json:
        output.document(_to_json(result))
    else:
        _list(output, result)
    tell_notes(output, result)
    output.say(_summary(result, is_dry=not yes, is_stopped=is_stopped))
    if is_stopped:
        return Exit.INTERRUPTED
    return Exit.REFUSED if result.errors else Exit.DONE


def _wait_or_stop(result: OpenAIFilePruneResult) -> None:
    try:
        result.wait()
    except KeyboardInterrupt:
        result.cancel()
        result.wait(1)
        if not result.terminated:
            raise


def _list(output: Output, result: OpenAIFilePruneResult) -> None:
    if not output.is_plain and len(result.items):
        rows = [
            [one.file.id, one.file.filename, human_size(one.file.bytes), one.status, "; ".join(one.reasons)]
            for one in result.items
        ]
        output.columns(("ID", "NAME", "SIZE", "STATUS", "WHY"), rows, flexible="NAME", spare=("WHY",))
    for one in result.items:
        if output.is_plain and not (output.settings.quiet and one.errors):  # a bare id would pass for a deletion
            fields = [one.file.id] if output.settings.quiet else _fields(one)
            output.line("\t".join(safe(field) for field in fields))
        for error in one.errors if one.status == "failed" else ():
            output.error(error, one.file.id)
    if result.ended_by is not None and result.ended_by.code != "cancelled":
        output.error(result.ended_by)


def _fields(one: OpenAIFilePruneItem) -> list[str]:
    file = one.file
    size = "" if file.bytes is None else str(file.bytes)
    return [file.id, file.filename, size, file.purpose, iso_time(file.created_at), one.status, "; ".join(one.reasons)]


def _to_json(result: OpenAIFilePruneResult) -> dict[str, Any]:
    errors = [{"subject": one.file.id, "error": error.to_dict()} for one in result.items for error in one.errors]
    if result.ended_by is not None and result.ended_by.code != "cancelled":
        errors.insert(0, {"subject": "", "error": result.ended_by.to_dict()})
    data = [one.file.to_wire() | {"prune": {"status": one.status, "reasons": one.reasons}} for one in result.items]
    return {"object": "list", "data": data, "counts": attrs.asdict(result.counts)} | (
        {"errors": errors} if errors else {}
    )


def _summary(result: OpenAIFilePruneResult, *, is_dry: bool, is_stopped: bool) -> str:
    counts = result.counts
    if is_dry:
        if not counts.listed:
            return f"none of {counted(counts.seen, 'file')} would be deleted"
        found = f"{counts.listed:,} of {counted(counts.seen, 'file')} would be deleted: {human_size(counts.bytes)}"
        return f"{found}; pass --yes to delete"
    text = f"{counts.deleted:,} of {counted(counts.seen, 'file')} deleted: {human_size(counts.bytes)}"
    text += f", {counts.failed:,} failed" if counts.failed else ""
    text += f", {counts.cancelled:,} not deleted" if counts.cancelled else ""
    return text + ("; stopped by Ctrl-C" if is_stopped else "")
