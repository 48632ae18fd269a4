"""
CSV files as people have them.
"""

from __future__ import annotations

import csv
import io
import itertools
import os
import tempfile
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aikit.jsonl.tables import CsvTable
from aikit.types.errors import Rejected
from aikit.validation.problems import Problems
from tests.alone import peak_bytes


def _table(folder: Path, content: bytes | str, *wanted: str, **options: Any) -> CsvTable:
    path = folder / "in.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return CsvTable.of(path, wanted, **options)


def _cells(table: CsvTable) -> list[list[str]]:
    problems = Problems()
    found = [list(row.cells.values()) for row in table.rows(problems)]
    assert problems.shown() == []
    return found


def _problems(folder: Path, content: bytes | str, **options: Any) -> list[tuple[str | None, int | None, str]]:
    problems = Problems()
    try:
        list(_table(folder, content, **options).rows(problems))
    except Rejected as rejected:
        return [(error.code, error.line, error.message) for error in rejected.errors]
    return [(error.code, error.line, error.message) for error in problems.shown()]


def test_rows_have_their_number_line_cells_and_text(tmp_path: Path) -> None:
    """
    Numbers are those of a spreadsheet, lines those of an editor; blank lines count in both, and are left out.
    """
    table = _table(tmp_path, 'id, review \r\n1,"a\r\n""b"""\r\n\r\n2,c')
    assert (table.columns, table.heading) == (("id", "review"), "id, review ")
    rows = list(table.rows(Problems()))
    assert [(row.number, row.line, row.kept) for row in rows] == [(2, 2, '1,"a\r\n""b"""'), (4, 5, "2,c")]
    assert [row.cells for row in rows] == [{"id": "1", "review": 'a\r\n"b"'}, {"id": "2", "review": "c"}]
    assert [table.cells_of(row.kept) for row in rows] == [["1", 'a\r\n"b"'], ["2", "c"]]


@pytest.mark.parametrize(
    ("encoding", "is_marked"),
    [
        ("utf-8", False),
        ("utf-8-sig", True),
        ("utf-16", True),
        ("utf-32", True),
        ("cp1252", True),
    ],
)
def test_encodings_are_found(tmp_path: Path, encoding: str, is_marked: bool) -> None:  # noqa: FBT001  a parameter
    """
    Those that Excel and Windows write, by their mark or because the bytes are no UTF-8; of a guess there is a note.
    """
    table = _table(tmp_path, "id,größe\n1,“é€”\n".encode(encoding))
    assert table.columns == ("id", "größe")
    assert _cells(table) == [["1", "“é€”"]]
    assert table.is_marked == is_marked
    assert [note.split(";")[0] for note in table.notes] == (
        ["in.csv is not UTF-8 and was read as Windows-1252"] if encoding == "cp1252" else []
    )


@pytest.mark.parametrize("encoding", ["shift-jis", "utf-16-le", "cp1250"])
def test_a_given_encoding_is_taken(tmp_path: Path, encoding: str) -> None:
    """
    Without a note, for it is no guess.
    """
    text = "テスト" if encoding == "shift-jis" else "Łódź"
    table = _table(tmp_path, f"id,{text}\n1,{text}\n".encode(encoding), encoding=encoding)
    assert (table.columns, _cells(table), table.notes) == (("id", text), [["1", text]], ())
    assert not _table(tmp_path, "a\n", encoding="UTF8").is_marked


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters_are_found(tmp_path: Path, delimiter: str) -> None:
    """
    By the most names in the heading; quoted ones may have any of them.
    """
    table = _table(tmp_path, f'id{delimiter}"a, b; c"\n1{delimiter}x\n')
    assert (table.delimiter, table.columns, _cells(table)) == (delimiter, ("id", "a, b; c"), [["1", "x"]])


def test_the_columns_of_the_prompt_decide_the_delimiter(tmp_path: Path) -> None:
    """
    Where names have commas in them, and for tables of one column.
    """
    content = "price, net, in euro;text\n1,5;x\n"
    assert _table(tmp_path, content).delimiter == ","
    assert _table(tmp_path, content, "text").columns == ("price, net, in euro", "text")
    assert _cells(_table(tmp_path, "review\nso; and so\n")) == [["so; and so"]]
    assert _table(tmp_path, "a:b:c\n1:2:3\n", delimiter=":").columns == ("a", "b", "c")


def test_the_line_of_excel_says_the_delimiter(tmp_path: Path) -> None:
    """
    ``sep=`` in the first line is no heading.
    """
    table = _table(tmp_path, "sep=;\r\na,b;c\r\n1,5;2\r\n")
    assert (table.columns, _cells(table)) == (("a,b", "c"), [["1,5", "2"]])


def test_rows_below_the_line_of_excel_have_the_numbers_that_it_shows(tmp_path: Path) -> None:
    """
    It does not show that line; editors do.
    """
    table = _table(tmp_path, "sep=;\r\na;b\r\n1;2\r\n")
    assert [(row.number, row.line) for row in table.rows(Problems())] == [(2, 3)]


def test_a_blank_line_is_an_empty_cell_where_there_is_one_column(tmp_path: Path) -> None:
    """
    So that answers stand beside their rows when the column is put back.
    """
    table = _table(tmp_path, '\n"review"\nso\n\n  \nand so\n')
    rows = list(table.rows(Problems()))
    assert [(row.number, row.cells["review"], row.kept) for row in rows] == [
        (3, "so", "so"),
        (4, "", ""),
        (5, "  ", "  "),
        (6, "and so", "and so"),
    ]


def test_short_rows_are_filled_up_and_empty_cells_at_the_end_left_out(tmp_path: Path) -> None:
    """
    So that each row has as many cells as there are columns, in its text, too.
    """
    table = _table(tmp_path, "a,b,c\n1\n1,2,3,,\n1,,\n")
    rows = list(table.rows(Problems()))
    assert [list(row.cells.values()) for row in rows] == [["1", "", ""], ["1", "2", "3"], ["1", "", ""]]
    assert [row.kept for row in rows] == ["1,,", "1,2,3", "1,,"]


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        ("a,b\n1,2,3\n4,5\n1,2,3\n", 2, "row 2 has 3 cells, and the heading has 2"),
        ('a,b\n1,"2\n3,4\n', 2, "row 2 begins a quoted cell that has no end"),
        ('a,b\n1,"2" x\n', 2, "row 2 has text behind a quoted cell"),
        ('a,b\n1,"he said \\"no\\""\n', 2, "row 2 has text behind a quoted cell"),
        ("a,b\n1,2\n3,\0\n", 3, "in.csv has a NUL character"),
        ("a,b\n1,2\n".encode("utf-16-le"), 1, "UTF-16 without its mark"),
        (b"PK\x03\x04 ...", None, "in.csv is a zip archive, or an Office document; save it as"),
        (b"\x1f\x8b ...", None, "in.csv is compressed with gzip; save it as"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_row(
    tmp_path: Path, content: bytes | str, line: int | None, words: str
) -> None:
    """
    The row as a spreadsheet numbers it, and its line in the file.
    """
    code, found, message = _problems(tmp_path, content)[0]
    assert (code, found) == ("invalid_csv", line)
    assert words in message


def test_all_rows_with_too_many_cells_are_told(tmp_path: Path) -> None:
    """
    Those between them are read.
    """
    assert [line for _, line, _ in _problems(tmp_path, "a,b\n1,2,3\n4,5\n1,2,3\n")] == [2, 4]


@pytest.mark.parametrize("content", ["", "\n\n", "\ufeff", "sep=,\n"])
def test_an_empty_file_is_told(tmp_path: Path, content: str) -> None:
    """
    Blank lines and marks are no heading.
    """
    assert _problems(tmp_path, content) == [("empty_file", None, "in.csv has no rows; the first names the columns")]


def test_files_that_cannot_be_decoded_or_opened_are_told(tmp_path: Path) -> None:
    """
    With what they were tried as.
    """
    assert _problems(tmp_path, b"a,\x81\n")[0][::2] == (
        "invalid_encoding",
        'in.csv is not in utf-8 or cp1252; save it as "CSV UTF-8"',
    )
    assert _problems(tmp_path, b"a,\xff\n", encoding="utf-8")[0][0] == "invalid_encoding"
    with pytest.raises(Rejected, match="does not exist"):
        CsvTable.of(tmp_path / "none.csv")
    with pytest.raises(Rejected, match="is not a regular file"):
        CsvTable.of(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs POSIX")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    """
    It can be read once only, and may never be written to.
    """
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(Rejected, match="is not a regular file"):
        CsvTable.of(tmp_path / "pipe.csv")


def test_an_unknown_encoding_is_refused(tmp_path: Path) -> None:
    """
    It is a mistake of the caller's, not of the file.
    """
    with pytest.raises(ValueError, match="encoding 'utf-9' is unknown"):
        _table(tmp_path, "a\n", encoding="utf-9")
    with pytest.raises(ValueError, match="encoding 'hex' is unknown"):
        _table(tmp_path, "a\n", encoding="hex")


@pytest.mark.parametrize("delimiter", ["", ",,", '"', "\n", "\0"])
def test_a_delimiter_is_one_character(tmp_path: Path, delimiter: str) -> None:
    """
    And none that has a meaning already.
    """
    with pytest.raises(ValueError, match="delimiter must be one character"):
        _table(tmp_path, "a\n", delimiter=delimiter)


def test_cells_may_be_large_and_the_limit_of_the_program_stays(tmp_path: Path) -> None:
    """
    Ten megabytes are read though the module csv takes 131,072 characters; its limit is as before.
    """
    before = csv.field_size_limit()
    large = "x" * 10_000_000
    assert _cells(_table(tmp_path, f'a,b\n1,"{large}"\n')) == [["1", large]]
    assert _problems(tmp_path, f"a,b\n1,{large * 4}\n")[0][2].startswith("row 2 has a cell of more than 33,554,432")
    assert csv.field_size_limit() == before


def test_a_long_file_is_read_in_little_memory() -> None:
    """
    Row by row; hundreds of thousands are as small as a few.
    """
    assert peak_bytes(_read_very_much) < 6_000_000


def _read_very_much() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "in.csv")
        with path.open("w") as file:
            file.writelines(["a,b\n", *itertools.repeat(f"1,{'x' * 1_000}\n", 20_000)])
        assert sum(1 for _ in CsvTable.of(path).rows(Problems())) == 20_000


_TEXT: Final = st.text(st.characters(codec="utf-8", exclude_characters="\0"))


@given(st.lists(st.tuples(_TEXT, _TEXT.filter(bool)), min_size=1), st.sampled_from(",;\t|"))
def test_what_python_writes_is_read(rows: list[tuple[str, str]], delimiter: str) -> None:
    """
    Whatever is in the cells, and the texts of the rows mean the same as the cells.
    """
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows([("a", "b"), *rows])
    with tempfile.TemporaryDirectory() as folder:
        table = _table(Path(folder), text.getvalue(), "a", "b")
        found = list(table.rows(Problems()))
    assert [tuple(row.cells.values()) for row in found] == rows
    assert [tuple(table.cells_of(row.kept)) for row in found] == rows
