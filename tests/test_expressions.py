"""
Regular expressions: all of the package take linear time, whatever a stranger has written.
"""

from __future__ import annotations

import ast
import importlib
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from re import _parser as parser  # type: ignore[attr-defined]  # which texts an expression knows, only its parser tells
from typing import Any, Final

import pytest

import aikit

_PACKAGE: Final = Path(aikit.__file__).parent
_ANYWHERE: Final = frozenset(("search", "sub", "subn", "split", "findall", "finditer"))
_SIZES: Final = (24, 1024, 8 * 1024, 16 * 1024, 64 * 1024)  # a bad expression is seen before it takes for ever
_TIMES: Final = 60  # a quadratic expression takes thousands
_LEAST_S: Final = 0.1
_MADE_OF: Final[Mapping[str, str]] = {
    "aikit/cli/spelling.py": "texts in that file; messages of errors are short",
    "aikit/gateway/incoming/line_check.py": "a model_name of the configuration, escaped",
    "aikit/gateway/outgoing/errors.py": "an id of a provider, escaped; messages of errors are short",
    "aikit/jsonl/parts.py": "the caller's own file name, escaped",
    "aikit/resources/files/prune.py": "fnmatch's, of the caller's own pattern",
    "aikit/providers/kinds.py": "the forms of KINDS, which only the caller's own settings meet",
}
"""Where an expression is made while the program runs, and of what."""


def _sources() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(_PACKAGE.rglob("*.py")):
        yield path.relative_to(_PACKAGE.parent).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def _calls(tree: ast.AST) -> Iterator[tuple[ast.Call, str, str]]:
    """
    Walk through calls of methods: the call, the name of what it is a method of, and its own.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            of = node.func.value
            yield node, of.id if isinstance(of, ast.Name) else "", node.func.attr


def _inside(value: Any) -> Iterator[re.Pattern[Any]]:
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, Mapping):
        yield from _inside(tuple(value.values()))
    elif isinstance(value, tuple | list | set | frozenset):
        for each in value:
            yield from _inside(each)


def _of_module(path: str, tree: ast.Module) -> Iterator[tuple[re.Pattern[Any], bool]]:
    """
    Walk through the expressions of a module, and whether each is looked for anywhere in a text.
    """
    calls = list(_calls(tree))
    for call, of, method in calls:
        if of == "re" and method not in {"compile", "escape"} and isinstance(call.args[0], ast.Constant):
            yield re.compile(ast.literal_eval(call.args[0])), method in _ANYWHERE
    if any(of == "re" for _, of, _ in calls):
        module = importlib.import_module(path.removesuffix(".py").replace("/", ".").removesuffix(".__init__"))
        for name, value in vars(module).items():
            names = {name} if isinstance(value, re.Pattern) else {of for _, of, _ in calls if not of.isupper()}
            is_anywhere = any(of in names and method in _ANYWHERE - {"split"} for _, of, method in calls)
            yield from ((pattern, is_anywhere) for pattern in _inside(value))


def _expressions() -> dict[str, tuple[re.Pattern[Any], bool]]:
    """
    Return all expressions of the package by file and text.
    """
    return {
        f"{path}: {pattern.pattern!r}": (pattern, is_anywhere)
        for path, tree in _sources()
        for pattern, is_anywhere in _of_module(path, tree)
    }


_EXPRESSIONS: Final = _expressions()


def _characters(items: Iterable[Any]) -> Iterator[str]:
    """
    Return some characters that a set has.
    """
    for kind, value in items:
        match str(kind):
            case "LITERAL":
                yield chr(value)
            case "RANGE":
                yield from map(chr, value)
            case "CATEGORY":
                yield {"DIGIT": "0", "SPACE": " ", "WORD": "a"}.get(str(value).removeprefix("CATEGORY_"), "!")
            case "NEGATE":
                yield from (char for char in ("x", " ", "\n", "(", "0") if not _has(items, char))
                return


def _has(items: Iterable[Any], char: str) -> bool:
    return any(
        ord(char) == value if str(kind) == "LITERAL" else value[0] <= ord(char) <= value[1]
        for kind, value in items
        if str(kind) in {"LITERAL", "RANGE"}
    )


def _texts(tree: Any) -> tuple[list[str], list[str]]:
    """
    Return texts that *tree* fits, or nearly, and units whose repetition could cost it time.
    """
    samples, units = [""], []
    for kind, value in tree:
        inner, more = _node(str(kind), value)
        units += [*more, *inner, *(sample + each for sample in samples[:2] for each in more[:8])]
        samples = [sample + each for sample in samples[:4] for each in inner[:4]] or samples
    return samples, [*units, *samples]


def _node(kind: str, value: Any) -> tuple[list[str], list[str]]:
    if kind == "LITERAL":
        return [chr(value)], [chr(value)]
    if kind == "IN":
        return list(dict.fromkeys(_characters(value)))[:6], []
    if kind in {"SUBPATTERN", "ATOMIC_GROUP"}:
        return _texts(value[-1] if kind == "SUBPATTERN" else value)
    if kind == "BRANCH":
        both = [_texts(branch) for branch in value[1]]
        return [each for samples, _ in both for each in samples[:2]], [unit for _, units in both for unit in units]
    if kind.endswith("_REPEAT"):
        samples, units = _texts(value[2])
        return ["" if value[0] == 0 else samples[0], *samples], units
    units = _texts(value[1])[1] if kind.startswith("ASSERT") else []
    return (["x", "\n"] if kind in {"ANY", "NOT_LITERAL"} else [""]), units


def _worst(pattern: re.Pattern[Any]) -> list[tuple[str, str, str]]:
    """
    Return texts that could cost *pattern* much time: what comes first, what is repeated, what comes last.
    """
    text = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode("latin-1")
    samples, units = _texts(parser.parse(text, pattern.flags & ~re.UNICODE))
    repeated = [unit for unit in dict.fromkeys([*units, "a", " ", "0", "\n"]) if unit][:40]
    first = list(dict.fromkeys(["", samples[0], samples[0][: len(samples[0]) // 2], samples[-1]]))
    return [(begin, unit, end) for begin in first for unit in repeated for end in ("", "\0")]


def _seconds(pattern: re.Pattern[Any], text: str, *, is_anywhere: bool) -> float:
    subject: Any = text if isinstance(pattern.pattern, str) else text.encode("latin-1", "replace")
    started = time.thread_time()
    pattern.match(subject)
    pattern.fullmatch(subject)
    if is_anywhere:
        for _ in pattern.finditer(subject):
            pass
    return time.thread_time() - started


def _slow(pattern: re.Pattern[Any], *, is_anywhere: bool) -> list[str]:
    """
    Return what took *pattern* too long: many times what a plain expression takes, in each of three tries.
    """
    plain = re.compile(r"(?:a|[b-z])*0")
    bound_s = max(_LEAST_S, _TIMES * min(_seconds(plain, "ab" * 32 * 1024, is_anywhere=False) for _ in range(3)))
    for begin, unit, end in _worst(pattern):
        for size in _SIZES:
            text = begin + unit * (size // len(unit)) + end
            if all(_seconds(pattern, text, is_anywhere=is_anywhere) > bound_s for _ in range(3)):
                return [f"{begin!r} + {unit!r} * {size // len(unit)} + {end!r}"]
    return []


@pytest.mark.parametrize("name", _EXPRESSIONS)
def test_expressions_take_linear_time(name: str) -> None:
    """
    64 KiB of what fits nearly, again and again, are through in a moment.
    """
    pattern, is_anywhere = _EXPRESSIONS[name]
    assert _slow(pattern, is_anywhere=is_anywhere) == []


def test_expressions_that_are_made_late_are_known() -> None:
    """
    An expression that a function makes of other things than a text in the code is listed with what it is made of.
    """
    late = {
        path
        for path, tree in _sources()
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef)
        for call, of, method in _calls(function)
        if of == "re" and method != "escape" and not isinstance(call.args[0], ast.Constant)
    }
    assert late == set(_MADE_OF)


@pytest.mark.parametrize("text", [r"(?:\s|x)+$", r"[^?]*key=", r"\w+\s*=", r"(?:a|b)*c", r"<.*?>"])
def test_quadratic_expressions_are_found(text: str) -> None:
    """
    The texts above are bad enough.
    """
    assert _slow(re.compile(text), is_anywhere=True) != []
