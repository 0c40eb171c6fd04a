"""Lays the operator's prices over the built-in ones. Shell around the package's own file."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import resources

from daemon.money.prices import PriceError, PriceTable, price_table


def load_prices(own: Iterable[tuple[str, bytes]] = ()) -> PriceTable:
    """The built-in table, with the models of the files in `own`, each a name and a content, laid over it.

    Raises `PriceError`, with every mistake of the first file that cannot be used.
    """
    prices = price_table((resources.files("daemon.money") / "prices.toml").read_text("utf-8"))
    for name, content in own:
        prices = _with_own(prices, name, content)
    return prices


def _with_own(prices: PriceTable, name: str, content: bytes) -> PriceTable:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise PriceError(f"{name}: is not UTF-8 at byte {error.start}") from error
    try:
        return prices.with_own(price_table(text, name))
    except PriceError as error:
        message = str(error)
        raise PriceError(message if message.startswith(name) else f"{name}: {message}") from error
