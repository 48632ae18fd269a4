"""
What few calls need, loaded by the first of them: translation, answers and jobs take longer than all the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from aikit.types.loading import load

if TYPE_CHECKING:
    from aikit.providers.vertex import batches, checks, inputs, uploads
    from aikit.providers.vertex.answers import files
    from aikit.providers.vertex.translation import staging

__all__ = ["batches", "checks", "files", "inputs", "staging", "uploads"]

_ELSEWHERE: Final = {"files": "answers.files", "staging": "translation.staging"}

if not TYPE_CHECKING:  # who would let any name pass then

    def __getattr__(name: str) -> Any:
        if name in __all__:
            return load(f"{__package__}.{_ELSEWHERE.get(name, name)}")
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
