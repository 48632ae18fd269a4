"""
Blobs that are input and output of batches: who is asked for them, by what, and what is never told.
"""

from __future__ import annotations

import json
import logging
import pickle
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from aikit import OpenAIClient, jsonl
from aikit.cli.batches import BatchInput
from tests.azure_server import KEY, VERSION, Refusal, Resource
from tests.blob_server import SAS, SIGNATURE, TOKEN, Blobs, blobs_here

_ACCOUNT = "https://acc.blob.core.windows.net"
_PATH = "/v1/chat/completions"
_ENDINGS = {"dated": f"?api-version={VERSION}", "v1": "/openai/v1"}
_SPELLINGS = (SIGNATURE, "c2lnbmF0dXJl+of/a=", TOKEN)

Connect = Callable[..., OpenAIClient]


@pytest.fixture
def blobs(resource: Resource) -> Iterator[Blobs]:
    """Serve an account that the identity of the resource may use."""
    with blobs_here() as blobs:
        resource.get_blob, resource.put_blob = blobs.get, blobs.put
        yield blobs


@pytest.fixture
def connect(resource: Resource, blobs: Blobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connect]:
    """Make clients of the resource by a provider file that names the account."""
    made: list[OpenAIClient] = []

    def client_of(surface: str = "v1", sas: str = f"?{SAS}", **options: Any) -> OpenAIClient:
        entry = {
            "type": "azure",
            "baseURL": resource.url + _ENDINGS[surface],
            "apiKey": KEY,
            "blob_storage": blobs.url + sas,
            **options,
        }
        (tmp_path / "providers.json").write_text(json.dumps({"providers": {"work": entry}}))
        monkeypatch.setenv("AIKIT_PROVIDERS", str(tmp_path / "providers.json"))
        made.append(OpenAIClient(provider="work"))
        return made[-1]

    yield client_of
    for client in made:
        client.close()


@pytest.fixture
def identity(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stand in for the identity that the program runs as, and return the scopes that tokens were asked for."""
    scopes: list[str] = []

    def ask(scope: str, _: str) -> Callable[[], str]:
        return lambda: (scopes.append(scope), TOKEN)[1]  # type: ignore[func-returns-value]  # said on the way

    monkeypatch.setattr("aikit.providers.azure.entra._provider", ask)
    return scopes


def _lines(count: int = 3) -> bytes:
    lines = (jsonl.chat_line(f"word {n}", model="mine", custom_id=f"q{n}") for n in range(count))
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


@pytest.mark.parametrize("surface", sorted(_ENDINGS))
@pytest.mark.parametrize("signs", ["sas", "identity"])
def test_a_batch_lives_in_blobs_from_its_input_to_its_answers(
    surface: str, signs: str, connect: Connect, resource: Resource, blobs: Blobs, identity: list[str]
) -> None:
    """
    It is created, waited for and joined like others; blob storage gets a SAS or a token of its own, and no key.
    """
    blobs.put(f"{blobs.url}/in/a b/my.jsonl", _lines())
    client = connect(surface, "" if signs == "identity" else f"?{SAS}")
    address = f"{blobs.url}/in/a%20b/my.jsonl"
    created = client.batches.create(address, _PATH, {"extra_headers": {"X-Own": "secret-of-mine"}}).throw().batch
    assert created is not None
    assert (created.input_file_id, created.output_file_id, created.error_file_id) == (address, None, None)
    ordered = resource.asked[-1][2]
    assert ordered == {
        "input_file_id": None,
        "input_blob": address,
        "output_folder": {"url": f"{blobs.url}/in/a%20b", "delimiter": "/"},
        "endpoint": "/chat/completions" if surface == "dated" else _PATH,
        "completion_window": "24h",
    }
    ended = client.batches.wait(created.id, {"poll_interval": 0.02}).throw().batch
    assert ended is not None
    with client.batches.results(ended, {"extra_headers": {"X-Own": "secret-of-mine"}}) as results:
        rows = list(results)
        assert results.problems == ()
    assert [(row.custom_id, row.text) for row in rows] == [(f"q{n}", f"WORD {n}") for n in range(3)]
    assert client.files.content(str(ended.output_file_id)).throw().text
    assert {method for method, _, _ in blobs.asked} == {"GET"}
    for _, target, headers in blobs.asked:
        assert target.endswith(f"?{SAS}") is (signs == "sas")
        assert headers.get("authorization") == (f"Bearer {TOKEN}" if signs == "identity" else None)
        assert headers["x-ms-version"] == "2023-11-03"
        assert not {"api-key", "x-own"} & headers.keys()
    assert set(identity) == ({"https://storage.azure.com/.default"} if signs == "identity" else set())
    assert all("/in/a" not in target for _, target, _ in resource.asked)


@pytest.mark.parametrize("status", ["cancelled", "completed", "expired"])
@pytest.mark.parametrize("counts", [{"total": 3, "completed": 3, "failed": 0}, None])
def test_an_error_blob_that_was_never_written_costs_nothing(
    status: str, counts: Any, connect: Connect, resource: Resource, blobs: Blobs
) -> None:
    """
    It has a name all the same; the end of the batch is booked, with the tokens of the output.
    """
    blobs.put(f"{blobs.url}/in/a.jsonl", _lines())
    client = connect()
    batch = client.batches.create(f"{blobs.url}/in/a.jsonl", _PATH).throw().batch
    assert batch is not None
    resource.complete(batch.id)
    resource.batches[batch.id] |= {"status": status, "request_counts": counts}
    assert client.batches.wait(batch.id, {"poll_interval": 0.02}).batch is not None
    (event,) = client.ledger.events(kind="ended")
    assert event.usage is not None
    assert (event.usage.input_tokens, event.usage.output_tokens) == (9, 6)


def test_outputs_go_into_the_folder_that_is_named(connect: Connect, resource: Resource, blobs: Blobs) -> None:
    """
    Another container of the account, for example.
    """
    blobs.put(f"{blobs.url}/in/a.jsonl", _lines())
    client = connect(output_folder=f"{blobs.url}/out/")
    assert client.batches.create(f"{blobs.url}/in/a.jsonl", _PATH).success
    assert resource.asked[-1][2]["output_folder"]["url"] == f"{blobs.url}/out"


def test_a_blob_is_a_file_to_all_that_reads(connect: Connect, blobs: Blobs, tmp_path: Path) -> None:
    """
    Described, waited for, saved under its name, estimated within a bound of cost; but not deleted.
    """
    address = f"{blobs.url}/in/my%20lines.jsonl"
    blobs.put(address, _lines(2))
    client = connect()
    file = client.files.wait(address).throw().file
    assert file is not None
    assert (file.id, file.filename, file.bytes, file.status) == (address, "my lines.jsonl", len(_lines(2)), "processed")
    assert file.created_at == 1_796_039_364
    saved = client.files.download(address, tmp_path).throw()
    assert saved.path is not None
    assert Path(saved.path).name == "my lines.jsonl"
    assert Path(saved.path).read_bytes() == _lines(2)
    (error,) = client.batches.create(address, _PATH, {"max_cost": 0.000_001}).errors
    assert error.code == "unknown_cost"  # of a deployment there is no price
    estimate = client.batches.estimate(address).throw().estimate
    assert estimate is not None
    assert estimate.requests == 2
    assert BatchInput.of(address).here is None
    (refused,) = client.files.delete(address).errors
    assert refused.code == "unsupported"
    assert {method for method, _, _ in blobs.asked} == {"GET", "HEAD"}


def test_a_break_is_gone_on_after(connect: Connect, blobs: Blobs) -> None:
    """
    Only what is missing is asked for again, by its range.
    """
    content = bytes(range(256)) * 4096
    blobs.put(f"{blobs.url}/out/r.jsonl", content)
    blobs.cuts = [300_000, 200_000]
    result = connect().files.content(f"{blobs.url}/out/r.jsonl").throw()
    assert result.content == content
    ranges = [headers.get("range") for _, _, headers in blobs.asked]
    assert ranges[0] is None
    assert [value for value in ranges[1:] if value] == ["bytes=300000-", "bytes=500000-"]


def test_an_empty_blob_is_empty(connect: Connect, blobs: Blobs) -> None:
    """
    Its size is told.
    """
    blobs.put(f"{blobs.url}/out/e.jsonl", b"")
    assert connect().files.content(f"{blobs.url}/out/e.jsonl").throw().content == b""


def test_without_a_storage_no_blob_is_asked_for(resource: Resource) -> None:
    """
    One sentence says what to set; nothing is sent.
    """
    with OpenAIClient(KEY, provider="azure", base_url=resource.url) as client:
        for result in (
            client.batches.create(f"{_ACCOUNT}/in/a.jsonl", _PATH),
            client.files.content(f"{_ACCOUNT}/in/a.jsonl"),
            client.files.retrieve(f"{_ACCOUNT}/in/a.jsonl"),
        ):
            (error,) = result.errors
            assert error.code == "unsupported"
            assert "AZURE_STORAGE_BLOB_URL" in error.message
    assert resource.asked == []


@pytest.mark.parametrize("option", [{"metadata": {"a": "b"}}, {"intent": "once"}, {"output_expires_after": 1_209_600}])
def test_what_no_batch_of_a_blob_keeps_is_refused(option: Any, connect: Connect, resource: Resource) -> None:
    """
    An intent that cannot be found again would be paid twice.
    """
    if "output_expires_after" in option:
        option = {"output_expires_after": {"anchor": "created_at", "seconds": 1_209_600}}
    (error,) = connect().batches.create(f"{_ACCOUNT}/in/a.jsonl", _PATH, option).errors
    assert error.code == "unsupported"
    assert resource.asked == []


def test_a_missing_library_is_one_sentence(connect: Connect, blobs: Blobs, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    It names the SAS and the extra; nothing is sent.
    """
    monkeypatch.setitem(sys.modules, "azure.identity", None)
    (error,) = connect(sas="").files.content(f"{blobs.url}/in/a.jsonl").errors
    assert error.code == "token_unavailable"
    assert "SAS in blob_storage" in error.message
    assert blobs.asked == []


@pytest.mark.parametrize("signs", ["sas", "identity"])
@pytest.mark.parametrize("what", ["denied", "gone", "redirected", "unreachable"])
def test_neither_sas_nor_token_is_ever_told(
    signs: str, what: str, connect: Connect, blobs: Blobs, identity: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """
    Not by a storage that repeats them, nor by errors, results, requests, logs, pickles or the identity.
    """
    caplog.set_level(logging.DEBUG)
    address = f"{blobs.url}/in/a.jsonl"
    client = connect(sas="" if signs == "identity" else f"?{SAS}")
    blobs.denies = what == "denied"
    blobs.redirect = f"https://evil.example/{SIGNATURE if signs == 'sas' else TOKEN}" if what == "redirected" else ""
    if what == "unreachable":
        blobs.cuts = [0] * 9
        blobs.put(address, b"abc")
    results: list[Any] = [client.files.content(address), client.files.retrieve(address)]
    codes = {"denied": "AuthenticationFailed", "gone": "BlobNotFound", "redirected": "redirect_refused"}
    errors = [error for result in results for error in result.errors]
    assert errors
    if what in codes:
        assert {error.code for error in errors} == {codes[what]}
    if what == "denied":
        assert "Storage Blob Data Reader" in errors[0].message
    provider = client.provider
    told = "".join(repr((result, result.request, result.errors)) for result in results) + caplog.text
    told += "".join(repr((str(error), error.body, dict(error.headers))) for error in errors)
    told += repr(provider) + provider.identity + provider.account_key() + repr(provider.account()) + provider.address
    told += repr(pickle.dumps(errors))
    assert not [secret for secret in _SPELLINGS if secret in told]
    assert len(blobs.asked) >= 2
    assert identity or signs == "sas"


def test_a_redirect_is_not_followed(connect: Connect, resource: Resource, blobs: Blobs) -> None:
    """
    Not even to the resource.
    """
    blobs.redirect = f"{resource.url}/openai/v1/files"
    (error,) = connect().files.content(f"{blobs.url}/in/a.jsonl").errors
    assert error.code == "redirect_refused"
    assert resource.asked == []


def test_requests_of_the_resource_go_their_usual_way(connect: Connect, resource: Resource, blobs: Blobs) -> None:
    """
    With a storage beside it, and with a header like those of blobs.
    """
    client = connect(sas="")
    assert client.files.list({"extra_headers": {"x-ms-version": "2023-11-03"}}).success
    assert len(resource.asked) == 1
    assert blobs.asked == []


def test_what_is_left_of_a_batch_of_a_blob_is_sent_again_as_a_file(
    connect: Connect, resource: Resource, blobs: Blobs
) -> None:
    """
    Its lines are read from the blobs, and the next batch keeps metadata, so that both are joined.
    """
    resource.looks = 0
    blobs.put(f"{blobs.url}/in/a.jsonl", _lines())
    client = connect()
    batch = client.batches.create(f"{blobs.url}/in/a.jsonl", _PATH).throw().batch
    assert batch is not None
    client.batches.wait(batch.id, {"poll_interval": 0.02}).throw()
    again = client.batches.resubmit(batch.id, ["ok"]).throw().batch
    assert again is not None
    assert again.metadata["aikit_parent"] == batch.id
    assert again.input_file_id.startswith("file-")
    ended = client.batches.wait(again.id, {"poll_interval": 0.02}).throw().batch
    assert ended is not None
    with client.batches.results(ended, {"with_lineage": True}) as results:
        assert [(row.custom_id, row.status) for row in results] == [(f"q{n}", "ok") for n in range(3)]


@pytest.mark.parametrize("told", [{}, {"input_file_id": ""}, {"created_at": "soon"}])
def test_a_batch_whose_creation_is_not_answered_is_not_created_again(
    told: dict[str, Any], connect: Connect, resource: Resource, blobs: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    It keeps no pair by which it would be known, but its input is enough for a doubt, however it is told.
    """
    blobs.put(f"{blobs.url}/in/my lines.jsonl", _lines())
    monkeypatch.setattr("aikit.resources.polling.LOOKS_S", (0.02, 0.02))
    begin = Resource.begin

    def lose(self: Resource, order: dict[str, Any], *, is_dated: bool) -> Any:
        batch = begin(self, order, is_dated=is_dated)
        batch |= {"input_blob": batch["input_blob"].replace("%20", " "), **told}
        raise Refusal(500, "internalFailure", "Something broke.")

    monkeypatch.setattr(Resource, "begin", lose)
    (error,) = connect().batches.create(f"{blobs.url}/in/my%20lines.jsonl", _PATH).errors
    assert "the batch may exist all the same" in error.message
    assert error.is_ambiguous
    assert len(resource.batches) == 1
