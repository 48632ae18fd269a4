"""
Keys of the gateway: how they are made, and what requests may say of them, in LiteLLM's words.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from aikit.gateway.registry.keys import hash_of
from aikit.gateway.registry.periods import seconds_of
from aikit.gateway.registry.rows import KeyRow
from aikit.types.suggestions import did_you_mean

_PREFIX: Final = "sk-"
_KEY: Final = re.compile(r"sk-[!-~]{13,253}")
_TOKEN: Final = re.compile(r"[0-9a-f]{64}")
_LONGEST_S: Final = 100 * 365 * 86_400
_MOST_COUNT: Final = 2**53 - 1
_MOST_DOLLARS: Final = 9_000_000
_MOST_NAMES: Final = 1000
_LONGEST_TEXT: Final = 256
_SHOWN: Final = 40
_LONGEST_METADATA: Final = 16 * 1024
_ALL_MODELS: Final = ("all-proxy-models", "*")
NEVER: Final = "-1"
"""A duration of LiteLLM's that ends never."""

# What LiteLLM's /key/generate takes and the gateway has not: harmless as long as it says nothing.
# https://docs.litellm.ai/docs/proxy/virtual_keys (read 2026-11-30)
_NOT_HERE: Final = re.compile(
    "aliases|allowed_(cache_controls|passthrough_routes|routes|vector_store_indexes)|auto_rotate|budget_id|config|"
    "enforced_params|guardrails|key_type|model_(max_budget|rpm_limit|tpm_limit)|object_permission|organization_id|"
    "permissions|policies|project_id|prompts|rotation_interval|router_settings|[rt]pm_limit_type|send_invite_email|"
    "soft_budget|temp_budget_(expiry|increase)"
)
_SAYS_NOTHING: Final[tuple[Any, ...]] = (None, False, "", [], {})
_DEFAULTS: Final = {"key_type": "default"}
_IN_METADATA: Final = ("max_parallel_requests", "tags")


class KeyFieldsError(ValueError):
    """
    All that is wrong with what was said of a key.

    Attributes:
        problems: Field → what is wrong with it, and what is allowed.
    """

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__("; ".join(problems.values()))
        self.problems = dict(problems)


def new_key() -> str:
    """
    Return a key of 256 random bits.
    """
    return _PREFIX + secrets.token_urlsafe(32)


def token_of(text: str) -> str:
    """
    Return the token that a key, or a token itself, stands for.
    """
    return text if _TOKEN.fullmatch(text) else hash_of(text)


def read_fields(fields: Mapping[str, Any], *, now: float, metadata: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """
    Return what *fields* say of a key, by the names of its row; what they do not name is not there.

    Args:
        fields: Of the body of ``/key/generate`` or ``/key/update``, without the key itself.

        now: Seconds since 1970.

        metadata: What the key has now, where fields that are kept there are added.

    Raises:
        KeyFieldsError: Something is no such field, or is out of bounds; all such things are told.
    """
    changes: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for name, value in fields.items():
        if name not in _FIELDS:
            problem = _unknown(name, value)
            if problem:
                problems[name[:_LONGEST_TEXT]] = problem
            continue
        target, check = _FIELDS[name]
        try:
            changes[target] = check(value)
        except ValueError as error:
            problems[name] = f"{name}: {error}"
    if problems:
        raise KeyFieldsError(problems)
    _fold(changes, now, metadata or {})
    return changes


def read_key(value: Any) -> str:
    """
    Return the key that a request names to be made; a random one if it names none.

    Raises:
        KeyFieldsError: It cannot be a key, or it is easily guessed.
    """
    if value is None:
        return new_key()
    if not isinstance(value, str) or not _KEY.fullmatch(value) or len(set(value)) < 8:
        raise KeyFieldsError(
            {"key": "key: a key is sk- and 13 to 253 printable ASCII characters that are hard to guess"}
        )
    return value


def key_object(row: KeyRow) -> dict[str, Any]:
    """
    Return all that may be shown of a key, by LiteLLM's names.
    """
    return {
        "token": row.token,
        "key_name": row.key_name,
        "key_alias": row.alias,
        "spend": float(row.spend),
        "expires": when(row.expires_at),
        "models": list(row.models),
        "providers": list(row.providers),
        "purposes": list(row.purposes),
        "user_id": row.user_id,
        "team_id": row.team_id,
        "max_parallel_requests": row.metadata.get("max_parallel_requests"),
        "metadata": dict(row.metadata),
        "tags": row.metadata.get("tags"),
        "tpm_limit": row.tpm_limit,
        "rpm_limit": row.rpm_limit,
        "max_budget": None if row.max_budget is None else float(row.max_budget),
        "budget_duration": row.budget_duration,
        "budget_reset_at": when(row.budget_reset_at),
        "blocked": row.blocked,
        "created_at": when(row.created_at),
    }


def when(seconds: float | None) -> str | None:
    """
    Return a moment as LiteLLM writes it.
    """
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def _fold(changes: dict[str, Any], now: float, metadata: Mapping[str, Any]) -> None:
    """
    Put times in place of durations, and into the metadata what is kept there.
    """
    kept = {name: changes.pop(name) for name in _IN_METADATA if name in changes}
    if kept:
        merged = {**changes.get("metadata", metadata), **kept}
        changes["metadata"] = {name: value for name, value in merged.items() if value not in (None, [])}
    if "duration" in changes:
        seconds = changes.pop("duration")
        changes["expires_at"] = None if seconds is None else now + seconds


def _unknown(name: str, value: Any) -> str | None:
    if _NOT_HERE.fullmatch(name):
        if value in _SAYS_NOTHING or _DEFAULTS.get(name) == value:
            return None
        return f"{name}: keys of this gateway do not have it; leave it out, since it would not be heeded"
    return f"{name[:_LONGEST_TEXT]!r} is no field of a key" + did_you_mean(name[:_LONGEST_TEXT], _FIELDS)


def _text(value: Any) -> str | None:
    if value is None or value == "":
        return None
    if not isinstance(value, str) or len(value) > _LONGEST_TEXT or not value.isprintable() or value != value.strip():
        raise ValueError(f"must be a text of at most {_LONGEST_TEXT} printable characters, without spaces around it")
    return value


def _names(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or len(value) > _MOST_NAMES:
        raise ValueError(f"must be a list of at most {_MOST_NAMES} names")
    return tuple(dict.fromkeys(_name(each) for each in value))


def _name(value: Any) -> str:
    name = _text(value)
    if name is None:
        raise ValueError("a name must not be empty")
    return name


def _tags(value: Any) -> list[str]:
    return list(_names(value))


def _models(value: Any) -> tuple[str, ...]:
    names = _names(value)
    if any(name in _ALL_MODELS for name in names):
        return ()
    special = next((name for name in names if name in {"all-team-models", "no-default-models"}), None)
    if special is not None:
        raise ValueError(f"{special} has no meaning here, since there are no teams; name the models")
    return names


def _count(value: Any) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1:
        raise ValueError("must be a whole number, or null for no limit")
    if not 0 <= value <= _MOST_COUNT:
        raise ValueError(f"must lie between 0 and {_MOST_COUNT}")
    return int(value)


def _dollars(value: Any) -> Decimal | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("must be a number of US dollars, or null for no limit")  # noqa: TRY004  likewise
    if not 0 <= value <= _MOST_DOLLARS:
        raise ValueError(f"must lie between 0 and {_MOST_DOLLARS:,}")
    return Decimal(str(value))


def _spend(value: Any) -> Decimal:
    return _dollars(value) or Decimal(0)


def _seconds(value: Any) -> int | None:
    text = _text(value)
    return None if text is None or text == NEVER else _length_s(text)


def _period(value: Any) -> str | None:
    text = _text(value)
    if text is not None:
        _length_s(text)
    return text


def _length_s(text: str) -> int:
    seconds = seconds_of(text[:_SHOWN])
    if seconds > _LONGEST_S:
        raise ValueError("must be at most a hundred years")
    return seconds


def _flag(value: Any) -> bool:
    if value is not None and not isinstance(value, bool):
        raise ValueError("must be true or false")
    return bool(value)


def _metadata(value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ValueError("must be an object")  # noqa: TRY004  what a request says is no mistake of a program
    try:
        size = len(json.dumps(value, allow_nan=False).encode())
    except (TypeError, ValueError, RecursionError):
        raise ValueError("must be JSON, without NaN and not deeply nested") from None
    if size > _LONGEST_METADATA:
        raise ValueError(f"must have at most {_LONGEST_METADATA} bytes as JSON; it has {size}")
    return dict(value)


_FIELDS: Final[Mapping[str, tuple[str, Callable[[Any], Any]]]] = {
    "key_alias": ("alias", _text),
    "user_id": ("user_id", _text),
    "team_id": ("team_id", _text),
    "models": ("models", _models),
    "providers": ("providers", _names),
    "purposes": ("purposes", _names),
    "rpm_limit": ("rpm_limit", _count),
    "tpm_limit": ("tpm_limit", _count),
    "max_parallel_requests": ("max_parallel_requests", _count),
    "max_budget": ("max_budget", _dollars),
    "budget_duration": ("budget_duration", _period),
    "spend": ("spend", _spend),
    "duration": ("duration", _seconds),
    "blocked": ("blocked", _flag),
    "metadata": ("metadata", _metadata),
    "tags": ("tags", _tags),
}
"""Field of a request → field of the row, and what checks it; ``duration`` becomes a time, some go into the metadata."""
