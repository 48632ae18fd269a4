"""
The check before sending and the embedded provider say the same: what the one lets through, the other takes.
"""

from __future__ import annotations

import json
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aikit.http.sources import BytesSource
from aikit.providers.local.api.files import FilesService
from aikit.providers.local.store.files import Store
from aikit.validation import check_file
from aikit.validation.limits import limits_for

_BATCH: Final = json.dumps(
    {
        "custom_id": "a",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {"model": "m", "messages": [{"role": "user", "content": "Hi"}]},
    }
).encode()
_TUNE: Final = b'{"prompt": "2+2=", "completion": "4"}'
_LONG: Final = b'{"prompt": "' + b"x" * 1_500_000 + b'", "completion": "4"}'
_DEEP: Final = b'{"prompt": ' + b"[" * 100_000
_EVAL: Final = b'{"item": {}}'

_GOOD: Final = [
    ("batch", _BATCH),
    ("batch", _BATCH + b"\r\n"),
    ("batch", b"  " + _BATCH + b" \t\n\n \n\n"),
    ("fine-tune", _TUNE),
    ("fine-tune", _TUNE + b"\n" + _TUNE + b"\n"),
    ("fine-tune", _TUNE + b"\n\n"),
    ("fine-tune", _TUNE + b"\r\n \r\n\t\n\n  "),
    ("fine-tune", _LONG + b"\n" + _TUNE),
    ("fine-tune", b" " * 1_500_000 + _TUNE + b" " * 1_500_000 + b"\n\n"),
    ("fine-tune", _TUNE + b"\n" + b" " * 1_500_000 + b"\n"),
    ("evals", _EVAL + b"\n\n"),
    ("user_data", b"\n\n"),
]
_BAD: Final = [
    *((purpose, content) for purpose in ("batch", "fine-tune") for content in (b"", b"\n", b" \r\n\n", b"\0", b"{")),
    *(("batch", content) for content in (b"\n" + _BATCH, b"\xef\xbb\xbf" + _BATCH, b'{"custom_id": NaN}')),
    ("batch", _BATCH.decode().encode("utf-16")),
    ("fine-tune", _TUNE + b"\n\n" + _TUNE),
    ("fine-tune", _TUNE + b"\n" + b" " * 1_500_000 + b"\n" + _TUNE),
    ("fine-tune", b"\n" + _TUNE),
    ("fine-tune", b"\xef\xbb\xbf" + _TUNE),
    ("fine-tune", _TUNE.decode().encode("utf-16")),
    ("fine-tune", b'{"prompt": "", "completion": "", "weight": NaN}'),
    ("fine-tune", b'{"prompt": "", "completion": "", "n": ' + b"1" * 5000 + b"}"),
    ("fine-tune", b'{"prompt": "", "completion": "\xff"}'),
    ("fine-tune", _TUNE + b"\x0b"),
    ("fine-tune", _DEEP),
    ("fine-tune", b"[]"),
    ("fine-tune", _TUNE + _TUNE),
    ("user_data", b""),
    ("evals", b""),
]
_NAMES: Final = [
    "a.jsonl",
    "A.JSONL",
    "a",
    ".jsonl",
    "a.txt",
    "a\nb.jsonl",
    "\x7f.jsonl",
    "x" * 250 + ".jsonl",
    "a/",
    "..",
]


def _is_let_through(content: bytes, purpose: str, name: str = "a.jsonl") -> bool:
    source = BytesSource(content=memoryview(content), name=name)
    return not check_file(source, purpose, limits_for("local"))


def _is_taken(store: Store, content: bytes, purpose: str, name: str = "a.jsonl") -> bool:
    return FilesService(store=store).create({"purpose": purpose}, name, [content]).status == 200


@pytest.mark.parametrize(("purpose", "content"), _GOOD, ids=lambda value: repr(value)[:40])
def test_what_passes_the_check_is_taken(store: Store, purpose: str, content: bytes) -> None:
    """
    A good file is good for both, whatever blanks surround its lines.
    """
    assert (_is_let_through(content, purpose), _is_taken(store, content, purpose)) == (True, True)


@pytest.mark.parametrize(("purpose", "content"), _BAD, ids=lambda value: repr(value)[:40])
def test_what_is_no_jsonl_passes_neither(store: Store, purpose: str, content: bytes) -> None:
    """
    A file that is refused at upload is found by the check.
    """
    assert (_is_let_through(content, purpose), _is_taken(store, content, purpose)) == (False, False)


@pytest.mark.parametrize("name", _NAMES, ids=lambda name: repr(name)[:40])
@pytest.mark.parametrize(("purpose", "content"), [("batch", _BATCH), ("user_data", b"x")])
def test_names_are_judged_alike(store: Store, purpose: str, content: bytes, name: str) -> None:
    """
    Extensions, control characters and lengths: one opinion.
    """
    assert _is_let_through(content, purpose, name) == _is_taken(store, content, purpose, name)


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.lists(st.sampled_from([_TUNE, b"", b" ", b"\r", b"\t ", b"[]", b"{", _TUNE + b" \r"]), max_size=6))
def test_training_files_are_judged_alike(store: Store, lines: list[bytes]) -> None:
    """
    However good, bad and blank lines follow each other, both have the same opinion.
    """
    content = b"\n".join(lines)
    assert _is_let_through(content, "fine-tune") == _is_taken(store, content, "fine-tune")
