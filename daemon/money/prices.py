"""What a token of which kind costs with which model, from a table in TOML. Pure."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import field
from decimal import Decimal
from typing import Any

from daemon.money.consumption import TOKEN_KINDS, Consumption
from daemon.realtime.errors import did_you_mean
from daemon.records import dataclass

NANO = 10**9
"""Money is counted in whole billionths of the currency: sums are exact, in whatever order."""

MS_PER_MINUTE = 60_000
MAX_PRICE = 10_000

_SNAPSHOT = re.compile(r"-\d{4}-\d{2}-\d{2}$", re.ASCII)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_PRICE_KEYS = (*TOKEN_KINDS, "minute")
_TEXT_KEYS = ("seen", "source", "note")
_KEYS = (*_PRICE_KEYS, *_TEXT_KEYS, "unverified")


class PriceError(ValueError):
    """The table cannot be used; the message holds every mistake, one line each."""


@dataclass(frozen=True, slots=True)
class ModelPrice:
    """`per_token_nano` holds the kinds that have a price; `minute_nano` is None unless billed by duration.

    `seen` is the day on which `source` said so; `unverified` are the keys it did not itself say.
    """

    per_token_nano: Mapping[str, int]
    minute_nano: int | None
    seen: str
    source: str
    unverified: frozenset[str] = frozenset()

    def cost_nano(self, used: Consumption) -> int | None:
        """None if anything of it has no price."""
        total = 0
        for kind in TOKEN_KINDS:
            tokens, price = getattr(used, kind), self.per_token_nano.get(kind)
            if tokens and price is None:
                return None
            total += tokens * (price or 0)
        if used.audio_ms:
            if self.minute_nano is None:
                return None
            total += (used.audio_ms * self.minute_nano + MS_PER_MINUTE // 2) // MS_PER_MINUTE
        return total


@dataclass(frozen=True, slots=True)
class PriceTable:
    """`currency` is how amounts are labelled, such as USD."""

    currency: str = "USD"
    models: Mapping[str, ModelPrice] = field(default_factory=dict)

    def find(self, model: str) -> ModelPrice | None:
        """A dated snapshot such as `gpt-realtime-2025-08-28` costs what its model does, unless listed."""
        return self.models.get(model) or self.models.get(_SNAPSHOT.sub("", model))

    def cost_nano(self, model: str, used: Consumption) -> int | None:
        """In billionths of the currency; None if the table does not say."""
        price = self.find(model)
        return None if price is None else price.cost_nano(used)

    def with_own(self, own: PriceTable) -> PriceTable:
        """This table with the operator's models in place of, or beside, those listed here.

        Raises `PriceError` if the currencies differ: amounts of two currencies have no sum.
        """
        if own.currency != self.currency:
            raise PriceError(
                f"currency: {own.currency!r} cannot be mixed with the built-in prices in {self.currency}; "
                f"give prices in {self.currency}"
            )
        return PriceTable(self.currency, {**self.models, **own.models})


def price_table(text: str, where: str = "prices.toml") -> PriceTable:
    """The table in a TOML text; `where` begins every message. Raises `PriceError` with every mistake."""
    try:
        table = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise PriceError(f"{where}: {error}") from error
    problems: list[str] = []
    for key in table:
        if key not in ("currency", "models"):
            problems.append(f"{key}: unknown key{did_you_mean(key, ('currency', 'models'))}")
    currency = table.get("currency")
    if not isinstance(currency, str) or not re.fullmatch("[A-Z]{3}", currency):
        problems.append(f"currency: {currency!r}, allowed: three capital letters such as USD")
    entries = table.get("models", {})
    if not isinstance(entries, dict):
        problems.append(f"models: {entries!r}, allowed: a table of models")
        entries = {}
    models = {name: _model(name, entry, problems) for name, entry in entries.items()}
    if problems:
        raise PriceError("\n".join(f"{where}: {problem}" for problem in problems))
    return PriceTable(str(currency), models)


def _model(name: str, entry: Any, problems: list[str]) -> ModelPrice:
    if not isinstance(entry, dict):
        problems.append(f"models.{name}: {entry!r}, allowed: a table of prices")
        entry = {}
    else:
        problems.extend(f"models.{name}.{problem}" for problem in _mistakes(entry))
    prices = {key: _nano(entry[key]) for key in _PRICE_KEYS if key in entry and not _wrong_price(entry[key])}
    minute = prices.pop("minute", None)
    return ModelPrice(
        {kind: nano // 10**6 for kind, nano in prices.items()},
        minute,
        str(entry.get("seen")),
        str(entry.get("source")),
        frozenset(entry["unverified"]) if not _wrong_list(entry.get("unverified")) else frozenset(),
    )


def _mistakes(entry: Mapping[str, Any]) -> Iterator[str]:
    for key, value in entry.items():
        if key not in _KEYS:
            yield f"{key}: unknown key{did_you_mean(key, _KEYS)}"
        elif key in _PRICE_KEYS and (wrong := _wrong_price(value)):
            yield f"{key}: {value}, {wrong}"
    if not any(key in entry for key in _PRICE_KEYS):
        yield f"text_input: no price at all, allowed: any of {', '.join(_PRICE_KEYS)}"
    if not isinstance(entry.get("seen"), str) or not _DATE.fullmatch(entry["seen"]):
        yield f'seen: {entry.get("seen")!r}, allowed: the day the price was looked up, such as "2026-11-21"'
    if not isinstance(entry.get("source"), str) or not entry["source"]:
        yield f"source: {entry.get('source')!r}, allowed: where the price was found"
    if "unverified" in entry and _wrong_list(entry["unverified"]):
        yield f"unverified: {entry['unverified']!r}, allowed: a list of the keys above"


def _wrong_price(value: Any) -> str:
    """Why it is no price; "" if it is one. Per million tokens three decimals are whole billionths a token."""
    allowed = f"allowed: an amount from 0 to {MAX_PRICE} with at most three decimals"
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return allowed
    in_range = Decimal(value).is_finite() and 0 <= value <= MAX_PRICE
    return "" if in_range and value * 1000 % 1 == 0 else allowed


def _wrong_list(value: Any) -> bool:
    return not isinstance(value, list) or any(key not in _PRICE_KEYS for key in value)


def _nano(price: int | Decimal) -> int:
    return int(price * NANO)
