"""The price table: what it says, what it must not say."""

from __future__ import annotations

import pytest

from daemon.money.consumption import Consumption
from daemon.money.prices import NANO, PriceError, PriceTable, price_table

TABLE = """
currency = "USD"
[models.talker]
text_input = 4
cached_text_input = 0.40
audio_input = 32.00
cached_audio_input = 0.4
text_output = 16.0
audio_output = 64
seen = "2026-11-21"
source = "https://example.com/talker"
unverified = ["audio_output"]
[models.talker-2025-01-01]
text_input = 5.005
seen = "2026-11-21"
source = "https://example.com/old"
[models.writer]
minute = 0.017
seen = "2026-11-21"
source = "https://example.com/writer"
"""

MISTAKES = [
    ("currency = 3", "currency: 3, allowed: three capital letters"),
    ('currency = "USD"\nmodel = 1', "model: unknown key; did you mean 'models'?"),
    ('currency = "USD"\nmodels = 1', "models: 1, allowed: a table"),
    ('currency = "USD"\nmodels.x = 1', "models.x: 1, allowed: a table"),
    (
        'currency = "USD"\nmodels.x.text_inptu = 1',
        "models.x.text_inptu: unknown key; did you mean 'text_input'?",
    ),
    ('currency = "USD"\nmodels.x.minute = -1', "models.x.minute: -1, allowed: an amount from 0"),
    ('currency = "USD"\nmodels.x.minute = nan', "models.x.minute: NaN, allowed: an amount"),
    ('currency = "USD"\nmodels.x.minute = 0.0001', "models.x.minute: 0.0001, allowed: an amount"),
    ('currency = "USD"\nmodels.x.minute = true', "models.x.minute: True, allowed: an amount"),
    ('currency = "USD"\nmodels.x.minute = 1', "models.x.seen: None, allowed: the day"),
    ('currency = "USD"\nmodels.x.minute = 1', "models.x.source: None, allowed: where"),
    ('currency = "USD"\nmodels.x.unverified = ["all"]', "models.x.unverified: ['all'], allowed: a list"),
    ('currency = "USD"\nmodels.x.unverified = [[]]', "models.x.unverified: [[]], allowed: a list"),
    ('currency = "USD"\nmodels.x = {}', "models.x.text_input: no price at all"),
    ("currency = ", "Invalid value"),
]


@pytest.fixture
def table() -> PriceTable:
    return price_table(TABLE)


@pytest.mark.parametrize(
    ("model", "used", "cost_nano"),
    [
        ("talker", Consumption(text_input=57, cached_text_input=256), 57 * 4_000 + 256 * 400),
        ("talker", Consumption(audio_input=92, cached_audio_input=384), 92 * 32_000 + 384 * 400),
        ("talker", Consumption(text_output=10**6, audio_output=10**6), 80 * NANO),
        ("talker-2026-05-05", Consumption(text_input=1), 4_000),
        ("talker-2025-01-01", Consumption(text_input=1), 5_005),
        ("writer", Consumption(audio_ms=60_000), 17_000_000),
        ("writer", Consumption(audio_ms=2_500), 708_333),
        ("talker", Consumption(), 0),
    ],
)
def test_cost_is_exact_to_a_billionth(
    table: PriceTable, model: str, used: Consumption, cost_nano: int
) -> None:
    assert table.cost_nano(model, used) == cost_nano


@pytest.mark.parametrize(
    ("model", "used"),
    [
        ("stranger", Consumption(text_input=1)),
        ("talker-mini", Consumption(text_input=1)),
        ("talker", Consumption(text_input=1, image_input=1)),
        ("talker", Consumption(audio_ms=1)),
        ("writer", Consumption(audio_ms=1, text_output=1)),
    ],
)
def test_what_has_no_price_costs_nobody_knows_what(table: PriceTable, model: str, used: Consumption) -> None:
    assert table.cost_nano(model, used) is None


def test_each_price_says_where_and_when_it_was_seen(table: PriceTable) -> None:
    price = table.models["talker"]
    assert (price.seen, price.source) == ("2026-11-21", "https://example.com/talker")
    assert price.unverified == {"audio_output"}


@pytest.mark.parametrize(("text", "message"), MISTAKES)
def test_mistake_in_the_table_is_told_with_its_place(text: str, message: str) -> None:
    with pytest.raises(PriceError) as error:
        price_table(text, "/etc/harkd/prices.toml")
    assert f"/etc/harkd/prices.toml: {message}" in str(error.value)


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(PriceError) as error:
        price_table("[models.x]\nminute = -1\n[models.y]\nfoo = 2")
    assert len(str(error.value).splitlines()) == 8


def test_own_model_replaces_the_one_built_in(table: PriceTable) -> None:
    own = price_table('currency = "USD"\n[models.writer]\nminute = 1\nseen = "2026-01-02"\nsource = "me"')
    both = table.with_own(own)
    assert both.cost_nano("writer", Consumption(audio_ms=60_000)) == NANO
    assert both.cost_nano("talker", Consumption(text_input=1)) == 4_000


def test_own_prices_in_another_currency_are_refused(table: PriceTable) -> None:
    with pytest.raises(PriceError, match="'EUR' cannot be mixed with the built-in prices in USD"):
        table.with_own(price_table('currency = "EUR"'))
