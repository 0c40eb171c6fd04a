"""What `harkd status` prints of the money, from what the daemon answers. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from daemon.money.budget import amount_text
from daemon.money.dates import month_name


def spending_lines(money: Mapping[str, Any]) -> list[str]:
    """`money` as `Accounts.summary` gives it: `today 0.42 USD (12 answers), November 7.10 of 20.00 USD`."""
    return list(_lines(money))


def _lines(money: Mapping[str, Any]) -> Iterator[str]:
    currency, unknown = money["currency"], money["unpriced"] or money["unmetered"]
    least = "at least " if unknown else ""
    answers = f"{money['answers']} answer{'' if money['answers'] == 1 else 's'}"
    today = f"today {least}{_spent(money['today_nano'], money['today_limit_nano'], currency)} ({answers})"
    if money["month"] is None:
        yield today
    else:
        spent = _spent(money["month_nano"], money["month_limit_nano"], currency)
        yield f"{today}, {month_name(money['month'])} {least}{spent}"
    if money["capped"]:
        until = f"until {money['until']}" if money["until"] else "until the clock is set"
        yield f"{money['capped']}; {until}"
    for model, tokens in money["unpriced"].items():
        yield f"no price for {model}: {tokens:,} tokens this month are not in these sums"
    if money["unmetered"]:
        answers = "answer or transcript" if money["unmetered"] == 1 else "answers or transcripts"
        yield f"{money['unmetered']} {answers} this month came without figures from the server"
    if money["day"] is None:
        yield "the clock is not set yet: what is used now is given a day when it is"


def _spent(spent_nano: int, limit_nano: int, currency: str) -> str:
    of = f" of {amount_text(limit_nano)}" if limit_nano else ""
    return f"{amount_text(spent_nano)}{of} {currency}"
