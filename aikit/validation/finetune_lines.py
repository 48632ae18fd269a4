"""
Rules for the lines of fine-tuning files: chat, preference, reinforcement and completions examples.
"""

from __future__ import annotations

from typing import Any, Final

import attrs

from aikit.validation.limits import Limits
from aikit.validation.messages import ROLES, Message, check_messages, check_tools
from aikit.validation.problems import Problems, add_missing, add_wrong_type

_OUTPUTS: Final = (("preferred_output", "preferred_completion"), ("non_preferred_output", "non_preferred_completion"))
_OUTPUT_ROLES: Final = ("assistant", "tool")
_SUPERVISED_KEYS: Final = frozenset({"messages", "tools", "parallel_tool_calls", "functions"})
_UNKNOWN: Final = (
    "Unexpected file format, expected either prompt/completion pairs or chat messages; a line has the key "
    '"messages" (chat, reinforcement), the keys "input", "preferred_output" and "non_preferred_output" '
    '(preference), or "prompt" and "completion".'
)


@attrs.define
class FineTuneRules:
    """
    Each line is one example; all have one format, that of the first.

    Whether examples that have ``messages`` are supervised or reinforcement ones is decided at the end, by the
    whole file: it is reinforcement when a line has keys of its own for graders, or no line an assistant message.
    Only in a supervised file an example without an assistant message is wrong.

    How many examples there must be, the job knows: a file for validation has the same purpose and may have fewer.
    """

    # https://developers.openai.com/api/docs/guides/supervised-fine-tuning (read 2026-11-21)
    # https://developers.openai.com/api/docs/guides/direct-preference-optimization (read 2026-11-21)
    # https://developers.openai.com/api/docs/guides/reinforcement-fine-tuning (read 2026-11-21)

    _limits: Limits
    _problems: Problems
    _format: str | None = None
    _format_line: int = 0
    _has_grader_keys: bool = False
    _has_assistant: bool = False
    _unanswered: Problems = attrs.field(factory=Problems)

    def check(self, line: dict[str, Any], number: int) -> None:
        """
        Look at one example.
        """
        name = _format_of(line)
        if name is None:
            self._problems.add_line(number, "unexpected_format", _UNKNOWN)
            return
        if self._format is None:
            self._format, self._format_line = name, number
        elif name != self._format:
            message = (
                f"This line is in the {name} format, but line {self._format_line} in the {self._format} format; "
                "a file has one format, so put each into a file of its own."
            )
            self._problems.add_line(number, "mixed_formats", message)
        self._check_example(name, line, number)

    def finish(self) -> None:
        """
        Look at the whole after the last line.
        """
        if self._has_assistant and not self._has_grader_keys:
            self._problems.add_late(self._unanswered)

    def _check_example(self, name: str, line: dict[str, Any], number: int) -> None:
        if name == "chat":
            self._check_chat(line, number)
        elif name == "preference":
            self._check_preference(line, number)
        else:
            self._check_completion(line, number)

    def _check_chat(self, line: dict[str, Any], number: int) -> None:
        self._has_grader_keys = self._has_grader_keys or not line.keys() <= _SUPERVISED_KEYS
        check_tools(line, self._problems, number)
        messages = self._check_messages(line, number, "messages")
        if any(message.role == "assistant" for message in messages):
            self._has_assistant = True
        elif messages:
            self._unanswered.add_line(
                number,
                "example_missing_assistant_message",
                "This example has no message of the role assistant, so there is nothing to learn from it; add one.",
                "messages",
            )

    def _check_preference(self, line: dict[str, Any], number: int) -> None:
        given = line.get("input")
        if type(given) is dict:
            check_tools(given, self._problems, number, "input.")
            self._check_messages(given, number, "input.messages")
        elif "input" in line:
            add_wrong_type(self._problems, number, "input", "an object", given)
        else:
            add_missing(self._problems, number, "input")
        for names in _OUTPUTS:
            name = next((name for name in names if name in line), None)
            if name is None:
                add_missing(self._problems, number, names[0])
            else:
                self._check_messages(line, number, name, _OUTPUT_ROLES)

    def _check_completion(self, line: dict[str, Any], number: int) -> None:
        for key in ("prompt", "completion"):
            if key not in line:
                add_missing(self._problems, number, key)
            elif type(line[key]) is not str:
                add_wrong_type(self._problems, number, key, "a string", line[key])

    def _check_messages(
        self, holder: dict[str, Any], number: int, param: str, roles: tuple[str, ...] = ROLES
    ) -> list[Message]:
        messages = check_messages(holder.get(param.rpartition(".")[2]), self._problems, number, param, roles)
        images = sum(message.images for message in messages)
        most = self._limits.fine_tune_max_images
        if images > most:
            text = f"This example has {images} images, but at most {most} are allowed; leave some out."
            self._problems.add_line(number, "too_many_images", text, param)
        return messages


def _format_of(line: dict[str, Any]) -> str | None:
    if "messages" in line:
        return "chat"
    if any(name in line for names in _OUTPUTS for name in names):
        return "preference"
    return "completions" if "prompt" in line or "completion" in line else None
