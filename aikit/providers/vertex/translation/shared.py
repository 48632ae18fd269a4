"""
What the lines of one file have in common while they are translated.
"""

from __future__ import annotations

import marshal
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import attrs

from aikit.providers.vertex.translation.importing import Columns
from aikit.providers.vertex.translation.models import Model
from aikit.providers.vertex.translation.refusals import RefusedError, refuse
from aikit.types.suggestions import did_you_mean

T = TypeVar("T")
_PLAIN: Final = 2  # without references, which depend on more than the value
_MOST_REMEMBERED: Final = 16
_LONGEST_REMEMBERED: Final = 256 * 1024

_MEANINGLESS: Final = frozenset(
    (
        *("user", "metadata", "store", "safety_identifier", "prompt_cache_key", "prompt_cache_retention"),
        *("stream", "stream_options", "prediction"),
    )
)
"""What changes neither the answer nor its price."""

_HARMLESS: Final[Mapping[str, tuple[Any, ...]]] = {
    "service_tier": ("auto", "default"),
    "modalities": (["text"],),
    "logit_bias": ({},),
    "verbosity": ("medium",),
    "parallel_tool_calls": (True,),
    "n": (1,),
    "logprobs": (False,),
    "presence_penalty": (0,),
    "frequency_penalty": (0,),
    "response_format": ({"type": "text"},),
    "reasoning_effort": ("none",),
}
"""Parameter → values that say what is so anyway."""


@attrs.define
class Shared:
    """
    What the lines of one file share.

    Attributes:
        model: That all ask.

        columns: Of arguments and results in them.

        left_out: Names of parameters that have no meaning at Vertex AI, and were left out.
    """

    model: Model
    columns: Columns = attrs.field(factory=Columns)
    left_out: set[str] = attrs.field(factory=set)
    _remembered: dict[tuple[Callable[[Any], Any], bytes], Any] = attrs.field(factory=dict)

    def once(self, translate: Callable[[Any], T], value: Any) -> T:
        """
        Return what *translate* makes of *value*, which is the same on many lines as a rule; it must not be changed.
        """
        try:
            key = translate, marshal.dumps(value, _PLAIN)
        except ValueError as error:
            raise RecursionError from error  # it has only what JSON has: there is no other reason
        if key in self._remembered:
            return self._remembered[key]  # type: ignore[no-any-return]  # what was translated
        translated = translate(value)
        if len(key[1]) <= _LONGEST_REMEMBERED:
            if len(self._remembered) >= _MOST_REMEMBERED:
                self._remembered.clear()
            self._remembered[key] = translated
        return translated

    def leave_out(self, name: str, body: Mapping[str, Any], known: Mapping[str, Any]) -> None:
        """
        Leave out a parameter that has no meaning at Vertex AI; refuse one that had one at OpenAI.

        Raises:
            RefusedError: It has.
        """
        if name in _MEANINGLESS:
            self.left_out.add(name)
        elif name in _HARMLESS:
            is_moot = name == "parallel_tool_calls" and not body.get("tools")
            if body[name] not in _HARMLESS[name] and not is_moot:
                refuse(name, "is nothing that this model on Vertex AI can be told; leave it out")
        else:
            why = f"'{name[:60]}' has no counterpart at Vertex AI, or is unknown; leave it out"
            near = did_you_mean(name, (*known, *_MEANINGLESS, *_HARMLESS))
            raise RefusedError(f"{why}{near}", name[:60])
