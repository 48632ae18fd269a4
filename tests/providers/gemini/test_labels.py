"""
What display names keep comes back, whatever it is.
"""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from aikit.providers.gemini.names import BATCHES, FILES, FileLabel, batch_label, id_of, path_of, read_batch_label
from aikit.types.batches import INTENT_KEY, BatchOrder
from aikit.types.errors import OpenAIError

_TEXT = st.text(st.characters(codec="utf-8"))
_KEYS = _TEXT.filter(lambda key: not key.startswith("aikit_"))
_LIKE_IDS = st.from_regex(re.compile(r"(?:file-|files/|batch_|batches/)[A-Za-z0-9_.%/:-]{0,140}"), fullmatch=True)


@given(filename=_TEXT.filter(bool), purpose=_TEXT, model=st.none() | _TEXT.filter(bool))
def test_files_keep_name_purpose_and_model(filename: str, purpose: str, model: str | None) -> None:
    """
    Brackets, spaces and notes of aikit's own in a name are part of the name.
    """
    label = FileLabel(filename, purpose, model)
    assert FileLabel.from_wire({"displayName": label.to_wire()}, "file-x") == label


@given(
    metadata=st.dictionaries(_TEXT.filter(lambda key: not key.startswith("aikit_")), _TEXT, max_size=5), intent=_TEXT
)
def test_batches_keep_metadata_intent_and_input(metadata: dict[str, str], intent: str) -> None:
    """
    What has room in 512 characters is kept; what has not is refused.
    """
    order = BatchOrder(input_file_id="file-1", endpoint="/v1/embeddings", metadata=metadata, intent=intent)
    try:
        label = batch_label(order)
    except OpenAIError as error:
        label, code = None, error.code
    if label is None:
        assert code in {"too_many_metadata", "unsupported"}
        return
    assert len(label) <= 512
    assert read_batch_label(label) == ({INTENT_KEY: intent, **metadata}, "file-1")


@given(
    st.text() | st.from_regex(re.compile(r"(?:file-|files/|batch_|batches/)[A-Za-z0-9_.%/:-]{0,140}"), fullmatch=True)
)
def test_ids_are_names_or_refused(text: str) -> None:
    """
    Each id has one path, and each path one id; a path has no more than its collection and one word.
    """
    for collection in (FILES, BATCHES):
        try:
            path = path_of(text, collection)
        except OpenAIError:
            continue
        assert re.fullmatch(collection + r"/[A-Za-z0-9][A-Za-z0-9_-]*", path)
        own = id_of(path, collection)
        assert own is not None
        assert path_of(own, collection) == path
