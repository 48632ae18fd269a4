"""
Rules for the lines of fine-tuning files: chat, preference, reinforcement and completions examples.
"""

from __future__ import annotations

from typing import Any, Final

import attrs

from aikit.validation.limits import Limits
from aikit.validation.problems import Problems, add_missing, add_wrong_type, excerpt

ROLES: Final = ("system", "developer", "user", "assistant", "tool", "function")
_ANSWERS: Final = ("tool_calls", "function_call", "refusal", "audio")
_FUNCTIONS_MAX: Final = 128
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
    Rules for fine-tuning files: each line is one example; all have the format of the first.

    Whether examples that have ``messages`` are supervised or reinforcement ones is decided at the end, by the
    whole file: it is reinforcement when a line has keys of its own for graders, or no line an assistant message.
    Only in a supervised file an example without an assistant message is wrong.

    The number of examples is not checked: a file for validation has the same purpose and may have few.
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
        Check one example.
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
        Check the file as a whole, after its last line.
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


@attrs.frozen
class Message:
    """
    One message of an example, as far as rules for whole examples need it.

    Attributes:
        images: The number of content parts that are images.
    """

    role: Any
    images: int = 0


def check_messages(
    value: Any, problems: Problems, line: int, param: str, roles: tuple[str, ...] = ROLES
) -> list[Message]:
    """
    Check a list of messages, each with one of *roles*; return the messages.

    Unknown keys are accepted, and so are content as a list of parts, the role developer, and an assistant that
    calls tools without content: the service accepts them since its published checks were written.
    """
    # https://developers.openai.com/api/docs/guides/supervised-fine-tuning (read 2026-11-21)
    if type(value) is not list or not value:
        message = f"'{param}' must be an array of one message or more, each an object with role and content."
        problems.add_line(line, "missing_messages_list", message, param)
        return []
    return [_check_message(message, problems, line, f"{param}[{index}]", roles) for index, message in enumerate(value)]


def check_tools(holder: dict[str, Any], problems: Problems, line: int, prefix: str = "") -> None:
    """
    Check the tools of an example.
    """
    for name, kind, words in _TOOL_KEYS:
        if holder.get(name) is not None and type(holder[name]) is not kind:
            add_wrong_type(problems, line, prefix + name, words, holder[name])
    functions = holder.get("functions")
    if type(functions) is list and not 1 <= len(functions) <= _FUNCTIONS_MAX:
        message = f"'{prefix}functions' has {len(functions)} entries; 1 to {_FUNCTIONS_MAX} are allowed."
        problems.add_line(line, "invalid_value", message, f"{prefix}functions")


_TOOL_KEYS: Final = (
    ("tools", list, "an array"),
    ("parallel_tool_calls", bool, "a boolean"),
    ("functions", list, "an array"),
)


def _check_message(message: Any, problems: Problems, line: int, param: str, roles: tuple[str, ...]) -> Message:
    if type(message) is not dict:
        add_wrong_type(problems, line, param, "an object", message)
        return Message(None)
    role = message.get("role")
    if role is None:
        text = f"Invalid file format. Discriminator 'role' is missing in '{param}'; allowed are {', '.join(roles)}."
        problems.add_line(line, "message_missing_key", text, f"{param}.role")
    elif role not in roles:
        text = f"Unrecognized role '{excerpt(role)}'; allowed are {', '.join(roles)}."
        problems.add_line(line, "unrecognized_role", text, f"{param}.role")
    if role == "assistant":
        _check_weight(message, problems, line, param)
    return Message(role, _check_content(message, problems, line, param))


def _check_weight(message: dict[str, Any], problems: Problems, line: int, param: str) -> None:
    weight = message.get("weight")
    if weight is not None and (type(weight) not in {int, float} or weight not in {0, 1}):
        text = f"Invalid value: {excerpt(weight)}. Supported values of weight are: 0 and 1."
        problems.add_line(line, "invalid_value", text, f"{param}.weight")


def _check_content(message: dict[str, Any], problems: Problems, line: int, param: str) -> int:
    """
    Check the content of a message; return the number of images in it.
    """
    content = message.get("content")
    param = f"{param}.content"
    if type(content) is list:
        return _check_parts(content, message.get("role"), problems, line, param)
    if content is None:
        if not _may_lack_content(message):
            text = f"'{param}' is missing; only an assistant that calls a tool may leave it out."
            problems.add_line(line, "missing_content", text, param)
    elif type(content) is not str:
        add_wrong_type(problems, line, param, "a string or an array of parts", content)
    return 0


def _may_lack_content(message: dict[str, Any]) -> bool:
    if message.get("role") == "function":
        return "content" in message  # the result of a function may be null
    return message.get("role") == "assistant" and any(message.get(key) for key in _ANSWERS)


def _check_parts(parts: list[Any], role: Any, problems: Problems, line: int, param: str) -> int:
    images = 0
    for index, part in enumerate(parts):
        if type(part) is not dict:
            add_wrong_type(problems, line, f"{param}[{index}]", "an object", part)
        elif type(part.get("type")) is not str:
            text = f'\'{param}[{index}].type\' must be a string such as "text" or "image_url".'
            problems.add_line(line, "invalid_type", text, f"{param}[{index}].type")
        elif part["type"] == "image_url":
            images += 1
            _check_image(part, problems, line, f"{param}[{index}].image_url.url")
    if images and role == "assistant":
        text = "Images are not allowed in messages of the role assistant; move them to the user's."
        problems.add_line(line, "image_in_assistant_message", text, param)
    return images


def _check_image(part: dict[str, Any], problems: Problems, line: int, param: str) -> None:
    image = part.get("image_url")
    url = image.get("url") if type(image) is dict else None
    if type(url) is not str or not url:
        text = f"'{param}' must be a string: the public address of an image, or a data URL with the image in it."
        problems.add_line(line, "invalid_image_url", text, param)
