"""
Whatever is asked is translated into what Google's importer can read, or refused with its line.
"""

from __future__ import annotations

import json

import pytest

from tests.providers.vertex.translation.checking import check_lines
from tests.providers.vertex.translation.translating import content_of, lines_of


@pytest.mark.parametrize("count", [1_000, pytest.param(50_000, marks=pytest.mark.long)])
def test_any_line_is_translated_into_what_the_importer_reads_or_refused(count: int) -> None:
    """
    Conversations with tools, images, schemas, system messages anywhere and letters of all kinds.
    """
    check_lines(count, lambda _: None)


def test_all_letters_come_through() -> None:
    """
    Every text is in the translated line as it was.
    """
    texts = [chr(code) for code in (*range(0x2FF), 0x2028, 0x2029, 0xFEFF, 0xFFFD, 0xFFFF, 0x1F600, 0x10FFFF)]
    bodies = [{"model": "gemini-2.5-flash", "messages": [{"role": "user", "content": text}]} for text in texts]
    found = [line["request"]["contents"][0]["parts"][0]["text"] for line in lines_of(content_of(bodies))]
    assert found == texts
    assert json.loads(json.dumps(found)) == texts
