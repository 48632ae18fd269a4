"""
Whom a request says that it comes from.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aikit.gateway.attribution import Attribution, attribution_of, without_tags


def test_user_and_tags_of_a_body_are_read() -> None:
    """
    A JSON body has a user, and a list of tags in its metadata.
    """
    fields = {"user": "alice", "metadata": {"tags": ["night", "eval"], "job": "7"}}
    assert attribution_of({}, fields) == Attribution(user="alice", tags=("night", "eval"))


def test_headers_count_where_the_body_says_nothing() -> None:
    """
    The body's user wins over the header's; tags of both are kept, each once.
    """
    headers = {"x-litellm-end-user-id": "bob", "x-litellm-tags": "night, cheap,,night"}
    assert attribution_of(headers) == Attribution(user="bob", tags=("night", "cheap"))
    both = attribution_of(headers, {"user": "alice", "metadata": {"tags": ["eval", "cheap"]}})
    assert both == Attribution(user="alice", tags=("eval", "cheap", "night"))


@pytest.mark.parametrize(
    "fields",
    [
        {"metadata": {"tags": "a,b"}},
        {"metadata": '{"tags": ["a", "b"]}'},
        {"litellm_metadata": '{"tags": ["a", "b"]}'},
        {"litellm_metadata": {"tags": '["a", "b"]'}},
        {"litellm_metadata[tags]": "a,b"},
        {"litellm_metadata[tags][]": ["a", "b"]},
        {"tags": ["a", "b"]},
    ],
)
def test_tags_are_read_as_forms_and_bodies_write_them(fields: dict[str, Any]) -> None:
    """
    A form has no lists of its own, so that tags come as JSON, with commas, or as repeated fields.
    """
    assert attribution_of({}, fields).tags == ("a", "b")


def test_tags_of_the_key_are_booked_too() -> None:
    """
    A key that was made with tags books them with all that it does.
    """
    assert attribution_of({}, {"metadata": {"tags": ["a"]}}, {"tags": ["team", "a"]}).tags == ("a", "team")


def test_what_is_said_is_bounded_and_cleaned() -> None:
    """
    Control characters, line ends and marks that turn text around are left out, and what is too long is cut.
    """
    said = attribution_of(
        {}, {"user": " al\x00\r\nice\u202e\ud800 ", "metadata": {"tags": [f"t{n}" for n in range(99)]}}
    )
    assert said.user == "alice"
    assert len(said.tags) == 32
    long = attribution_of({"x-litellm-tags": "y" * 100_000}, {"user": "x" * 100_000})
    assert long.user == "x" * 256
    assert long.tags == ("y" * 128,)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.dictionaries(st.sampled_from(["user", "metadata", "litellm_metadata", "tags"]), JSON), st.text())
def test_no_body_makes_it_fail(fields: dict[str, Any], text: str) -> None:
    """
    Attribution never makes a request fail, and what it yields can be stored as it is.
    """
    said = attribution_of({"x-litellm-tags": text}, fields | {"litellm_metadata[tags]": text}, {"tags": text})
    json.dumps([said.user, said.tags]).encode()
    assert all(tag and tag.isprintable() for tag in said.tags)


def test_deep_json_is_no_metadata() -> None:
    """
    JSON that is nested beyond reason is not read.
    """
    assert attribution_of({}, {"metadata": '{"tags":' + "[" * 8000}) == Attribution()
    assert attribution_of({}, {"metadata": {"tags": "[" * 8000}}).tags == ("[" * 128,)


def test_a_list_of_tags_does_not_reach_the_provider() -> None:
    """
    Metadata of a batch has texts only at the provider, so that a list of tags is taken out; nothing else is.
    """
    assert without_tags({"tags": ["a"], "job": "7"}) == {"job": "7"}
    assert without_tags({"tags": "a", "job": "7"}) == {"tags": "a", "job": "7"}
    assert without_tags(None) is None
