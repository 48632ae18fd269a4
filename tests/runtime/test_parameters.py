"""
Parameters: what a caller may ask, and how a mistake is told.
"""

from __future__ import annotations

import copy
import enum
import math
import pickle
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlencode

import attrs
import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from requests.adapters import HTTPAdapter

from aikit import OpenAIClient
from aikit.http.headers import Headers
from aikit.resources.batches.parameters import (
    OpenAIBatchParameters,
    OpenAIBatchPricesParameters,
    OpenAIBatchResubmitParameters,
)
from aikit.resources.files.parameters import (
    OpenAIFileListParameters,
    OpenAIFileManyParameters,
    OpenAIFileParameters,
    OpenAIFileStreamParameters,
    OpenAIFileWaitParameters,
)
from aikit.runtime.parameters import OpenAIParameters
from aikit.types.files import FileOrder

_EXPIRY = {"anchor": "created_at", "seconds": 3600}


def test_a_mapping_is_as_good_as_the_class() -> None:
    """
    The same keys give the same parameters; common ones fit every call; nothing gives the defaults.
    """
    wanted = OpenAIFileParameters(timeout=5, filename="a.txt")
    assert OpenAIFileParameters.of({"timeout": 5, "filename": "a.txt"}) == wanted
    assert OpenAIFileParameters.of(wanted) == wanted
    assert OpenAIFileParameters.of(OpenAIParameters(timeout=5)) == OpenAIFileParameters(timeout=5)
    assert OpenAIFileParameters.of(None) == OpenAIFileParameters()
    assert OpenAIFileManyParameters.of(wanted) == OpenAIFileManyParameters(timeout=5, filename="a.txt")


@pytest.mark.parametrize(
    ("cls", "key", "nearest"),
    [
        (OpenAIParameters, "on_terminated", "on_terminate"),
        (OpenAIParameters, "onTerminate", "on_terminate"),
        (OpenAIParameters, "time_out", "timeout"),
        (OpenAIParameters, "headers", "extra_headers"),
        (OpenAIParameters, "extraHeaders", "extra_headers"),
        (OpenAIParameters, "maxRetries", "max_retries"),
        (OpenAIParameters, "httpAgent", "http_agent"),
        (OpenAIParameters, "formula", "on_terminate"),
        (OpenAIFileParameters, "expire_after", "expires_after"),
        (OpenAIFileParameters, "file_name", "filename"),
        (OpenAIFileListParameters, "Limit", "limit"),
        (OpenAIFileListParameters, "allPages", "all_pages"),
        (OpenAIFileWaitParameters, "poll_interval_s", "poll_interval"),
    ],
)
def test_unknown_key_names_the_nearest(cls: type[OpenAIParameters], key: str, nearest: str) -> None:
    """
    A key that does not exist is a TypeError that says which was probably meant.
    """
    options: dict[str, Any] = {key: 1}
    told = f"has no option '{key}'.*did you mean \"{nearest}\""
    with pytest.raises(TypeError, match=told) as caught:
        cls.of(options)
    assert "timeout" in str(caught.value)
    with pytest.raises(TypeError, match=told):
        cls.of(None, options)
    with pytest.raises(TypeError, match=told):
        cls(**options)
    with pytest.raises(AttributeError, match=told):
        setattr(cls(), key, 1)
    with pytest.raises(AttributeError, match=told):
        getattr(cls(), key)


@pytest.mark.parametrize("key", ["zzz", 5, ("a",)])
def test_key_that_resembles_nothing_is_refused_all_the_same(key: Any) -> None:
    """
    Without a near one the known ones are listed.
    """
    with pytest.raises(TypeError, match="there are on_response, on_error") as caught:
        OpenAIParameters.of({key: 1})
    assert "did you mean" not in str(caught.value)


@pytest.mark.parametrize("value", [5, "timeout", [("timeout", 5)], OpenAIFileListParameters()])
def test_what_are_no_parameters_is_refused(value: Any) -> None:
    """
    Another type, and parameters of another call, are TypeErrors.
    """
    with pytest.raises(TypeError, match=f"not {type(value).__name__}"):
        OpenAIFileParameters.of(value)


@pytest.mark.parametrize(
    ("cls", "field", "value"),
    [
        *((OpenAIParameters, name, 5) for name in ("on_response", "on_error", "on_terminate", "on_progress")),
        (OpenAIParameters, "background", 1),
        (OpenAIParameters, "throw", "yes"),
        (OpenAIParameters, "timeout", "5"),
        (OpenAIParameters, "timeout", True),
        (OpenAIParameters, "max_retries", 1.5),
        (OpenAIParameters, "max_retries", True),
        (OpenAIParameters, "extra_headers", [("a", "b")]),
        (OpenAIParameters, "extra_headers", {"a": 5}),
        (OpenAIParameters, "extra_headers", {b"a": "b"}),
        (OpenAIParameters, "http_agent", "agent"),
        (OpenAIParameters, "provider", 5),
        (OpenAIFileParameters, "filename", b"a"),
        (OpenAIFileParameters, "validate", None),
        (OpenAIFileParameters, "expires_after", 3600),
        (OpenAIFileParameters, "expires_after", {"anchor": "created_at", "seconds": "3600"}),
        (OpenAIFileParameters, "expires_after", {"anchor": "created_at", "seconds": 3600.0}),
        (OpenAIFileParameters, "expires_after", {"anchor": "created_at", "seconds": True}),
        (OpenAIFileListParameters, "after", 5),
        (OpenAIFileListParameters, "limit", "5"),
        (OpenAIFileListParameters, "limit", True),
        (OpenAIFileListParameters, "purpose", ["batch"]),
        (OpenAIFileListParameters, "all_pages", "no"),
        (OpenAIFileWaitParameters, "poll_interval", None),
        (OpenAIFileWaitParameters, "max_wait", None),
        (OpenAIFileWaitParameters, "max_wait", "long"),
    ],
)
def test_wrong_type_is_refused_by_name(cls: type[OpenAIParameters], field: str, value: Any) -> None:
    """
    A value of the wrong type is a TypeError that begins with the option's name.
    """
    with pytest.raises(TypeError, match=f"^{field} "):
        cls.of({field: value})


@pytest.mark.parametrize(
    ("cls", "field", "value"),
    [
        *((OpenAIParameters, "timeout", value) for value in (0, -1, math.nan, math.inf, -math.inf, 1e300, 10**400)),
        (OpenAIParameters, "max_retries", -1),
        (OpenAIParameters, "provider", ""),
        (OpenAIFileParameters, "filename", ""),
        (OpenAIFileParameters, "filename", "a\ud800"),
        *(
            (OpenAIFileParameters, "expires_after", value)
            for value in (
                {},
                {"anchor": "created_at"},
                {"seconds": 3600},
                {**_EXPIRY, "more": 1},
                {**_EXPIRY, "anchor": "now"},
                {**_EXPIRY, "anchor": ["created_at"]},
                {**_EXPIRY, "seconds": 3599},
                {**_EXPIRY, "seconds": 2_592_001},
            )
        ),
        *((OpenAIFileListParameters, "limit", value) for value in (0, -1, 10_001, 10**30)),
        (OpenAIFileListParameters, "after", ""),
        (OpenAIFileListParameters, "after", "file-\udcff"),
        (OpenAIFileListParameters, "purpose", ""),
        *((OpenAIFileListParameters, "order", order) for order in ("", "up", "ASC", 5, ["asc"])),
        *((OpenAIFileWaitParameters, name, value) for name in ("poll_interval", "max_wait") for value in (0, -1)),
    ],
)
def test_value_out_of_bounds_is_refused_by_name(cls: type[OpenAIParameters], field: str, value: Any) -> None:
    """
    A value that is never right is a ValueError that begins with the option's name.
    """
    with pytest.raises(ValueError, match=f"^{field} "):
        cls.of({field: value})


@pytest.mark.parametrize(
    ("cls", "field", "value"),
    [
        (OpenAIParameters, "timeout", 0.001),
        (OpenAIParameters, "timeout", 1e9),
        (OpenAIParameters, "max_retries", 0),
        (OpenAIFileParameters, "expires_after", _EXPIRY),
        (OpenAIFileParameters, "expires_after", {**_EXPIRY, "seconds": 2_592_000}),
        (OpenAIFileListParameters, "limit", 1),
        (OpenAIFileListParameters, "limit", 10_000),
        (OpenAIFileListParameters, "order", "asc"),
        (OpenAIFileListParameters, "after", "file-ü"),
    ],
)
def test_bounds_themselves_are_allowed(cls: type[OpenAIParameters], field: str, value: Any) -> None:
    """
    The outermost values are taken as they are.
    """
    assert getattr(cls.of({field: value}), field) == value


@pytest.mark.parametrize(
    "headers",
    [
        {"X-A": "b\r\nX-Evil: 1"},
        {"X-A": "b\nc"},
        {"X-A": "b\0"},
        {"X-A": "b\x7f"},
        {"X-A": "日本"},
        {"X-A\r\nX-Evil": "b"},
        {"X A": "b"},
        {"X-A:": "b"},
        {"": "b"},
        {"Ä": "b"},
        {"X-A\n": "b"},
        {"Content-Length": "5"},
        {"transfer-encoding": "chunked"},
    ],
    ids=str,
)
def test_no_header_can_carry_another(headers: dict[str, str]) -> None:
    """
    Fields with line breaks, without a usable name, or that say where the body ends are refused.
    """
    with pytest.raises(ValueError, match="extra_headers has a field"):
        OpenAIParameters(extra_headers=headers)


_TOKENS = st.text("abcxyzABC0189!#$%&'*+-.^_`|~", min_size=1, max_size=6)
_VALUES = st.text(st.characters(max_codepoint=255, exclude_categories=["Cc"]), max_size=6)


@given(st.dictionaries(_TOKENS | st.text(max_size=6), _VALUES | st.text(max_size=6), max_size=3))
def test_headers_that_are_taken_can_be_sent(headers: dict[str, str]) -> None:
    """
    What passes is one line of Latin-1 under a name that is a token; http.client takes it as it is.
    """
    connection = HTTPConnection("127.0.0.1")
    connection.putrequest("GET", "/", skip_host=True, skip_accept_encoding=True)
    try:
        taken = OpenAIParameters(extra_headers=headers).extra_headers or {}
    except ValueError:
        return
    assert taken == Headers(headers)
    for name, value in taken.items():
        assert not set(f"{name}{value}") & set("\r\n\0")
        assert name.encode("ascii").strip() == name.encode()
        value.encode("latin-1")
        connection.putheader(name, value)


@given(st.dictionaries(_TOKENS, _VALUES, max_size=3))
def test_plain_headers_are_taken(headers: dict[str, str]) -> None:
    """
    A token and a line of Latin-1 are never refused, whatever they are.
    """
    assert OpenAIParameters(extra_headers=headers).extra_headers == Headers(headers)


def test_refusal_of_a_header_does_not_repeat_its_value() -> None:
    """
    The value may be a key: only the name is told.
    """
    with pytest.raises(ValueError, match="Authorization") as caught:
        OpenAIParameters(extra_headers={"Authorization": "Bearer sk-0123456789\n"})
    assert "0123456789" not in str(caught.value)


def test_secrets_are_not_shown() -> None:
    """
    Neither ``repr`` nor a pickle of parameters has the headers' secrets.
    """
    parameters = OpenAIParameters(extra_headers={"Authorization": "Bearer sk-0123456789"})
    assert "0123456789" not in repr(parameters)
    assert b"0123456789" not in pickle.dumps(parameters)


def test_parameters_stay_as_they_were_checked() -> None:
    """
    A mapping that is changed after the call was made changes nothing.
    """
    headers, expiry = {"X-A": "b"}, dict(_EXPIRY)
    parameters = OpenAIFileParameters(extra_headers=headers, expires_after=expiry)
    headers["X-Evil"] = "a\r\nb"
    expiry["seconds"] = 1
    assert parameters == OpenAIFileParameters(extra_headers={"X-A": "b"}, expires_after=_EXPIRY)
    assert attrs.evolve(parameters, timeout=3).extra_headers == {"X-A": "b"}


@pytest.mark.parametrize(
    ("options", "is_background"),
    [
        ({}, False),
        ({"background": True}, True),
        ({"on_response": print}, True),
        ({"on_error": print}, True),
        ({"on_terminate": print}, True),
        ({"on_progress": print}, False),
    ],
)
def test_a_callback_makes_the_call_return_at_once(options: dict[str, Any], is_background: bool) -> None:  # noqa: FBT001  a column
    """
    Callbacks and ``background`` do; progress alone does not.
    """
    assert OpenAIParameters.of(options).is_background is is_background


def test_query_has_what_was_asked_for_only() -> None:
    """
    Options that were left out are left to the provider.
    """
    assert OpenAIFileListParameters(all_pages=True, timeout=3).query() == {}
    assert OpenAIFileListParameters(after="f", limit=2, order="asc", purpose="batch").query() == {
        "after": "f",
        "limit": 2,
        "order": "asc",
        "purpose": "batch",
    }


@pytest.mark.parametrize("agent", [requests.Session, HTTPAdapter])
def test_a_class_is_no_adapter(agent: type) -> None:
    """
    What is to be made of it is said; an object of it is one.
    """
    with pytest.raises(TypeError, match=rf"not the class {agent.__name__}; write {agent.__name__}\(\)"):
        OpenAIParameters(http_agent=agent)
    with pytest.raises(TypeError, match="not the class"):
        OpenAIClient("sk-test", http_agent=agent)
    assert OpenAIParameters(http_agent=agent()).http_agent is not None


def test_a_class_is_no_parameters() -> None:
    """
    Who forgot the brackets is told to write them.
    """
    with pytest.raises(TypeError, match=r"not the class OpenAIFileParameters; write OpenAIFileParameters\(\)$"):
        OpenAIFileParameters.of(OpenAIFileParameters)


def test_options_of_another_call_are_not_ignored() -> None:
    """
    Parameters of a class below are taken as long as nothing is given that the call does not have.
    """
    assert OpenAIFileParameters.of(OpenAIFileManyParameters(filename="a.txt")).filename == "a.txt"
    with pytest.raises(TypeError, match=r"^OpenAIFileParameters has no option 'rate'; "):
        OpenAIFileParameters.of(OpenAIFileManyParameters(rate=5))
    assert OpenAIBatchParameters.of(OpenAIBatchResubmitParameters(timeout=5)) == OpenAIBatchParameters(timeout=5)


@attrs.define(kw_only=True)
class _Patient(OpenAIFileListParameters):
    """A caller's parameters: with a default of their own, and what only the caller knows."""

    why: str
    timeout: float | None = 900.0


class _Impatient(OpenAIParameters):
    """Others, made without options."""

    def __init__(self) -> None:
        super().__init__(timeout=1, background=True)


def test_of_a_callers_class_counts_what_it_inherits() -> None:
    """
    Whatever its constructor takes, and whatever else it has; of another call it is refused as the class it is made of.
    """
    asked = OpenAIFileListParameters.of(_Patient(why="slow line", limit=5), {"order": "asc"})
    assert asked == OpenAIFileListParameters(timeout=900.0, limit=5, order="asc")
    assert OpenAIParameters.of(_Impatient(), {"timeout": 2}) == OpenAIParameters(timeout=2, background=True)
    assert OpenAIFileParameters.of(_Impatient()) == OpenAIFileParameters(timeout=1, background=True)
    with pytest.raises(TypeError, match=r"^parameters must be OpenAIParameters or a mapping, not _Patient$"):
        OpenAIParameters.of(_Patient(why="slow line"))


def test_parameters_are_filled_by_assignment() -> None:
    """
    Made empty and filled, also within the mappings of a fresh object, they are those of the constructor.
    """
    parameters = OpenAIBatchParameters()
    parameters.timeout = 5
    parameters.metadata["a"] = "b"
    parameters.output_expires_after["anchor"] = "created_at"
    parameters.output_expires_after["seconds"] = 3600
    parameters.extra_headers["X-A"] = "b"
    wanted = OpenAIBatchParameters(
        timeout=5, metadata={"a": "b"}, output_expires_after=_EXPIRY, extra_headers={"X-A": "b"}
    )
    assert OpenAIBatchParameters.of(parameters) == wanted
    parameters.output_expires_after = {}
    parameters.output_expires_after["seconds"] = 3600
    parameters.output_expires_after["anchor"] = "created_at"
    del parameters.extra_headers["x-A"]
    assert OpenAIBatchParameters.of(parameters) == attrs.evolve(wanted, extra_headers=None)


@pytest.mark.parametrize("empty", [None, {}])
def test_a_mapping_that_stays_empty_is_not_given(empty: Any) -> None:
    """
    Looking at it, or assigning an empty one, gives nothing; copies of the parameters say so too.
    """
    parameters = OpenAIFileParameters()
    assert (parameters.expires_after, parameters.extra_headers) == ({}, {})
    parameters.expires_after, parameters.extra_headers = empty, empty
    assert OpenAIFileParameters.of(parameters) == OpenAIFileParameters() == attrs.evolve(OpenAIFileParameters())
    assert pickle.loads(pickle.dumps(OpenAIFileParameters())) == OpenAIFileParameters()  # noqa: S301  our own


def test_what_was_assigned_is_checked_when_a_call_uses_it_all_at_once() -> None:
    """
    Every problem is told in one error, one a line, and nothing before.
    """
    parameters: Any = OpenAIFileParameters(filename="a.txt")
    parameters.timeout = -1
    parameters.expires_after["anchor"] = "now"
    parameters.on_terminate = 5
    with pytest.raises(TypeError) as caught:
        OpenAIFileParameters.of(parameters, {"expire_after": {}, "validate": "no"})
    told = str(caught.value).splitlines()
    starts = ["on_terminate must", "timeout must", "expires_after must", "validate must", "OpenAIFileParameters has no"]
    assert [line.startswith(start) for line, start in zip(told, starts, strict=True)] == [True] * 5
    with pytest.raises(ValueError, match=r"^timeout must.*\nlimit must.*\norder must"):
        OpenAIFileListParameters.of({"timeout": 0, "limit": 0, "order": "up"})


def test_options_that_do_not_fit_each_other_are_told() -> None:
    """
    A problem of two options together is told as it is.
    """
    with pytest.raises(ValueError, match="end must be more than start"):
        OpenAIFileStreamParameters.of(None, {"start": 7, "end": 5})


def test_keywords_win_over_the_parameters_object() -> None:
    """
    Those given beside it, also for the mappings in it; it stays as it is, and nothing of it is shared.
    """
    parameters = OpenAIFileParameters(timeout=5, filename="a.txt", expires_after=_EXPIRY)
    asked = OpenAIFileParameters.of(parameters, {"timeout": None, "filename": "b.txt"})
    assert asked == OpenAIFileParameters(filename="b.txt", expires_after=_EXPIRY)
    parameters.expires_after["seconds"] = 7200
    assert asked.expires_after == _EXPIRY
    assert parameters.timeout == 5
    prices = OpenAIBatchPricesParameters()
    prices.prices["mine"] = {"input": 1, "output": 2}
    copy = OpenAIBatchPricesParameters.of(prices)
    prices.prices["mine"]["input"] = -1
    assert copy.prices == {"mine": {"input": 1, "output": 2}}
    order = OpenAIBatchParameters(extra_body={"routes": [{"to": "a"}]})
    sent = OpenAIBatchParameters.of(order)
    order.extra_body["routes"][0]["to"] = "b"
    order.extra_body["routes"].append({})
    assert sent.extra_body == {"routes": [{"to": "a"}]}


def test_headers_that_are_filled_later_stay_discreet() -> None:
    """
    What is assigned to a name of any spelling replaces it, and is hidden like what was given.
    """
    parameters = OpenAIParameters(extra_headers={"Authorization": "Bearer sk-0123456789"})
    parameters.extra_headers["authorization"] = "Bearer sk-abcdefghij"
    assert "abcdefghij" not in repr(parameters.extra_headers)
    assert isinstance(parameters.extra_headers, Headers)
    assert parameters.extra_headers.secrets == ["Bearer sk-abcdefghij", "sk-abcdefghij"]
    assert b"abcdefghij" not in pickle.dumps(parameters)
    parameters.extra_headers["X-A"] = "b\nc"
    with pytest.raises(ValueError, match="extra_headers has a field 'X-A'"):
        OpenAIParameters.of(parameters)


def test_an_option_that_is_deleted_is_not_given() -> None:
    """
    Its default counts, as if it had never been assigned.
    """
    parameters = OpenAIFileParameters(timeout=5, filename="a.txt", expires_after=_EXPIRY)
    del parameters.timeout, parameters.expires_after
    assert OpenAIFileParameters.of(parameters) == OpenAIFileParameters(filename="a.txt")


@pytest.mark.parametrize("option", ["metadata", "output_expires_after", "extra_headers", "extra_body"])
def test_a_mapping_is_filled_by_key_only(option: str) -> None:
    """
    An attribute of it, which would be sent nowhere, is refused; copies of all kinds can be made of it.
    """
    parameters = OpenAIBatchParameters()
    with pytest.raises(AttributeError, match=r"by key: \["):
        getattr(parameters, option).anchor = "created_at"
    getattr(parameters, option)["anchor"] = "created_at"
    for copied in (copy.copy(parameters), copy.deepcopy(parameters), pickle.loads(pickle.dumps(parameters))):  # noqa: S301  our own
        assert getattr(copied, option) == {"anchor": "created_at"}


class _Word(str, enum.Enum):  # noqa: UP042  the others are written as what they stand for
    """
    Strings that Python writes as their names.
    """

    BATCH = "batch"
    DESC = "desc"
    CREATED = "created_at"


def test_members_of_enumerations_are_sent_as_what_they_stand_for() -> None:
    """
    Texts of options, in mappings and headers too, and the purpose of a file may be such members.
    """
    listed = OpenAIFileListParameters.of({"order": _Word.DESC}, {"purpose": _Word.BATCH})
    assert urlencode(listed.query()) == "order=desc&purpose=batch"
    expiry = {"anchor": _Word.CREATED, "seconds": 3600}
    made = OpenAIFileParameters(expires_after=expiry, extra_headers={"X-A": _Word.BATCH}, extra_body={"a": _Word.DESC})
    asked = OpenAIFileParameters.of(made)
    assert f"{asked.extra_headers['X-A']}" == "batch"
    given = {"X-A": _Word.BATCH}
    assert [f"{headers['x-a']}" for headers in (Headers(given), Headers().merged(given))] == ["batch", "batch"]
    form = FileOrder(purpose=_Word.BATCH, expires_after=asked.expires_after, extra=asked.extra_body).to_form()
    assert [f"{value}" for value in form.values()] == ["batch", "created_at", "3600", "desc"]
