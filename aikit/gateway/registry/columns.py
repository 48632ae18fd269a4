"""
Kinds of columns: each takes the same values on every database, and refuses the others before any SQL.
"""

from __future__ import annotations

import json
import math
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Any, Final

from sqlalchemy import BigInteger, Boolean, ColumnElement, Double, Text, TypeDecorator, func, type_coerce
from sqlalchemy.engine import Dialect

from aikit.gateway.registry.errors import UnfitValueError

_LARGEST: Final = 2**63 - 1
_PLACES: Final = 12
_SPLIT: Final = 10**6
_MOST: Final = 10**12
_INDEXED: Final = 600  # characters; PostgreSQL indexes no row beyond 2,704 bytes


def fit_text(value: Any, *, most: int | None = None) -> str:
    """
    Return *value* if every database can store it as text.

    Raises:
        UnfitValueError: It is no text, too long, or has characters that are none.
    """
    if not isinstance(value, str):
        raise UnfitValueError(f"a text is needed, not {type(value).__name__}")
    if most is not None and len(value) > most:
        raise UnfitValueError(f"a text of {len(value):,} characters is too long: {most} are allowed")
    if "\0" in value:
        raise UnfitValueError("a text has a NUL character; leave it out")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise UnfitValueError("a text has half of a surrogate pair; leave it out") from None
    return str(value)


def is_fit(value: Any) -> bool:
    """
    Return whether *value* can be one that is stored and looked for.
    """
    try:
        fit_text(value, most=_INDEXED)
    except UnfitValueError:
        return False
    return True


def cleaned_text(value: Any) -> str | None:
    """
    Return *value* so that it can be stored, where refusing it would lose what belongs to it.
    """
    if value is None:
        return None
    return str(value).encode("utf-8", "replace").decode().replace("\0", "\ufffd")[:_INDEXED]


def cleaned_count(value: int) -> int:
    """
    Return *value*, or the nearest number of which millions add up within 64 bits.
    """
    return max(-_MOST, min(value, _MOST))


def cleaned_money(value: Decimal | None) -> Decimal | None:
    """
    Return *value*, or the nearest amount that can be stored.
    """
    if value is None or not value.is_finite():
        return None
    most = Decimal(_LARGEST).scaleb(-_PLACES)
    return max(-most, min(value, most))


class Words(TypeDecorator[str]):
    """
    Text without NUL and halves of surrogate pairs.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002  SQLAlchemy's
        """Check a value that is sent."""
        return None if value is None else fit_text(value)


class Name(TypeDecorator[str]):
    """
    Text that is looked for: short enough for an index.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002  SQLAlchemy's
        """Check a value that is sent."""
        return None if value is None else fit_text(value, most=_INDEXED)


class Whole(TypeDecorator[int]):
    """
    Whole numbers of 64 bits.
    """

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> int | None:  # noqa: ARG002  SQLAlchemy's
        """Check a value that is sent."""
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or abs(value) > _LARGEST:
            raise UnfitValueError(f"a whole number of 64 bits is needed, not {value!r}"[:200])
        return value


class Moment(TypeDecorator[float]):
    """
    Seconds since 1970, with fractions.
    """

    impl = Double
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> float | None:  # noqa: ARG002  SQLAlchemy's
        """Check a value that is sent."""
        if value is None:
            return None
        try:
            seconds = float(value)
        except (OverflowError, TypeError, ValueError):
            seconds = math.nan
        if not math.isfinite(seconds):
            raise UnfitValueError("a moment in seconds since 1970 is needed")
        return seconds

    def process_result_value(self, value: Any, dialect: Dialect) -> float | None:  # noqa: ARG002  SQLAlchemy's
        """Read what is stored; SQLite returns a whole number where it just wrote one."""
        return None if value is None else float(value)


class Flag(TypeDecorator[bool]):
    """
    True or false.
    """

    impl = Boolean
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> bool | None:  # noqa: ARG002  SQLAlchemy's
        """Check a value that is sent."""
        if value is not None and not isinstance(value, bool):
            raise UnfitValueError(f"true or false is needed, not {type(value).__name__}")
        return value


class Money(TypeDecorator[Decimal]):
    """
    US dollars as a whole number of their 10¹²ths.

    Whole numbers, since sums of them are exact on every database, and SQLite has no other exact ones. So small ones,
    since half the price of a cached token is about 10⁻⁹ dollars; the largest amount is 9.2 million dollars.
    """

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> int | None:  # noqa: ARG002  SQLAlchemy's
        """Turn dollars into what is stored."""
        return None if value is None else stored_money(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:  # noqa: ARG002  likewise
        """Turn what is stored into dollars."""
        return None if value is None else dollars(value)


def stored_money(value: Any) -> int:
    """
    Return an amount of dollars as it is stored.

    Raises:
        UnfitValueError: It is no amount, or too large.
    """
    try:
        amount = Decimal(str(value)).scaleb(_PLACES)
        whole = int(amount.to_integral_value(ROUND_HALF_EVEN)) if amount.is_finite() else None
    except (InvalidOperation, OverflowError, ValueError):
        whole = None
    if whole is None or isinstance(value, bool) or abs(whole) > _LARGEST:
        raise UnfitValueError("an amount in US dollars is needed, of at most 9,000,000")
    return whole


def dollars(stored: int) -> Decimal:
    """
    Return as dollars what is *stored*, without zeros at the end.
    """
    amount = Decimal(stored).scaleb(-_PLACES)
    return amount.quantize(Decimal(1)) if amount == amount.to_integral_value() else amount.normalize()


def sums_of(column: ColumnElement[Any]) -> list[ColumnElement[Any]]:
    """
    Return the two sums over a column of money that `summed` makes one of: each stays within 64 bits.
    """
    stored = type_coerce(column, BigInteger)
    return [func.sum(stored // _SPLIT), func.sum(stored % _SPLIT)]


def summed(high: Any, low: Any) -> Decimal | None:
    """
    Return the sum in dollars; ``None`` where nothing was summed.
    """
    return None if high is None else dollars(int(high) * _SPLIT + int(low))


class Json(TypeDecorator[Any]):
    """
    JSON in ASCII, so that any text inside it can be stored.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002  SQLAlchemy's
        """Write a value that is sent."""
        if value is None:
            return None
        try:
            return json.dumps(value, separators=(",", ":"), default=_plain)
        except (RecursionError, TypeError, ValueError) as error:
            raise UnfitValueError(f"a value cannot be written as JSON: {error}") from None

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:  # noqa: ARG002  SQLAlchemy's
        """Read what is stored."""
        return None if value is None else json.loads(value)


class Texts(Json):
    """
    Several texts, in an order.
    """

    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """Write a value that is sent."""
        return super().process_bind_param(list(value or ()), dialect)

    def process_result_value(self, value: Any, dialect: Dialect) -> tuple[str, ...]:
        """Read what is stored."""
        return tuple(super().process_result_value(value, dialect) or ())


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    return dict(value)
