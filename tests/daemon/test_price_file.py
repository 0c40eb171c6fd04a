"""The prices that come with the program, and the operator's beside them."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon.config.schema import Session
from daemon.money.consumption import TOKEN_KINDS, Consumption
from daemon.money.prices import PriceError
from daemon.price_file import FILE_BOUND_BYTES, load_prices
from daemon.realtime.settings import DEFAULT_MODEL

OWN = 'currency = "USD"\n[models.mine]\nminute = 1\nseen = "2026-01-02"\nsource = "me"\n'


@pytest.fixture
def own(tmp_path: Path) -> Path:
    return tmp_path / "prices.toml"


@pytest.mark.parametrize("model", [Session().model, DEFAULT_MODEL, "gpt-realtime-2025-08-28"])
def test_default_models_have_a_price_for_every_kind(own: Path, model: str) -> None:
    everything = Consumption(**dict.fromkeys(TOKEN_KINDS, 1000))
    assert load_prices(own).cost_nano(model, everything) is not None


def test_default_transcription_has_a_price(own: Path) -> None:
    used = Consumption(text_input=1, audio_input=1, text_output=1)
    assert load_prices(own).cost_nano(Session().transcription_model, used) is not None


def test_built_in_amounts(own: Path) -> None:
    """Pinned, so that a slip of the finger in the table is seen."""
    prices = load_prices(own)
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


def test_every_built_in_price_has_an_address(own: Path) -> None:
    for price in load_prices(own).models.values():
        assert price.source.startswith("https://developers.openai.com/")
        assert price.seen >= "2026-11-21"


def test_table_in_configs_is_the_built_in_one() -> None:
    root = Path(__file__).parents[2]
    assert (root / "configs/prices.toml").resolve() == root / "daemon/money/prices.toml"


def test_own_prices_stand_beside_the_built_in_ones(own: Path) -> None:
    own.write_text(OWN)
    assert {"mine", "gpt-realtime"} <= load_prices(own).models.keys()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff", "is not UTF-8 at byte 0"),
        (b"#" * (FILE_BOUND_BYTES + 1), "longer than 262144 bytes"),
        (b"[models.x]\nminute = 1", "currency: None, allowed"),
        (b'currency = "EUR"', "currency: 'EUR' cannot be mixed"),
    ],
)
def test_own_file_that_cannot_be_used_is_named(own: Path, content: bytes, message: str) -> None:
    own.write_bytes(content)
    with pytest.raises(PriceError) as error:
        load_prices(own)
    assert str(error.value).startswith(f"{own}: {message}")


def test_own_file_that_cannot_be_read_is_named(own: Path) -> None:
    own.mkdir()
    with pytest.raises(PriceError, match=r"prices\.toml: cannot be read: Is a directory"):
        load_prices(own)
