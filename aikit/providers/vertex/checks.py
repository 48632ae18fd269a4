"""
What Vertex AI and Cloud Storage say of a place: whether its bucket is there, what may be done in it, and with jobs.
"""

from __future__ import annotations

from typing import Final

from aikit.http.flow import Flow
from aikit.http.messages import Request, Response
from aikit.http.refusals import error_from
from aikit.providers.checks import Finding
from aikit.providers.vertex.place import Place

_NEEDED: Final = tuple(f"storage.objects.{verb}" for verb in ("create", "delete", "get", "list"))


def findings_at(place: Place) -> Flow[tuple[Finding, ...]]:
    """
    Ask for the bucket, for what the identity may do in it, and for one job.
    """
    # https://cloud.google.com/storage/docs/json_api/v1/buckets (read 2026-11-30)
    bucket = _bucket((yield _asked(place, "?fields=location")), place)
    found: tuple[Finding, ...] = (bucket,)
    if bucket.is_good:
        query = "&".join(f"permissions={name}" for name in _NEEDED)
        found += _permissions((yield _asked(place, f"/iam/testPermissions?{query}")), place)
    response: Response = yield place.api("GET", "batchPredictionJobs", pageSize=1)
    return (*found, _jobs(response, place))


def _asked(place: Place, rest: str) -> Request:
    url = f"{place.storage_url}/storage/v1/b/{place.bucket}{rest}"
    return Request(method="GET", url=url, headers=place.storage_headers)


def _bucket(response: Response, place: Place) -> Finding:
    name = f"gs://{place.bucket}"
    if response.status == 404:
        mend = f"correct the bucket, or create it: gcloud storage buckets create {name} --location={place.location}"
        return Finding("bucket", is_good=False, text=f"there is no {name}", mend=mend)
    if not response.is_success:  # who may use objects need not be allowed to look at their bucket
        return Finding("bucket", is_good=True, text=f"{name} answers, and does not say where it is")
    data = response.json()
    where = data.get("location") if isinstance(data, dict) else None
    return Finding("bucket", is_good=True, text=f"{name} is in {where}, jobs run in {place.location}")


def _permissions(response: Response, place: Place) -> tuple[Finding, ...]:
    if not response.is_success:  # servers that stand for Cloud Storage may not know
        return ()
    data = response.json()
    granted = data.get("permissions") if isinstance(data, dict) else None
    missing = [name for name in _NEEDED if not isinstance(granted, list) or name not in granted]
    if not missing:
        text = "objects may be created, read, listed and deleted; whether Vertex AI's service agent may is not told"
        return (Finding("permissions", is_good=True, text=text),)
    mend = f"grant roles/storage.objectUser on gs://{place.bucket} to the identity that signs, and to the service agent"
    return (Finding("permissions", is_good=False, text=f"not allowed: {', '.join(missing)}", mend=mend),)


def _jobs(response: Response, place: Place) -> Finding:
    if response.is_success:
        return Finding("jobs", is_good=True, text=f"they can be listed in {place.project}, {place.location}")
    text = f"status {response.status}: {error_from(response).message}"
    if response.status == 401:
        return Finding("key", is_good=False, text=text, mend="sign in anew, or give another token")
    mend = (
        "enable aiplatform.googleapis.com in the project, grant roles/aiplatform.user, and look at project and location"
    )
    return Finding("jobs", is_good=False, text=text, mend=mend)
