"""
Errors, objects, progress and costs as JSON.
"""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

import aikit
from aikit import jsonl
from aikit.http.headers import Headers
from aikit.http.messages import Request, Response
from aikit.types.batch_rows import OpenAIBatchRow
from aikit.types.batches import OpenAIBatch, OpenAIBatchError, OpenAIBatchProgress
from aikit.types.bulk_files import OpenAIFileManyProgress, OpenAIFileTotals, OpenAIFileUnderWay, OpenAIFileUsage
from aikit.types.costs import OpenAIBatchCost, OpenAIBatchEstimate, OpenAIModelCost, OpenAIModelEstimate
from aikit.types.errors import CancelledError, ExchangeError, OpenAIError
from aikit.types.files import OpenAIFile, OpenAIFileDeleted
from aikit.types.json_form import Jsonable
from aikit.types.progress import Progress
from aikit.types.rate_limit import RateLimit
from aikit.types.uploads import OpenAIUpload, OpenAIUploadPart
from aikit.types.usage import Usage
from tests.public import names_of

_KEY = "sk-proj-0123456789"
_REQUEST = Request(
    method="GET", url=f"https://u:{_KEY}@api.example/v1/files", headers=Headers({"Authorization": f"Bearer {_KEY}"})
)
_FILE_WIRE = {
    "object": "file",
    "id": "file-1",
    "bytes": None,
    "created_at": 1,
    "filename": "ü",
    "purpose": "batch",
    "new": [1],
}
_UPLOAD_WIRE = {
    "id": "upload_1",
    "bytes": 3,
    "created_at": 1,
    "filename": "a",
    "purpose": "batch",
    "status": "completed",
    "file": _FILE_WIRE,
    "object": "upload",
    "new": {"x": 1},
}
_BATCH_WIRE = {
    "object": "batch",
    "id": "batch_1",
    "endpoint": "/v1/x",
    "input_file_id": "file-1",
    "completion_window": "24h",
    "status": "failed",
    "errors": {"object": "list", "data": [{"code": "c", "message": "m", "param": None, "line": 2}]},
    "created_at": 1,
    "request_counts": {"total": 0, "completed": 0, "failed": 0},
    "metadata": {"a": "b"},
    "new": True,
}


def _through_json(value: Any) -> Any:
    return json.loads(json.dumps(value, default=aikit.to_json))


@pytest.mark.parametrize(
    ("read", "wire"),
    [
        (OpenAIFile.from_wire, _FILE_WIRE),
        (OpenAIFileDeleted.from_wire, {"id": "file-1", "deleted": True, "object": "file", "new": 1}),
        (OpenAIUpload.from_wire, _UPLOAD_WIRE),
        (OpenAIUploadPart.from_wire, {"id": "p", "created_at": 1, "upload_id": "u", "object": "upload.part", "new": 1}),
        (OpenAIBatch.from_wire, _BATCH_WIRE),
    ],
)
def test_objects_are_told_as_the_api_does(read: Any, wire: dict[str, Any]) -> None:
    """
    What was read is written again, with the fields that aikit does not know.
    """
    assert read(wire).to_dict() == wire
    assert _through_json([read(wire)]) == [wire]


def test_errors_are_told_as_the_api_does() -> None:
    """
    The API's four fields are always there, those of aikit where they are known; headers and body are not.
    """
    error = OpenAIError(message="m", code="c", status=404, line=7, headers=Headers({"x": _KEY}), body={"said": _KEY})
    told = {"message": "m", "type": None, "param": None, "code": "c", "line": 7, "status": 404}
    assert _through_json((error,)) == [told]
    assert _through_json(ExchangeError(message="m"))["is_ambiguous"] is True
    assert _through_json(CancelledError())["code"] == "cancelled"
    assert _through_json(OpenAIBatchError(code="c", message="m", line=1))["line"] == 1


def test_dollars_are_strings_and_unknown_is_null() -> None:
    """
    No digit of an amount is lost, also of one that is very small, and no sum is 0 that is not known.
    """
    models = (OpenAIModelCost(model="m", requests=1, usage=Usage(input_tokens=3), cost=Decimal("0.00000010")),)
    told = _through_json(OpenAIBatchCost(models=models, answered=1))
    assert (told["cost"], told["currency"], told["models"][0]["cost"]) == ("0.00000010", "USD", "0.00000010")
    assert told["usage"]["input_tokens"] == 3
    assert _through_json(OpenAIBatchCost(models=(OpenAIModelCost(model="m"),)))["cost"] is None
    estimate = OpenAIBatchEstimate(models=(OpenAIModelEstimate(model="m", requests=2, cost_low=Decimal("1.10")),))
    told = _through_json(estimate)
    assert (told["requests"], told["cost_low"], told["cost_high"], told["currency"]) == (2, "1.10", None, "USD")


def test_progress_has_its_fraction() -> None:
    """
    What can be asked of a progress is in its JSON, too.
    """
    assert Progress(1, 4, "uploading").to_dict() == {
        "bytes": 1,
        "total": 4,
        "phase": "uploading",
        "attempt": 1,
        "fraction": 0.25,
    }
    under_way = (OpenAIFileUnderWay(number=0, path="a"),)
    many = OpenAIFileManyProgress(files=1, files_total=2, failed=0, bytes=1, bytes_total=2, under_way=under_way)
    assert (_through_json(many)["fraction"], _through_json(many)["under_way"][0]["path"]) == (0.5, "a")
    batch = OpenAIBatchProgress(OpenAIBatch.from_wire(_BATCH_WIRE), 3)
    assert (_through_json(batch)["phase"], _through_json(batch)["batch"]["id"]) == ("failed", "batch_1")


def test_sums_rows_and_rate_limits() -> None:
    """
    Values within values are told likewise.
    """
    totals = OpenAIFileTotals(files=1, bytes=2)
    usage = OpenAIFileUsage(total=totals, expiring=totals, never_expiring=totals, by_purpose={"batch": totals})
    assert _through_json(usage)["by_purpose"] == {"batch": {"files": 1, "bytes": 2, "oldest": None}}
    row = OpenAIBatchRow(line=1, custom_id="q", status="missing", batch_id="b", input_line=b"{}")
    assert (_through_json(row)["custom_id"], _through_json(row)["error"]["line"]) == ("q", 1)
    limit = RateLimit(limit={"requests": 5}, remaining={}, reset={"tokens": "1s"})
    assert _through_json(limit) == {"limit": {"requests": 5}, "remaining": {}, "reset": {"tokens": "1s"}}


def test_prices_and_parts_are_told(tmp_path: Path) -> None:
    """
    What else calls return: prices, and the parts of a file that was split.
    """
    line = aikit.jsonl.chat_line("hi", model="m", custom_id="q")
    (tmp_path / "a.jsonl").write_text(json.dumps(line) + "\n")
    (part,) = aikit.jsonl.split(tmp_path / "a.jsonl", tmp_path / "parts", max_tokens=1_000)
    assert (_through_json(part)["lines"], _through_json(part)["path"]) == (1, str(part.path))
    prices = {"m": {"input": "0.10", "output": 0.2}}
    with aikit.OpenAIClient(provider="local", home=tmp_path, prices=prices) as client:
        told = _through_json(client.batches.prices())
    assert told["own"]["m"]["standard"]["input"] == "0.10"


def test_secrets_are_in_no_json() -> None:
    """
    Requests, responses, headers and limits go without keys, wherever these stand.
    """
    headers, words = Headers({"x-echo": _KEY, "x": "y"}), f"OK {_KEY}"
    response = Response(status=200, headers=headers, body=_KEY.encode(), request=_REQUEST, reason=words)
    for value in (response, _REQUEST, response.headers, _REQUEST.headers, {"in": [response]}):
        assert _KEY not in json.dumps(value, default=aikit.to_json)
    assert _through_json(response)["headers"] == {"x-echo": "***", "x": "y"}
    assert _through_json(response)["status_text"] == "OK ***"
    assert _through_json(_REQUEST) == {"method": "GET", "url": "https://***@api.example/v1/files", "attempt": 1}


def test_numbers_that_json_does_not_know_are_told_as_nothing() -> None:
    """
    Some servers write ``NaN`` and ``1e999``, which Python reads; what is written of it every language reads.
    """
    odd = {"score": [float("nan"), 0.5], "most": {"of": float("-inf")}}
    for value in (OpenAIFile.from_wire(_FILE_WIRE | odd), OpenAIBatch.from_wire(_BATCH_WIRE | odd)):
        told = json.loads(json.dumps(value, default=aikit.to_json, allow_nan=False))
        assert {name: told[name] for name in odd} == {"score": [None, 0.5], "most": {"of": None}}


def test_what_is_told_is_a_copy() -> None:
    """
    Who changes it, fields that aikit does not know included, changes no object.
    """
    file = OpenAIFile.from_wire(_FILE_WIRE | {"new": [1]})
    file.to_dict()["new"].append(2)
    assert file.extra == {"new": [1]}


def test_the_hook_takes_what_stands_beside_them() -> None:
    """
    Dollars, paths, sets and mappings of such values are known; bytes and others are refused as json does.
    """
    value = {"a": PurePosixPath("x/y"), "b": Decimal("1.50"), "c": {"z"}, "d": OpenAIFileTotals()}
    assert _through_json(value) == {
        "a": "x/y",
        "b": "1.50",
        "c": ["z"],
        "d": OpenAIFileTotals().to_dict(),
    }
    for odd in (b"bytes", object(), aikit.OpenAIClient):
        with pytest.raises(TypeError, match="is not JSON serializable"):
            json.dumps(odd, default=aikit.to_json)


def test_every_public_value_can_be_told() -> None:
    """
    What a program gets of a call has ``to_dict``: all public names but clients, parameters and what is raised.
    """
    others = ("Parameters", "Client", "Providers", "CheckedFile")
    public = [getattr(aikit, name) for name in names_of(aikit) if not name.endswith(others)]
    public += [getattr(jsonl, name) for name in names_of(jsonl) if name != "Rejected"]
    values = [one for one in public if isinstance(one, type)]
    assert [one.__name__ for one in values if not hasattr(one, "to_dict")] == []
    assert len([one for one in values if issubclass(one, Jsonable)]) > 20
