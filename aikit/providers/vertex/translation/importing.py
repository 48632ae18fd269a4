"""
What the importer of batch jobs can read: one line that it cannot read ends the whole job before any was answered.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any, Final

import attrs

from aikit.validation.problems import kind_of

MOST_LEVELS: Final = 15
_MOST_COLUMNS: Final = 10_000
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,299}")
_SHOWN: Final = 60


def names_problem(names: Collection[str]) -> str | None:
    """
    Return what is wrong with the *names* of an object as those of columns; ``None`` if nothing is.
    """
    for name in names:
        if not _NAME.fullmatch(name):
            return f'has the name "{name[:_SHOWN]}"; batches on Vertex AI take names of letters, digits and _ only'
    if len({name.lower() for name in names}) < len(names):
        return "has names that differ in case only, which are the same to batches on Vertex AI"
    return None


def without_empty(value: Any) -> Any:
    """
    Return *value*, decoded JSON, without the nulls and the empty objects in its objects.
    """
    if type(value) is dict:
        members = ((name, without_empty(member)) for name, member in value.items())
        return {name: member for name, member in members if member is not None and member != {}}
    return [without_empty(element) for element in value] if type(value) is list else value


@attrs.define
class Columns:
    """
    The columns that the importer makes of objects of any form, in all lines of a file: each has one type.
    """

    # Google's importer is a BigQuery load that finds out the types; BigQuery tables have 10,000 columns at most.

    _kinds: dict[str, str] = attrs.field(factory=dict)

    def add(self, value: dict[str, Any], root: str, level: int) -> str | None:
        """
        Add the columns of *value*, which stands under *root* at a *level* of nesting.

        Returns:
            What the importer could not read of it, as the rest of a sentence, and nothing was added; or ``None``.
        """
        found: dict[str, str] = {}
        problem = self._look(value, root, level, found)
        if problem is None:
            self._kinds |= found
        return problem

    def _look(self, value: Any, path: str, level: int, found: dict[str, str]) -> str | None:
        """
        Add the columns below *path* to *found*; return what could not be read of them.
        """
        if level > MOST_LEVELS:
            return f"is nested too deeply; batches on Vertex AI take {MOST_LEVELS} levels in all"
        if type(value) is dict:
            problem = names_problem(value)
            columns = [(f"{path}.{name.lower()}", member) for name, member in value.items()]
        else:
            is_nested = any(type(element) is list for element in value)
            problem = "has an array in an array, which batches on Vertex AI do not take" if is_nested else None
            columns = [(f"{path}[]", element) for element in value]
        for column, member in columns:
            problem = problem or self._problem_with(column, member, found)
            if problem is None and (type(member) is dict or type(member) is list):
                problem = self._look(member, column, level + 1, found)
            if problem is not None:
                break
        return problem

    def _problem_with(self, column: str, value: Any, found: dict[str, str]) -> str | None:
        if value is None or value == {}:
            what = "null" if value is None else "an empty object"
            return f"has {what} in it, which batches on Vertex AI do not take"
        kind = "a number" if type(value) is int or type(value) is float else kind_of(value)
        known = self._kinds.get(column) or found.setdefault(column, kind)
        if known != kind:
            return _mixed(column, known, kind)
        if len(self._kinds) + len(found) > _MOST_COLUMNS:
            return f"brings the file to more than {_MOST_COLUMNS:,} different names; a batch on Vertex AI has no more"
        return None


def _mixed(path: str, known: str, kind: str) -> str:
    name = path.partition(".")[2][:_SHOWN]
    return f'has {kind} as "{name}", which is {known} elsewhere in the file; a batch on Vertex AI takes one type'
