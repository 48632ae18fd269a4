"""
Meet the three kinds of faults: the caller's, what the provider would refuse, and what it does refuse.

    python examples/error_handling.py
"""

from __future__ import annotations

import tempfile

from aikit import OpenAIClient, OpenAIError

LINES = b"""\
{"custom_id": "1", "method": "POST", "url": "/v1/responses", "body": {"model": "m", "input": "Hi"}}
{"custom_id": "1", "method": "GET", "url": "/v1/responses", "body": {"model": "m", "input": "Hi"}}
not JSON
"""


def main() -> None:
    """
    Make every kind of mistake on the embedded provider.
    """
    with tempfile.TemporaryDirectory() as home, OpenAIClient(provider="local", home=home) as client:
        print("A call that makes no sense raises, and nothing is sent:")
        try:
            client.files.retrieve("")
        except ValueError as error:
            print(f"  ValueError: {error}")

        print("What the provider would refuse is found before the first byte is sent, all of it at once:")
        for problem in client.files.create(LINES, "batch").errors:
            print(f"  {problem.code}: {problem}")

        print("What the provider refuses is in the result, and nothing raises:")
        result = client.files.content("file-that-is-not-there")
        for problem in result.errors:
            print(f"  status {problem.status}: {problem}")
            print(f"  is_not_found_error: {problem.is_not_found_error}, success: {result.success}")

        print("Whoever prefers exceptions asks for them:")
        try:
            client.files.delete("file-that-is-not-there").unwrap()
        except OpenAIError as error:
            print(f"  OpenAIError: {error}")


if __name__ == "__main__":
    main()
