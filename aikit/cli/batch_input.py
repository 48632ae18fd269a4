"""
What a batch is made of: a file on this machine, which is uploaded first, or one that the provider has.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

import attrs
import click

from aikit.cli.calls import Refused, good
from aikit.cli.inputs import STDIN, Input, inputs_of
from aikit.cli.output import Output
from aikit.cli.output.progress import bars
from aikit.client import OpenAIClient
from aikit.http.sources import source_of
from aikit.resources.batches.run.plan import first_url
from aikit.types.errors import OpenAIError

_MARKS: Final = ("/", "\\", ".")


@attrs.frozen
class BatchInput:
    """
    What a batch is made of.

    Attributes:
        word: As it was given.

        here: The file on this machine; ``None`` when *word* is an id.
    """

    word: str
    here: Input | None

    @classmethod
    def of(cls, word: str) -> BatchInput:
        """
        Return what *word* names.

        Raises:
            click.UsageError: It cannot name anything.
        """
        if not _is_path(word):
            return cls(word, None)
        if word and Path(word).is_dir():
            raise click.UsageError(f"{word} is a folder; a batch is made of one file")
        (one,) = inputs_of([word], filename=None, purpose="batch")
        return cls(word, one)

    def uploaded(self, client: OpenAIClient, output: Output) -> str:
        """
        Return the id of the file at the provider, after checking and uploading it if it is here.

        Raises:
            Refused: The check found problems, or the upload failed.
        """
        if self.here is None:
            return self.word
        with bars(output, [self.here.size_bytes]) as shown:
            bar = shown.file(self.here.name, self.here.size_bytes)
            result = client.files.create(self.here.file, "batch", {"on_progress": bar})
            bar.close()
        file_id: str = good(result).file.id
        return file_id

    def endpoint(self, client: OpenAIClient) -> str:
        """
        Return what the first request asks; a file at the provider is fetched for it.

        Raises:
            Refused: There is none to be read, or the file cannot be fetched.
        """
        if self.here is not None and self.here.source is not None:
            found = first_url(self.here.source.resolved())
        else:
            with tempfile.TemporaryDirectory(prefix="aikit-") as folder:
                path = Path(folder) / "input.jsonl"
                good(client.files.download(self.word, path))
                found = first_url(source_of(path).resolved())
        if found is not None:
            return found
        message = f"the first line of {self.word} does not say what it asks (url); mend it, or say --endpoint"
        raise Refused([OpenAIError(message=message, code="missing_endpoint", param="endpoint", line=1)], was_sent=False)


def _is_path(word: str) -> bool:
    """
    Tell whether *word* names a file here: there is one, or it looks like one; ids have neither dots nor slashes.
    """
    return word in {STDIN, ""} or any(mark in word for mark in _MARKS) or Path(word).exists()
