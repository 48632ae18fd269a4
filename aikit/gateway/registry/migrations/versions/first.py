"""
Files, uploads, batches, keys, spend and counts.
"""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0001"
down_revision: Final = None


def upgrade() -> None:
    """Make the tables."""
    _files()
    _uploads()
    _batches()
    _keys()
    _spend()


def _table(name: str, *columns: Any) -> None:
    number = sa.Column("seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True)
    op.create_table(name, number, *columns, sqlite_autoincrement=True)


def _needed(name: str, kind: Any, **options: Any) -> Any:
    return sa.Column(name, kind, nullable=False, **options)


def _files() -> None:
    _table(
        "files",
        _needed("id", sa.Text, unique=True),
        _needed("deployment", sa.Text),
        _needed("upstream_id", sa.Text),
        sa.Column("owner", sa.Text),
        _needed("purpose", sa.Text),
        _needed("filename", sa.Text),
        _needed("size_bytes", sa.BigInteger),
        _needed("created_at", sa.BigInteger),
        _needed("role", sa.Text),
        sa.Column("batch_id", sa.Text),
        sa.Column("facts", sa.Text),
        sa.Column("user", sa.Text),
        _needed("tags", sa.Text),
        _needed("body", sa.Text),
        sa.Column("expires_at", sa.Double),
        sa.Column("deleted_at", sa.Double),
    )
    lives, gone = sa.text("deleted_at IS NULL"), sa.text("deleted_at IS NOT NULL")
    for name, columns in (
        ("files_of_owner", ["owner"]),
        ("files_of_purpose", ["purpose"]),
        ("files_of_both", ["owner", "purpose"]),
        ("files_of_deployment", ["deployment"]),
        ("files_by_age", []),
    ):
        op.create_index(name, "files", [*columns, "created_at", "seq"], sqlite_where=lives, postgresql_where=lives)
    op.create_index("files_gone", "files", ["deleted_at"], sqlite_where=gone, postgresql_where=gone)
    made = sa.text("role <> 'input'")
    op.create_index(
        "files_of_batch", "files", ["batch_id", "role"], unique=True, sqlite_where=made, postgresql_where=made
    )


def _uploads() -> None:
    _table(
        "uploads",
        _needed("id", sa.Text, unique=True),
        _needed("deployment", sa.Text),
        _needed("upstream_id", sa.Text),
        sa.Column("owner", sa.Text),
        _needed("created_at", sa.BigInteger),
        _needed("body", sa.Text),
        sa.Column("facts", sa.Text),
        sa.Column("user", sa.Text),
        _needed("tags", sa.Text),
        _needed("is_finished", sa.Boolean, server_default=sa.false()),
    )
    _table(
        "upload_parts",
        _needed("id", sa.Text, unique=True),
        sa.Column("upload_id", sa.Text, sa.ForeignKey("uploads.id", ondelete="CASCADE"), nullable=False),
        _needed("upstream_id", sa.Text),
    )
    op.create_index("ix_upload_parts_upload_id", "upload_parts", ["upload_id"])


def _batches() -> None:
    _table(
        "batches",
        _needed("id", sa.Text, unique=True),
        _needed("deployment", sa.Text),
        sa.Column("upstream_id", sa.Text),
        sa.Column("owner", sa.Text),
        _needed("input_file_id", sa.Text),
        sa.Column("output_file_id", sa.Text),
        sa.Column("error_file_id", sa.Text),
        _needed("endpoint", sa.Text),
        _needed("created_at", sa.BigInteger),
        _needed("status", sa.Text),
        _needed("body", sa.Text),
        sa.Column("facts", sa.Text),
        sa.Column("intent", sa.Text),
        sa.Column("estimate", sa.BigInteger),
        sa.Column("cost", sa.BigInteger),
        _needed("is_booked", sa.Boolean, server_default=sa.false()),
        sa.Column("user", sa.Text),
        _needed("tags", sa.Text),
        sa.Column("next_poll_at", sa.Double),
        sa.Column("leased_until", sa.Double),
        sa.Column("leased_by", sa.Text),
        _needed("fence", sa.BigInteger, server_default="0"),
    )
    op.create_index("batches_of_owner", "batches", ["owner", "created_at", "seq"])
    op.create_index("batches_by_age", "batches", ["created_at", "seq"])
    op.create_index("batches_of_deployment", "batches", ["deployment", "created_at", "seq"])
    due = sa.text("next_poll_at IS NOT NULL")
    op.create_index("batches_intent", "batches", ["intent"], unique=True)
    op.create_index("batches_due", "batches", ["next_poll_at"], sqlite_where=due, postgresql_where=due)
    op.create_index(
        "batches_open",
        "batches",
        ["owner", "is_booked", "estimate"],
        sqlite_where=sa.text("is_booked = 0"),
        postgresql_where=sa.text("NOT is_booked"),
    )


def _keys() -> None:
    _table(
        "keys",
        _needed("token", sa.Text, unique=True),
        _needed("hash", sa.Text, unique=True),
        _needed("key_name", sa.Text),
        sa.Column("alias", sa.Text, unique=True),
        sa.Column("user_id", sa.Text),
        sa.Column("team_id", sa.Text),
        _needed("providers", sa.Text),
        _needed("models", sa.Text),
        _needed("purposes", sa.Text),
        sa.Column("rpm_limit", sa.BigInteger),
        sa.Column("tpm_limit", sa.BigInteger),
        sa.Column("max_budget", sa.BigInteger),
        _needed("spend", sa.BigInteger, server_default="0"),
        sa.Column("budget_duration", sa.Text),
        sa.Column("budget_reset_at", sa.Double),
        _needed("metadata", sa.Text),
        sa.Column("expires_at", sa.Double),
        _needed("blocked", sa.Boolean, server_default=sa.false()),
        _needed("created_at", sa.Double),
    )


def _spend() -> None:
    _table(
        "spend",
        _needed("request_id", sa.Text),
        _needed("number", sa.BigInteger, server_default="0"),
        sa.Column("batch_id", sa.Text),
        sa.Column("token", sa.Text),
        sa.Column("user_id", sa.Text),
        sa.Column("end_user", sa.Text),
        sa.Column("team_id", sa.Text),
        _needed("provider", sa.Text),
        _needed("deployment", sa.Text),
        _needed("call_type", sa.Text),
        _needed("tags", sa.Text),
        sa.Column("cost", sa.BigInteger),
        _needed("is_lower_bound", sa.Boolean),
        _needed("requests", sa.BigInteger),
        _needed("prompt_tokens", sa.BigInteger),
        _needed("completion_tokens", sa.BigInteger),
        _needed("unpriced", sa.BigInteger),
        sa.Column("started_at", sa.Double),
        sa.Column("ended_at", sa.Double),
        _needed("booked_at", sa.Double),
        _needed("metadata", sa.Text),
        sa.UniqueConstraint("request_id", "number"),
        sa.UniqueConstraint("batch_id", "number"),
    )
    op.create_index("spend_of_key", "spend", ["token", "booked_at"])
    for column in ("user_id", "end_user", "booked_at"):
        op.create_index(f"ix_spend_{column}", "spend", [column])
    _parts_of_spend()


def _parts_of_spend() -> None:
    _table(
        "spend_models",
        sa.Column("spend_seq", sa.BigInteger, sa.ForeignKey("spend.seq", ondelete="CASCADE"), nullable=False),
        _needed("model", sa.Text),
        _needed("requests", sa.BigInteger),
        _needed("prompt_tokens", sa.BigInteger),
        _needed("completion_tokens", sa.BigInteger),
        _needed("unpriced", sa.BigInteger),
        sa.Column("cost", sa.BigInteger),
    )
    op.create_index("ix_spend_models_spend_seq", "spend_models", ["spend_seq"])
    _table(
        "spend_tags",
        sa.Column("spend_seq", sa.BigInteger, sa.ForeignKey("spend.seq", ondelete="CASCADE"), nullable=False),
        _needed("tag", sa.Text),
    )
    op.create_index("ix_spend_tags_spend_seq", "spend_tags", ["spend_seq"])
    _table(
        "counts",
        _needed("name", sa.Text),
        _needed("owner", sa.Text),
        _needed("period", sa.BigInteger),
        _needed("count", sa.BigInteger),
        sa.UniqueConstraint("name", "owner", "period"),
    )
