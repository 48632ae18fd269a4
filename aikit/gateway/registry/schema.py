"""
The tables. What changes here needs a new module in ``migrations/versions``; a test compares both.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, MetaData, Table, UniqueConstraint, false, text

from aikit.gateway.registry.columns import Flag, Json, Moment, Money, Name, Texts, Whole, Words

HEAD: Final = "0001"
"""The newest version; where a database has it, Alembic is not even loaded."""

SCHEMA: Final = "aikit"
"""On PostgreSQL the tables are in a schema of their own, so that the database can be shared with LiteLLM's."""

VERSIONS: Final = "aikit_version"

METADATA: Final = MetaData()


def _table(name: str, *columns: Any) -> Table:
    number = Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    return Table(name, METADATA, number, *columns, sqlite_autoincrement=True)


FILES: Final = _table(
    "files",
    Column("id", Name, nullable=False, unique=True),
    Column("deployment", Name, nullable=False),
    Column("upstream_id", Name, nullable=False),
    Column("owner", Name),
    Column("purpose", Name, nullable=False),
    Column("filename", Words, nullable=False),
    Column("size_bytes", Whole, nullable=False),
    Column("created_at", Whole, nullable=False),
    Column("role", Name, nullable=False),
    Column("batch_id", Name),
    Column("facts", Json),
    Column("user", Words),
    Column("tags", Texts, nullable=False),
    Column("body", Json, nullable=False),
    Column("expires_at", Moment),
    Column("deleted_at", Moment),
)
_LIVES: Final = text("deleted_at IS NULL")
for _name, _columns in (
    ("files_of_owner", (FILES.c.owner,)),
    ("files_of_purpose", (FILES.c.purpose,)),
    ("files_of_both", (FILES.c.owner, FILES.c.purpose)),
    ("files_of_deployment", (FILES.c.deployment,)),
    ("files_by_age", ()),
):
    Index(_name, *_columns, FILES.c.created_at, FILES.c.seq, sqlite_where=_LIVES)
_GONE: Final = text("deleted_at IS NOT NULL")
Index("files_gone", FILES.c.deleted_at, sqlite_where=_GONE)
_MADE: Final = text("role <> 'input'")
Index("files_of_batch", FILES.c.batch_id, FILES.c.role, unique=True, sqlite_where=_MADE)

UPLOADS: Final = _table(
    "uploads",
    Column("id", Name, nullable=False, unique=True),
    Column("deployment", Name, nullable=False),
    Column("upstream_id", Name, nullable=False),
    Column("owner", Name),
    Column("created_at", Whole, nullable=False),
    Column("body", Json, nullable=False),
    Column("facts", Json),
    Column("user", Words),
    Column("tags", Texts, nullable=False),
    Column("is_finished", Flag, nullable=False, server_default=false()),
)

PARTS: Final = _table(
    "upload_parts",
    Column("id", Name, nullable=False, unique=True),
    Column("upload_id", Name, ForeignKey("uploads.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("upstream_id", Name, nullable=False),
)

BATCHES: Final = _table(
    "batches",
    Column("id", Name, nullable=False, unique=True),
    Column("deployment", Name, nullable=False),
    Column("upstream_id", Name),
    Column("owner", Name),
    Column("input_file_id", Name, nullable=False),
    Column("output_file_id", Name),
    Column("error_file_id", Name),
    Column("endpoint", Name, nullable=False),
    Column("created_at", Whole, nullable=False),
    Column("status", Name, nullable=False),
    Column("body", Json, nullable=False),
    Column("facts", Json),
    Column("intent", Name),
    Column("estimate", Money),
    Column("cost", Money),
    Column("is_booked", Flag, nullable=False, server_default=false()),
    Column("user", Words),
    Column("tags", Texts, nullable=False),
    Column("next_poll_at", Moment),
    Column("leased_until", Moment),
    Column("leased_by", Words),
    Column("fence", Whole, nullable=False, server_default="0"),
)
Index("batches_of_owner", BATCHES.c.owner, BATCHES.c.created_at, BATCHES.c.seq)
Index("batches_by_age", BATCHES.c.created_at, BATCHES.c.seq)
Index("batches_of_deployment", BATCHES.c.deployment, BATCHES.c.created_at, BATCHES.c.seq)
Index("batches_intent", BATCHES.c.intent, unique=True)
_DUE: Final = text("next_poll_at IS NOT NULL")
Index("batches_due", BATCHES.c.next_poll_at, sqlite_where=_DUE)
# SQLite takes a partial index only where a query has its very words, and where it has no worse one.
Index(
    "batches_open",
    *(BATCHES.c.owner, BATCHES.c.is_booked, BATCHES.c.estimate),
    sqlite_where=text("is_booked = 0"),
    info={"postgresql_where": text("NOT is_booked")},
)

KEYS: Final = _table(
    "keys",
    Column("token", Name, nullable=False, unique=True),
    Column("hash", Name, nullable=False, unique=True),
    Column("key_name", Words, nullable=False),
    Column("alias", Name, unique=True),
    Column("user_id", Name),
    Column("team_id", Name),
    Column("providers", Texts, nullable=False),
    Column("models", Texts, nullable=False),
    Column("purposes", Texts, nullable=False),
    Column("rpm_limit", Whole),
    Column("tpm_limit", Whole),
    Column("max_budget", Money),
    Column("spend", Money, nullable=False, server_default="0"),
    Column("budget_duration", Name),
    Column("budget_reset_at", Moment),
    Column("metadata", Json, nullable=False),
    Column("expires_at", Moment),
    Column("blocked", Flag, nullable=False, server_default=false()),
    Column("created_at", Moment, nullable=False),
)

SPEND: Final = _table(
    "spend",
    Column("request_id", Name, nullable=False),
    Column("number", Whole, nullable=False, server_default="0"),
    Column("batch_id", Name),
    Column("token", Name),
    Column("user_id", Name, index=True),
    Column("end_user", Name, index=True),
    Column("team_id", Name),
    Column("provider", Name, nullable=False),
    Column("deployment", Name, nullable=False),
    Column("call_type", Name, nullable=False),
    Column("tags", Texts, nullable=False),
    Column("cost", Money),
    Column("is_lower_bound", Flag, nullable=False),
    Column("requests", Whole, nullable=False),
    Column("prompt_tokens", Whole, nullable=False),
    Column("completion_tokens", Whole, nullable=False),
    Column("unpriced", Whole, nullable=False),
    Column("started_at", Moment),
    Column("ended_at", Moment),
    Column("booked_at", Moment, nullable=False, index=True),
    Column("metadata", Json, nullable=False),
    UniqueConstraint("request_id", "number"),
    UniqueConstraint("batch_id", "number"),
)

Index("spend_of_key", SPEND.c.token, SPEND.c.booked_at)

SPEND_MODELS: Final = _table(
    "spend_models",
    Column("spend_seq", BigInteger, ForeignKey("spend.seq", ondelete="CASCADE"), nullable=False, index=True),
    Column("model", Name, nullable=False),
    Column("requests", Whole, nullable=False),
    Column("prompt_tokens", Whole, nullable=False),
    Column("completion_tokens", Whole, nullable=False),
    Column("unpriced", Whole, nullable=False),
    Column("cost", Money),
)

SPEND_TAGS: Final = _table(
    "spend_tags",
    Column("spend_seq", BigInteger, ForeignKey("spend.seq", ondelete="CASCADE"), nullable=False, index=True),
    Column("tag", Name, nullable=False),
)

COUNTS: Final = _table(
    "counts",
    Column("name", Name, nullable=False),
    Column("owner", Name, nullable=False),
    Column("period", Whole, nullable=False),
    Column("count", Whole, nullable=False),
    UniqueConstraint("name", "owner", "period"),
)


def for_postgresql() -> None:
    """
    Have indexes of some rows only be such on PostgreSQL, too; to say so loads that dialect, 3 MiB.
    """
    for table in METADATA.tables.values():
        for index in table.indexes:
            where = index.info.get("postgresql_where", index.dialect_options["sqlite"]["where"])
            if where is not None:
                index.dialect_kwargs["postgresql_where"] = where
