"""
Pages of lists: how they go on, and what is not believed about it.
"""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from aikit.types.errors import OpenAIError
from aikit.types.files import FilePage, OpenAIFile

_WIRE: dict[str, Any] = {"id": "file-1", "bytes": 3, "created_at": 1, "filename": "a.txt", "purpose": "user_data"}
_FILE = OpenAIFile("file-1", 3, 1, "a.txt", "user_data")


def test_page_without_paging_fields_is_the_whole_list() -> None:
    """
    Servers that do not page leave out all but ``data``; the ids are then those of the files.
    """
    second = _WIRE | {"id": "file-2"}
    assert FilePage.from_wire({"data": [_WIRE, second]}) == FilePage(
        (_FILE, attrs.evolve(_FILE, id="file-2")), has_more=False, first_id="file-1", last_id="file-2"
    )
    assert FilePage.from_wire({"data": [], "has_more": False, "first_id": None, "last_id": None}) == FilePage(())


@pytest.mark.parametrize("odd", [7, [], {"a": 1}, "", None, True])
def test_cursor_that_is_no_string_is_not_believed(odd: Any) -> None:
    """
    The last file's own id is the cursor where the provider's is none.
    """
    page = FilePage.from_wire({"data": [_WIRE], "has_more": True, "last_id": odd, "first_id": odd})
    assert (page.first_id, page.last_id, page.has_more) == ("file-1", "file-1", True)


@pytest.mark.parametrize(
    "fields",
    [
        {"data": [], "has_more": True},
        {"data": [], "has_more": True, "last_id": "\ud800"},
        {"data": [_WIRE | {"id": "\ud800"}], "has_more": True},
        {"data": [_WIRE], "has_more": "true"},
        {"data": [_WIRE], "has_more": {}},
    ],
)
def test_page_that_does_not_tell_how_to_go_on_is_refused(fields: dict[str, Any]) -> None:
    """
    Whoever went on would begin anew for ever, and whoever stopped would take a part for the whole.
    """
    with pytest.raises(OpenAIError, match="has_more") as caught:
        FilePage.from_wire(fields)
    assert caught.value.code == "invalid_response"
