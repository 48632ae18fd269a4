"""
Good answers of Vertex AI and its storage, for operations that take several requests of which the contract fails one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs

from aikit.http.messages import Request, Response


class Everything:
    """
    A set that has everything in it.
    """

    def __contains__(self, _: object) -> bool:
        return True


@attrs.frozen
class VertexAnswers:
    """
    Answers each request as it should be.

    Attributes:
        samples: Folder with the bodies.

        is_first: Whether the first of several requests is the one that the contract is about, and not the last.

        unsupported: Operations that Vertex AI does not have.
    """

    samples: Path
    is_first: bool
    unsupported: Any = attrs.field(factory=Everything)

    def is_beside(self, operation: str, request: Request) -> bool:
        """
        Return whether the contract is about another request of *operation* than this.
        """
        return operation == request.method

    def __call__(self, request: Request) -> Response:
        """
        Return the answer to *request*.
        """
        raise AssertionError(f"{request.url} was asked")
