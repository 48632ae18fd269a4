"""
Uploads in parts in the registry.
"""

from __future__ import annotations

from aikit.gateway.registry.registry import Registry
from aikit.gateway.registry.rows import PartRow, UploadRow
from tests.gateway.registry.rows import ANA, BEN, MASTER


def _upload(number: int = 1) -> UploadRow:
    return UploadRow(id=f"upload_{number}", deployment="openai", upstream_id="up", owner=ANA.token, created_at=1)


def test_an_upload_is_its_owners(registry: Registry) -> None:
    """Its owner and the master key get it, another key does not."""
    registry.uploads.add(_upload())
    assert registry.uploads.get("upload_1", ANA) == _upload() == registry.uploads.get("upload_1", MASTER)
    assert registry.uploads.get("upload_1", BEN) is None
    assert registry.uploads.get("upload_2", ANA) is None
    assert registry.uploads.get("\0", ANA) is None


def test_parts_are_of_their_upload(registry: Registry) -> None:
    """A part is found with its upload only."""
    registry.uploads.add(_upload(1))
    registry.uploads.add(_upload(2))
    part = PartRow(id="part_1", upload_id="upload_1", upstream_id="p")
    registry.uploads.add_part(part)
    assert registry.uploads.part("upload_1", "part_1") == part
    assert registry.uploads.part("upload_2", "part_1") is None


def test_an_upload_ends_once(registry: Registry) -> None:
    """The first call that ends it is told so; it can still be looked at."""
    registry.uploads.add(_upload())
    assert [registry.uploads.finish("upload_1", {"status": status}) for status in ("completed", "x")] == [True, False]
    found = registry.uploads.get("upload_1", ANA)
    assert found is not None
    assert (found.is_finished, found.body) == (True, {"status": "completed"})
