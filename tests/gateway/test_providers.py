"""
The same requests at every kind of provider, one gateway in front of them all.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from aikit.gateway.state import Gateway
from tests.azure_server import KEY as AZURE_KEY
from tests.azure_server import VERSION, resource_here
from tests.gateway.asgi import Asgi
from tests.gateway.gateways import OTHER, lines, opened, row_of, tenant_of, upload
from tests.gemini_server import KEY as GEMINI_KEY
from tests.gemini_server import GeminiServer, serving_gemini
from tests.vertex_server import BUCKET, PROJECT, TOKEN, serving_vertex

MODELS: Final = {
    "azure": "gpt-4o",
    "vertex_ai": "gemini-2.5-flash",
    "gemini": "gemini-2.5-flash",
    "hosted_vllm": "llama",
}


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    """A gateway with an account at each kind of provider."""
    with (
        resource_here() as azure,
        serving_vertex() as vertex,
        serving_gemini(GeminiServer(gives_uploads=True)) as gemini,
    ):
        config = f"""
files_settings:
  - {{custom_llm_provider: azure, api_key: "{AZURE_KEY}", api_base: "{azure.url}", api_version: "{VERSION}"}}
  - {{custom_llm_provider: vertex_ai, api_key: "{TOKEN}", vertex_project: {PROJECT}, vertex_location: us-central1,
      api_base: "{vertex.url}", gcs_bucket_name: {BUCKET}}}
  - {{custom_llm_provider: gemini, api_key: "{GEMINI_KEY}", api_base: "{gemini.url}"}}
model_list:
  - {{model_name: llama, litellm_params: {{model: hosted_vllm/llama, api_base: "http://127.0.0.1:9/v1"}}}}
"""
        environ = {"STORAGE_EMULATOR_HOST": vertex.url}
        with opened(tmp_path, config, environ, max_retries=0) as opened_gateway:
            yield opened_gateway


def in_parts(client: Asgi, content: bytes, provider: str) -> str:
    """
    Upload *content* in two parts, and return the id of the file.
    """
    order = {"filename": "b.jsonl", "purpose": "batch", "bytes": len(content), "mime_type": "application/jsonl"}
    begun = client.post("/v1/uploads", order | {"custom_llm_provider": provider}).json["id"]
    halves = [content[:50], content[50:]]
    parts = [client.form(f"/v1/uploads/{begun}/parts", [("data", ("blob", half))]).json["id"] for half in halves]
    done = client.post(f"/v1/uploads/{begun}/complete", {"part_ids": parts}).json
    assert (done["id"], done["status"], done["file"]["bytes"]) == (begun, "completed", len(content))
    return str(done["file"]["id"])


@pytest.mark.parametrize("provider", MODELS)
def test_files_uploads_and_batches_are_the_same_at_every_provider(gateway: Gateway, provider: str) -> None:
    """
    The account is named once; an id alone is enough afterwards, and no answer has an id of the provider's.
    """
    client, content = tenant_of(gateway), lines(MODELS[provider])
    answers = [upload(client, content, "a.jsonl", "batch", more={"custom_llm_provider": provider})]
    whole = answers[0].json["id"]
    made = in_parts(client, content, provider)
    for file_id in (whole, made):
        assert client.get(f"/v1/files/{file_id}/content").body == content
        answers.append(client.get(f"/v1/files/{file_id}"))
        assert (answers[-1].json["id"], answers[-1].json["bytes"]) == (file_id, len(content))
        order = {"input_file_id": file_id, "endpoint": "/v1/chat/completions", "completion_window": "24h"}
        answers.append(client.post("/v1/batches", order))
        assert answers[-1].status == 200
        answers.append(client.get(f"/v1/batches/{answers[-1].json['id']}"))
        assert answers[-1].json["input_file_id"] == file_id
    answers.append(client.get(f"/v1/files?provider={provider}"))
    assert {whole, made} <= {each["id"] for each in answers[-1].json["data"]}
    told = b"".join(answer.body for answer in answers).decode()
    hidden = [row_of(gateway, file_id).upstream_id for file_id in (whole, made)]
    assert [each for each in hidden if each.rpartition("-")[2] in told] == []
    assert all(answer.headers["x-litellm-model-id"] for answer in answers[:-1])
    stranger = tenant_of(gateway, OTHER)
    assert {stranger.get(f"/{provider}/v1/files/{each}").status for each in (whole, made, *hidden)} == {404}
    assert client.delete(f"/v1/files/{whole}").json["deleted"] is True
    assert client.get(f"/v1/files/{whole}").status == 404
