"""
The message of a chat completion while it is put together.
"""

from __future__ import annotations

from typing import Any


class Message:
    """
    What a model said, thought and called, and what else its answer has.
    """

    __slots__ = ("calls", "others", "said", "thought")

    def __init__(self) -> None:
        self.said: list[str] = []
        self.thought: list[str] = []
        self.calls: list[dict[str, Any]] = []
        self.others: dict[str, Any] = {}

    def to_wire(self) -> dict[str, Any]:
        """
        Return it in OpenAI's names.
        """
        content = "".join(self.said) if self.said or not self.calls else None
        message = {"role": "assistant", "content": content, "refusal": None, **self.others}
        if self.thought:
            message["reasoning_content"] = "".join(self.thought)
        if self.calls:
            message["tool_calls"] = self.calls
        return message
