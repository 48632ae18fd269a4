"""
Finds the error codes that a source names: in calls that take a *code*, through constants, tables and local variables.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import attrs

import aikit

ROOT: Final = Path(aikit.__file__).parent

# Where a code is somebody else's: read from an answer, from a batch's own errors, or from what was kept of an error.
FORWARDED: Final = re.compile(r"(\w+(\[0\])?\.)+(code|error)|_text\(\w+\.get\('code'\)\)")


@attrs.frozen
class Named:
    """
    An error code, or a pattern of codes such as ``batch_*``, and where the source names it.
    """

    code: str
    where: str


@attrs.frozen(kw_only=True)
class Scanner:
    """
    The package's sources, and what in them takes a code.

    Attributes:
        trees: Path of a module → its syntax tree.

        takers: Path of a module → name of a function or class that it defines → place of its *code*, and how many
            arguments it needs.

        constants: Name of a module's constant → its values, one for each module that has a constant of that name.
    """

    trees: Mapping[str, ast.Module]
    takers: Mapping[str, Mapping[str, tuple[int, int]]]
    constants: Mapping[str, list[ast.expr]]

    @classmethod
    def of(cls, sources: Mapping[str, str]) -> Scanner:
        """
        Read *sources*, by their paths.
        """
        trees = {path: ast.parse(source) for path, source in sources.items()}
        constants: dict[str, list[ast.expr]] = {}
        for tree in trees.values():
            for node in tree.body:
                for target, value in _assigned(node):
                    constants.setdefault(target, []).append(value)
        return cls(trees=trees, takers={path: dict(_takers(tree)) for path, tree in trees.items()}, constants=constants)

    def named(self) -> Iterator[Named]:
        """
        Yield each code that is named, and ``?`` with the expression where that cannot be told.
        """
        for path, tree in self.trees.items():
            for node, function in _with_functions(tree):
                for given in self._given(path, node):
                    for code in self._codes(given, function):
                        yield Named(code, f"{path}:{given.lineno}")

    def _given(self, path: str, node: ast.AST) -> Iterator[ast.expr]:
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func).rpartition(".")[2]
            keywords = {keyword.arg: keyword.value for keyword in node.keywords}
            if "code" in keywords:
                yield keywords["code"]
            elif isinstance(keywords.get("error"), ast.Tuple | ast.Name):
                yield keywords["error"]
            else:
                place, needed = self._taker(path, name) or (-1, 0)
                if len(node.args) + len(keywords) >= needed or _starred(node):
                    yield from _positional(node, place)
        elif isinstance(node, ast.ClassDef):  # the default of a field
            for target, value in (found for statement in node.body for found in _assigned(statement)):
                if target == "code" and isinstance(value, ast.Constant) and value.value is not None:
                    yield value

    def _taker(self, path: str, name: str) -> tuple[int, int] | None:
        own = self.takers[path]
        if name in own or name.startswith("_"):
            return own.get(name)
        return next((takers[name] for takers in self.takers.values() if name in takers), None)

    def _codes(self, given: ast.expr, function: ast.AST | None) -> Iterator[str]:
        if isinstance(given, ast.Constant):
            yield from [given.value] if isinstance(given.value, str) else []
        elif isinstance(given, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "*" for part in given.values)
        elif inner := _inner(given):
            for part in inner:
                yield from self._codes(part, function)
        elif isinstance(given, ast.Name):
            yield from self._codes_of_name(given.id, function)
        elif not FORWARDED.fullmatch(ast.unparse(given)):
            yield f"?{ast.unparse(given)}"

    def _codes_of_name(self, name: str, function: ast.AST | None) -> Iterator[str]:
        statements = list(ast.walk(function)) if function is not None else []
        local = [value for node in statements for target, value in _assigned(node) if target == name]
        is_parameter = isinstance(function, ast.FunctionDef) and name in _parameters(function)
        values = local or ([] if is_parameter else self.constants.get(name, []))
        if not values and not is_parameter:
            yield f"?{name}"
        for value in values:
            yield from self._codes(value, function)


def package_scanner() -> Scanner:
    """
    Return the scanner of the whole package.
    """
    return Scanner.of({str(path.relative_to(ROOT)): path.read_text("utf-8") for path in ROOT.rglob("*.py")})


def _inner(given: ast.expr) -> list[ast.expr]:
    """
    Return the expressions of which *given* is one, or the pairs of code and message among which it is.
    """
    if isinstance(given, ast.IfExp):
        return [given.body, given.orelse]
    if isinstance(given, ast.BoolOp | ast.Dict):
        return given.values
    return given.elts[:1] if isinstance(given, ast.Tuple) else [given.value] if isinstance(given, ast.Subscript) else []


def _positional(call: ast.Call, place: int) -> Iterator[ast.expr]:
    starred = _starred(call)
    if starred and place >= 0:  # a pair of code and message
        yield starred[0].value
    else:
        yield from call.args[place : place + 1] if place >= 0 else []


def _starred(call: ast.Call) -> list[ast.Starred]:
    return [argument for argument in call.args if isinstance(argument, ast.Starred)]


def _takers(tree: ast.Module) -> Iterator[tuple[str, tuple[int, int]]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            inits = [one for one in node.body if isinstance(one, ast.FunctionDef) and one.name == "__init__"]
            fields = [
                one.target.id
                for one in node.body
                if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name)
            ]
            names = _parameters(inits[0])[1:] if inits else fields
            if "code" in names:
                yield node.name, (names.index("code"), 0)
        elif isinstance(node, ast.FunctionDef) and node.name != "__init__":
            names = _parameters(node)
            texts = {one.arg for one in node.args.args if one.annotation and "str" in ast.unparse(one.annotation)}
            if "code" in texts:
                first = names[0] == "self"
                yield node.name, (names.index("code") - first, len(node.args.args) - first - len(node.args.defaults))


def _parameters(function: ast.FunctionDef) -> list[str]:
    return [one.arg for one in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)]


def _assigned(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(node, ast.AnnAssign) and node.value is not None and isinstance(node.target, ast.Name):
        yield node.target.id, node.value
    elif isinstance(node, ast.Assign):
        for target in node.targets:
            if isinstance(target, ast.Name):
                yield target.id, node.value
            elif isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                pairs = zip(target.elts, node.value.elts, strict=True)
                yield from ((name.id, value) for name, value in pairs if isinstance(name, ast.Name))
            elif isinstance(target, ast.Tuple) and isinstance(target.elts[0], ast.Name):  # unpacked
                yield target.elts[0].id, node.value


def _with_functions(node: ast.AST, function: ast.AST | None = None) -> Iterator[tuple[ast.AST, ast.AST | None]]:
    yield node, function
    inner = node if isinstance(node, ast.FunctionDef) else function
    for child in ast.iter_child_nodes(node):
        yield from _with_functions(child, inner)
