"""
Pages of any list, bare: one after the other until the last, or until one fails.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import pytest

from aikit.http.context import CallContext
from aikit.http.flow import Flow, Pause
from aikit.resources.pages import all_pages, one_page
from aikit.types.errors import OpenAIError, Rejected
from aikit.types.page import Page, Unread


@attrs.frozen
class _Item:
    id: str


def _page(*ids: str, has_more: bool = True, last_id: str | None = None) -> Page[_Item]:
    items = tuple(map(_Item, ids))
    return Page(items, has_more, ids[0] if ids else None, last_id or (ids[-1] if ids else None))


@attrs.define
class _Provider:
    """
    Gives the next page of its script for each query, and keeps the queries.
    """

    script: list[Page[_Item] | OpenAIError]
    asked: list[Mapping[str, Any]] = attrs.field(factory=list)

    def list_page(self, query: Mapping[str, Any]) -> Flow[Page[_Item]]:
        self.asked.append(query)
        yield Pause(0)
        step = self.script[len(self.asked) - 1]
        if isinstance(step, OpenAIError):
            raise step
        return step


def _value(flow: Flow[Any]) -> Any:
    try:
        next(flow)
        while True:
            flow.send(None)
    except StopIteration as stop:
        return stop.value


def test_all_pages_become_one() -> None:
    """
    Each question has the cursor of the page before, and all else as it was asked for.
    """
    query = {"limit": 2, "after": "z"}
    provider = _Provider([_page("a", "b"), _page("c", "d", last_id="cursor"), _page("e", has_more=False)])
    assert _value(all_pages(provider.list_page, query)) == _page("a", "b", "c", "d", "e", has_more=False)
    assert provider.asked == [{"limit": 2, "after": cursor} for cursor in ("z", "b", "cursor")]
    assert query == {"limit": 2, "after": "z"}


def test_first_page_that_fails_is_all_there_is() -> None:
    """
    Without any page the error is the call's.
    """
    broke = OpenAIError(message="broke")
    for script in ([broke], [_page()]):
        with pytest.raises(OpenAIError):
            _value(all_pages(_Provider(script).list_page, {}))  # type: ignore[arg-type]  # lists of either


@pytest.mark.parametrize("second", [OpenAIError(message="broke"), _page("x", last_id="b"), _page()])
def test_what_came_before_a_failure_stays(second: Page[_Item] | OpenAIError) -> None:
    """
    A later page that fails, or leads in a circle, comes with those before it, and with where to go on.
    """
    with pytest.raises(Rejected) as caught:
        _value(all_pages(_Provider([_page("a", "b"), second]).list_page, {}))
    assert caught.value.value == _page("a", "b")
    assert len(caught.value.errors) == 1


@pytest.mark.parametrize("page", [_page("a", "b"), _page("a", has_more=False), _page()])
def test_one_page_is_what_the_provider_gave(page: Page[_Item]) -> None:
    """
    A page is returned as it came.
    """
    assert _value(one_page(_Provider([page]).list_page, {"after": "z"})) == page


def test_page_that_follows_itself_is_refused() -> None:
    """
    A provider that overlooks the cursor would be asked for the same page for ever.
    """
    with pytest.raises(OpenAIError, match="no end") as caught:
        _value(one_page(_Provider([_page("a", "b")]).list_page, {"after": "b"}))
    assert caught.value.code == "invalid_response"
    assert _value(one_page(_Provider([_page("b", has_more=False)]).list_page, {"after": "b"})).last_id == "b"


def _endless_list(make: Any) -> tuple[Any, int]:
    provider = _Provider([make(number) for number in range(50)])
    with pytest.raises((OpenAIError, Rejected)) as caught:
        _value(all_pages(provider.list_page, {}))
    error = caught.value.errors[0] if isinstance(caught.value, Rejected) else caught.value
    return error, len(provider.asked)


@pytest.mark.parametrize(
    ("make", "most"),
    [
        (lambda number: _page(last_id=f"cursor-{number}"), 4),
        (lambda number: _page(f"id-{number}") if number < 3 else _page(last_id=f"cursor-{number}"), 7),
        (lambda number: _page("a", "b", last_id=f"cursor-{number}"), 2),
        (lambda number: _page(f"id-{number}", last_id=f"cursor-{number % 3}"), 4),
        (lambda _: _page("a", last_id="cursor"), 2),
    ],
    ids=["empty", "empty at the end", "the first page each time", "cycle of cursors", "cursor that does not move"],
)
def test_list_without_an_end_stops_after_a_few_pages(make: Any, most: int) -> None:
    """
    Cursors that lead on and on, to nothing or to what was there before, end with an error and not with the network.
    """
    error, asked = _endless_list(make)
    assert error.code == "invalid_response"
    assert "no end" in error.message
    assert asked <= most


def test_some_empty_pages_are_no_end() -> None:
    """
    Providers that filter a page after they have cut it may have nothing on it, and more on the next.
    """
    empty = [_page(last_id=f"cursor-{number}") for number in range(3)]
    provider = _Provider([*empty, _page("a"), *(attrs.evolve(page, last_id=f"{page.last_id}-b") for page in empty)])
    provider.script.append(_page("b", has_more=False))
    assert [item.id for item in _value(all_pages(provider.list_page, {})).items] == ["a", "b"]


def test_what_cannot_be_read_is_noted_up_to_a_number() -> None:
    """
    Twenty objects of a list are named, over all its pages, and that there were more is said once.
    """
    odd = [Unread(f"x-{number}", "'bytes' is odd") for number in range(60)]
    pages = [attrs.evolve(_page(f"id-{at}"), unread=tuple(odd[at : at + 15])) for at in (0, 15, 30, 45)]
    pages[-1] = attrs.evolve(pages[-1], has_more=False)
    context = CallContext()
    _value(all_pages(_Provider(list(pages)).list_page, {}, context))
    assert context.notes == (*map(str, odd[:20]), "more objects of the list could not be read, and were left out")


def test_pages_of_which_nothing_can_be_read_are_not_empty() -> None:
    """
    A list goes on behind any number of pages that have only odd objects.
    """
    odd = [attrs.evolve(_page(last_id=f"x-{n}"), unread=(Unread(f"x-{n}", "odd"),)) for n in range(10)]
    assert _value(all_pages(_Provider([*odd, _page("a", has_more=False)]).list_page, {})).items == (_Item("a"),)


def test_what_comes_again_on_the_next_page_is_taken_once() -> None:
    """
    What was created between two questions pushes the end of a page onto the next one, also past an empty page.
    """
    provider = _Provider([_page("a", "b"), _page(last_id="c1"), _page("b", "c"), _page("c", "d", has_more=False)])
    assert [item.id for item in _value(all_pages(provider.list_page, {})).items] == ["a", "b", "c", "d"]
