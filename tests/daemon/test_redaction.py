from __future__ import annotations

import json
import time
from base64 import b64encode, urlsafe_b64encode
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.redaction import REMEMBERED, SECRET, Redactor, redacted

KEY = "Quagga7/Okapi+Tapir&42"  # looks like none


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("x sk-proj-abcdefgh1234 y", "x [secret] y"),
        ("Incorrect API key provided: sk-proj-****************abcd.", "Incorrect API key provided: [secret]"),
        ("x ek_abcdefgh y", "x [secret] y"),
        ("Authorization: Bearer abc.DEF-123 refused", "Authorization: Bearer [secret] refused"),
        ("{'authorization': 'bearer abc.DEF-123'}", "{'authorization': 'bearer [secret]'}"),
        ("Proxy-Authorization: Basic dXNlcjpodW50ZXIy", "Proxy-Authorization: Basic [secret]"),
        ("http://user:word@proxy:8080/x", "http://[secret]@proxy:8080/x"),
        ("https://token@host", "https://[secret]@host"),
        (
            "wss://host/path?api-version=1&api-key=abc&x=2",
            "wss://host/path?api-version=1&api-key=[secret]&x=2",
        ),
        ('"wss://host/?subscription_token=abc"', '"wss://host/?subscription_token=[secret]"'),
        ("api-key: 0123456789abcdef0123", "api-key: [secret]"),
        ("{'api-key': '0123456789abcdef0123'}", "{'api-key': '[secret]'}"),
        ("OPENAI_API_KEY=abcdefghijklmnopqrstuvwxyz", "OPENAI_API_KEY=[secret]"),
    ],
)
def test_what_looks_like_a_secret_is_left_out(text: str, shown: str) -> None:
    assert redacted(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "task-force on disk-encrypted sk-8 risk-management",
        "the API key in /etc/harkd/openai_api_key cannot be read by this user",
        "/etc/harkd/openai_api_key: Permission denied",
        "there is no API key; put it into /etc/harkd/openai_api_key (mode 0600) or OPENAI_API_KEY",
        "mail me@home, what? a=b",
        "wss://api.openai.com/v1/realtime?model=gpt-realtime",
        "the bearer of news, on a basic assumption about basic2 things",
        "connect to ws://127.0.0.1:8080 as a@b",
    ],
)
def test_what_is_no_secret_is_left_alone(text: str) -> None:
    assert redacted(text) == text


@pytest.mark.parametrize(
    "written",
    [
        KEY,
        quote(KEY),
        quote(KEY, safe=""),
        quote_plus(KEY),
        json.dumps(KEY),
        repr(KEY),
        b64encode(KEY.encode()).decode(),
        b64encode(f"user:{KEY}".encode()).decode(),
        b64encode(f"me:{KEY} and more".encode()).decode(),
        urlsafe_b64encode(f"a:{KEY}?".encode()).decode(),
    ],
)
def test_known_secret_is_found_in_every_form(written: str) -> None:
    shown = redacted(f"it said {written}.", [KEY])
    assert SECRET in shown
    assert not any(part in shown for part in ("Quagga", "Okapi", b64encode(KEY.encode()).decode()[4:16]))


@given(st.text(min_size=8), st.text(max_size=6), st.text(max_size=6))
def test_no_known_secret_survives(secret: str, before: str, after: str) -> None:
    assert secret not in Redactor([secret]).text(before + secret + after).replace(SECRET, "")


@pytest.mark.parametrize("piece", ["?key", "://a", "api_key", "basic a", "sk-a", "bearer ", "&token.", "="])
def test_long_text_takes_no_long_time(piece: str) -> None:
    began = time.process_time()
    redacted(piece * 10_000)
    redacted(piece[0] + piece[1:] * 10_000)
    assert time.process_time() - began < 1.0


def test_earlier_keys_stay_secret() -> None:
    redactor = Redactor(["the first key"])
    redactor.learn("the second key")
    redactor.learn("the second key")
    redactor.learn(None)
    assert redactor.known() == ["the first key", "the second key"]
    assert redactor.text("the first key, the second key") == "[secret], [secret]"


def test_words_are_no_secrets() -> None:
    redactor = Redactor(["any", ""])
    assert redactor.text("any word") == "any word"


def test_secret_that_is_no_text_is_left_out() -> None:
    odd = b"from the environment \xff".decode(errors="surrogateescape")
    assert redacted(f"no {odd}", [odd]) == "no [secret]"


def test_what_is_remembered_is_bounded() -> None:
    redactor = Redactor(f"key number {n:03}" for n in range(REMEMBERED + 1))
    assert len(redactor.known()) == REMEMBERED
    assert redactor.text("key number 000, key number 016") == "key number 000, [secret]"


def test_longer_secret_is_not_cut_by_one_that_begins_it() -> None:
    assert Redactor(["abcdefgh", "abcdefghijkl"]).text("abcdefghijkl") == "[secret]"


def test_json_values_are_cleaned_throughout() -> None:
    found = Redactor([KEY]).value({"ok": True, KEY: [KEY, 3, None, {"error": f"no {KEY}!"}]})
    assert found == {"ok": True, SECRET: [SECRET, 3, None, {"error": "no [secret]!"}]}
