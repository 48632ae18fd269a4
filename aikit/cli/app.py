"""
The program as a whole: its commands, shell completion, and its exit codes.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import click
from click.shell_completion import get_completion_class

from aikit import __version__
from aikit.cli.options import Command, Group
from aikit.cli.output import Exit, leave_now, naming_stdout
from aikit.cli.output.messages import begin_line, forget, tell
from aikit.cli.safety import safe, safe_json
from aikit.cli.spelling import with_options
from aikit.storage.errors import StoreError
from aikit.types.errors import OpenAIError

if TYPE_CHECKING:  # what commands are loaded from by name: programs that freeze others look for it here
    from aikit.cli.batch_run import batch  # noqa: F401
    from aikit.cli.batches import batches  # noqa: F401
    from aikit.cli.batches_results import results  # noqa: F401
    from aikit.cli.demo import demo  # noqa: F401
    from aikit.cli.docs import docs  # noqa: F401
    from aikit.cli.doctor import doctor  # noqa: F401
    from aikit.cli.files import files  # noqa: F401
    from aikit.cli.files_prune import prune  # noqa: F401
    from aikit.cli.gateway import gateway  # noqa: F401
    from aikit.cli.gateway_keys import keys  # noqa: F401
    from aikit.cli.providers import providers  # noqa: F401

_EPILOG: Final = """
\b
Exit codes:
  0    success
  1    the provider, the network or the disk refused something
  2    wrong usage
  3    the check before sending found problems; nothing was sent for those
  4    a batch has ended, and some of its requests did not succeed
  130  Ctrl-C

Data goes to stdout, messages to stderr: a table on a terminal, tab-separated lines elsewhere, JSON with --json (an
object for one, {"object": "list", "data": [...]} for many, {"error": {...}} for errors).

\b
Try it, without key or network:    aikit demo
"""

_HELP_INSTEAD: Final = getattr(click.exceptions, "NoArgsIsHelpError", ())  # since click 8.2


_COMMANDS: Final = {
    "demo": "aikit.cli.demo:demo",
    "files": "aikit.cli.files:files",
    "batches": "aikit.cli.batches:batches",
    "batch": "aikit.cli.batch_run:batch",
    "providers": "aikit.cli.providers:providers",
    "doctor": "aikit.cli.doctor:doctor",
    "gateway": "aikit.cli.gateway:gateway",
    "docs": "aikit.cli.docs:docs",
    "completion": "aikit.cli.app:completion",
}
PROGRAM: Final = "aikit"
VARIABLE: Final = "_AIKIT_COMPLETE"


class _Interrupted(BaseException):
    """
    Ctrl-C in a command; of KeyboardInterrupt click makes an empty line, and no more.
    """


class _Program(Group):
    """
    All commands.
    """

    def invoke(self, ctx: click.Context) -> Any:
        """
        Run the command that *ctx* names.
        """
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as interrupt:
            raise _Interrupted from interrupt


@click.group(PROGRAM, cls=_Program, on_demand=_COMMANDS, epilog=_EPILOG)
@click.version_option(__version__, message="%(prog)s %(version)s")
def app() -> None:
    """
    Files and batches of AI providers: OpenAI, servers that speak its format, and one provider embedded in aikit.

    Use OpenAI with OPENAI_API_KEY set, another server with --base-url, the embedded provider with --provider local.
    """


def run(argv: Sequence[str]) -> int:
    """
    Run the program with *argv* and return its exit code; an unexpected exception is one sentence, not a traceback.
    """
    logging.getLogger("aikit").addHandler(logging.NullHandler())  # errors say what is logged, too
    _never_fail_to_encode()
    try:
        return _flush(_invoke(list(argv)))
    except (click.Abort, KeyboardInterrupt, _Interrupted):
        begin_line()
        tell("stopped by Ctrl-C")
        if threading.active_count() > 1:  # calls under way, which may block for long
            leave_now(Exit.INTERRUPTED)
        return Exit.INTERRUPTED
    except BrokenPipeError:
        forget(sys.stdout)
        return Exit.DONE
    except OSError as error:
        name = f"{safe(str(error.filename))}: " if error.filename else ""
        _complain(f"{name}{error.strerror or error}")
        return Exit.REFUSED
    except (OpenAIError, StoreError) as error:  # of a machine that lacks what a command needs
        _complain(with_options(safe(str(error))))
        return Exit.REFUSED
    except Exception as error:  # noqa: BLE001  people get a sentence, not a traceback
        _complain(f"unexpected {type(error).__name__}: {safe(str(error))}; this is a bug in aikit")
        return Exit.REFUSED


def _invoke(argv: list[str]) -> int:
    try:
        return int(app.main(argv, PROGRAM, complete_var=VARIABLE, standalone_mode=False) or 0)
    except click.UsageError as error:
        if "--json" in argv:
            value: dict[str, Any] = {"message": error.format_message(), "type": "usage_error", "code": None}
            sys.stdout.write(safe_json({"error": value}, ascii_only=True) + "\n")
        elif isinstance(error, _HELP_INSTEAD):
            error.show()
        else:
            path = error.ctx.command_path if error.ctx is not None else PROGRAM
            tell(f"error: {safe(error.format_message())}\nsee: {path} --help")
        return error.exit_code


def _flush(code: int) -> int:
    """
    Flush stdout and return *code*; a full disk is an error of the program, a closed pipe is none.
    """
    with naming_stdout():
        sys.stdout.flush()
    return code


def _never_fail_to_encode() -> None:
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _complain(text: str) -> None:
    tell(f"error: {text}")
    _redirect_if_broken()


def _redirect_if_broken() -> None:
    """
    Redirect a broken stdout to nowhere, so that the interpreter does not fail to flush it at its end.
    """
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        forget(sys.stdout)


@click.command(cls=Command)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> int:
    """
    Print the script for a shell's completion.

    \b
    bash:  eval "$(aikit completion bash)"      in ~/.bashrc
    zsh:   eval "$(aikit completion zsh)"       in ~/.zshrc, after compinit
    fish:  aikit completion fish | source       in ~/.config/fish/config.fish
    """  # noqa: D301  \b is click's mark for lines that stay as they are
    complete = get_completion_class(shell)
    if complete is None:
        raise click.UsageError(f"no completion for {shell}")
    sys.stdout.write(complete(ctx.find_root().command, {}, PROGRAM, VARIABLE).source() + "\n")
    return Exit.DONE
