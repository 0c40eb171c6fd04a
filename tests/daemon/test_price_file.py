"""The prices that come with the program, and the operator's beside them."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon.config.schema import Session
from daemon.money.consumption import TOKEN_KINDS, Consumption
from daemon.money.prices import PriceError
from daemon.price_file import load_prices
from daemon.realtime.settings import DEFAULT_MODEL

OWN = b'currency = "USD"\n[models.mine]\nminute = 1\nseen = "2026-01-02"\nsource = "me"\n'


@pytest.mark.parametrize("model", [Session().model, DEFAULT_MODEL, "gpt-realtime-2025-08-28"])
def test_default_models_have_a_price_for_every_kind(model: str) -> None:
    everything = Consumption(**dict.fromkeys(TOKEN_KINDS, 1000))
    assert load_prices().cost_nano(model, everything) is not None


def test_default_transcription_has_a_price() -> None:
    used = Consumption(text_input=1, audio_input=1, text_output=1)
    assert load_prices().cost_nano(Session().transcription_model, used) is not None


def test_built_in_amounts() -> None:
    """Pinned, so that a slip of the finger in the table is seen."""
    prices = load_prices()
    million = {kind: Consumption(**{kind: 10**6}) for kind in TOKEN_KINDS}
    costs = {kind: prices.cost_nano("gpt-realtime-2.1", used) for kind, used in million.items()}
    assert costs == {
        "text_input": 4_000_000_000,
        "cached_text_input": 400_000_000,
        "audio_input": 32_000_000_000,
        "cached_audio_input": 400_000_000,
        "image_input": 5_000_000_000,
        "cached_image_input": 500_000_000,
        "text_output": 24_000_000_000,
        "audio_output": 64_000_000_000,
    }


def test_every_built_in_price_has_an_address() -> None:
    for price in load_prices().models.values():
        assert price.source.startswith("https://developers.openai.com/")
        assert price.seen >= "2026-11-21"


def test_table_in_configs_is_the_built_in_one() -> None:
    root = Path(__file__).parents[2]
    assert (root / "configs/prices.toml").resolve() == root / "daemon/money/prices.toml"


def test_own_prices_stand_beside_the_built_in_ones() -> None:
    assert {"mine", "gpt-realtime"} <= load_prices([("prices.toml", OWN)]).models.keys()


def test_later_file_wins() -> None:
    cheaper = OWN.replace(b"minute = 1", b"minute = 0.5")
    prices = load_prices([("a", OWN), ("b", cheaper)])
    assert prices.models["mine"] == load_prices([("b", cheaper)]).models["mine"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff", "is not UTF-8 at byte 0"),
        (b"[models.x]\nminute = 1", "currency: None, allowed"),
        (b'currency = "EUR"', "currency: 'EUR' cannot be mixed"),
    ],
)
def test_own_file_that_cannot_be_used_is_named(content: bytes, message: str) -> None:
    with pytest.raises(PriceError) as error:
        load_prices([("etc/prices.toml", content)])
    assert str(error.value).startswith(f"etc/prices.toml: {message}")
