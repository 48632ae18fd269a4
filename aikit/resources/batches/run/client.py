"""
The client that a run makes its calls with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from aikit.billing.ledger import Ledger
    from aikit.providers import Provider
    from aikit.resources.batches import BatchesAPI
    from aikit.resources.files import FilesAPI


class Client(Protocol):
    """
    As much of a client as a run needs.
    """

    @property
    def files(self) -> FilesAPI:
        """Where the parts go up."""
        ...

    @property
    def batches(self) -> BatchesAPI:
        """Where they are answered."""
        ...

    @property
    def provider(self) -> Provider:
        """Whose limits decide how the input is split."""
        ...

    @property
    def ledger(self) -> Ledger:
        """Where costs may be booked already."""
        ...
