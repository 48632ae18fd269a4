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
        {"data": [], "has_more": True, "last_id": "a\nb"},
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


@pytest.mark.parametrize(
    ("odd", "name", "why"),
    [
        (_WIRE | {"id": "file-2", "created_at": None}, "file-2", "'created_at' is not of type int"),
        (_WIRE | {"id": "file-2", "bytes": "many"}, "file-2", "'bytes' is not of type int"),
        (_WIRE | {"id": "file-2", "status": ["x"]}, "file-2", "'status' is not of type str"),
        ({"id": "file-2"}, "file-2", "'bytes' is missing"),
        (_WIRE | {"id": 5}, None, "'id' is not of type str"),
        (None, None, "it is NoneType, not an object"),
        ("file-2", None, "it is str, not an object"),
    ],
)
def test_an_odd_object_is_left_out_and_told(odd: Any, name: str | None, why: str) -> None:
    """
    The others are there, the odd one is beside them with what is wrong, and its id is a cursor like others.
    """
    page = FilePage.from_wire({"data": [_WIRE, odd], "has_more": True})
    assert page.files == (_FILE,)
    assert [(each.id, why in each.why, each.data) for each in page.unread] == [
        (name, True, odd if isinstance(odd, dict) else {})
    ]
    assert str(page.unread[0]).startswith(f"{name or 'an object without an id'} was left out of the list: ")
    assert page.last_id == (name or "file-1")


def test_a_list_of_other_things_is_none() -> None:
    """
    Where nothing can be read, and nothing has an id, it is no list of such objects.
    """
    for data in ([None, 5], [{"name": "a"}], ["file-1"]):
        with pytest.raises(OpenAIError, match=r"not a list object: .*, as the first of data"):
            FilePage.from_wire({"data": data})
    assert FilePage.from_wire({"data": [_WIRE | {"created_at": None}]}).files == ()


def test_null_is_an_empty_list_and_a_missing_one_is_none() -> None:
    """
    Servers that write null for what is empty are understood; without ``data`` it is no list.
    """
    assert FilePage.from_wire({"object": "list", "data": None}) == FilePage(())
    nothing: tuple[Any, ...] = ({}, {"object": "list"}, {"data": {}}, [], None)
    for data in nothing:
        with pytest.raises(OpenAIError, match="data"):
            FilePage.from_wire(data)
