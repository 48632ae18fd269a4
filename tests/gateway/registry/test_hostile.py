"""
Whatever is looked for or stored, on each database alike: it is found, not found, or refused, and nothing breaks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aikit.gateway.registry.errors import UnfitValueError, UnknownCursorError
from aikit.gateway.registry.registry import Registry
from aikit.gateway.values import Principal
from tests.gateway.registry.rows import ANA, batch, file, key, spend

_TEXT: Final = st.one_of(
    st.text(st.characters(codec=None, exclude_categories=()), max_size=40),
    st.sampled_from(["", "\0", "\ud800", "' OR 1=1 --", '"', "%s", ":x", "\\", "x" * 10_000, "\U0010ffff" * 700]),
)
_NUMBER: Final = st.one_of(st.integers(), st.floats(), st.booleans(), st.none(), st.text(max_size=3))

_LOOKING: Final[tuple[Callable[[Registry, str], Any], ...]] = (
    lambda registry, text: registry.files.get(text, ANA),
    lambda registry, text: registry.files.remove(text),
    lambda registry, text: registry.uploads.get(text, ANA),
    lambda registry, text: registry.uploads.part(text, text),
    lambda registry, text: registry.batches.get(text, ANA),
    lambda registry, text: registry.batches.update(text, status="failed"),
    lambda registry, text: registry.batches.book(text, spend("batch_1")) or None,
    lambda registry, text: registry.keys.by_key(text),
    lambda registry, text: registry.keys.find(text),
    lambda registry, text: registry.keys.remove(text),
    lambda registry, text: registry.keys.block(text),
)
_PAGING: Final[tuple[Callable[[Registry, str], Any], ...]] = (
    lambda registry, text: registry.files.page(ANA, after=text),
    lambda registry, text: registry.batches.page(ANA, after=text),
    lambda registry, text: registry.keys.page(after=text),
)
_EMPTY: Final[tuple[Callable[[Registry, str], Any], ...]] = (
    lambda registry, text: registry.files.page(ANA, purpose=text, deployments=[text]).rows,
    lambda registry, text: registry.spend.logs(request_id=text),
    lambda registry, text: registry.spend.logs(token=text),
    lambda registry, text: registry.spend.logs(user_id=text),
)
_OFTEN: Final = settings(
    max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@_OFTEN
@given(text=_TEXT)
def test_what_is_not_there_is_not_found(registry: Registry, text: str) -> None:
    """No text is an id, a key or a cursor of an empty registry, nor hinders the next question."""
    for look in _LOOKING:
        assert not look(registry, text)
    for page in _PAGING:
        with pytest.raises(UnknownCursorError):
            page(registry, text)
    for look in _EMPTY:
        assert look(registry, text) == ()


@_OFTEN
@given(field=st.sampled_from(["id", "purpose", "filename", "user", "owner", "batch_id", "tags", "body"]), text=_TEXT)
def test_a_text_is_stored_as_it_is_or_refused(registry: Registry, field: str, text: str) -> None:
    """A file with it comes back equal, or is not stored at all."""
    row = file()
    value: Any = {"tags": (text,), "body": {text: text}, "id": f"{row.id}{text}"}.get(field, text)
    row = attrs.evolve(row, **{field: value})
    master = Principal()
    known = registry.files.get(row.id, master)
    try:
        registry.files.add(row)
    except UnfitValueError:
        assert "\0" in text or len(text) > 500 or not text.isprintable()
        assert registry.files.get(row.id, master) == known
    else:
        assert registry.files.get(row.id, master) == row
        registry.files.remove(row.id)


@_OFTEN
@given(field=st.sampled_from(["size_bytes", "created_at"]), value=_NUMBER.filter(lambda value: value is not None))
def test_a_number_is_stored_as_it_is_or_refused(registry: Registry, field: str, value: Any) -> None:
    """A whole number of 64 bits comes back; what is another kind, larger or none is not stored."""
    row = file(**{field: value})
    try:
        registry.files.add(row)
    except UnfitValueError:
        assert not isinstance(value, int) or isinstance(value, bool) or abs(value) >= 2**63
    else:
        assert registry.files.get(row.id, ANA) == row


@_OFTEN
@given(estimate=_NUMBER, next_poll_at=_NUMBER)
def test_an_amount_and_a_moment_are_stored_or_refused(registry: Registry, estimate: Any, next_poll_at: Any) -> None:
    """What is neither is told, and sums of what is stored go on being right."""
    row = batch(estimate=estimate, next_poll_at=next_poll_at)
    try:
        registry.batches.add(row)
    except UnfitValueError:
        assert registry.batches.get(row.id, ANA) is None
    else:
        assert registry.batches.get(row.id, ANA) is not None
    assert registry.batches.open_estimates(ANA.token) is not None


@_OFTEN
@given(cost=st.decimals() | st.none(), count=st.integers(), text=_TEXT)
def test_whatever_an_answer_says_the_batch_is_booked(registry: Registry, cost: Any, count: int, text: str) -> None:
    """Amounts that are none, counts without end and names of no letters hinder neither a booking nor a sum."""
    if registry.keys.by_key("sk-ana") is None:
        registry.keys.add(key())
    row = batch()
    registry.batches.add(row)
    odd = spend(row.id, cost, requests=count, prompt_tokens=-count, end_user=text, tags=(text, text[:3]), provider=text)
    assert registry.batches.book(row.id, odd)
    registry.batches.correct(row.id, spend(row.id, "1", requests=-count))
    registry.spend.total()
    for by in ("key", "model", "tag"):
        registry.spend.totals(by)
    assert registry.keys.by_key("sk-ana") is not None
