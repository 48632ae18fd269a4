"""
Names: ids of Vertex AI's files and batches, which only name what is ours, and the addresses of jobs.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aikit.http.headers import Headers
from aikit.providers.config import ProviderSettings
from aikit.providers.vertex.names import (
    ERRORS,
    OUTPUT,
    STORED,
    FileName,
    batch_id,
    job_of,
    new_name,
    read_file_id,
    stored_in,
)
from aikit.providers.vertex.place import Place
from aikit.types.errors import OpenAIError


def _id(text: str) -> str:
    return "file-" + urlsafe_b64encode(text.encode("utf-8", "surrogatepass")).decode().rstrip("=")


FOREIGN_IDS = (
    *map(
        _id, ("", "f", "o", "x", "xabc", "f..", "f../secret", "fa/../b", "fa//b", "f/a", "fa/", "f.", "fa/.", "f%2e%2e")
    ),
    *map(
        _id, ("f%252e%252e%252fx", "fa\\b", "fa#b", "fa?b", "fa\0b", "fa\rb", "fa\nb", "fa\x7fb", "fa\u2028b", "fa.ids")
    ),
    *map(_id, ("o", "o0", "oabc", "o1/2", "o-1", "e../1", "o123456789012345678901", "o\uff11", "f" + "a" * 901)),
    "file-" + urlsafe_b64encode(b"f\xff\xfe").decode().rstrip("="),
    "file-" + urlsafe_b64encode(b"f\xed\xa0\x80").decode().rstrip("="),
    _id("fab") + "=",
    _id("fabc")[:-1] + "x",
    _id("fabc") + "\n",
    "file-Z",
    "file-" + "Z" * 5,
    "file-abc123",
    "file-%2e%2e",
    "file-..",
    "FILE-" + _id("fabc")[5:],
    "gs://other-bucket/aikit/files/abc",
    "files/abc",
    "file-" + "A" * 10_000,
    "",
)


@pytest.mark.parametrize("file_id", FOREIGN_IDS)
def test_an_id_that_is_none_of_ours_is_one_that_there_is_not(file_id: str) -> None:
    """
    Whatever is wrong with it, what is said is what is said of an unknown one, in OpenAI's words.
    """
    with pytest.raises(OpenAIError) as caught:
        read_file_id(file_id)
    error = caught.value
    assert (error.status, error.type, error.param, error.code) == (404, "invalid_request_error", "id", None)
    assert error.message == f"No such File object: {file_id[:200]}"


@pytest.mark.parametrize("text", ["abc", "sub/a b.jsonl", "ü+:@&=!'(x)*~.txt", "a..b", ".hidden", "a" * 900, "日本"])
def test_names_of_any_program_have_ids(text: str) -> None:
    """
    What another program stored under the prefix has an id as well, which is one word.
    """
    name = FileName(STORED, text)
    assert re.fullmatch(r"file-[A-Za-z0-9_-]+", name.id)
    assert read_file_id(name.id) == name
    assert stored_in(f"files/{text}") == name


@given(st.text(max_size=50))
def test_only_names_that_come_back_have_ids(text: str) -> None:
    """
    A listed object either has an id that leads back to it, or none.
    """
    name = stored_in(f"files/{text}")
    assert name is None or read_file_id(name.id).stored == f"files/{text}"


@given(st.text(alphabet="ABCZabcz059-_", max_size=20))
def test_one_file_has_one_id(text: str) -> None:
    """
    No two ids name the same.
    """
    with suppress(OpenAIError):
        assert read_file_id(f"file-{text}").id == f"file-{text}"


def test_names_of_ours_are_short_and_begin_with_a_letter() -> None:
    """
    Their ids have 36 characters.
    """
    names = {new_name() for _ in range(500)}
    assert len(names) == 500
    assert all(re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{21}", name) for name in names)
    assert {len(FileName(STORED, name).id) for name in names} == {36}


def test_what_belongs_to_a_file_is_named_after_it() -> None:
    """
    Its requests, and their custom_ids, are objects of their own; output and errors of a job are files, too.
    """
    name = FileName(STORED, "abc")
    assert (name.stored, name.requests, name.ids) == ("files/abc", "requests/abc.jsonl", "requests/abc.ids.jsonl")
    for kind in (OUTPUT, ERRORS):
        assert read_file_id(FileName(kind, "1234567890123456789").id) == FileName(kind, "1234567890123456789")


def test_batches_are_numbers_of_jobs() -> None:
    """
    Other ids are of none that there is.
    """
    assert batch_id("projects/123/locations/us-central1/batchPredictionJobs/456") == "batch_456"
    assert job_of("batch_456") == "456"
    for name in ("projects/1/locations/l/customJobs/4", "projects/1/x/locations/l/batchPredictionJobs/4", 4, None):
        assert batch_id(name) is None
    for name in (
        "batch_",
        "batch_0",
        "batch_01",
        "batch_4/cancel",
        "batch_\uff14",
        "batch_4\n",
        "4",
        "batch_" + "4" * 30,
    ):
        with pytest.raises(OpenAIError) as caught:
            job_of(name)
        assert caught.value.status == 404


def _settings(**given_settings: str) -> ProviderSettings:
    settings = ProviderSettings(kind="vertex")
    for name, value in {"project": "my-project", "bucket": "my-bucket", **given_settings}.items():
        settings = settings.with_setting(name, value)
    return settings


def _place(**given_settings: str) -> Place:
    return Place.from_settings(_settings(**given_settings))


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("us-central1", "https://us-central1-aiplatform.googleapis.com"),
        ("global", "https://aiplatform.googleapis.com"),
        ("eu", "https://aiplatform.eu.rep.googleapis.com"),
    ],
)
def test_each_location_has_its_host(location: str, url: str) -> None:
    """
    The name of the location stands in host and path, but for global and multi-regions.
    """
    request = _place(location=location).api("GET", "batchPredictionJobs", pageSize=5, pageToken=None)
    assert request.url == f"{url}/v1/projects/my-project/locations/{location}/batchPredictionJobs?pageSize=5"


@pytest.mark.parametrize(
    ("given_settings", "start"),
    [
        ({}, "gs://my-bucket/aikit/"),
        ({"prefix": "team/a"}, "gs://my-bucket/team/a/"),
        ({"bucket": "gs://b.example/x/y/", "prefix": "z"}, "gs://b.example/x/y/"),
        ({"bucket": "gs://bkt"}, "gs://bkt/aikit/"),
    ],
)
def test_objects_are_behind_the_prefix(given_settings: dict[str, str], start: str) -> None:
    """
    The bucket may be written with or without a prefix; names are quoted whole, and never joined as addresses.
    """
    place = _place(**given_settings)
    assert place.uri("files/abc") == f"{start}files/abc"
    bucket, _, prefix = start.removeprefix("gs://").rstrip("/").partition("/")
    quoted = prefix.replace("/", "%2F")
    url = place.storage("GET", "files//evil.example/a b+c:d%2Fü", alt="media").url
    assert url == (
        f"https://storage.googleapis.com/storage/v1/b/{bucket}/o/"
        f"{quoted}%2Ffiles%2F%2Fevil.example%2Fa%20b%2Bc%3Ad%252F%C3%BC?alt=media"
    )


@pytest.mark.parametrize(
    "uri",
    [
        "gs://other-bucket/aikit/outputs/x",
        "gs://my-bucket/aikit-evil/outputs/x",
        "gs://my-bucket/aikitx",
        "gs://my-bucket/aikit/",
        "gs://my-bucket/aikit",
        "gs://my-bucket/aikit/outputs/../../secret",
        "gs://my-bucket/aikit/outputs//x",
        "gs://my-bucket/aikit/..",
        "gs://my-bucket/aikit//x",
        "gs://my-bucket/aikit/a\0b",
        "GS://my-bucket/aikit/x",
        "https://my-bucket/aikit/x",
        5,
        None,
    ],
)
def test_addresses_elsewhere_are_not_ours(uri: object) -> None:
    """
    What a job tells is only looked at if it is in our part of our bucket.
    """
    assert _place().name_in(uri) is None


def test_addresses_of_ours_are_names() -> None:
    """
    Google puts colons into the names of directories.
    """
    name = "outputs/abc/prediction-model-2026-09-02T20:06:30.166279Z"
    assert _place().name_in(f"gs://my-bucket/aikit/{name}") == name


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("bucket", "Bucket"),
        ("bucket", "b/../x"),
        ("bucket", "gs://b?x"),
        ("bucket", "my-bucket/../other"),
        ("bucket", "gs://my-bucket//x"),
        ("project", "p/../q"),
        ("project", "My Project"),
        ("location", "us-central1.evil.example/"),
        ("location", "evil.example#"),
        ("prefix", "../x"),
        ("prefix", "a//b"),
        ("prefix", "x" * 101),
        ("prefix", "/"),
        ("bucket", "gs://"),
        ("bucket", "gs://my-bucket/" + "x" * 101),
    ],
)
def test_settings_that_lead_elsewhere_are_refused(setting: str, value: str) -> None:
    """
    Names become parts of addresses, so they have the forms that Google gives them.
    """
    with pytest.raises(ValueError, match=f"^{setting} .* is not .*, such as "):
        _place(**{setting: value})


@pytest.mark.parametrize("missing", ["project", "bucket"])
def test_what_is_missing_is_named_with_its_variable(missing: str) -> None:
    """
    Without project and bucket there is nowhere to go.
    """
    variable = {"project": "GOOGLE_CLOUD_PROJECT", "bucket": "GCS_BUCKET_NAME"}[missing]
    with pytest.raises(ValueError, match=f"has no {missing}: set {variable}"):
        _place(**{missing: ""})


def test_an_emulator_gets_no_credentials() -> None:
    """
    The token goes to Google's storage, and to no server that a variable names in its place.
    """
    headers = Headers({"Authorization": "Bearer secret-token"})
    place = Place.from_settings(_settings(storage_url="127.0.0.1:9023"), headers)
    assert place.storage("GET", "files/a").url.startswith("http://127.0.0.1:9023/storage/v1/b/my-bucket/o/")
    assert "Authorization" not in place.storage("GET", "files/a").headers
    assert place.api("GET", "x").headers["Authorization"] == "Bearer secret-token"
    assert Place.from_settings(_settings(), headers).storage("GET", "files/a").headers["Authorization"]
