"""
A program on Google's own library for Vertex AI: looks at a job of aikit's, and creates and cancels its own.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from google import genai
from google.genai import types
from google.oauth2.credentials import Credentials


def main(url: str, token: str, project: str, location: str, job: str, source: str, target: str) -> None:
    """
    Do one of each.
    """
    client = genai.Client(
        vertexai=True,
        project=project,
        location=location,
        credentials=Credentials(token),
        http_options=types.HttpOptions(base_url=url, api_version="v1"),
    )
    found = client.batches.get(name=job)
    config: Any = {"display_name": "their job", "dest": target}
    made = client.batches.create(model="gemini-2.5-flash", src=source, config=config)
    stopped = client.batches.create(model="gemini-2.5-flash", src=source, config=config)
    client.batches.cancel(name=str(stopped.name))
    done = client.batches.get(name=str(made.name))
    seen = {
        "found": [found.display_name, found.model, found.state, str(found.src.gcs_uri), str(found.dest.gcs_uri)],
        "made": made.name,
        "state": done.state,
        "stopped": [stopped.name, client.batches.get(name=str(stopped.name)).state],
        "listed": [one.name for one in client.batches.list(config={"page_size": 1})],
        "ours": [one.name for one in client.batches.list(config={"filter": "labels.aikit_endpoint=chat-completions"})],
    }
    print(json.dumps(seen))  # noqa: T201  what it is for


if __name__ == "__main__":
    main(*sys.argv[1:])
