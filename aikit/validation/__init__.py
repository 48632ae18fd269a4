"""
The check of files, uploads and batches before the first byte is sent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from aikit.http.context import CallContext
from aikit.http.sources import PathSource, Source, has_slices
from aikit.types.errors import CancelledError, OpenAIError
from aikit.types.interruptions import let_through
from aikit.types.suggestions import did_you_mean
from aikit.types.uploads import UploadOrder
from aikit.validation.limits import Limits
from aikit.validation.problems import Problems

if TYPE_CHECKING:
    from aikit.validation.lines import LineRules


def no_line_rules(problems: Problems) -> None:
    """
    Return that there are no rules but the general ones.
    """


MakeLineRules = Callable[[Problems], "LineRules | None"]
"""Makes a provider's own rules for lines of batches, which add to these problems; ``None`` where there are none."""


def check_file(
    source: Source,
    purpose: str,
    limits: Limits,
    context: CallContext | None = None,
    line_rules: MakeLineRules = no_line_rules,
) -> list[OpenAIError]:
    """
    Return all problems for which a provider would refuse *source*; empty when there is none.

    Args:
        source: Already resolved; the content of one that is not replayable, was checked before, or has a name that
            does not fit *purpose*, is not checked.

        purpose: The purpose of the upload.

        limits: The limits of the provider.

        context: Gets the progress, in the phase ``"checking"``, and notes of what may be a mistake, such as a misspelt
            parameter; its cancellation ends the check.

        line_rules: Makes the provider's own rules for lines of batches, if it has some.

    Returns:
        Problems of the whole file, then those of its lines in their order; at most a hundred, the last of which
        tells how many more there are.

    Raises:
        CancelledError: *context* was cancelled.
    """
    # https://developers.openai.com/api/reference/resources/files (read 2026-11-21)
    problems = Problems()
    most = limits.size_limit(purpose)
    if (source.size_bytes or 0) > most and has_slices(source):
        most = limits.size_limit(purpose, in_parts=True)
    found = (
        check_purpose(purpose, limits),
        _name_problem(source.name),
        _name_size_problem(source.name, limits),
        _extension_problem(source.name, purpose, limits),
        _size_problem(source.size_bytes, purpose, most),
    )
    for error in found:
        if error is not None:
            problems.add(error)
    is_known = isinstance(source, PathSource) and source.checked_for == purpose
    has_lines = source.is_replayable and source.size_bytes != 0 and _has_lines_to_check(source.name, purpose, limits)
    if has_lines and not is_known:
        own = line_rules(problems) if purpose == "batch" else None
        context = context or CallContext()
        read = _check_content(source, purpose, limits, context, problems, own=own)
        for note in problems.notes:
            context.note(f"{source.name}, {note}")
        error = _size_problem(read, purpose, most) if read and source.size_bytes is None else None
        if error is not None:
            problems.add(error)
    return problems.shown() if problems.count else []


def check_purpose(purpose: str, limits: Limits) -> OpenAIError | None:
    """
    Return the problem of *purpose*, for any file; ``None`` when there is none.
    """
    if purpose in limits.purposes:
        return None
    allowed = ", ".join(limits.purposes)
    if purpose in limits.output_purposes:
        message = f'purpose "{purpose}" is output only: the provider makes such files; upload for one of {allowed}'
    elif limits.has_other_purposes:
        return None
    else:
        message = f'purpose "{purpose}" is not one of {allowed}{did_you_mean(purpose, limits.purposes)}'
    return OpenAIError(message=message, code="invalid_purpose", param="purpose")


def check_batch(endpoint: str, completion_window: str, limits: Limits) -> list[OpenAIError]:
    """
    Return all problems of the parameters of a batch; empty when there is none.
    """
    # https://developers.openai.com/api/reference/resources/batches/methods/create (read 2026-11-21)
    found = (
        _choice_problem("endpoint", endpoint, limits.batch_endpoints),
        _choice_problem("completion_window", completion_window, limits.batch_completion_windows),
    )
    return [error for error in found if error is not None]


def check_upload(order: UploadOrder, limits: Limits) -> list[OpenAIError]:
    """
    Return all problems of the order of a multipart upload; empty when there is none.
    """
    # https://developers.openai.com/api/reference/resources/uploads/methods/create (read 2026-11-21)
    found = (
        check_purpose(order.purpose, limits),
        _name_problem(order.filename),
        _name_size_problem(order.filename, limits),
        _extension_problem(order.filename, order.purpose, limits),
        _size_problem(order.bytes, order.purpose, limits.size_limit(order.purpose, in_parts=True)),
    )
    return [error for error in found if error is not None]


def check_part(source: Source, limits: Limits) -> list[OpenAIError]:
    """
    Return all problems of a part of an upload; empty when there is none.
    """
    # https://developers.openai.com/api/reference/resources/uploads/subresources/parts/methods/create (read 2026-11-21)
    size, most = source.size_bytes, limits.upload_part_max_bytes
    if size == 0:
        return [OpenAIError(message="the part is empty; leave it out", code="empty_part", param="data")]
    if size is None or size <= most:
        return []
    message = f"the part has {size:,} bytes ({_human(size)}), but at most {most:,} ({_human(most)}) are allowed"
    return [OpenAIError(message=f"{message}; send it as several", code="part_too_large", param="data")]


def _choice_problem(name: str, value: str, allowed: tuple[str, ...]) -> OpenAIError | None:
    if not allowed or value in allowed:
        return None
    message = f'{name} "{value}" is not one of {", ".join(allowed)}{did_you_mean(value, allowed)}'
    return OpenAIError(message=message, code="invalid_value", param=name)


def _check_content(
    source: Source, purpose: str, limits: Limits, context: CallContext, problems: Problems, *, own: LineRules | None
) -> int:
    """
    Add the problems of the lines to *problems*; return how many bytes were read.
    """
    from aikit.validation.lines import check_lines  # noqa: PLC0415  takes 17 ms, and most purposes have no lines

    read = 0

    def on_read(done: int) -> None:
        nonlocal read
        read = done
        context.report("checking", done, source.size_bytes)

    try:
        reader = source.open()
        try:
            check_lines(purpose, reader, limits, problems, on_read, own=own)
        finally:
            reader.close()
    except CancelledError:
        raise
    except OpenAIError as error:
        let_through(error)
        problems.add(error)
    except OSError as error:
        let_through(error)
        message = f"{source.name} cannot be read: {error.strerror or error}"
        problems.add(OpenAIError(message=message, code="unreadable_file", param="file"))
    return read


def _has_lines_to_check(name: str, purpose: str, limits: Limits) -> bool:
    return purpose in limits.checked_purposes and _extension_problem(name, purpose, limits) is None


def _name_problem(name: str) -> OpenAIError | None:
    has_control = not name.isprintable() and any(char < " " or char == "\x7f" for char in name)
    if not has_control and name.replace("\\", "/").rsplit("/", 1)[-1] not in {"", ".", ".."}:
        return None
    reason = "has control characters" if has_control else "is that of a folder"
    message = f"the name {name[:40]!r} {reason}; pass a plain filename"
    return OpenAIError(message=message, code="invalid_filename", param="file")


def _name_size_problem(name: str, limits: Limits) -> OpenAIError | None:
    size = len(name.encode("utf-8", "replace"))
    if size <= limits.filename_max_bytes:
        return None
    message = (
        f'the name "{name[:40]}..." has {size} bytes in UTF-8, but at most {limits.filename_max_bytes} are allowed; '
        "pass a shorter filename"
    )
    return OpenAIError(message=message, code="invalid_filename", param="file")


def _extension_problem(name: str, purpose: str, limits: Limits) -> OpenAIError | None:
    allowed = limits.extensions.get(purpose)
    extension = _extension(name)
    if allowed is None or extension in allowed:
        return None
    ending = f"ends in {extension}" if extension else "has no extension"
    message = f'the name "{name}" {ending}, but files for purpose "{purpose}" end in {", ".join(allowed)}'
    mend = "rename it, or pass a filename that fits"
    if purpose == "batch" and extension in {".csv", ".tsv"}:
        mend = "client.batches.run() answers the rows of a table: give the prompt"
    return OpenAIError(message=f"{message}; {mend}", code="invalid_extension", param="file")


def _extension(name: str) -> str:
    return name[name.rfind(".") :].lower() if "." in name else ""


def _size_problem(size: int | None, purpose: str, most: int) -> OpenAIError | None:
    if size == 0:
        message = "the file is empty; providers refuse files without content"
        if purpose == "batch":
            message = "The input file is empty. Please ensure that the batch contains at least one request."
        return OpenAIError(message=message, code="empty_file", param="file")
    if size is None or size <= most:
        return None
    message = (
        f'the file has {size:,} bytes ({_human(size)}), but for purpose "{purpose}" at most {most:,} bytes '
        f"({_human(most)}) are allowed; split it"
    )
    return OpenAIError(message=message, code="file_too_large", param="file")


def _human(size: float) -> str:
    for unit in ("bytes", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.4g} {unit}"
        size /= 1024
    return f"{size:.4g} GiB"
