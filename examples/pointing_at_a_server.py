"""
Do the same on OpenAI, on a server of your own that speaks its format, or on the embedded provider.

    python examples/pointing_at_a_server.py                              the embedded provider
    python examples/pointing_at_a_server.py http://127.0.0.1:8080/v1     a server
    OPENAI_API_KEY=sk-… python examples/pointing_at_a_server.py https://api.openai.com/v1
"""

from __future__ import annotations

import sys
import tempfile

from aikit import OpenAIClient


def main() -> None:
    """
    Use the address that was given.
    """
    if len(sys.argv) > 1:
        with OpenAIClient(base_url=sys.argv[1]) as client:  # the key comes from OPENAI_API_KEY, if there is one
            run(client)
    else:
        with tempfile.TemporaryDirectory() as home, OpenAIClient(provider="local", home=home) as client:
            run(client)


def run(client: OpenAIClient) -> None:
    """
    Store a file, tell what the provider knows of it, and delete it.
    """
    print(client)
    stored = client.files.create(b'{"item": {"answer": 42}}\n', "evals")
    if not stored:
        raise SystemExit("\n".join(f"{error.code}: {error}" for error in stored.errors))

    known = client.files.wait(stored.unwrap().id).unwrap()
    print(f"{known.filename}: {known.bytes} bytes, {known.status}, request {stored.headers.get('x-request-id')}")
    print(f"deleted: {client.files.delete(known.id).success}")


if __name__ == "__main__":
    main()
