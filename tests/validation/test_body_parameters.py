"""
Parameters of requests: what an endpoint is not known to take is noted, and never refused.
"""

from __future__ import annotations

import io
import json
from datetime import date
from typing import Any

import pytest

from aikit import OpenAIClient
from aikit.http.context import CallContext
from aikit.http.sources import source_of
from aikit.jsonl import chat_line, embedding_line, response_line
from aikit.storage.package_data import read_data
from aikit.validation import check_file
from aikit.validation.body_parameters import known_parameters
from aikit.validation.limits import limits_for
from aikit.validation.lines import check_lines
from aikit.validation.problems import Problems
from tests.jsonl.errors import told

CHAT, RESPONSES = "/v1/chat/completions", "/v1/responses"
_DATA = read_data("aikit.validation", "body_parameters.json")


def content(*lines: dict[str, Any]) -> bytes:
    """Return a batch input."""
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def _one(name: str) -> dict[str, Any]:
    return {name: 1}


def notes(*lines: dict[str, Any], kind: str = "openai") -> list[str]:
    """Return what is noted of *lines*, all of which are let through."""
    problems = Problems()
    check_lines("batch", io.BytesIO(content(*lines)), limits_for(kind), problems)
    assert problems.count == 0
    return list(problems.notes)


@pytest.mark.parametrize("kind", ["openai", "azure", "gemini", "local", "compatible"])
@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("temprature", "temperature"),
        ("max_token", "max_tokens"),
        ("maxCompletionTokens", "max_completion_tokens"),
        ("respone_format", "response_format"),
        ("Temperature", "temperature"),
    ],
)
def test_misspelt_parameter_is_noted(kind: str, given: str, meant: str) -> None:
    """
    Wherever the file goes, the note names the line, the endpoint, and the parameter that was meant.
    """
    line = chat_line("Hi", model="m", **_one(given))
    assert notes(line, kind=kind) == [f"line 1: unknown parameter '{given}' of {CHAT}; did you mean \"{meant}\"?"]


@pytest.mark.parametrize("endpoint", sorted(_DATA["endpoints"]))
def test_known_parameters_are_not_noted(endpoint: str) -> None:
    """
    All that OpenAI documents passes without a word, but for streaming, which is refused.
    """
    known = known_parameters(endpoint)
    body: dict[str, Any] = dict.fromkeys(known - {"stream"}, "x")
    formed: dict[str, Any] = {"messages": [{}], "input_reference": None}
    body |= {name: value for name, value in formed.items() if name in known}
    assert notes({"custom_id": "a", "method": "POST", "url": endpoint, "body": body}) == []


def test_one_note_tells_all_lines() -> None:
    """
    A name that ten thousand lines have is one note, with the first line and how many more.
    """
    lines = [chat_line(str(number), model="m") for number in range(3)]
    lines += [chat_line(str(number), model="m", temprature=0) for number in range(3, 1_300)]
    assert notes(*lines) == [
        f"line 4 and 1,296 more: unknown parameter 'temprature' of {CHAT}; did you mean \"temperature\"?"
    ]


def test_notes_are_few() -> None:
    """
    Lines whose names are all made up do not become as many notes.
    """
    assert len(notes(*(chat_line("Hi", model="m", **_one(f"x{number}")) for number in range(500)))) == 20


def test_parameter_of_the_future_is_let_through() -> None:
    """
    What nothing is like is noted as well, and named as what may be refused there.
    """
    line = chat_line("Hi", model="m", telepathy=True)
    assert notes(line) == [f"line 1: unknown parameter 'telepathy' of {CHAT}; the provider may refuse these lines"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (response_line("Hi", model="m", max_tokens=5), 'did you mean "max_output_tokens"?'),
        (response_line("Hi", model="m", system="Be kind."), 'did you mean "instructions"?'),
        (response_line("Hi", model="m", response_format={}), 'did you mean "text.format"?'),
        (chat_line("Hi", model="m", sytem="Be kind."), "did you mean a message of the role system?"),
        (response_line("Hi", model="m", max_token=5), 'did you mean "max_output_tokens"?'),
        (chat_line("Hi", model="m", instructions="Be kind."), "did you mean a message of the role system?"),
        (chat_line("Hi", model="m", max_output_tokens=5), 'did you mean "max_completion_tokens"?'),
        (embedding_line("Hi", model="m", dimension=5), 'did you mean "dimensions"?'),
    ],
)
def test_name_of_another_endpoint_leads_to_its_like(line: dict[str, Any], words: str) -> None:
    """
    The same thing has another name elsewhere, which is the one that the note asks for.
    """
    (note,) = notes(line)
    assert note.endswith(words)


@pytest.mark.parametrize(
    "name", ["top_k", "min_p", "max_new_tokens", "models", "extra_body", "data_sources", "user_id"]
)
def test_other_servers_have_parameters_of_their_own(name: str) -> None:
    """
    OpenAI is not known to take them, and of other servers nothing is said.
    """
    line = chat_line("Hi", model="m", **_one(name))
    assert [notes(line, kind=kind) for kind in ("compatible", "azure", "gemini")] == [[], [], []]
    assert notes(line)


def test_unknown_endpoint_has_no_unknown_parameters() -> None:
    """
    Of an endpoint that is not known here nothing is noted.
    """
    line = {"custom_id": "a", "method": "POST", "url": "/v1/ocr", "body": {"model": "m", "temprature": 0}}
    assert notes(line, kind="compatible") == []


def test_parameter_beside_the_body_is_noted() -> None:
    """
    A parameter of the endpoint is not read there; other keys, as programs of one's own may have them, are theirs.
    """
    line = chat_line("Hi", model="m") | {"temperature": 0, "note_to_self": "x"}
    assert notes(line) == ["line 1: 'temperature' stands beside 'body', where it is not read; put it into 'body'"]


def test_problems_are_told_as_before() -> None:
    """
    A line that is refused and has a misspelt parameter has its problem, and the note.
    """
    line = chat_line("Hi", model="m", temprature=0) | {"method": "GET"}
    assert told("batch", line) == [("invalid_value", "method", 1)]


def test_context_of_a_check_has_the_notes() -> None:
    """
    The note of a file begins with its name.
    """
    context = CallContext()
    source = source_of(content(chat_line("Hi", model="m", temprature=0)), filename="in.jsonl")
    assert check_file(source, "batch", limits_for("openai"), context) == []
    assert context.notes[0].startswith("in.jsonl, line 1: unknown parameter 'temprature'")


def test_upload_has_the_notes() -> None:
    """
    The file is stored, and its result says what may be wrong with it; so does that of many files.
    """
    sent = content(chat_line("Hi", model="m", temprature=0))
    with OpenAIClient(provider="local") as client:
        one = client.files.create(sent, "batch")
        many = client.files.create_many([sent], "batch")
        told = client.files.create(sent, "batch", {"validate": False})
    assert one.success
    assert many.success
    assert ["temprature" in " ".join(result.notes) for result in (one, many, told)] == [True, True, False]


def test_embedded_provider_refuses_the_line() -> None:
    """
    The batch is worked on, and only the line that has the misspelt parameter fails, in OpenAI's words.
    """
    with OpenAIClient(provider="local") as client:
        lines = content(chat_line("Hi", model="m"), chat_line("Ho", model="m", temprature=0))
        file = client.files.create(lines, "batch").throw().file
        assert file is not None
        batch = client.batches.create(file.id, CHAT).throw().batch
        assert batch is not None
        client.batches.wait(batch.id, {"poll_interval": 0.02}).throw()
        with client.batches.results(batch.id).throw() as rows:
            good, bad = rows
    assert (good.status, bad.status, bad.status_code) == ("ok", "failed", 400)
    assert bad.error is not None
    assert bad.error.message == "Unrecognized request argument supplied: temprature"


def test_server_upstream_may_know_more() -> None:
    """
    The built-in model takes what OpenAI does, and a server of one's own what it likes.
    """
    sent = content(chat_line("Hi", model="m", top_k=5))
    with (
        OpenAIClient(provider="local") as alone,
        OpenAIClient(provider="local", base_url="http://127.0.0.1:9/v1") as other,
    ):
        assert alone.files.create(sent, "batch").notes
        assert not other.files.create(sent, "batch").notes


def test_data_are_dated_and_have_sources() -> None:
    """
    Each list says where and when it was read; what was meant is known, and what is known is not said to be another's.
    """
    for name in ("endpoints", "meant", "others"):
        source = _DATA[f"{name}_source"]
        assert date(2026, 11, 21) <= date.fromisoformat(source.rsplit("read ", 1)[1].rstrip(")"))
    for endpoint, names in _DATA["meant"].items():
        known = known_parameters(endpoint)
        assert known.isdisjoint(names)
        assert all(meant.partition(".")[0] in known or " " in meant for meant in names.values())
    assert not any(known_parameters(endpoint).intersection(_DATA["others"]) for endpoint in _DATA["endpoints"])
