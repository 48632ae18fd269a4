"""
How keys are made, and what requests may say of them.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aikit.gateway.key_fields import KeyFieldsError, new_key, read_fields, read_key, token_of
from aikit.gateway.registry.keys import hash_of

NOW = 1_000_000.0


def problems(fields: dict[str, Any]) -> dict[str, str]:
    """
    Return what is wrong with *fields*.
    """
    with pytest.raises(KeyFieldsError) as caught:
        read_fields(fields, now=NOW)
    return caught.value.problems


def test_a_key_is_random() -> None:
    """
    Two keys differ, and each has 32 random bytes.
    """
    assert new_key() != new_key()
    assert re.fullmatch(r"sk-[\w-]{43}", new_key(), re.ASCII)


def test_a_key_or_its_token_names_it() -> None:
    """
    What is no token is a key, whatever characters it has.
    """
    assert token_of("a" * 64) == "a" * 64
    assert token_of("A" * 64) == hash_of("A" * 64)
    assert token_of("sk-\ud800") == hash_of("sk-\ud800")


def test_a_key_may_be_given() -> None:
    """
    A key that is made elsewhere goes on working; what is easily guessed is no key.
    """
    assert read_key(None).startswith("sk-")
    assert read_key("sk-made-elsewhere-1") == "sk-made-elsewhere-1"
    for bad in (
        "sk-1234",
        "made-elsewhere-12345",
        "sk-aaaaaaaaaaaaaaaaaaa",
        "sk-with space 1234",
        "sk-" + "ab1" * 99,
        7,
        "",
    ):
        with pytest.raises(KeyFieldsError):
            read_key(bad)


def test_fields_of_litellm_become_those_of_the_row() -> None:
    """
    Durations become times, allow-lists tuples, amounts exact ones; tags go into the metadata.
    """
    said = read_fields(
        {
            "key_alias": "night runs",
            "models": ["gpt-4o", "gpt-4o"],
            "rpm_limit": 10,
            "tpm_limit": None,
            "max_budget": 0.1,
            "budget_duration": "30d",
            "duration": "24h",
            "metadata": {"team": "x"},
            "tags": ["a", "b"],
            "max_parallel_requests": 3,
            "aliases": {},
            "permissions": None,
            "send_invite_email": False,
            "key_type": "default",
        },
        now=NOW,
    )
    assert said == {
        "alias": "night runs",
        "models": ("gpt-4o",),
        "rpm_limit": 10,
        "tpm_limit": None,
        "max_budget": Decimal("0.1"),
        "budget_duration": "30d",
        "expires_at": NOW + 86_400,
        "metadata": {"team": "x", "tags": ["a", "b"], "max_parallel_requests": 3},
    }


def test_fields_that_are_kept_in_the_metadata_are_added_to_it() -> None:
    """
    An update that names tags only keeps the rest of the metadata, and null takes a limit away.
    """
    before = {"team": "x", "tags": ["a"], "max_parallel_requests": 3}
    said = read_fields({"tags": ["b"], "max_parallel_requests": None}, now=NOW, metadata=before)
    assert said == {"metadata": {"team": "x", "tags": ["b"]}}
    assert read_fields({"rpm_limit": 1}, now=NOW, metadata=before) == {"rpm_limit": 1}


def test_null_takes_away() -> None:
    """
    A key that expires becomes one that does not, and so on.
    """
    nothing = dict.fromkeys(("duration", "budget_duration", "max_budget", "models", "key_alias"))
    assert read_fields(nothing, now=NOW) == {
        "expires_at": None,
        "budget_duration": None,
        "max_budget": None,
        "models": (),
        "alias": None,
    }
    assert read_fields({"duration": "-1"}, now=NOW) == {"expires_at": None}


def test_all_models_are_no_restriction() -> None:
    """
    LiteLLM's name of all models allows all; what restricts by teams is refused, since it would not restrict.
    """
    assert read_fields({"models": ["all-proxy-models"]}, now=NOW) == {"models": ()}
    assert "no teams" in problems({"models": ["all-team-models"]})["models"]


def test_everything_wrong_is_told_at_once() -> None:
    """
    One answer names each field at fault and what it takes.
    """
    told = problems(
        {"rpm_limit": -1, "max_budget": "much", "duration": "soon", "colour": 1, "modles": ["a"], "blocked": 1}
    )
    assert set(told) == {"rpm_limit", "max_budget", "duration", "colour", "modles", "blocked"}
    assert 'did you mean "models"?' in told["modles"]


@pytest.mark.parametrize("name", ["allowed_routes", "guardrails", "model_rpm_limit", "permissions", "budget_id"])
def test_restrictions_that_would_not_be_heeded_are_refused(name: str) -> None:
    """
    A field of LiteLLM's that the gateway has not is refused, as long as it says something.
    """
    assert "would not be heeded" in problems({name: ["x"]})[name]
    assert read_fields({name: []}, now=NOW) == {}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("key_alias", "a\x00b"),
        ("key_alias", "a\nb"),
        ("key_alias", " a"),
        ("key_alias", "a" * 257),
        ("key_alias", "a\u202eb"),
        ("key_alias", "a\ud800"),
        ("key_alias", ["a"]),
        ("user_id", 7),
        ("models", "gpt-4o"),
        ("models", [""]),
        ("models", [None]),
        ("models", ["m"] * 1001),
        ("purposes", [["batch"]]),
        ("providers", {"openai": 1}),
        ("rpm_limit", True),
        ("rpm_limit", 1.5),
        ("rpm_limit", float("nan")),
        ("rpm_limit", float("inf")),
        ("rpm_limit", 10**400),
        ("tpm_limit", 2**53),
        ("tpm_limit", "7"),
        ("max_budget", -0.01),
        ("max_budget", float("inf")),
        ("max_budget", float("nan")),
        ("max_budget", True),
        ("max_budget", 10**400),
        ("duration", 30),
        ("duration", "0d"),
        ("duration", "1y"),
        ("duration", "30 d"),
        ("duration", "٣d"),
        ("duration", "9999999mo"),
        ("budget_duration", "-1"),
        ("metadata", []),
        ("metadata", {"a": "x" * 20_000}),
        ("metadata", {"a": float("nan")}),
        ("blocked", "false"),
    ],
)
def test_values_out_of_bounds_are_refused(name: str, value: Any) -> None:
    """
    Each field is bounded, also against what Python would take for a number or a digit.
    """
    assert list(problems({name: value})) == [name]


@pytest.mark.parametrize("alias", ["'; DROP TABLE keys; --", "../../etc", "键", "%s{0}$1", "a" * 256])
def test_an_alias_may_look_like_anything(alias: str) -> None:
    """
    Text is text: what looks like SQL or a path is an alias like another.
    """
    assert read_fields({"key_alias": alias}, now=NOW) == {"alias": alias}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
NAMES = st.sampled_from(
    [
        "key_alias",
        "models",
        "rpm_limit",
        "max_budget",
        "duration",
        "budget_duration",
        "metadata",
        "tags",
        "blocked",
        "aliases",
    ]
)


@given(st.dictionaries(NAMES | st.text(), VALUES, max_size=6))
def test_no_body_crashes_it(fields: dict[str, Any]) -> None:
    """
    Whatever JSON comes is read or refused with a name and a sentence.
    """
    problems: dict[str, str] = {}
    try:
        read_fields(fields, now=NOW)
    except KeyFieldsError as error:
        problems = error.problems
    assert set(problems) <= {name[:256] for name in fields}
