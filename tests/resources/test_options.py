"""
Keywords of the calls: what type checkers know of them is what the parameters classes have.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any, Final, get_args, get_origin, get_type_hints

import attrs
import pytest

import aikit
from aikit import OpenAIClient, OpenAIParameters
from aikit.resources.batches import BatchesAPI
from aikit.resources.batches import options as batch_options
from aikit.resources.batches.run import parameters as run_parameters
from aikit.resources.files import FilesAPI
from aikit.resources.files import options as file_options
from aikit.resources.uploads import UploadsAPI
from aikit.resources.uploads import options as upload_options
from aikit.runtime import options as call_options
from tests.public import names_of

_OPTIONS: Final = {BatchesAPI: batch_options, FilesAPI: file_options, UploadsAPI: upload_options}
_CALLS: Final = [
    (api, name)
    for api in _OPTIONS
    for name, member in inspect.getmembers(api, inspect.isfunction)
    if not name.startswith("_")
]
_CALLBACKS: Final = {"on_response", "on_error", "on_terminate", "on_progress"}
_CLASSES: Final = [
    cls
    for cls in (getattr(aikit, name) for name in names_of(aikit))
    if isinstance(cls, type) and issubclass(cls, OpenAIParameters) and cls is not OpenAIParameters
]
_ALIKE: Final = (
    {aikit.OpenAIFileParameters, aikit.OpenAIFileManyParameters},
    {aikit.OpenAIBatchParameters, aikit.OpenAIBatchResubmitParameters},
)
"""Taken for each other, as long as nothing is given that only the other has."""
_GIVEN: Final[Mapping[str, Any]] = {
    "file_id": "file-1",
    "upload_id": "upload_1",
    "batch_id": "batch_1",
    "input_file_id": "file-1",
    "batch": "batch_1",
    "purpose": "user_data",
    "part_ids": ["part_1"],
    "endpoint": "/v1/embeddings",
    "size_bytes": 1,
    "input": [{}],
}
_SENDS_NOTHING: Final = (BatchesAPI, "prices")


def _names(api: type) -> dict[str, Any]:
    """
    Return the names that stand in the hints of an API.
    """
    modules = (call_options, run_parameters, *_OPTIONS.values(), *(inspect.getmodule(cls) for cls in api.__mro__))
    return {name: value for module in modules for name, value in vars(module).items()}


def _types(api: type, name: str) -> tuple[Any, Any, Any]:
    """
    Return the class, the keywords and the result of a call.
    """
    signature, names = inspect.signature(getattr(api, name)), _names(api)
    said = signature.parameters["parameters"].annotation
    *own, common, keywords, none = said.split(" | ")
    assert (common, none) == ("CommonParameters", "None")
    assert signature.parameters["options"].annotation == f"Unpack[{keywords}]"
    return (names[own[0]] if own else OpenAIParameters), names[keywords], names.get(signature.return_annotation)


def _taken(hint: Any) -> Any:
    """
    Return the type that the constructor takes for a field whose attribute has the type *hint*.
    """
    if get_origin(hint) in (dict, MutableMapping):
        return Mapping[get_args(hint)] | None  # type: ignore[misc]  # computed here
    return hint


@pytest.mark.parametrize(("api", "name"), _CALLS, ids=lambda one: getattr(one, "__name__", one))
def test_keywords_of_a_call_are_the_fields_of_its_parameters(api: type, name: str) -> None:
    """
    They have the same names, and the types that the constructor takes.
    """
    cls, keywords, _ = _types(api, name)
    known = get_type_hints(keywords)
    if (api, name) == _SENDS_NOTHING:
        assert set(known) == {"provider", "prices"}
        return
    hints = get_type_hints(cls, localns=_names(api))
    assert set(known) == set(hints)
    fields = [field for field in attrs.fields(cls) if field.name not in _CALLBACKS]
    assert [(field.name, known[field.name]) for field in fields] == [
        (field.name, _taken(hints[field.name])) for field in fields
    ]


@pytest.mark.parametrize(("api", "name"), [one for one in _CALLS if one != _SENDS_NOTHING])
def test_callbacks_of_a_call_get_its_result(api: type, name: str) -> None:
    """
    Type checkers know which result that is.
    """
    _, keywords, result = _types(api, name)
    kinds = {kind for kind in keywords.__orig_bases__ if get_origin(kind) is call_options.CallOptions}
    assert {get_args(kind)[0] for kind in kinds} == {result}


@pytest.mark.parametrize(("api", "name"), _CALLS, ids=lambda one: getattr(one, "__name__", one))
def test_parameters_of_another_call_are_refused(api: type, name: str, tmp_path: Path) -> None:
    """
    What is said names what was given, and what is taken; nothing is sent.
    """
    wanted, _, _ = _types(api, name)
    with OpenAIClient("sk-1", base_url="http://127.0.0.1:9/v1", home=tmp_path) as client:
        call = getattr(next(each for each in (client.files, client.uploads, client.batches) if type(each) is api), name)
        needed = [each for each in inspect.signature(call).parameters.values() if each.default is each.empty]
        given = [_GIVEN.get(each.name, "a.txt") for each in needed if each.name != "options"]
        near = next((kin for kin in _ALIKE if wanted in kin), {wanted})
        others = [cls for cls in _CLASSES if cls not in near]
        assert len(others) > 13
        for cls in others:
            with pytest.raises(TypeError, match=f"must be {wanted.__name__} or a mapping, not {cls.__name__}$"):
                call(*given, parameters=cls())


@pytest.mark.parametrize("name", [name for name in names_of(aikit) if isinstance(getattr(aikit, name), type)])
def test_hints_of_public_classes_can_be_resolved(name: str) -> None:
    """
    Libraries that read the fields of a class from its hints, and those of its methods, find them.
    """
    cls = getattr(aikit, name)
    assert all(hint is not None for hint in get_type_hints(cls).values())
    for method, _ in inspect.getmembers(cls, inspect.isfunction):
        if not method.startswith("_"):
            get_type_hints(getattr(cls, method))
