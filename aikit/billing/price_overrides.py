"""
The user's own prices: given to a client, or in ``prices.json`` in the home.

    {
      "models": {
        "my-deployment": {"input": 0.15, "cached_input": 0.075, "output": 0.6, "read": "2026-11-22"},
        "our-llama": {"batch": {"input": 0.02, "output": 0.02}, "max_output_tokens": 4096}
      }
    }

All prices are US dollars per million tokens. ``batch`` holds those of batches; without it they are the plain ones less
``batch_discount`` (0 to 1), and without that, less what `batch_prices.json` says of the host.
Without ``cached_input`` it costs as other input. Tokens that are no text, or are put into a cache, may have prices of
their own: ``input_audio``, ``output_image``, ``cached_audio``, ``cache_write`` and the like. ``max_output_tokens``
bounds estimates. ``read``, ``source`` and ``note`` are for the reader.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final

from aikit.billing.rates import KINDS, Price, Rates
from aikit.types.suggestions import did_you_mean
from aikit.types.wire import NOTHING

FILE_NAME: Final = "prices.json"
_RATES: Final = ("input", "cached_input", "output")
_MAY_BE_GIVEN: Final = (*_RATES, *KINDS)
_TEXTS: Final = ("read", "source", "note")
_KEYS: Final = (*_MAY_BE_GIVEN, "batch", "batch_discount", "max_output_tokens", *_TEXTS)
_MOST: Final = 1_000_000_000


def read_prices(path: Path, batch_discount: Decimal) -> Mapping[str, Price]:
    """
    Read the file of prices; where there is none, there are none.

    Raises:
        ValueError: It is not what it should be.
    """
    try:
        data = json.loads(
            path.read_text("utf-8-sig"), parse_float=Decimal
        )  # editors on Windows begin files with a mark
    except OSError as error:
        if not os.path.lexists(path):  # also where nobody may look for it: no file, as far as this user goes
            return {}
        raise ValueError(f"{path} cannot be read: {error.strerror}; correct its permissions") from error
    except (ArithmeticError, ValueError, RecursionError) as error:  # Decimal has not every exponent
        raise ValueError(f"{path} cannot be read as JSON: {error}") from error
    models = data.get("models") if isinstance(data, dict) else None
    if not isinstance(models, dict) or set(data) - {"models", "about"}:
        raise ValueError(f'{path} must hold {{"models": {{NAME: {{"input": …, "output": …}}}}}} and nothing else')
    return user_prices(str(path), models, batch_discount)


def checked_prices(where: str, entries: Any) -> Mapping[str, Any]:
    """
    Return a copy of what the user says models cost, which stays as it was checked.

    Raises:
        TypeError: Something has the wrong type.
        ValueError: A price cannot be one.
    """
    user_prices(where, entries, Decimal(0))
    return {model: {key: _copied(value) for key, value in entry.items()} for model, entry in entries.items()}


def _copied(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else value


def user_prices(where: str, entries: Any, batch_discount: Decimal) -> Mapping[str, Price]:
    """
    Return what the user says models cost.

    Args:
        where: Who says so, for messages.

        entries: Model → its prices, as above.

        batch_discount: Share that batches are cheaper by where an entry does not say.

    Raises:
        TypeError: Something has the wrong type.
        ValueError: A price cannot be one.
    """
    if not isinstance(entries, Mapping):
        raise TypeError(f"{where} must map models to their prices, not be {type(entries).__name__}")
    return {model: _price(where, model, entry, batch_discount) for model, entry in entries.items()}


def _price(where: str, model: Any, entry: Any, batch_discount: Decimal) -> Price:
    if not isinstance(model, str) or not isinstance(entry, Mapping):
        raise TypeError(f"{where} must map names of models to objects with {', '.join(_KEYS)}; {model!r} does not")
    where = f"{where}: {model!r}"
    _require_known(where, entry, _KEYS)
    standard = _rates(where, entry, _KEYS)
    batch = entry.get("batch")
    if batch is None and standard == Rates():
        raise ValueError(f'{where} gives no price; give "input" and "output", or "batch" with both')
    if entry.get("batch_discount") is not None:
        batch_discount = _number(f"{where}: batch_discount", entry["batch_discount"], 1) or Decimal(0)
    most = entry.get("max_output_tokens")
    if most is not None and (type(most) is not int or most < 1):
        raise ValueError(f"{where}: max_output_tokens must be a whole number from 1, not {most!r}")
    return Price(
        model=model,
        standard=standard,
        batch=standard.cheaper_by(batch_discount) if batch is None else _rates(f"{where}: batch", batch, _MAY_BE_GIVEN),
        max_output_tokens=most,
        source=str(entry.get("source") or "the user's own"),
    )


def _rates(where: str, entry: Any, known: tuple[str, ...]) -> Rates:
    if not isinstance(entry, Mapping):
        raise TypeError(f"{where} must be an object with {', '.join(_RATES)}, not {type(entry).__name__}")
    _require_known(where, entry, known)
    numbers = {name: _number(f"{where}: {name}", entry.get(name), _MOST) for name in _MAY_BE_GIVEN}
    kinds = {name: number for name, number in numbers.items() if name in KINDS and number is not None}
    return Rates(**{name: numbers[name] for name in _RATES}, kinds=kinds or NOTHING)


def _require_known(where: str, entry: Mapping[str, Any], known: tuple[str, ...]) -> None:
    unknown = sorted(str(key) for key in entry if key not in known)
    if unknown:
        hint = did_you_mean(unknown[0], known)
        raise ValueError(f"{where} has unknown keys {', '.join(unknown)}; known are {', '.join(known)}{hint}")


def _number(where: str, value: Any, most: int) -> Decimal | None:
    """
    Return a number exactly as it was written.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise TypeError(f"{where} must be a number, not {type(value).__name__}")
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or not 0 <= number <= most:
        raise ValueError(f"{where} must be a number from 0 to {most:,}, not {value!r}")
    return number
