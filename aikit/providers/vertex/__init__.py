"""
Vertex AI: files as objects of a bucket, batches as batchPredictionJobs.

What few calls need is loaded by the first of them: translation, answers and jobs take longer than all the rest.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from aikit.providers.vertex import batches as batches
    from aikit.providers.vertex import checks as checks
    from aikit.providers.vertex import inputs as inputs
    from aikit.providers.vertex import uploads as uploads
    from aikit.providers.vertex.answers import files as files
    from aikit.providers.vertex.translation import staging as staging

_LATER: Final = {"files": "answers.files", "staging": "translation.staging"} | {
    name: name for name in ("batches", "checks", "inputs", "uploads")
}


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return import_module(f"{__name__}.{_LATER[name]}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
