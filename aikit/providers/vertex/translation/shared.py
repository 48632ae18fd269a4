"""
What the lines of one file have in common while they are translated.
"""

from __future__ import annotations

import json
import marshal
import os
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs

from aikit.providers.vertex.translation.importing import Columns
from aikit.providers.vertex.translation.models import Model
from aikit.providers.vertex.translation.refusals import RefusedError, refuse
from aikit.types.suggestions import did_you_mean

_encode, _encode_ascii = (
    json.JSONEncoder(ensure_ascii=is_ascii, check_circular=False, separators=(",", ":")).encode
    for is_ascii in (False, True)
)
_SHARE: Final = 30
_HALF: Final = re.compile(rb"\\u[dD][89a-fA-F]").search  # four times as quick as a plain search for a shorter text
_PLAIN: Final = 2  # without references, which depend on more than the value
_MOST_REMEMBERED: Final = 16

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

_MENDS: Final[Mapping[str, str]] = {
    "functions": "write them as tools",
    "function_call": "write it as tool_choice",
    "web_search_options": "leave it out",
}
"""OpenAI's own parameters, of which none is misspelled → what to do."""


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
    _texts: dict[tuple[Callable[[Any], Any], bytes], str] = attrs.field(factory=dict)
    _stand_ins: dict[str, str] = attrs.field(factory=dict)
    _name: str = attrs.field(factory=lambda: os.urandom(12).hex())  # what stands for something is in no line by chance

    def once(self, translate: Callable[[Any], Any], value: Any) -> str:
        """
        Return what stands for the translated *value* until the line is written: most are the same on many lines.
        """
        try:
            key = translate, marshal.dumps(value, _PLAIN)
        except ValueError as error:
            raise RecursionError from error  # it has only what JSON has: there is no other reason
        if key not in self._texts:
            text = _encode(translate(value))
            if len(self._texts) >= _MOST_REMEMBERED:
                self._texts.clear()
            self._texts[key] = text
        stand_in = f"{self._name}{len(self._stand_ins)}"
        self._stand_ins[stand_in] = self._texts[key]
        return stand_in

    def written(self, request: Mapping[str, Any], *, is_plain: bool) -> bytes:
        """
        Return *request* as a line of JSON, in the quicker way if it was made of a plain line.

        Raises:
            UnicodeEncodeError: It has half of a surrogate pair.
        """
        text = (_encode_ascii if is_plain else _encode)(request)
        while self._stand_ins:
            stand_in, known = self._stand_ins.popitem()
            text = text.replace(f'"{stand_in}"', known, 1)
        return text.encode() + b"\n"

    def begin(self) -> None:
        """
        Forget what a line that was refused has left.
        """
        self._stand_ins.clear()

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
            mend = _MENDS.get(name, "leave it out")
            near = "" if name in _MENDS else did_you_mean(name, (*known, *_HARMLESS))
            why = f"'{name[:60]}' has no counterpart at Vertex AI, or is unknown; {mend}{near or '.'}"
            raise RefusedError(why, name[:60])


def is_plain(line: bytes) -> bool:
    """
    Return whether *line* is nearly all ASCII, and has nothing escaped that could be half of a surrogate pair.

    Such lines are written as ASCII, which takes half of the time and little more room.
    """
    return _HALF(line) is None and (line.isascii() or (len(line) - len(line.decode())) * _SHARE < len(line))
