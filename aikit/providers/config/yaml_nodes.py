"""
YAML read with care: bounds on size, depth and aliases, and the line of each key.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import attrs

from aikit.storage import shown

MAX_BYTES: Final = 1024 * 1024
_MOST_NODES: Final = 20_000
_DEEPEST: Final = 30
_MERGE: Final = "tag:yaml.org,2002:merge"


class Mapped(dict[str, Any]):
    """
    A mapping that knows where its keys stand.

    Attributes:
        place: File and line where it begins.

        places: Key → file and line.
    """

    def __init__(self, place: str = "") -> None:
        super().__init__()
        self.place = place
        self.places: dict[str, str] = {}

    def over(self, base: Mapped | None) -> Mapped:
        """
        Return what it and *base* say; where both do, what it says.
        """
        both = Mapped(self.place)
        for one in (base, self) if base is not None else (self,):
            both.update(one)
            both.places |= one.places
        return both


def read_yaml(path: Path, content: bytes, repeated: list[str]) -> Any:
    """
    Return what *content*, of the file at *path*, says, each mapping as a `Mapped`; keys said twice are *repeated*.

    Raises:
        ValueError: It is no YAML, or goes beyond a bound, or the library is not installed.
    """
    try:
        import yaml  # noqa: PLC0415  an extra
    except ModuleNotFoundError:
        raise ValueError(f"{shown(path)} is YAML, which needs pip install 'aikit-client[yaml]'") from None
    if len(content) > MAX_BYTES:
        raise ValueError(f"{path} has more than {MAX_BYTES:,} bytes, which no configuration needs")
    try:
        text = content.decode("utf-8-sig")
        _require_bounded(yaml, path, text)
        loader = yaml.SafeLoader(text)
        try:
            node = loader.get_single_node()
            return None if node is None else _Reading(path, loader, repeated).value(node, 0)
        finally:
            loader.dispose()
    except yaml.YAMLError as error:  # whose text may quote a key
        mark = getattr(error, "problem_mark", None)
        at = text.count("\n", 0, getattr(error, "position", 0)) if mark is None else mark.line
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or type(error).__name__
        raise ValueError(f"{path}:{at + 1} cannot be read as YAML: {shown(problem)}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path} cannot be read as YAML: it is not UTF-8") from None


def _require_bounded(yaml: Any, path: Path, text: str) -> None:
    """
    Check depth and count of what *text* has, before anything follows it down.
    """
    depth = 0
    for number, event in enumerate(yaml.parse(text, Loader=yaml.SafeLoader)):
        if isinstance(event, yaml.events.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.events.CollectionEndEvent):
            depth -= 1
        if depth > _DEEPEST or number > 2 * _MOST_NODES:
            raise _beyond(path, event)


def _beyond(path: Path, node: Any) -> ValueError:
    line = node.start_mark.line + 1
    return ValueError(f"{path}:{line} has more, or deeper, or more often repeated values than a configuration needs")


@attrs.define
class _Reading:
    """
    One document on its way from nodes to values; what is repeated by aliases counts each time.
    """

    path: Path
    loader: Any
    repeated: list[str]
    count: int = 0

    def value(self, node: Any, depth: int) -> Any:
        self.count += 1
        if self.count > _MOST_NODES or depth > _DEEPEST:
            raise _beyond(self.path, node)
        if node.id == "sequence":
            return [self.value(one, depth + 1) for one in node.value]
        if node.id == "mapping":
            return self.mapping(node, depth)
        try:
            return self.loader.construct_object(node)
        except (ValueError, OverflowError):  # a day that no calendar has
            return str(node.value)

    def mapping(self, node: Any, depth: int) -> Mapped:
        found, merged = Mapped(f"{self.path}:{node.start_mark.line + 1}"), Mapped()
        for key, one in node.value:
            place = f"{self.path}:{key.start_mark.line + 1}"
            if key.id != "scalar":
                raise ValueError(f"{place}: a key must be text; put quotes around it")
            value = self.value(one, depth + 1)
            if key.tag == _MERGE:
                for base in value if isinstance(value, list) else [value]:
                    self.merge(merged, base)
                continue
            name = str(key.value)
            if name in found:
                self.repeated.append(f"{place}: {shown(name)!r} is said twice, and what is said last counts")
            found[name], found.places[name] = value, place
        self.merge(found, merged)
        return found

    def merge(self, found: Mapped, base: Any) -> None:
        for name in base if isinstance(base, Mapped) else ():
            self.count += 1
            if name not in found:
                found[name], found.places[name] = base[name], base.places[name]
