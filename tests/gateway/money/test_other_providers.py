"""
Batches at providers that are not in OpenAI's format: the way from file to cost is the same.
"""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

from tests.gateway.batch_house import ENDPOINT, house, lines
from tests.gemini_server import KEY, GeminiServer, serving_gemini
from tests.vertex_server import BUCKET, PROJECT, TOKEN, serving_vertex

_GEMINI = """
model_list:
  - model_name: flash
    litellm_params: {{model: gemini/gemini-2.5-flash, api_base: {url}, api_key: {key}}}
    model_info: {{input_cost_per_token_batches: 0.001, output_cost_per_token_batches: 0.01}}
"""
_VERTEX = """
model_list:
  - model_name: flash
    litellm_params: {{model: vertex_ai/gemini-2.5-flash, api_base: {url}, api_key: {key}}}
    model_info: {{input_cost_per_token_batches: 0.001, output_cost_per_token_batches: 0.01}}
"""


def _form() -> list[tuple[str, str | tuple[str, bytes]]]:
    return [("purpose", "batch"), ("file", ("in.jsonl", lines(3, model="flash")))]


def test_gemini(tmp_path: Path) -> None:
    """
    Uploaded, created with metadata for which it has no room, run, booked with what was thought, and fetched.
    """
    server = GeminiServer(asks=2, loses_batches=1)
    with serving_gemini(server), house(tmp_path, _GEMINI.format(url=server.url, key=KEY)) as home:
        uploaded = home.admin.form("/v1/files", _form())
        file_id = uploaded.json["id"]
        metadata = {"key": "x" * 512, "other": "y"}
        created = home.create(file_id, metadata=metadata)
        assert created.status == 200, created.body
        assert len(server.batches) == 1
        home.poll(lambda: home.row(created.json["id"]).is_booked)
        over = home.admin.get(f"/v1/batches/{created.json['id']}").json
        assert (over["status"], over["endpoint"], over["metadata"]) == ("completed", ENDPOINT, metadata)
        assert over["request_counts"] == {"total": 3, "completed": 3, "failed": 0}
        assert home.row(over["id"]).cost == 3 * (100 * Decimal("0.001") + 1_020 * Decimal("0.01"))
        output = home.admin.get(f"/v1/files/{over['output_file_id']}/content").body
        assert {json.loads(line)["custom_id"] for line in output.splitlines()} == {"line-0", "line-1", "line-2"}


def test_vertex_ai(tmp_path: Path) -> None:
    """
    Likewise, with the answers translated; the output has another file's id than any that Google knows.
    """
    with serving_vertex() as server:
        environ = {"GOOGLE_CLOUD_PROJECT": PROJECT, "GCS_BUCKET_NAME": BUCKET, "STORAGE_EMULATOR_HOST": server.url}
        with house(tmp_path, _VERTEX.format(url=server.url, key=TOKEN), environ=environ) as home:
            uploaded = home.admin.form("/v1/files", _form())
            assert uploaded.status == 200, uploaded.body
            file_id = uploaded.json["id"]
            metadata = {f"key-{number}": "x" * 512 for number in range(16)}
            created = home.create(file_id, metadata=metadata)
            assert created.status == 200, created.body
            home.poll(lambda: home.row(created.json["id"]).is_booked)
            over = home.admin.get(f"/v1/batches/{created.json['id']}").json
            assert (over["status"], over["endpoint"], over["metadata"]) == ("completed", ENDPOINT, metadata)
            assert over["request_counts"] == {"total": 3, "completed": 3, "failed": 0}
            assert over["aikit"]["cost"] > 0
            output = home.admin.get(f"/v1/files/{over['output_file_id']}/content").body
            assert {json.loads(line)["custom_id"] for line in output.splitlines()} == {"line-0", "line-1", "line-2"}
