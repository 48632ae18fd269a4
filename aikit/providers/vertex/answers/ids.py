"""
The custom_ids of a batch, by the numbers of its rows: in a file on this machine, of which memory holds the offsets.
"""

from __future__ import annotations

import re
from array import array
from pathlib import Path
from typing import IO, Any, Final

import attrs

from aikit.providers.vertex.answers.misfits import decoded
from aikit.storage.spill import OffsetIndex
from aikit.types.errors import OpenAIError

_KEY: Final = re.compile(r"r-(\d{1,9})", re.ASCII)
_BLOCK: Final = 256 * 1024
_LONGEST: Final = 64 * 1024 * 1024
_HELD: Final = 8 * 1024 * 1024
_NUMERIC: Final = re.compile(r"[+-]?\d{1,15}(?:\.0{1,9})?", re.ASCII)


@attrs.define(eq=False)
class RowIds:
    """
    The custom_id of each row that was asked, in the order of the input.

    Attributes:
        seen: For each row whether an answer has come.
    """

    _file: IO[bytes] | None
    _content: bytes
    _starts: array[int]
    seen: bytearray = attrs.field(init=False)
    _numeric: OffsetIndex | None = None

    def __attrs_post_init__(self) -> None:
        self.seen = bytearray(len(self))

    def __len__(self) -> int:
        return len(self._starts) - 1

    @classmethod
    def of(cls, path: Path) -> RowIds:
        """
        Read where each custom_id stands in the file at *path*, a JSON string on each line.
        """
        starts, offset = array("q", [0]), 0
        file = path.open("rb", buffering=0)
        while block := file.read(_BLOCK):
            position = block.find(b"\n")
            while position >= 0:
                starts.append(offset + position + 1)
                position = block.find(b"\n", position + 1)
            offset += len(block)
        if starts[-1] != offset:
            starts.append(offset + 1)  # the last line may have no newline
        if offset > _HELD:
            return cls(file, b"", starts)
        file.close()
        return cls(None, path.read_bytes(), starts)

    def close(self) -> None:
        """
        Let go of the file.
        """
        if self._file is not None:
            self._file.close()

    def number_of(self, key: Any) -> int | None:
        """
        Return the number of the row that *key* names, from 0 on; ``None`` if there is none.

        The keys are those that aikit gave the rows; a number is what such a key may have become on the way.
        """
        if type(key) is str:
            number = int(found[1]) if (found := _KEY.fullmatch(key)) else 0
        elif (type(key) is float and key.is_integer()) or type(key) is int:
            number = int(key)
        else:
            return None
        return number - 1 if 1 <= number <= len(self) else None

    def custom_id(self, number: int) -> str:
        """
        Return the custom_id of the row with that *number*.

        Raises:
            OpenAIError: The file has no text there (code ``"invalid_response"``).
        """
        start, end = self._starts[number], self._starts[number + 1] - 1
        try:
            value = decoded(self._content[start:end] if self._file is None else self._read(self._file, start, end))
        except ValueError:
            value = None
        if type(value) is not str:
            message = f"line {number + 1} of what keeps the custom_ids of the batch has none; was it changed?"
            raise OpenAIError(message=message, code="invalid_response")
        return value

    def _read(self, file: IO[bytes], start: int, end: int) -> bytes:
        file.seek(start)
        return file.read(min(end - start, _LONGEST))

    def number_like(self, value: Any) -> int | None:
        """
        Return the number of the one row whose custom_id became the number *value* on the way: ``"000000"`` became 0.
        """
        if not ((type(value) is float and value.is_integer()) or type(value) is int):
            return None
        if self._numeric is None:
            self._numeric = OffsetIndex()
            for number in range(len(self)):
                custom_id = self.custom_id(number)
                if _NUMERIC.fullmatch(custom_id):
                    name = str(int(float(custom_id)))
                    _, count = self._numeric.get(name) or (0, 0)
                    self._numeric.put(name, number, count + 1)
        number, count = self._numeric.get(str(int(value))) or (0, 0)
        return number if count == 1 else None
