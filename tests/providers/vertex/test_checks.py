"""
What the examination of Vertex AI finds: the bucket, what may be done in it, and jobs.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from aikit.http.messages import Request, Response
from aikit.providers.checks import Finding
from aikit.providers.config import ProviderSettings
from aikit.providers.vertex.provider import VertexProvider

_ALL = [f"storage.objects.{verb}" for verb in ("create", "delete", "get", "list")]
_BUCKET = (200, {"location": "EU"})
_GRANTED = (200, {"permissions": _ALL})
_JOBS: tuple[int, Any] = (200, {})
_OFF = {"error": {"code": 403, "message": "Vertex AI API has not been used", "status": "PERMISSION_DENIED"}}


def _examined(*answers: tuple[int, Any]) -> tuple[list[Request], Sequence[Finding]]:
    """
    Drive the examination with *answers*; return what was asked, and what was found.
    """
    options = {"bucket": "my-bucket"}
    settings = ProviderSettings(kind="vertex", project="my-project", api_key="ya29.given", options=options)
    flow = VertexProvider.from_settings(settings).examine()
    asked, left, step = [], list(answers), next(flow)
    while True:
        assert isinstance(step, Request)
        asked.append(step)
        status, body = left.pop(0)
        try:
            step = flow.send(Response(status=status, body=json.dumps(body).encode(), request=step))
        except StopIteration as end:
            assert left == []
            return asked, end.value


def test_a_good_place_has_good_findings() -> None:
    """
    Three requests ask, and change nothing.
    """
    asked, found = _examined(_BUCKET, _GRANTED, _JOBS)
    assert [finding.check for finding in found] == ["bucket", "permissions", "jobs"]
    assert all(finding.is_good and finding.mend is None for finding in found)
    assert found[0].text == "gs://my-bucket is in EU, jobs run in us-central1"
    assert {one.method for one in asked} == {"GET"}
    storage = "https://storage.googleapis.com/storage/v1/b/my-bucket"
    assert asked[0].url == f"{storage}?fields=location"
    assert asked[1].url.startswith(f"{storage}/iam/testPermissions?permissions=storage.objects.create&permissions=")
    assert asked[2].url.endswith("/v1/projects/my-project/locations/us-central1/batchPredictionJobs?pageSize=1")


@pytest.mark.parametrize(
    ("answers", "check", "said", "mend"),
    [
        (((404, {}), _JOBS), "bucket", "there is no gs://my-bucket", "gcloud storage buckets create gs://my-bucket"),
        ((_BUCKET, (200, {}), _JOBS), "permissions", f"not allowed: {', '.join(_ALL)}", "roles/storage.objectUser"),
        ((_BUCKET, (200, {"permissions": _ALL[1:]}), _JOBS), "permissions", f"not allowed: {_ALL[0]}", "grant roles"),
        ((_BUCKET, _GRANTED, (403, _OFF)), "jobs", "status 403: Vertex AI API has not been used", "enable aiplatform"),
        ((_BUCKET, _GRANTED, (401, _OFF)), "key", "status 401: Vertex AI API", "give another token"),
        (((403, {}), _GRANTED, (404, {})), "jobs", "status 404", "look at project and location"),
    ],
)
def test_each_problem_has_its_mend(answers: Any, check: str, said: str, mend: str) -> None:
    """
    The others are looked at all the same.
    """
    bad = [finding for finding in _examined(*answers)[1] if not finding.is_good]
    assert [finding.check for finding in bad] == [check]
    assert said in bad[0].text
    assert mend in (bad[0].mend or "")


@pytest.mark.parametrize("unknown", [(404, {}), (501, []), (403, {})])
def test_what_cannot_be_asked_is_not_claimed(unknown: Any) -> None:
    """
    A server that stands for Cloud Storage knows no permissions; who may use objects may not be told of their bucket.
    """
    found = _examined((403, {}), unknown, _JOBS)[1]
    assert [(finding.check, finding.is_good) for finding in found] == [("bucket", True), ("jobs", True)]


@pytest.mark.parametrize("odd", [[], None, {"location": 5, "permissions": 5}, {"permissions": None}])
def test_odd_answers_are_no_crash(odd: Any) -> None:
    """
    Whatever JSON comes.
    """
    assert len(_examined((200, odd), (200, odd), (200, odd))[1]) == 3
