"""
JSONL files: lines built from Python objects, checked, split, and estimated in tokens.

    from aikit import jsonl

    jsonl.write("questions.jsonl", (jsonl.chat_line(text, model="gpt-5-mini") for text in texts))
    jsonl.check("questions.jsonl")
    jsonl.split("questions.jsonl", "parts")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from aikit.jsonl.builder import chat_line as chat_line
    from aikit.jsonl.builder import embedding_line as embedding_line
    from aikit.jsonl.builder import response_line as response_line
    from aikit.jsonl.builder import stable_id as stable_id
    from aikit.jsonl.checker import check as check
    from aikit.jsonl.parts import Part as Part
    from aikit.jsonl.questions import from_csv as from_csv
    from aikit.jsonl.questions import from_records as from_records
    from aikit.jsonl.splitter import split as split
    from aikit.jsonl.tokens import TokenEstimate as TokenEstimate
    from aikit.jsonl.tokens import estimate_tokens as estimate_tokens
    from aikit.jsonl.writer import Written as Written
    from aikit.jsonl.writer import write as write
    from aikit.types.errors import Rejected as Rejected

_HOMES: Final = {
    "aikit.types.errors": ("Rejected",),
    "aikit.jsonl.builder": ("chat_line", "embedding_line", "response_line", "stable_id"),
    "aikit.jsonl.checker": ("check",),
    "aikit.jsonl.parts": ("Part",),
    "aikit.jsonl.questions": ("from_csv", "from_records"),
    "aikit.jsonl.splitter": ("split",),
    "aikit.jsonl.tokens": ("TokenEstimate", "estimate_tokens"),
    "aikit.jsonl.writer": ("Written", "write"),
}
_HOME_OF: Final = {name: home for home, names in _HOMES.items() for name in names}

if not TYPE_CHECKING:  # which knows the names from above, and would let any other pass then
    __all__ = [*_HOME_OF]  # noqa: PLE0604  the public names, each loaded when it is asked for

    def __getattr__(name: str) -> Any:
        if name in _HOME_OF:
            from aikit.types.loading import load  # noqa: PLC0415  as of aikit itself

            value = getattr(load(_HOME_OF[name]), name)
            globals()[name] = value
            return value
        raise AttributeError(f"module 'aikit.jsonl' has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*__all__, *(name for name in globals() if name.startswith("__") and name.endswith("__"))})
