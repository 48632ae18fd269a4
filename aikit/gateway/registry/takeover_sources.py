"""
Where LiteLLM's tables are read from: its PostgreSQL database, or a dump of one table as CSV, JSON or JSON lines.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, MetaData, Table, create_engine, func, inspect, make_url, select
from sqlalchemy.exc import SQLAlchemyError

from aikit.gateway.registry.database import postgres_address
from aikit.gateway.registry.takeover import Row

_KEYS: Final = "LiteLLM_VerificationToken"
_BUDGETS: Final = "LiteLLM_BudgetTable"
_TEAMS: Final = "LiteLLM_TeamTable"
_SPEND: Final = "LiteLLM_SpendLogs"
_OF_BUDGET: Final = ("max_budget", "rpm_limit", "tpm_limit", "budget_duration")
_OF_TEAM: Final = ("models", "blocked")
_MOST_BYTES: Final = 256 * 1024 * 1024


def rows_of_dump(path: Path) -> Iterator[Row]:
    """
    Walk over the rows of a dump: ``COPY … TO … CSV HEADER``, a JSON array of objects, or an object a line.

    Raises:
        ValueError: It is none of these.
        OSError: It cannot be read.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        first = file.read(1)
        file.seek(0)
        if first == "[":
            if path.stat().st_size > _MOST_BYTES:
                raise ValueError(f"{path} is too large for one JSON array; write an object a line")
            yield from _objects(json.load(file), path)
        elif first == "{":
            yield from _objects((json.loads(line) for line in file if line.strip()), path)
        else:
            yield from _csv(file, path)


def _csv(file: Any, path: Path) -> Iterator[Row]:
    reader = csv.DictReader(file)
    if "token" not in (reader.fieldnames or ()) and "api_key" not in (reader.fieldnames or ()):
        raise ValueError(f"{path} has no line of column names; dump it with: COPY … TO … WITH (FORMAT csv, HEADER)")
    try:
        yield from reader
    except csv.Error as error:
        raise ValueError(f"{path}, line {reader.line_num}: {error}") from error


def _objects(found: Any, path: Path) -> Iterator[Row]:
    for row in found:
        if not isinstance(row, Mapping):
            raise ValueError(f"{path} has something else than objects: {str(row)[:40]}")  # noqa: TRY004  the file's fault
        yield row


@contextmanager
def litellm_database(url: str) -> Iterator[LiteLLM]:
    """
    Open LiteLLM's database, of which nothing is changed.

    Raises:
        ValueError: *url* is no address of a PostgreSQL database, it cannot be read, or is not LiteLLM's.
    """
    engine = create_engine(postgres_address(url), hide_parameters=True)
    try:
        with engine.connect().execution_options(postgresql_readonly=True, stream_results=True) as connection:
            yield LiteLLM(connection, make_url(url).query.get("schema"))
    except SQLAlchemyError as error:
        reason = " ".join(str(getattr(error, "orig", None) or error).split())
        raise ValueError(f"{engine.url.render_as_string()} cannot be read: {reason}") from error
    finally:
        engine.dispose()


class LiteLLM:
    """
    LiteLLM's tables.
    """

    def __init__(self, connection: Connection, schema: Any) -> None:
        self._connection, self._schema = connection, schema
        if not self._has(_KEYS):
            raise ValueError(f"the database has no table {_KEYS}; is it LiteLLM's?")

    def keys(self) -> Iterator[Row]:
        """
        Walk over the keys; each with its budget where that has a row of its own, and what its team leaves it.
        """
        budgets, teams = self._by_id(_BUDGETS, "budget_id", _OF_BUDGET), self._by_id(_TEAMS, "team_id", _OF_TEAM)
        for row in self._connection.execute(select(self._table(_KEYS))).mappings():
            budget = budgets.get(row.get("budget_id"))
            found = dict(row)
            if budget is not None:
                found |= {name: value for name, value in budget.items() if found.get(name) is None}
                found["budget_id"] = None
            team = teams.get(row.get("team_id"), {})
            yield {**found, **{f"team_{name}": value for name, value in team.items()}}

    def spend(self) -> Iterator[Row]:
        """
        Walk over sums of what was spent, by key and model.
        """
        if not self._has(_SPEND):
            return
        columns = self._table(_SPEND).c
        groups = (columns.api_key, columns.model)
        summed = [func.sum(columns[name]).label(name) for name in ("spend", "prompt_tokens", "completion_tokens")]
        query = select(*groups, *summed, func.count().label("requests"), func.max(columns.endTime).label("endTime"))
        for row in self._connection.execute(query.group_by(*groups)).mappings():
            yield dict(row)

    def _by_id(self, name: str, key: str, wanted: tuple[str, ...]) -> dict[Any, dict[str, Any]]:
        if not self._has(name):
            return {}
        table = self._table(name)
        columns = [table.c[column] for column in wanted if column in table.c]
        rows = self._connection.execute(select(table.c[key], *columns)).mappings()
        return {row[key]: {name: value for name, value in row.items() if name != key} for row in rows}

    def _has(self, name: str) -> bool:
        return inspect(self._connection).has_table(name, schema=self._schema)

    def _table(self, name: str) -> Table:
        return Table(name, MetaData(), schema=self._schema, autoload_with=self._connection)
