from __future__ import annotations

import pytest

from daemon.audio.erle import MEASURED_EVERY_S, EchoMeasure, ErleMeter, WindowLevels

NOISE_DBFS = -70.0


def _feed(meter: ErleMeter, seconds: float, far: float, near: float, out: float) -> None:
    for _ in range(round(seconds / MEASURED_EVERY_S)):
        meter.window(WindowLevels(far, near, out))


def _silence(meter: ErleMeter, seconds: float = 2.0, noise_dbfs: float = NOISE_DBFS) -> None:
    _feed(meter, seconds, -96, noise_dbfs, noise_dbfs)


def _measured(meter: ErleMeter) -> EchoMeasure:
    assert meter.measure is not None
    return meter.measure


@pytest.mark.parametrize("erle_db", [0.0, 3.0, 20.0, 35.0])
def test_erle_is_what_the_output_has_less_than_the_microphone(erle_db: float) -> None:
    meter = ErleMeter()
    _silence(meter, noise_dbfs=-90)
    _feed(meter, 6, far=-25, near=-30, out=-30 - erle_db)
    assert _measured(meter).erle_db == pytest.approx(erle_db, abs=0.5)


def test_echo_is_how_far_it_stands_out_of_the_noise() -> None:
    meter = ErleMeter()
    _silence(meter)
    _feed(meter, 6, far=-25, near=-40, out=-60)
    assert _measured(meter).echo_db == pytest.approx(30, abs=0.5)


def test_nothing_is_measured_before_5_s_of_the_loudspeaker_alone() -> None:
    meter = ErleMeter()
    _silence(meter)
    _feed(meter, 4.7, far=-25, near=-30, out=-60)  # and its echo dies away in 0.2 s
    _silence(meter, 10)
    assert meter.measure is None
    _feed(meter, 0.5, far=-25, near=-30, out=-60)
    assert meter.measure is not None


def test_noise_counts_on_neither_side() -> None:
    """The echo stands 3 dB out of the noise and is wholly gone: 0 dB by plain levels."""
    meter = ErleMeter()
    _silence(meter, noise_dbfs=-40)
    _feed(meter, 6, far=-25, near=-37, out=-39.9)
    assert _measured(meter).erle_db > 8


def test_with_headphones_there_is_no_echo() -> None:
    meter = ErleMeter()
    _silence(meter)
    _feed(meter, 6, far=-25, near=NOISE_DBFS, out=NOISE_DBFS)
    assert _measured(meter).echo_db < 1


def test_an_echo_as_loud_as_what_was_taken_for_noise_is_still_one() -> None:
    """Whoever pressed the button spoke all along: there never was any silence to measure noise in."""
    meter = ErleMeter()
    _silence(meter, noise_dbfs=-30)
    for _ in range(30):
        _feed(meter, 0.3, far=-25, near=-28, out=-32)
        _feed(meter, 0.1, far=-30, near=-40, out=-44)
    assert _measured(meter).echo_db > 6
    assert _measured(meter).erle_db < 11


def test_an_echo_that_comes_late_is_no_noise() -> None:
    """Half a second after the words, by when silence is measured less often."""
    meter = ErleMeter()
    for _ in range(30):
        _feed(meter, 0.8, far=-25, near=-70, out=-70)
        _feed(meter, 0.3, far=-96, near=-30, out=-30)
        _feed(meter, 2 * MEASURED_EVERY_S, far=-96, near=-30, out=-30)
    assert _measured(meter).echo_db > 6


def test_what_is_said_in_the_room_is_not_taken_for_echo() -> None:
    """The user speaks a third of the time, and is not cancelled."""
    meter = ErleMeter()
    _silence(meter)
    for _ in range(10):
        _feed(meter, 2, far=-25, near=-35, out=-65)
        _feed(meter, 1, far=-25, near=-20, out=-20)
    assert _measured(meter).erle_db > 25


def test_what_is_said_while_nothing_is_played_is_neither_echo_nor_noise() -> None:
    meter = ErleMeter()
    _silence(meter)
    _feed(meter, 3, far=-96, near=-25, out=-25)
    _feed(meter, 6, far=-25, near=-30, out=-60)
    assert _measured(meter).erle_db == pytest.approx(30, abs=1.5)
    assert _measured(meter).echo_db > 30


@pytest.mark.parametrize(("failing_share", "trusted"), [(0.1, True), (0.5, False)])
def test_echo_that_comes_through_half_of_the_time_is_not_cancelled(
    failing_share: float, trusted: bool
) -> None:
    meter = ErleMeter()
    _silence(meter)
    for _ in range(10):
        _feed(meter, 1 - failing_share, far=-25, near=-30, out=-60)
        _feed(meter, failing_share, far=-25, near=-30, out=-30)
    assert (_measured(meter).erle_db > 6) == trusted


def test_the_last_5_s_count() -> None:
    meter = ErleMeter()
    _silence(meter)
    _feed(meter, 6, far=-25, near=-30, out=-30)
    _feed(meter, 6, far=-25, near=-30, out=-60)
    assert _measured(meter).erle_db == pytest.approx(30, abs=0.5)


def test_quiet_sound_measures_nothing() -> None:
    meter = ErleMeter()
    _feed(meter, 10, far=-60, near=-65, out=-70)
    assert meter.measure is None


def test_without_any_silence_before_there_is_no_noise() -> None:
    meter = ErleMeter()
    _feed(meter, 6, far=-25, near=-30, out=-50)
    assert _measured(meter).erle_db == pytest.approx(20, abs=0.5)
