"""
A program on OpenAI's ``AzureOpenAI`` that takes calls of files and batches; prints what it found.

    python gateway_azure.py ENDPOINT KEY
"""

from __future__ import annotations

import json
import sys
import time

import openai


def main(endpoint: str, key: str) -> None:
    """
    Take the calls in the dated surface, and in the newer one.
    """
    found = []
    body = {"model": "m", "messages": [{"role": "user", "content": "a"}]}
    line = {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": body}
    dated = openai.AzureOpenAI(azure_endpoint=endpoint, api_key=key, api_version="2024-10-21", max_retries=0)
    newer = openai.OpenAI(base_url=f"{endpoint}/openai/v1/", api_key=key, max_retries=0)
    for client in (dated, newer):
        file = client.files.create(file=("a.jsonl", json.dumps(line).encode()), purpose="batch")
        batch = client.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")
        while batch.status not in {"completed", "failed", "cancelled", "expired"}:
            time.sleep(0.1)
            batch = client.batches.retrieve(batch.id)
        assert batch.output_file_id is not None
        content = client.files.content(batch.output_file_id).text
        listed = [each.id for each in client.files.list()]
        client.files.delete(file.id)
        found.append([batch.status, json.loads(content)["custom_id"], file.id in listed])
    json.dump(found, sys.stdout)


main(*sys.argv[1:])
