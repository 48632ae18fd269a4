"""
What a key may spend: an estimate is compared with what is left before a batch is created, and held until it is booked.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from aikit.gateway.values import Principal
from aikit.types.errors import OpenAIError

if TYPE_CHECKING:
    from aikit.gateway.money.estimate import Estimate


def require_left(principal: Principal) -> None:
    """
    Refuse a key that has spent all of its budget, before it sends anything.

    Raises:
        OpenAIError: It has; status 422, code ``"budget_exceeded"``.
    """
    if principal.max_budget is not None and principal.spend >= principal.max_budget:
        spent, most = (_shown(Decimal(str(amount))) for amount in (principal.spend, principal.max_budget))
        message = f"Budget has been exceeded! Current cost: ${spent}, max budget: ${most}"
        period = f" in {principal.budget_duration}" if principal.budget_duration else ""
        raise OpenAIError(
            message=f"{message}{period}. What is there can be read and deleted; have the budget raised for more.",
            status=422,
            code="budget_exceeded",
            type="budget_exceeded",
        )


def refusal(estimate: Estimate | None, left: Decimal) -> OpenAIError:
    """
    Return the refusal of a batch that may cost more than the key has *left*, in US dollars.
    """
    left = max(left, Decimal(0))
    amount = "an amount that is not known" if estimate is None or estimate.cost is None else f"${_shown(estimate.cost)}"
    return OpenAIError(
        message=f"Budget exceeded: the batch will cost about {amount}, and the key has ${_shown(left)} left of its "
        "budget. Nothing was created; send fewer lines, bound their answers (max_tokens), or have the budget raised.",
        status=422,
        code="budget_exceeded",
        type="budget_exceeded",
        param="input_file_id",
    )


def _shown(amount: Decimal) -> str:
    """
    Return *amount* with the digits that tell it from another: small ones have more of them.
    """
    return f"{amount:.2f}" if amount >= 1 or not amount else f"{amount:.3g}"
