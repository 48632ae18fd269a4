"""
Rules for the chat messages and tools within fine-tuning examples.
"""

from __future__ import annotations

from typing import Any, Final

import attrs

from aikit.validation.problems import Problems, add_wrong_type, excerpt

ROLES: Final = ("system", "developer", "user", "assistant", "tool", "function")
_ANSWERS: Final = ("tool_calls", "function_call", "refusal", "audio")
_FUNCTIONS_MAX: Final = 128


@attrs.frozen
class Message:
    """
    What the whole example needs to know of one of its messages.

    Attributes:
        images: How many content parts are images.
    """

    role: Any
    images: int = 0


def check_messages(
    value: Any, problems: Problems, line: int, param: str, roles: tuple[str, ...] = ROLES
) -> list[Message]:
    """
    Check a list of messages, each of one of *roles*; return what could be read of it.

    Unknown keys are accepted, and so are content as a list of parts, the role developer, and an assistant that
    calls tools without content: the service learned these after its published checks were written.
    """
    # https://developers.openai.com/api/docs/guides/supervised-fine-tuning (read 2026-11-21)
    if type(value) is not list or not value:
        message = f"'{param}' must be an array of one message or more, each an object with role and content."
        problems.add_line(line, "missing_messages_list", message, param)
        return []
    return [_checked(message, problems, line, f"{param}[{index}]", roles) for index, message in enumerate(value)]


def check_tools(holder: dict[str, Any], problems: Problems, line: int, prefix: str = "") -> None:
    """
    Check what an example says about tools beside its messages.
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


def _checked(message: Any, problems: Problems, line: int, param: str, roles: tuple[str, ...]) -> Message:
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
    Check what a message says; return how many images are in it.
    """
    content = message.get("content")
    param = f"{param}.content"
    if type(content) is list:
        return _check_parts(content, message.get("role"), problems, line, param)
    if content is None:
        if not _may_say_nothing(message):
            text = f"'{param}' is missing; only an assistant that calls a tool may say nothing."
            problems.add_line(line, "missing_content", text, param)
    elif type(content) is not str:
        add_wrong_type(problems, line, param, "a string or an array of parts", content)
    return 0


def _may_say_nothing(message: dict[str, Any]) -> bool:
    if message.get("role") == "function":
        return "content" in message  # what a function gives back may be null
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
