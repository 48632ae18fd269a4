"""
Lines translated for Vertex AI are requests by Google's own description of them.
"""

from __future__ import annotations

import pytest

from tests.foreign.discovery import Discovery
from tests.foreign.libraries import discovery_wheel
from tests.providers.vertex.translation.checking import check_lines

pytestmark = [pytest.mark.foreign, pytest.mark.slow]


@pytest.mark.parametrize("count", [2_000, pytest.param(50_000, marks=pytest.mark.long)])
def test_any_line_is_translated_into_what_google_describes(count: int) -> None:
    """
    With no field that is unknown, and each of its type; what cannot be translated is refused with its line.
    """
    described = Discovery.of(discovery_wheel(), "aiplatform.v1")
    check_lines(count, lambda request: described.require(request, "GoogleCloudAiplatformV1GenerateContentRequest"))
