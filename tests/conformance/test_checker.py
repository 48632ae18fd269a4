"""
The checker itself: what is right passes, what is wrong does not, and no amendment outlives its reason.
"""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from tests.conformance.checker import Answered, Asked, Checker
from tests.conformance.document import FALSE_ALARMS, STRICTER, Amendment, amended
from tests.conformance.recorder import FILE, json_answer, page

SIGNED = {"Authorization": "Bearer sk-of-a-test"}
GET = Asked(method="GET", target="/v1/files/file-1", headers=SIGNED)
LIST = Asked(method="GET", target="/v1/files", headers=SIGNED)
DELETE = Asked(method="DELETE", target="/v1/files/file-1", headers=SIGNED)
CONTENT = Asked(method="GET", target="/v1/files/file-1/content", headers=SIGNED)
BATCH = Asked(method="GET", target="/v1/batches/batch_1", headers=SIGNED)
NEW_BATCH = {
    "id": "batch_1",
    "object": "batch",
    "endpoint": "/v1/embeddings",
    "input_file_id": "file-1",
    "completion_window": "24h",
    "status": "validating",
    "created_at": 1_795_262_400,
    "output_file_id": None,
    "errors": None,
    "completed_at": None,
}
DELETED = {"id": "file-1", "object": "file", "deleted": True}
REFUSAL = {"message": "No such File object: file-1", "type": "invalid_request_error", "param": "id", "code": None}
PURPOSE = 'name="purpose"\r\n\r\nbatch'
UPLOAD = 'name="file"; filename="a.jsonl"\r\nContent-Type: application/jsonl\r\n\r\n{}\n'
ANCHOR = 'name="expires_after[anchor]"\r\n\r\ncreated_at'
SECONDS = 'name="expires_after[seconds]"\r\n\r\n3600'


def form(*parts: str) -> Asked:
    """Return an upload with *parts*, each without its boundary and the start of its Content-Disposition."""
    body = "".join(f"--X\r\nContent-Disposition: form-data; {part}\r\n" for part in parts) + "--X--\r\n"
    headers = SIGNED | {"Content-Type": "multipart/form-data; boundary=X"}
    return Asked(method="POST", target="/v1/files", headers=headers, body=body.encode())


def without(value: dict[str, Any], key: str) -> dict[str, Any]:
    """Return *value* without *key*."""
    return {name: each for name, each in value.items() if name != key}


GOOD_REQUESTS = {
    "retrieve": GET,
    "list": LIST,
    "list a page": attrs.evolve(LIST, target="/v1/files?limit=2&order=asc&after=file-1&purpose=batch"),
    "delete": DELETE,
    "content": CONTENT,
    "upload": form(PURPOSE, UPLOAD),
    "upload with expiry": form(PURPOSE, ANCHOR, SECONDS, UPLOAD),
}

BAD_REQUESTS = {
    "no key": attrs.evolve(GET, headers={}),
    "another kind of key": attrs.evolve(GET, headers={"api-key": "x"}),
    "unknown path": attrs.evolve(GET, target="/v1/filez"),
    "path without version": attrs.evolve(GET, target="/files"),
    "unknown method": attrs.evolve(GET, method="PUT"),
    "limit in words": attrs.evolve(LIST, target="/v1/files?limit=many"),
    "unknown order": attrs.evolve(LIST, target="/v1/files?order=up"),
    "unknown query parameter": attrs.evolve(LIST, target="/v1/files?before=file-1"),
    "query where none belongs": attrs.evolve(GET, target="/v1/files/file-1?limit=1"),
    "JSON instead of a form": attrs.evolve(form(), headers=SIGNED | {"Content-Type": "application/json"}, body=b"{}"),
    "no body": attrs.evolve(form(), headers=SIGNED, body=b""),
    "no purpose": form(UPLOAD),
    "no file": form(PURPOSE),
    "unknown purpose": form(PURPOSE.replace("batch", "bogus"), UPLOAD),
    "output purpose": form(PURPOSE.replace("batch", "batch_output"), UPLOAD),
    "unknown field": form(PURPOSE, UPLOAD, 'name="colour"\r\n\r\nred'),
    "purpose twice": form(PURPOSE, PURPOSE, UPLOAD),
    "file under another name": form(PURPOSE, UPLOAD.replace('"file"', '"data"')),
    "file without a type": form(PURPOSE, UPLOAD.replace("Content-Type: application/jsonl\r\n", "")),
    "file as a plain field": form(PURPOSE, UPLOAD.replace('; filename="a.jsonl"', "")),
    "expiry as an object": form(PURPOSE, UPLOAD, 'name="expires_after"\r\n\r\n{"seconds": 3600}'),
    "expiry with dots": form(PURPOSE, UPLOAD, ANCHOR.replace("[anchor]", ".anchor")),
    "expiry without seconds": form(PURPOSE, ANCHOR, UPLOAD),
    "expiry without anchor": form(PURPOSE, SECONDS, UPLOAD),
    "expiry too soon": form(PURPOSE, ANCHOR, SECONDS.replace("3600", "3599"), UPLOAD),
    "expiry too late": form(PURPOSE, ANCHOR, SECONDS.replace("3600", "2592001"), UPLOAD),
    "expiry in fractions": form(PURPOSE, ANCHOR, SECONDS.replace("3600", "3600.5"), UPLOAD),
    "expiry in words": form(PURPOSE, ANCHOR, SECONDS.replace("3600", "an hour"), UPLOAD),
    "expiry from another anchor": form(PURPOSE, ANCHOR.replace("created_at", "now"), SECONDS, UPLOAD),
}

GOOD_ANSWERS = {
    "file": (GET, json_answer(FILE)),
    "file with expiry": (GET, json_answer(FILE | {"expires_at": 1_795_266_000})),
    "evals file": (GET, json_answer(FILE | {"purpose": "evals"})),
    "list": (LIST, json_answer(page())),
    "empty list": (LIST, json_answer(page() | {"data": [], "first_id": "", "last_id": ""})),
    "deletion": (DELETE, json_answer(DELETED)),
    "content": (CONTENT, Answered(status=200, headers={"Content-Type": "application/octet-stream"}, body=b"\xff")),
    "part": (CONTENT, Answered(status=206, headers={"Content-Type": "application/octet-stream"}, body=b"\xff")),
    "refusal": (GET, json_answer({"error": REFUSAL}, 404)),
    "batch": (BATCH, json_answer(NEW_BATCH)),
    "fault": (LIST, json_answer({"error": REFUSAL}, 500)),
}

BAD_ANSWERS = {
    **{f"file without {key}": (GET, json_answer(without(FILE, key))) for key in FILE},
    **{f"list without {key}": (LIST, json_answer(without(page(), key))) for key in page()},
    **{f"deletion without {key}": (DELETE, json_answer(without(DELETED, key))) for key in DELETED},
    **{f"refusal without {key}": (GET, json_answer({"error": without(REFUSAL, key)}, 404)) for key in REFUSAL},
    "bytes as text": (GET, json_answer(FILE | {"bytes": "3"})),
    "unknown status": (GET, json_answer(FILE | {"status": "pending"})),
    "unknown purpose": (GET, json_answer(FILE | {"purpose": "bogus"})),
    "another object": (GET, json_answer(FILE | {"object": "batch"})),
    "no expiry as null": (GET, json_answer(FILE | {"expires_at": None})),
    "time in fractions": (GET, json_answer(FILE | {"created_at": 1.5})),
    "field of our own": (GET, json_answer(FILE | {"sha256": "0"})),
    "list with null ids": (LIST, json_answer(page() | {"first_id": None, "last_id": None})),
    "list with a broken file": (LIST, json_answer(page() | {"data": [without(FILE, "bytes")]})),
    "deletion in words": (DELETE, json_answer(DELETED | {"deleted": "yes"})),
    "refusal with status 200": (GET, json_answer({"error": REFUSAL})),
    "refusal not wrapped": (GET, json_answer(REFUSAL, 404)),
    "refusal with a number as code": (GET, json_answer({"error": REFUSAL | {"code": 404}}, 404)),
    "file with status 201": (GET, json_answer(FILE, 201)),
    "batch of no status": (BATCH, json_answer(NEW_BATCH | {"status": None})),
    "batch with a field of our own": (BATCH, json_answer(NEW_BATCH | {"upstream": None})),
    "no JSON": (GET, Answered(status=200, headers={"Content-Type": "application/json"}, body=b"<html>")),
    "no content type": (GET, Answered(status=200, headers={}, body=json_answer(FILE).body)),
    "content as JSON": (CONTENT, json_answer("content")),
}

NEEDED = {
    "refusals_are_described": (GET, json_answer({"error": REFUSAL}, 404)),
    "content_is_bytes": GOOD_ANSWERS["content"],
    "evals_is_a_purpose": GOOD_ANSWERS["evals file"],
    "a_file_in_a_form_is_bytes": (form(PURPOSE, UPLOAD), json_answer(FILE)),
    "brackets_name_the_fields_of_an_object": (form(PURPOSE, ANCHOR, SECONDS, UPLOAD), json_answer(FILE)),
    "what_a_batch_has_not_is_null": GOOD_ANSWERS["batch"],
}


@pytest.mark.parametrize("asked", GOOD_REQUESTS.values(), ids=GOOD_REQUESTS)
def test_a_described_request_passes(checker: Checker, asked: Asked) -> None:
    """What OpenAI describes is not complained of."""
    assert checker.complaints_of(asked) == []


@pytest.mark.parametrize("asked", BAD_REQUESTS.values(), ids=BAD_REQUESTS)
def test_a_broken_request_is_caught(checker: Checker, asked: Asked) -> None:
    """What OpenAI does not describe is complained of."""
    assert checker.complaints_of(asked)


@pytest.mark.parametrize(("asked", "answered"), GOOD_ANSWERS.values(), ids=GOOD_ANSWERS)
def test_a_described_answer_passes(checker: Checker, asked: Asked, answered: Answered) -> None:
    """What OpenAI describes is not complained of."""
    assert checker.complaints_about(asked, answered) == []


@pytest.mark.parametrize(("asked", "answered"), BAD_ANSWERS.values(), ids=BAD_ANSWERS)
def test_a_broken_answer_is_caught(checker: Checker, asked: Asked, answered: Answered) -> None:
    """What OpenAI does not describe is complained of."""
    assert checker.complaints_about(asked, answered)


@pytest.mark.parametrize("amendment", FALSE_ALARMS, ids=lambda amendment: amendment.__name__)
def test_each_false_alarm_is_still_one(checker: Checker, amendment: Amendment) -> None:
    """Without its amendment the checker complains of something that is right, and with it does not."""
    asked, answered = NEEDED[amendment.__name__]
    unamended = Checker(amended(each for each in (*FALSE_ALARMS, *STRICTER) if each is not amendment))

    assert unamended.complaints_of(asked) + unamended.complaints_about(asked, answered)
    assert checker.complaints_of(asked) + checker.complaints_about(asked, answered) == []


@pytest.mark.parametrize("amendment", STRICTER, ids=lambda amendment: amendment.__name__)
def test_each_stricter_rule_is_needed(checker: Checker, amendment: Amendment) -> None:
    """Without its amendment the checker lets something pass that is wrong."""
    asked, answered = BAD_ANSWERS["field of our own"]
    unamended = Checker(amended(each for each in (*FALSE_ALARMS, *STRICTER) if each is not amendment))

    assert unamended.complaints_about(asked, answered) == []
    assert checker.complaints_about(asked, answered)
