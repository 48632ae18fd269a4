"""
Where blobs may be that are asked for, and who may sign requests for them.
"""

from __future__ import annotations

from typing import Any

import pytest

from aikit.providers.azure.blobs import BlobStorage
from aikit.providers.azure.provider import AzureProvider
from aikit.providers.azure.reading import as_openai_batch
from aikit.providers.config import ProviderSettings
from aikit.types.batches import BatchOrder
from aikit.types.errors import OpenAIError
from tests.blob_server import SAS

_ACCOUNT = "https://acc.blob.core.windows.net"
_PATH = "/v1/chat/completions"


def _storage(address: str = _ACCOUNT, **given: Any) -> BlobStorage:
    options = {"blob_storage": address, **given.pop("options", {})}
    settings = ProviderSettings(kind="azure", base_url="https://res.example", options=options, **given)
    storage = AzureProvider.from_settings(settings).blobs
    assert storage is not None
    return storage


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/in/a.jsonl",
        "https://acc.blob.core.windows.net.evil.example/in/a.jsonl",
        "https://acc.blob.core.windows.net@evil.example/in/a.jsonl",
        "https://evil@acc.blob.core.windows.net/in/a.jsonl",
        "https://acc.blob.core.windows.net:8443/in/a.jsonl",
        "http://acc.blob.core.windows.net/in/a.jsonl",
        "https://other.blob.core.windows.net/in/a.jsonl",
        "https://acc.blob.core.windows.net/elsewhere/a.jsonl",
        "https://acc.blob.core.windows.net/in-evil/a.jsonl",
        "https://acc.blob.core.windows.net/in/%2e%2e/elsewhere/a.jsonl",
        "https://acc.blob.core.windows.net/in/..%2felsewhere/a.jsonl",
        "https://acc.blob.core.windows.net/in/../elsewhere/a.jsonl",
        "https://acc.blob.core.windows.net/in/%00",
        "https://acc.blob.core.windows.net/in//a.jsonl",
        "https://acc.blob.core.windows.net/in/..%5celsewhere",
        "https://acc.blob.core.windows.net/in\\@evil.example/a",
        "https://acc.blob.core.windows.net/in/a.jsonl#x",
        "https://acc.blob.core.windows.net:x/in/a.jsonl",
        "https://[::1/in/a.jsonl",
        "gs://acc.blob.core.windows.net/in/a.jsonl",
        f"https://acc.blob.core.windows.net/in/a.jsonl?{SAS}",
        "https://acc.blob.core.windows.net/in/a.jsonl?comp=list",
    ],
)
def test_what_is_not_in_the_storage_is_asked_of_no_one(address: str) -> None:
    """
    Neither as an input nor as what an answer names as output: no request is made, and no query is repeated.
    """
    settings = ProviderSettings(
        kind="azure", api_key="k", base_url="https://res.example", options={"blob_storage": f"{_ACCOUNT}/in"}
    )
    provider = AzureProvider.from_settings(settings)
    for flow in (
        provider.create_batch(_order(address)),
        provider.retrieve_file(address),
        provider.file_content(address),
    ):
        with pytest.raises(OpenAIError, match="blob") as caught:
            next(flow)
        assert caught.value.code == "invalid_value"
        assert "sig" not in str(caught.value)


def _order(address: str) -> BatchOrder:
    return BatchOrder(input_file_id=address, endpoint=_PATH, intent="i")


@pytest.mark.parametrize(
    "address",
    [
        "http://acc.blob.core.windows.net",
        "ftp://acc.blob.core.windows.net",
        "acc.blob.core.windows.net",
        f"https://u:p@acc.blob.core.windows.net?{SAS}",
        f"{_ACCOUNT}?sp=r",
        f"{_ACCOUNT}?{SAS}#x",
        f"{_ACCOUNT}?{SAS} x",
        f"{_ACCOUNT}/in;{SAS}",
        f"{_ACCOUNT}/in%3F{SAS.replace('=', '%3D')}",
        f"{_ACCOUNT}/{SAS}",
    ],
)
def test_a_storage_that_is_none_is_refused_without_its_sas(address: str) -> None:
    """
    Nor is one whose credential would go over an open line.
    """
    with pytest.raises(ValueError, match="blob_storage must be an account or a container") as caught:
        _storage(address)
    assert "sig" not in str(caught.value)


def test_the_folder_of_outputs_is_in_the_storage() -> None:
    """
    The service would write it elsewhere, and nothing would read it.
    """
    assert _storage(options={"output_folder": f"{_ACCOUNT}/out/"}).folder == f"{_ACCOUNT}/out"
    for folder in ("https://other.example/out", f"{_ACCOUNT}/out?{SAS}", "out"):
        with pytest.raises(ValueError, match="output_folder must be"):
            _storage(options={"output_folder": folder})


@pytest.mark.parametrize(
    ("address", "given", "has_identity"),
    [
        ("acc", {}, True),
        (_ACCOUNT, {"api_key": "k"}, True),
        ("https://acc.z05.blob.storage.azure.net/in", {}, True),
        (_ACCOUNT, {"api_key": "", "token": lambda: "t"}, True),
        (f"{_ACCOUNT}/?{SAS}", {}, False),
        (_ACCOUNT, {"api_key": ""}, False),  # as those of the working folder are
        ("https://storage.example", {}, False),
        ("https://acc.blob.core.windows.net.evil.example", {}, False),
        ("https://evil.example/.blob.core.windows.net", {}, False),
        ("https://acc.blob.core.windows.net:444", {}, False),
    ],
)
def test_an_identity_signs_for_hosts_of_azure_only(address: str, given: dict[str, Any], *, has_identity: bool) -> None:
    """
    Its token opens every account that it may use, so it goes to no host of anybody's.
    """
    assert _storage(address, **given).has_identity is has_identity


@pytest.mark.parametrize(
    ("status", "counts", "files"),
    [
        ("completed", {"total": 2, "completed": 2, "failed": 0}, ("o", None)),
        ("completed", {"total": 2, "completed": 0, "failed": 2}, (None, "e")),
        ("completed", {"total": 2, "completed": 1, "failed": 1}, ("o", "e")),
        ("completed", {"total": 2, "completed": None, "failed": None}, ("o", "e")),
        ("completed", None, ("o", "e")),
        ("failed", None, (None, None)),
        ("failed", {"total": 0, "completed": 0, "failed": 0}, (None, None)),
        ("expired", {"total": 2, "completed": 0, "failed": 0}, (None, "e")),
        ("cancelled", {"total": 2, "completed": 1, "failed": 0}, ("o", "e")),
    ],
)
def test_blobs_that_are_named_and_not_written_are_none(
    status: str, counts: Any, files: tuple[str | None, str | None]
) -> None:
    """
    Both have a name at the end, whatever came of the lines.
    """
    batch = as_openai_batch(
        {"id": "batch_1", "status": status, "request_counts": counts, "output_blob": "o", "error_blob": "e"}
    )
    assert (batch.get("output_file_id"), batch.get("error_file_id")) == files
