"""
The types of options: purposes, durations, rates, dollars and the like.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

import click
from click.shell_completion import CompletionItem

from aikit.providers.config.providers import Providers
from aikit.validation.limits import limits_for

_DURATION: Final = re.compile(r"(\d+)\s*([smhdw]?)")
_RATE: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([kmg]?)(i?b)?(?:/s)?")
_UNIT_S: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604_800}


class Purpose(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.4 only
    """
    A purpose: any text, since servers have purposes of their own; the known ones are completed.
    """

    name = "purpose"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002  click's signature
        """
        Return the known purposes that begin with *incomplete*.
        """
        limits = limits_for("openai")
        return [CompletionItem(name) for name in limits.purposes if name.startswith(incomplete)]


class Endpoint(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.4 only
    """
    A batch endpoint: any text, since servers have endpoints of their own; the known ones are completed.
    """

    name = "endpoint"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002  click's signature
        """
        Return the known endpoints that begin with *incomplete*.
        """
        known = limits_for("openai").batch_endpoints
        return [CompletionItem(name) for name in known if name.startswith(incomplete)]


class Pairs(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.4 only
    """
    One pair, as ``key=value``; the value may be empty and have more signs of equality.
    """

    name = "pair"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """
        Return key and value.
        """
        key, sign, text = str(value).partition("=")
        if not key or not sign:
            self.fail(f"{value!r} is not a pair; write key=value", param, ctx)
        return key, text


class Choices(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.4 only
    """
    Some of several words, with commas between them.
    """

    name = "words"

    def __init__(self, known: Sequence[str]) -> None:
        self.known = tuple(known)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """
        Return the words.
        """
        words = tuple(word.strip() for word in str(value).split(","))
        for word in words:
            if word not in self.known:
                self.fail(f"{word!r} is not one of {', '.join(self.known)}", param, ctx)
        return words

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002  click's signature
        """
        Return the words that the last one may become.
        """
        begun, comma, last = incomplete.rpartition(",")
        return [CompletionItem(f"{begun}{comma}{word}") for word in self.known if word.startswith(last)]


class ProviderName(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.4 only
    """
    The name of a configured provider.
    """

    name = "name"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002  click's signature
        """
        Return the configured names that begin with *incomplete*; none when the provider file is unreadable.
        """
        with suppress(ValueError):
            return [CompletionItem(name) for name in Providers.load().list() if name.startswith(incomplete)]
        return []


class Duration(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.4 only
    """
    Seconds, or a number with a unit: 90m, 12h, 30d.
    """

    name = "duration"

    def __init__(self, *, may_be_none: bool = True) -> None:
        self._may_be_none = may_be_none

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """
        Return *value* in seconds.
        """
        found = _DURATION.fullmatch(str(value).strip().lower())
        if found is None:
            self.fail(f"{value!r} is not a duration; write seconds (3600), or a number with m, h, d or w", param, ctx)
        seconds = int(found[1]) * _UNIT_S[found[2]]
        if not seconds and not self._may_be_none:
            self.fail("0 is not allowed here; write at least 1 second, or leave the option out", param, ctx)
        return seconds


class Rate(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.4 only
    """
    Bytes a second: a number, or one with a unit: 500K and 2M are KiB and MiB, 2MB is two million bytes.
    """

    name = "rate"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """
        Return *value* in bytes a second.
        """
        found = _RATE.fullmatch(str(value).strip().lower())
        if found is None:
            self.fail(f"{value!r} is no rate; write bytes a second (500000), or a number with K, M or G", param, ctx)
        base = 1000.0 if found[3] == "b" else 1024.0
        return float(float(found[1]) * base ** " kmg".index(found[2] or " "))


class Dollars(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.4 only
    """
    An amount of money, 0 or more: 12.50.
    """

    name = "dollars"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """
        Return *value* as a number.
        """
        try:
            amount = float(value)
        except ValueError:
            amount = -1
        if not 0 <= amount < math.inf:  # nan is neither
            self.fail(f"{value!r} is not an amount; write US dollars, 0 or more (12.50)", param, ctx)
        return amount
