"""
Names: ids as OpenAI writes them for the resources of the Gemini API, and what display names keep.

A file there has no purpose, and a batch no metadata. Both are kept in the display name, in words that no other program
writes by chance, so that they come back with every answer, whichever process asks.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, unquote

import attrs

from aikit.providers.tokens import unsupported
from aikit.types.batches import INTENT_KEY, BatchOrder
from aikit.types.errors import OpenAIError
from aikit.types.wire import NOTHING

FILES: Final = "files"
BATCHES: Final = "batches"

_PREFIXES: Final = {FILES: "file-", BATCHES: "batch_"}
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
_MODEL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_NOTE: Final = re.compile(r" \[aikit:([^\[\] ]*)(?: ([^\[\] ]*))?\]\Z")
_JSONL: Final = ("application/jsonl", "jsonl")
_INPUT_KEY: Final = "aikit_input"

# https://ai.google.dev/api/files#File says so of files, and nothing is said of batches (read 2026-11-30)
_LONGEST: Final = 512


def id_of(name: Any, collection: str) -> str | None:
    """
    Return the id, ``"file-abc"``, for a resource called *name*, ``"files/abc"``; ``None`` if that cannot be a name.
    """
    own = name.removeprefix(f"{collection}/") if isinstance(name, str) else ""
    return _PREFIXES[collection] + own if name == f"{collection}/{own}" and _ID.fullmatch(own) else None


def path_of(item_id: str, collection: str) -> str:
    """
    Return the path of the resource that *item_id* names, either as we write it or as Google does: ``"files/abc"``.

    Raises:
        OpenAIError: It cannot be an id (code ``"invalid_id"``); nothing was sent.
    """
    prefix = next((one for one in (_PREFIXES[collection], f"{collection}/") if item_id.startswith(one)), None)
    own = "" if prefix is None else item_id[len(prefix) :]
    if _ID.fullmatch(own) is None:
        message = (
            f"{item_id[:60]!r} cannot be an id: Gemini's are {_PREFIXES[collection]}NAME or {collection}/NAME, with "
            "letters, digits, - and _ in NAME; copy it from a list"
        )
        raise OpenAIError(message=message, code="invalid_id")
    return f"{collection}/{own}"


def model_path(model: str) -> str:
    """
    Return the path of a *model*, ``"models/gemini-2.5-flash"``.

    Raises:
        OpenAIError: It cannot be the name of one (code ``"invalid_value"``).
    """
    own = model.removeprefix("models/")
    if _MODEL.fullmatch(own) is None:
        message = f"{model[:60]!r} in the lines cannot be the name of a Gemini model, as gemini-2.5-flash is one"
        raise OpenAIError(message=message, code="invalid_value", param="body.model")
    return f"models/{own}"


@attrs.frozen
class FileLabel:
    """
    What the display name of a file keeps.

    Attributes:
        model: Of the first line, where it is the input of a batch and could be looked at.
    """

    filename: str
    purpose: str
    model: str | None = None

    def to_wire(self) -> str:
        """
        Return it as a display name: ``"in.jsonl [aikit:batch gemini-2.5-flash]"``.
        """
        words = [self.purpose, *([self.model] if self.model else [])]
        return f"{self.filename} [aikit:{' '.join(quote(word, safe='') for word in words)}]"

    @classmethod
    def from_wire(cls, data: Mapping[str, Any], own_id: str) -> FileLabel:
        """
        Read the display name of a File; one that another program wrote is the filename.
        """
        shown = data.get("displayName")
        if not isinstance(shown, str) or not shown:
            shown = own_id + (".jsonl" if data.get("mimeType") in _JSONL else "")
        note = _NOTE.search(shown)
        if note is None:
            return cls(shown, _likely_purpose(data))
        return cls(shown[: note.start()], unquote(note[1]), unquote(note[2]) if note[2] else None)


def _likely_purpose(data: Mapping[str, Any]) -> str:
    """
    Return what a file may be for that another program stored, or the provider made.
    """
    is_jsonl = data.get("mimeType") in _JSONL
    if data.get("source") == "GENERATED" or (is_jsonl and str(data.get("name")).startswith("files/batch-")):
        return "batch_output"
    return "batch" if is_jsonl else "user_data"


def batch_label(order: BatchOrder) -> str:
    """
    Return the display name of a batch, which keeps its metadata and its input; the intent comes first.

    Raises:
        OpenAIError: They are too long for one (codes ``"too_many_metadata"`` and ``"unsupported"``).
    """
    kept = {INTENT_KEY: order.intent, _INPUT_KEY: order.input_file_id} | dict(order.metadata)
    label = json.dumps(kept, ensure_ascii=False, separators=(",", ":"))
    if len(label) <= _LONGEST:
        return label
    if not order.metadata:
        raise unsupported("Gemini keeps the intent in the batch's display name, and this one is too long for that")
    message = (
        f"Gemini keeps metadata in the batch's display name, which has at most {_LONGEST} characters; with aikit's own "
        f"pairs these are {len(label)}: give less"
    )
    raise OpenAIError(message=message, code="too_many_metadata", param="metadata")


def read_batch_label(label: Any) -> tuple[Mapping[str, str], str | None]:
    """
    Return the metadata and the id of the input that the display name of a batch keeps.

    A name that another program gave is the one pair ``"display_name"``.
    """
    if not isinstance(label, str) or not label:
        return NOTHING, None
    try:
        kept = json.loads(label)
    except (ValueError, RecursionError):
        kept = None
    if not isinstance(kept, dict) or not all(isinstance(value, str) for value in kept.values()):
        return {"display_name": label}, None
    return {name: value for name, value in kept.items() if name != _INPUT_KEY}, kept.get(_INPUT_KEY)
