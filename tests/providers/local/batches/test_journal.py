"""
Tests of the journal: what was written is read again, and what a dying process left half written is dropped.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aikit.providers.local.batches.journal import Journal, LineCounts, Record
from aikit.storage.errors import StoreError
from aikit.types.usage import Usage

_counts = st.integers(min_value=0, max_value=1 << 40)
_records = st.builds(
    Record,
    line=st.integers(min_value=1, max_value=50),
    is_ok=st.booleans(),
    usage=st.builds(
        Usage, input_tokens=_counts, cached_tokens=_counts, output_tokens=_counts, reasoning_tokens=_counts
    ),
    text=st.binary().filter(lambda text: b"\n" not in text),
)


def _record(line: int, text: bytes = b'{"a": 1}', *, is_ok: bool = True) -> Record:
    return Record(line, is_ok, Usage(input_tokens=2, output_tokens=1), text)


def _written(path: Path, records: list[Record]) -> None:
    journal = Journal.open(path, 50)
    for record in records:
        journal.add(record)
    journal.flush()
    journal.close()


@given(record=_records)
def test_a_record_is_read_as_it_was_written(record: Record) -> None:
    """Whatever the text holds."""
    packed = record.packed()
    assert packed.endswith(b"\n")
    assert Record.unpacked(packed[:-1]) == record


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=50, deadline=None
)
@given(records=st.lists(_records, max_size=8), cut=st.integers(min_value=0), garbage=st.binary(max_size=20))
def test_what_was_whole_is_kept_and_what_was_not_is_dropped(
    tmp_path: Path, records: list[Record], cut: int, garbage: bytes
) -> None:
    """However much is missing at the end, and whatever stands there instead, the records before it are read."""
    path = tmp_path / "journal"
    path.unlink(missing_ok=True)
    first = {record.line: record for record in reversed(records)}
    unique = [record for number, record in enumerate(records) if records.index(record) == number]
    unique = [record for record in unique if first[record.line] is record]
    _written(path, records)
    whole = path.read_bytes()
    kept = whole[: cut % (len(whole) + 1)]
    path.write_bytes(kept + garbage)
    journal = Journal.open(path, 50)
    found = list(journal.records())
    assert found == unique[: len(found)]
    assert len(found) >= kept.count(b"\n") - (garbage.startswith(b"\n") and not kept.endswith(b"\n"))
    assert journal.left == 50 - len(found)
    journal.add(_record(next(line for line in range(1, 51) if not journal.is_done(line))))
    journal.flush()
    assert len(list(journal.records())) == len(found) + 1
    journal.close()


def test_a_line_is_noted_once(tmp_path: Path) -> None:
    """A second record of a line changes nothing, whenever it comes."""
    _written(tmp_path / "journal", [_record(1, b"first"), _record(1, b"second")])
    _written(tmp_path / "journal", [_record(1, b"third"), _record(2, is_ok=False)])
    journal = Journal.open(tmp_path / "journal", 50)
    assert [record.text for record in journal.records()] == [b"first", b'{"a": 1}']
    assert journal.counts == LineCounts(1, 1, Usage(input_tokens=4, output_tokens=2))
    journal.close()


def test_damage_in_the_middle_costs_what_follows(tmp_path: Path) -> None:
    """Nothing behind a damaged record is trusted: those lines are answered again."""
    path = tmp_path / "journal"
    _written(path, [_record(1), _record(2), _record(3)])
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    journal = Journal.open(path, 50)
    assert [journal.is_done(line) for line in (1, 2, 3)] == [True, False, False]
    journal.close()
    assert path.stat().st_size == len(_record(1).packed())


def test_a_record_of_nothing_is_damage(tmp_path: Path) -> None:
    """Though its checksum is right."""
    path = tmp_path / "journal"
    path.write_bytes(_record(1).packed() + b"00000000 \n00000000\n" + _record(2).packed())
    journal = Journal.open(path, 50)
    assert [journal.is_done(line) for line in (1, 2)] == [True, False]
    journal.close()


def test_a_line_that_the_batch_has_not_is_damage(tmp_path: Path) -> None:
    """A journal of another batch is not taken for this one's."""
    _written(tmp_path / "journal", [_record(40)])
    journal = Journal.open(tmp_path / "journal", 10)
    assert journal.left == 10
    journal.close()


def test_what_found_no_room_is_kept_for_the_next_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a full disk nothing is missing and nothing is there in halves."""
    journal = Journal.open(tmp_path / "journal", 50)
    journal.add(_record(1))
    journal.flush()

    def without_room(_: Journal, content: bytes) -> None:
        journal._file.write(content[:5])
        journal._file.truncate(journal._size_bytes)
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as context:
        context.setattr(Journal, "_append", without_room)
        journal.add(_record(2))
        with pytest.raises(StoreError, match="no space left"):
            journal.flush()
    journal.add(_record(3))
    journal.sync()
    assert [record.line for record in journal.records()] == [1, 2, 3]
    journal.close()
