"""
``aikit files``: the five verbs of the Files API, and a check that sends nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import attrs
import click

from aikit.cli.calls import call_each, show, show_list, tell_errors
from aikit.cli.files_create import Interrupt, Uploads
from aikit.cli.inputs import STDIN, Input, InputPath, OutputPath, files_of, inputs_of, is_many
from aikit.cli.option_types import Duration, Purpose
from aikit.cli.options import Command, Group, settings_of_context, usage_errors
from aikit.cli.output import Exit, Output, copy_to_stdout, exit_of, message_of
from aikit.cli.output.formats import counted
from aikit.cli.output.messages import ask, paragraphs, tell
from aikit.cli.output.progress import Bars, bars
from aikit.cli.safety import Styled, safe, styled
from aikit.http.context import CallContext
from aikit.providers import Provider
from aikit.resources.files.parameters import (
    MAX_LIST_LIMIT,
    MAX_RATE,
    OpenAIFileListParameters,
    OpenAIFileManyParameters,
)
from aikit.storage.temporary import temporary_folder
from aikit.storage.walk import Links
from aikit.types.errors import OpenAIError
from aikit.validation import check_file

_paths: Final = click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=InputPath(allow_dash=True))
_ids: Final = click.argument("file_ids", metavar="ID...", nargs=-1, required=True)
_purpose: Final = click.option("-p", "--purpose", type=Purpose(), required=True, help="What the files are for.")
_filename: Final = click.option("--filename", metavar="NAME", help="Upload under this name; one file only.")
_recursive: Final = click.option(
    "-r", "--recursive/--no-recursive", default=True, help="Enter the folders of a folder, too (the default)."
)
_follow_links: Final = click.option("--follow-links", is_flag=True, help="Follow links that lead out of a folder.")

_ON_DEMAND: Final = {name: f"aikit.cli.files_prune:{name}" for name in ("usage", "prune")}


@click.group(cls=Group, on_demand=_ON_DEMAND)
def files() -> None:
    """
    Upload, list, fetch, delete and check files.

    Off a terminal a file is a line of fields separated by tabs: id, name, bytes, purpose, status, created, expires.
    """


@files.command(cls=Command)
@_paths
@_purpose
@click.option("--expires-after", type=Duration(), help="Expire this long after upload: 3600 (seconds), 12h, 30d.")
@_filename
@click.option("--no-validate", is_flag=True, help="Send without checking first.")
@click.option(
    "--workers", type=click.IntRange(1, 64), metavar="N", default=4, show_default=True, help="Uploads at once."
)
@click.option(
    "--rate", type=click.IntRange(1, MAX_RATE), metavar="N", help="Files a minute; else the provider's limit."
)
@_recursive
@_follow_links
@click.option(
    "--skip-identical", is_flag=True, help="Skip files that are stored already, with the same name and content."
)
@click.option(
    "--manifest",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Record finished uploads there; when run again, those files are skipped.",
)
def create(paths: Sequence[str], purpose: str, workers: int, **asked: Any) -> int:
    """
    Upload files, and print the stored files.

    PATH is a file, a folder (its files and those of its folders, sorted; no hidden ones, nor links out of it) or - for
    standard input. Each file is checked before its first byte is sent; one that fails does not stop the others.
    """
    settings = settings_of_context()
    with usage_errors():
        options = _create_options(at_a_time=workers, **asked)
    given = files_of(paths, filename=options.filename, purpose=purpose)
    client = settings.client(max_workers=workers)
    with Interrupt() as interrupt:
        uploads = Uploads(client, purpose, options, Output(settings), interrupt)
        return uploads.run(given, is_many=is_many(paths))


def _create_options(*, expires_after: int | None, no_validate: bool, **asked: Any) -> OpenAIFileManyParameters:
    expiry = None if expires_after is None else {"anchor": "created_at", "seconds": expires_after}
    return OpenAIFileManyParameters(expires_after=expiry, validate=not no_validate, **asked)


@files.command("list", cls=Command)
@click.option("-p", "--purpose", type=Purpose(), help="Only files for this.")
@click.option("--limit", type=click.IntRange(1, MAX_LIST_LIMIT), metavar="N", help="Files on a page.")
@click.option("--order", type=click.Choice(["asc", "desc"]), help="Oldest first, or newest first (the default).")
@click.option("--after", metavar="ID", help="The page after this file.")
@click.option("--all", "all_pages", is_flag=True, help="Page after page, to the end.")
def list_(**asked: Any) -> int:
    """
    List files, newest first.
    """
    settings = settings_of_context()
    output = Output(settings)
    with settings.connected() as client, usage_errors():
        result = client.files.list(OpenAIFileListParameters(**asked))
    return show_list(output, result, "no files")


@files.command(cls=Command)
@_ids
def retrieve(file_ids: Sequence[str]) -> int:
    """
    Print the details of files.
    """
    settings = settings_of_context()
    output = Output(settings)
    with settings.connected() as client:
        answers = call_each(file_ids, lambda file_id: client.files.retrieve(file_id, {"background": True}), "file_id")
        return show(output, answers, is_many=len(file_ids) > 1)


@files.command(cls=Command)
@_ids
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
def delete(file_ids: Sequence[str], *, yes: bool) -> int:
    """
    Delete files.

    On a terminal you are asked first; elsewhere --yes is needed.
    """
    if not yes and not _is_confirmed(file_ids):
        return Exit.REFUSED
    with settings_of_context().connected() as client:
        answers = call_each(file_ids, lambda file_id: client.files.delete(file_id, {"background": True}), "file_id")
        return exit_of(Output(settings_of_context()).answers(answers, is_many=len(file_ids) > 1))


@files.command(cls=Command)
@click.argument("file_id", metavar="ID")
@click.option("-o", "--output", "path", type=OutputPath(dir_okay=True), help="Save here; a folder takes its name.")
@click.option("--force", is_flag=True, help="In a folder, replace a file that has its name.")
def content(file_id: str, path: str | None, *, force: bool) -> int:
    """
    Fetch a file's content, to stdout or to a path.

    At the path the file appears when it is complete, and replaces a file of that name; in a folder, under the name
    that the provider has, only with --force. On the way to stdout the content is kept in a temporary file (TMPDIR), so
    that no partial content is written.
    """
    settings = settings_of_context()
    output = Output(settings)
    if path not in {None, STDIN}:
        return _save(output, file_id, path or "", force=force)
    if settings.json:
        raise click.UsageError("--json goes with -o PATH here: without it stdout has the content itself")
    with temporary_folder() as folder:
        part = Path(folder) / "content"
        result = _download(output, file_id, str(part))
        if not result.success:
            return tell_errors(output, result)
        with part.open("rb") as file:
            return copy_to_stdout(output, file)


@files.command(cls=Command)
@_paths
@_purpose
@_filename
@_recursive
@_follow_links
def check(paths: Sequence[str], purpose: str, filename: str | None, *, recursive: bool, follow_links: bool) -> int:
    """
    Check files without sending anything.

    Everything the provider would refuse is printed, with line numbers. Off a terminal a problem is a line of fields
    separated by tabs: path, line, code, message; -q prints only the paths of files that have problems.
    """
    settings = settings_of_context()
    output = Output(settings)
    links = Links(follow_links)
    inputs = inputs_of(paths, filename=filename, purpose=purpose, recursive=recursive, links=links)
    with settings.connected() as client:
        checked: list[Checked] = check_inputs(inputs, purpose, client.provider, output)
    code = print_checked(checked, output, is_many=is_many(paths))
    links.tell(output.say)
    return code


def _is_confirmed(file_ids: Sequence[str]) -> bool:
    if not sys.stdin.isatty():
        raise click.UsageError("the deletion cannot be confirmed, since stdin is not a terminal; pass --yes to delete")
    what = safe(file_ids[0]) if len(file_ids) == 1 else counted(len(file_ids), "file")
    if ask(f"Delete {what}?"):
        return True
    tell("no file was deleted")
    return False


def _download(output: Output, file_id: str, path: str, *, force: bool = False) -> Any:
    with output.settings.connected() as client, bars(output, [0]) as shown, usage_errors():
        bar = shown.file(file_id, 0)
        result = client.files.download(file_id, path, {"on_progress": bar, "replace": force})
        bar.close()
        return result


def _save(output: Output, file_id: str, path: str, *, force: bool) -> int:
    result = _download(output, file_id, path, force=force)
    if not result.success:
        return tell_errors(output, result)
    saved = {"id": file_id, "path": str(result.path), "bytes": result.bytes_written}
    if output.settings.json:
        output.document(saved)
    else:
        output.line(
            safe(str(result.path)) if output.settings.quiet else "\t".join(safe(str(value)) for value in saved.values())
        )
    return Exit.DONE


@attrs.frozen
class Checked:
    """
    One file, its problems, and what may be a mistake all the same.
    """

    name: str
    errors: tuple[OpenAIError, ...]
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """
        Return the object that ``--json`` prints.
        """
        errors = [error.to_dict() for error in self.errors]
        return {"path": self.name, "ok": not errors, "errors": errors, "notes": list(self.notes)}


def check_inputs(inputs: Sequence[Input], purpose: str, provider: Provider, output: Output) -> list[Checked]:
    """
    Check each of *inputs*, with a bar on a terminal.
    """
    with bars(output, [one.size_bytes for one in inputs]) as shown:
        return [_checked(one, purpose, provider, shown) for one in inputs]


def print_checked(checked: Sequence[Checked], output: Output, *, is_many: bool) -> int:
    """
    Print the problems, and a summary on stderr; return the exit code.
    """
    if output.settings.json:
        values = [one.to_json() for one in checked]
        output.document({"object": "list", "data": values} if is_many else values[0])
    else:
        for one in checked:
            _print(one, output)
            for note in one.notes:
                output.say(safe(note))
    bad = [one for one in checked if one.errors]
    output.say(_summary(checked, bad))
    return Exit.PROBLEMS if bad else Exit.DONE


def _checked(one: Input, purpose: str, provider: Provider, shown: Bars) -> Checked:
    bar = shown.file(one.name, one.size_bytes)
    context = CallContext(on_progress=bar)
    try:
        if one.source is None:
            return Checked(one.name, (one.error,) if one.error else ())
        errors = check_file(one.source.resolved(), purpose, provider.limits, context, provider.line_rules)
        return Checked(one.name, tuple(errors), context.notes)
    except OpenAIError as error:
        return Checked(one.name, (error,))
    finally:
        bar.close()


def _print(one: Checked, output: Output) -> None:
    if output.settings.quiet:
        if one.errors:
            output.line(safe(one.name))
        return
    for error in one.errors:
        line = "" if error.line is None else str(error.line)
        if output.is_plain:
            output.line("\t".join(safe(cell) for cell in (one.name, line, error.code or "", message_of(error))))
        else:
            place = f"{safe(one.name)}:{line}:" if line else f"{safe(one.name)}:"
            shown = paragraphs(f"{place} {safe(message_of(error))} ({safe(error.code or '')})", sys.stdout)
            output.line(Styled(styled(place, "1", has_color=output.has_color(sys.stdout)) + shown[len(place) :]))


def _summary(checked: Sequence[Checked], bad: Sequence[Checked]) -> str:
    if not bad:
        return f"{counted(len(checked), 'file')} checked, no problems; nothing was sent"
    is_capped = any(error.code == "too_many_errors" for one in bad for error in one.errors)
    count = sum(len(one.errors) for one in bad)
    problems = f"more than {counted(count - 1, 'problem')}" if is_capped else counted(count, "problem")
    return f"{counted(len(checked), 'file')} checked, {problems} in {len(bad):,}; nothing was sent"
