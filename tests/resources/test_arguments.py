"""
Ids and paths that callers give.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from aikit.http.messages import Request
from aikit.providers.openai import OpenAIProvider
from aikit.resources.arguments import require_id, require_path


@pytest.mark.parametrize("value", ["file-1", "a.b", "a..b", "projects/x/files/1"])
def test_ids_of_all_providers_are_taken(value: str) -> None:
    """
    Dots within a segment and several segments are no reason to refuse an id: it is asked for, as one segment.
    """
    require_id("file_id", value)
    request = next(OpenAIProvider().retrieve_file(value))
    assert isinstance(request, Request)
    assert unquote(request.url.rpartition("/")[2]) == value


@pytest.mark.parametrize("value", ["", "a b", "a\xa0b", "a\n", "..", "../x", "a/..", "a\\.\\b", "a\x00"])
def test_what_cannot_be_an_id_is_refused_by_name(value: str) -> None:
    """
    White space, control characters and dot segments would make another URL.
    """
    with pytest.raises(ValueError, match="file_id"):
        require_id("file_id", value)


@pytest.mark.parametrize(
    ("value", "error", "says"),
    [
        (b"a", TypeError, "os.fsdecode"),
        (3, TypeError, "not int"),
        (None, TypeError, "not NoneType"),
        ("", ValueError, "empty"),
        ("a\0b", ValueError, "NUL"),
    ],
)
def test_what_is_no_path_is_refused_by_name(value: Any, error: type[Exception], says: str) -> None:
    """
    The message names the argument, and says what to do about bytes.
    """
    with pytest.raises(error, match=f"place must .*{says}"):
        require_path("place", value)


def test_a_path_is_given_back_as_text() -> None:
    """
    A `Path` and a string are the same, a separator at the end stays.
    """
    assert require_path("path", Path("a") / "b") == str(Path("a/b"))
    assert require_path("path", "a/") == "a/"
