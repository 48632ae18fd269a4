"""
What is measured of a table: ``table_with_aikit.py PATH ROWS FOLDER``.

A CSV file in, a question about each of its rows, answered by the embedded provider's built-in model, a CSV file out.
"""

import sys
import tempfile
from pathlib import Path

from aikit import OpenAIClient


def main(path: str, count: str, folder: str) -> None:
    """
    Run the table.
    """
    with tempfile.TemporaryDirectory(dir=folder) as home, OpenAIClient(provider="local", home=home) as client:
        answers = Path(home) / "answers.csv"
        run = client.batches.run(path, answers, prompt="Summarise: {review}", model="m").unwrap()
        assert run.counts == {"ok": int(count)}
        assert answers.stat().st_size > Path(path).stat().st_size


if __name__ == "__main__":
    main(*sys.argv[1:])
