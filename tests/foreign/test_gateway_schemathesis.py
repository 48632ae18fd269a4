"""
The gateway and Schemathesis: whatever is made of the served OpenAPI document is answered as that says.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from aikit.testing import embedded_provider
from tests.foreign.libraries import said_by

pytestmark = [pytest.mark.foreign, pytest.mark.long]

_SCHEMATHESIS: Final = "schemathesis==4.32.5"
_EXAMPLES: Final = 40
_KEY: Final = "sk-1234"
_CHECKS: Final = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


def test_requests_made_of_the_document_meet_no_error_of_the_server(tmp_path: Path) -> None:
    """
    Good and bad values for everything, alone and one after the other, with the master key.
    """
    with embedded_provider(tmp_path) as provider:
        address = provider.serve(key=_KEY).removesuffix("/v1")
        words = ["run", f"{address}/openapi.json", "-H", f"Authorization: Bearer {_KEY}", "--checks", _CHECKS]
        words += ["--max-examples", str(_EXAMPLES), "--request-timeout", "30", "--no-color"]
        said = said_by(_SCHEMATHESIS, "run_schemathesis.py", *words, timeout_s=1500)
    made = re.search(r"([\d,]+) generated", said)
    assert made is not None, said
    assert int(made[1].replace(",", "")) > 1000
