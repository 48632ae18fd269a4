"""
Who calls the gateway, and the accounts that it calls.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

LINES: Final = "+lines"
"""Ends the names of deployments whose lines are run here, while the same account may have batches of its own."""


@attrs.frozen(kw_only=True)
class Deployment:
    """
    One account at a provider: an entry of ``files_settings`` or ``model_list``.

    Attributes:
        name: Unique; the client's calls name it as their *provider*.

        provider: LiteLLM's name of the provider, such as ``"openai"`` or ``"hosted_vllm"``.

        models: ``model_name`` → the provider's name of the model; empty for entries of ``files_settings``.

        model_id: ``model_info.id``, or a text that changes when the entry does.

        api_base: Address that is called, without secrets.

        prices: Model → prices as `OpenAIClient` takes them.

        runs_lines: Whether batches are run by the gateway, line by line, since the server has none.

        stands_for: Names of other providers under which it answers, too, and then for any model.
    """

    name: str
    provider: str
    models: Mapping[str, str] = attrs.field(factory=dict)
    model_id: str = ""
    api_base: str = ""
    prices: Mapping[str, Any] = attrs.field(factory=dict)
    runs_lines: bool = False
    stands_for: frozenset[str] = frozenset()

    @property
    def account(self) -> str:
        """The name by which programs call it, in whichever form."""
        return self.name.removesuffix(LINES)

    def model_for(self, model_name: str) -> str | None:
        """
        Return the provider's name of the model that is called *model_name* here; ``None`` if it is not served.

        A ``*`` in the name of a model stands for any text, and in the provider's name for the same text.
        """
        if model_name in self.models:
            return self.models[model_name]
        for pattern, model in self.models.items():
            start, star, end = pattern.partition("*")
            is_long = len(model_name) >= len(start) + len(end)
            if star and is_long and model_name.startswith(start) and model_name.endswith(end):
                return model.replace("*", model_name[len(start) : len(model_name) - len(end)])
        return None


@attrs.frozen(kw_only=True)
class Principal:
    """
    Who calls: the master key, or a key of the gateway's own.

    Attributes:
        token: SHA-256 of the key in hexadecimal digits; ``None`` for the master key, and where none is needed.

        alias: Name that people gave to the key.

        providers: Providers that may be asked; empty for all. *models* and *purposes* likewise.

        rpm_limit: Requests a minute.

        tpm_limit: Tokens a minute.

        max_budget: US dollars that may be spent in a period.

        spend: US dollars that were spent in the period.

        budget_duration: Length of the period, such as ``"30d"``; ``None`` for one without end.

        budget_reset_at: When the next period begins, in seconds since 1970.
    """

    token: str | None = None
    alias: str | None = None
    user_id: str | None = None
    team_id: str | None = None
    providers: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    purposes: tuple[str, ...] = ()
    rpm_limit: int | None = None
    tpm_limit: int | None = None
    max_budget: float | None = None
    spend: float = 0.0
    budget_duration: str | None = None
    budget_reset_at: float | None = None
    metadata: Mapping[str, Any] = attrs.field(factory=dict)

    @property
    def is_admin(self) -> bool:
        """Whether it is the master key, which sees everything."""
        return self.token is None
