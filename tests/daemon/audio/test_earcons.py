"""The short sounds: what a small loudspeaker can play, without clicks, and told apart."""

from __future__ import annotations

from array import array

import pytest

from daemon.audio.earcons import MAX_S, NOTES, RATE_HZ, Earcon, synthesise

np = pytest.importorskip("numpy")


def energy_share(pcm: bytes, low_hz: float, high_hz: float) -> float:
    samples = np.pad(np.frombuffer(pcm, "<i2").astype(float), 4800)
    power = np.abs(np.fft.rfft(samples)) ** 2
    pitch_hz = np.fft.rfftfreq(len(samples), 1 / RATE_HZ)
    return float(power[(pitch_hz >= low_hz) & (pitch_hz < high_hz)].sum() / power.sum())


@pytest.mark.parametrize("earcon", Earcon)
def test_earcon_is_short_and_leaves_12_db_above_it(earcon: Earcon) -> None:
    samples = array("h", synthesise(earcon))
    assert len(samples) <= MAX_S * RATE_HZ
    assert max(map(abs, samples)) == pytest.approx(32768 * 10 ** (-12 / 20), abs=3)


@pytest.mark.parametrize("earcon", Earcon)
def test_earcon_is_where_small_speakers_and_old_ears_are(earcon: Earcon) -> None:
    assert energy_share(synthesise(earcon), 600, 3000) > 0.95


@pytest.mark.parametrize("earcon", Earcon)
def test_earcon_does_not_click(earcon: Earcon) -> None:
    pcm = synthesise(earcon)
    assert (array("h", pcm)[0], array("h", pcm)[-1]) == (0, 0)
    assert energy_share(pcm, 6500, RATE_HZ) < 1e-7  # -70 dB; a jump has it everywhere


def test_click_would_be_noticed() -> None:
    pcm = synthesise(Earcon.MUTED)
    assert energy_share(pcm[:-400], 6500, RATE_HZ) > 1e-6


@pytest.mark.parametrize(("away", "back"), [(Earcon.MUTED, Earcon.UNMUTED), (Earcon.OFFLINE, Earcon.ONLINE)])
def test_opposites_are_each_others_reverse_and_what_goes_away_falls(away: Earcon, back: Earcon) -> None:
    assert NOTES[away] == NOTES[back][::-1]
    pitches = [note.pitch_hz for note in NOTES[away]]
    assert pitches == sorted(pitches, reverse=True)


def test_no_two_earcons_are_the_same_tune() -> None:
    assert len(set(NOTES.values())) == len(Earcon)
