"""
What in the pages of aikit/docs is made from the code: ``python -m tests.generated`` writes it anew.
"""

from __future__ import annotations

import inspect
import json
import re
import sys
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import attrs
import click

import aikit
from aikit import OpenAIClient, OpenAIError, jsonl
from aikit.cli.app import app
from aikit.resources.batches import BatchesAPI
from aikit.resources.files import FilesAPI
from aikit.resources.uploads import UploadsAPI
from aikit.runtime.parameters import OpenAIParameters
from aikit.runtime.result import OpenAIListResult, OpenAIResult
from aikit.storage.package_data import read_data
from aikit.types.error_codes import ERROR_CODES
from aikit.validation.limits import Limits, limits_for
from tests.public import names_of

DOCS: Final = Path(aikit.__file__).parent / "docs"
_APIS: Final[Mapping[str, type]] = {"files": FilesAPI, "uploads": UploadsAPI, "batches": BatchesAPI}
_ITEM: Final = re.compile(r"^(\w+): (.*?)(?=^\w+: |\Z)", re.DOTALL | re.MULTILINE)
_PROVIDERS: Final = ("openai", "azure", "vertex", "gemini", "local", "compatible")
_OPTIONS: Final = ("self", "parameters", "options")
_NO_LIMITS: Final = (
    "checked_purposes",
    "translated_purposes",
    "removes_mark",
    "imports_files",
    "extensions",
    "has_other_purposes",
    "has_any_batch_url",
)


def made() -> dict[Path, str]:
    """
    Return each page of which something is made from the code, as it must be.
    """
    parts = {
        "command-line": {
            "commands": _table(("command", "what it does"), _commands(app, click.Context(app, info_name="aikit")))
        },
        "errors": {"error codes": _table(("code", "raised", "what it means, and what to do"), _codes())},
        "limits": {"bounds": _table(("limit", *_PROVIDERS), _bounds()), "lists": _lists(), "sources": _sources()},
        "reference": {
            "calls": _calls(),
            "client": _table(("argument", "what it does"), _arguments()),
            "members": _table(("of a client", "what it is or does"), _members()),
            "options": _table(("option", "of", "what it does"), _options()),
            "results": _table(("of a result", "what it is"), _results()),
            "values": _table(("attribute", "what it is"), _values()),
            "lines": _table(("function", "what it does"), _functions()),
        },
    }
    return {DOCS / f"{name}.md": _filled(DOCS / f"{name}.md", texts) for name, texts in parts.items()}


def _filled(page: Path, texts: Mapping[str, str]) -> str:
    """
    Return *page* with each of *texts* between the two marks of its name.
    """
    whole = page.read_text("utf-8")
    for mark, text in texts.items():
        before, opening, rest = whole.partition(f"<!-- {mark} -->\n")
        _, closing, after = rest.partition(f"\n<!-- end of {mark} -->")
        if not closing:
            raise ValueError(f"{page} has not both marks of {mark!r}")
        whole = f"{before}{opening}{text}{closing}{after}"
    return whole


def _table(heads: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    lines = [heads, ("---",) * len(heads), *([cell.replace("|", r"\|") for cell in row] for row in rows)]
    return "\n".join("|---" * len(heads) + "|" if line[0] == "---" else f"| {' | '.join(line)} |" for line in lines)


def _plain(text: str | None) -> str:
    """
    Return a part of a docstring as a cell of a table.
    """
    text = " ".join((text or "").split()).replace("``", "`")
    return re.sub(r"`~?(?:aikit\.)?(?:\w+\.)*(OpenAI\w+)`", r"`\1`", text)


def _first_sentence(value: Any) -> str:
    return _plain((inspect.getdoc(value) or "").partition("\n\n")[0])


def _section(value: Any, title: str) -> dict[str, str]:
    """
    Return what the docstring of *value* says under *title*, by name.
    """
    _, _, rest = f"\n{inspect.cleandoc(value.__doc__ or '')}".partition(f"\n{title}:\n")
    body = re.split(r"^\S", rest, maxsplit=1, flags=re.MULTILINE)[0]
    return {name: _plain(text) for name, text in _ITEM.findall(inspect.cleandoc(body))}


# Calls and their options.


def _methods() -> Iterator[tuple[str, Any]]:
    for name, api in _APIS.items():
        for method in dir(api):
            if not method.startswith("_"):
                yield f"{name}.{method}", inspect.getattr_static(api, method)


def _parameters_of(method: Any) -> type[OpenAIParameters]:
    """
    Return the class of the options that *method* takes.
    """
    name = inspect.get_annotations(method)["parameters"].partition(" | ")[0]
    found: type[OpenAIParameters] = OpenAIParameters if name == "CommonParameters" else getattr(aikit, name)
    return found


def _calls() -> str:
    rows = []
    for name, method in _methods():
        taken = [one for one in inspect.signature(method).parameters.values() if one.name not in _OPTIONS]
        given = ", ".join([*(str(one.replace(annotation=one.empty)) for one in taken), "…"])
        own = [field for field in _fields(_parameters_of(method)) if field not in _fields(OpenAIParameters)]
        result = str(inspect.get_annotations(method)["return"])
        said = ", ".join(f"`{option}`" for option in own) or "-"
        rows.append((f"`{name}({given})`: `{result}`", said, _first_sentence(method)))
    return _table(("call, and what it returns", "options of its own", "what it does"), iter(rows))


def _fields(owner: type[OpenAIParameters]) -> dict[str, Any]:
    return {field.name: field for field in attrs.fields(owner) if not field.name.startswith("_")}


def _meaning(owner: type, option: str) -> str:
    """
    Return what is said of *option*: by the class itself, or else by what it inherits from.
    """
    return next(said[option] for said in (_section(cls, "Attributes") for cls in owner.__mro__) if option in said)


def _options() -> Iterator[tuple[str, ...]]:
    """
    Walk over the options of all calls, each with the calls that have it in this very meaning.
    """
    calls: dict[tuple[str, ...], list[str]] = {}
    for name, method in _methods():
        owner = _parameters_of(method)
        for option, field in _fields(owner).items():
            default = "" if field.default is None else f" = {_default(field.default)}"
            calls.setdefault((option, f"{_type(field.type)}{default}", _meaning(owner, option)), []).append(name)
    common = _fields(OpenAIParameters)
    for (option, kind, meaning), names in sorted(calls.items(), key=lambda found: found[0][0] not in common):
        is_common = option in common and len(names) > len(list(_methods())) // 2
        of = "all calls" if is_common else ", ".join(f"`{name}`" for name in names)
        yield f"`{option}: {kind}`", of, meaning


def _type(annotation: Any) -> str:
    text = re.sub(r" \| None\b|\bNone \| ", "", " ".join(str(annotation).split()).strip("()"))
    text = re.sub(r"\b(?:os|attrs|typing)\.|\[Any\]", "", text)
    return "Callable" if text.startswith(("Callable", "Callback")) else text.strip().replace(" | ", " or ")


def _default(value: Any) -> str:
    return (
        json.dumps(value)
        if isinstance(value, str)
        else f"{value:,}".removesuffix(".0")
        if type(value) in {int, float}
        else repr(value)
    )


def _arguments() -> Iterator[tuple[str, ...]]:
    said = _section(OpenAIClient.__init__, "Args")
    for name, argument in list(inspect.signature(OpenAIClient.__init__).parameters.items())[1:]:
        default = "" if argument.default in (None, ()) else f" = {_default(argument.default)}"
        yield f"`{name}{default}`", said[name]


# Results, lines and limits.


def _results() -> Iterator[tuple[str, ...]]:
    results = [getattr(aikit, name) for name in names_of(aikit) if re.fullmatch(r"OpenAI\w+Result", name)]
    for result in dict.fromkeys((OpenAIResult, OpenAIListResult, *sorted(results, key=lambda found: found.__name__))):
        for name, value in vars(result).items():
            if not name.startswith("_"):
                called = "" if isinstance(value, property | cached_property) else "()"
                yield f"`{result.__name__}.{name}{called}`", _first_sentence(value)


def _members() -> Iterator[tuple[str, ...]]:
    for name, value in vars(OpenAIClient).items():
        if not name.startswith("_"):
            called = "" if isinstance(value, property | cached_property) else _taken(value)
            yield f"`client.{name}{called}`", _first_sentence(value)


def _taken(function: Any) -> str:
    taken = inspect.signature(function)
    plain = [one.replace(annotation=one.empty) for one in taken.parameters.values() if one.name != "self"]
    return str(taken.replace(parameters=plain, return_annotation=taken.empty))


def _values() -> Iterator[tuple[str, ...]]:
    """
    Walk over what results carry and callbacks get: their fields, and what is derived from them.
    """
    for cls in filter(_is_carried, (getattr(aikit, name) for name in names_of(aikit))):
        for field in attrs.fields(cls):
            if not field.name.startswith("_"):
                kind = str(field.type).replace(" | ", " or ")
                yield f"`{cls.__name__}.{field.name}: {kind}`", _meaning(cls, field.name)
        for name, value in inspect.getmembers_static(cls, lambda found: isinstance(found, property | cached_property)):
            if not name.startswith("_"):
                yield f"`{cls.__name__}.{name}`", _first_sentence(value)


def _is_carried(value: Any) -> bool:
    """
    Return whether *value* is a class of what results carry, and none of options, results or what is raised.
    """
    if not inspect.isclass(value) or not value.__module__.startswith("aikit.types."):
        return False
    is_raised = issubclass(value, Exception) and value is not OpenAIError
    return attrs.has(value) and not is_raised and not value.__name__.endswith(("Parameters", "Result"))


def _functions() -> Iterator[tuple[str, ...]]:
    for name in names_of(jsonl):
        function = getattr(jsonl, name)
        if inspect.isfunction(function):
            yield f"`{name}{_taken(function)}`", _first_sentence(function)


def _codes() -> Iterator[tuple[str, ...]]:
    for code, line in ERROR_CODES.items():
        yield f"`{code}`", line.raised_by, line.text


def _bounds() -> Iterator[tuple[str, ...]]:
    for name in _limits():
        values = [getattr(limits_for(provider), name) for provider in _PROVIDERS]
        if not any(isinstance(value, tuple | bool) for value in values):
            yield f"`{name}`", *("-" if value == sys.maxsize else f"{value:,}" for value in values)


def _lists() -> str:
    """
    Return what may be said at each kind of provider; those that agree stand together.
    """
    lines = []
    for name in _limits():
        said: dict[str, list[str]] = {}
        for provider in _PROVIDERS:
            value = getattr(limits_for(provider), name)
            if isinstance(value, tuple):
                said.setdefault(", ".join(f"`{one}`" for one in value) or "any", []).append(provider)
        lines += [f"- `{name}` at {', '.join(providers)}: {text}" for text, providers in said.items()]
    return "\n".join(lines)


def _sources() -> str:
    kinds = read_data("aikit.validation", "limits.json")
    lines = []
    for name in _limits():
        entries = [(kind, kinds[kind][name]) for kind in _PROVIDERS if name in kinds[kind]]
        told = [f"[{kind}]({entry['source']}) {entry['read']}" for kind, entry in entries if entry["source"]]
        lines += [f"- `{name}`: {', '.join(told)}"] if told else []
    return "\n".join(lines)


def _commands(group: click.Group, context: click.Context) -> Iterator[tuple[str, ...]]:
    """
    Walk over the commands below *group*, those that do something.
    """
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        below = click.Context(command, parent=context, info_name=name)
        if isinstance(command, click.Group):
            yield from _commands(command, below)
        if not isinstance(command, click.Group) or command.invoke_without_command:
            pieces = command.collect_usage_pieces(below)
            arguments = " ".join(
                piece for piece in pieces if not piece.startswith(("[OPTIONS]", "[COMMAND]", "COMMAND"))
            )
            yield f"`{' '.join([below.command_path, arguments]).strip()}`", _first_sentence(command.callback)


def _limits() -> list[str]:
    return [field.name for field in attrs.fields(Limits) if field.name not in _NO_LIMITS]


if __name__ == "__main__":
    for path, text in made().items():
        path.write_text(text, "utf-8")
