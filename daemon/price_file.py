"""Finds the prices: built-in ones, and the operator's own. Shell around the file system."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from daemon.money.prices import PriceError, PriceTable, price_table

FILE_BOUND_BYTES = 256 * 1024


def load_prices(own: Path) -> PriceTable:
    """The built-in table, with the models of the file `own`, if there is one, in place of its own.

    Raises `PriceError`, with every mistake, for a file that cannot be read or used.
    """
    built_in = price_table((resources.files("daemon.money") / "prices.toml").read_text("utf-8"))
    try:
        with own.open("rb") as stream:
            content = stream.read(FILE_BOUND_BYTES + 1)
    except FileNotFoundError:
        return built_in
    except OSError as error:
        raise PriceError(f"{own}: cannot be read: {error.strerror}") from error
    if len(content) > FILE_BOUND_BYTES:
        raise PriceError(f"{own}: longer than {FILE_BOUND_BYTES} bytes")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise PriceError(f"{own}: is not UTF-8 at byte {error.start}") from error
    try:
        return built_in.with_own(price_table(text, str(own)))
    except PriceError as error:
        message = str(error)
        raise PriceError(message if message.startswith(str(own)) else f"{own}: {message}") from error
