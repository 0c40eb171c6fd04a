"""What the doctor asks of pins, buses and files, by gpiozero's mock and files of the test's own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import gpiozero
import pytest
from gpiozero.pins.mock import MockFactory

from daemon.config.hardware import Audio, AudioCapture, AudioPlayback, Button, Light, WakeWord
from daemon.config.schema import Config
from daemon.doctor.devices import ThesePins, TheseSoundDevices, Track
from daemon.doctor.facts import Holder, SpiDevice
from hw.errors import DeviceError
from hw.ports import AudioFormat

CARDS = " 1 [Device         ]: USB-Audio - USB Audio Device\n                      Generic\n"
STATUS = "state: RUNNING\nowner_pid   : {pid}\n"


@pytest.fixture
def factory() -> Iterator[MockFactory]:
    before, gpiozero.Device.pin_factory = gpiozero.Device.pin_factory, MockFactory()
    gpiozero.Device.pin_factory.reset()  # gpiozero 1.6: its factories share their pins
    yield gpiozero.Device.pin_factory
    gpiozero.Device.pin_factory = before


def files(directory: Path, said: str = "said.wav", heard: str = "heard.wav") -> TheseSoundDevices:
    capture = AudioCapture(driver="wavfile", file=str(directory / said))
    playback = AudioPlayback(driver="wavfile", file=str(directory / heard))
    return TheseSoundDevices(Config(audio=Audio(capture=capture, playback=playback)))


@pytest.mark.parametrize("down", [True, False])
def test_button_is_read_and_let_go_again(factory: MockFactory, down: bool) -> None:
    pin = factory.pin("GPIO17")
    (pin.drive_low if down else pin.drive_high)()
    pins = ThesePins(Config())
    assert [pins.is_pressed(Button(pin=17, pull=False)) for _ in range(2)] == [down, down]


def test_strip_of_lamps_needs_its_device(tmp_path: Path) -> None:
    pins = ThesePins(Config(light=Light(driver="apa102", spi_bus=1)), tmp_path)
    path = tmp_path / "spidev1.0"
    assert pins.spi() == SpiDevice(str(path), exists=False, access=False)
    path.touch()
    assert pins.spi() == SpiDevice(str(path), exists=True, access=True)


def test_what_is_no_gpio_chip_has_a_problem(tmp_path: Path) -> None:
    (tmp_path / "gpiochip0").touch()
    (chip,) = ThesePins(Config(), tmp_path).chips()
    assert (chip.path, chip.is_header, bool(chip.problem)) == (str(tmp_path / "gpiochip0"), False, True)


def test_sound_file_that_is_there_is_the_microphone(tmp_path: Path) -> None:
    (tmp_path / "said.wav").touch()
    assert files(tmp_path).microphone() == f"the file {tmp_path}/said.wav"
    assert files(tmp_path).speaker() == f"the file {tmp_path}/heard.wav"


def test_sound_files_that_cannot_be_had_are_sentences(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="there is no such file"):
        files(tmp_path).microphone()
    with pytest.raises(DeviceError, match="nothing can be written"):
        files(tmp_path, heard="nowhere/heard.wav").speaker()


def test_program_that_records_is_told_and_this_one_is_not(tmp_path: Path) -> None:
    (tmp_path / "cards").write_text(CARDS)
    for number, pid in enumerate((4_000_000, os.getpid())):  # the first is more than there can be
        status = tmp_path / f"card1/pcm0c/sub{number}/status"
        status.parent.mkdir(parents=True)
        status.write_text(STATUS.format(pid=pid))
    holders = TheseSoundDevices(Config(), tmp_path).holders()
    named = [one for one in holders or () if one.pid != os.getpid()]
    assert Holder("microphone", "Device", "", 4_000_000) in named
    assert TheseSoundDevices(Config(), tmp_path / "none").holders() is None


def test_cards_are_called_by_the_kernels_names(tmp_path: Path) -> None:
    (tmp_path / "cards").write_text(CARDS)
    assert TheseSoundDevices(Config(), tmp_path).cards() == ["Device (USB Audio Device)"]


def test_recording_began_when_its_most_punctual_period_says() -> None:
    track, audio = Track(), AudioFormat(rate_hz=1000, channels=2, period_frames=10)
    track.deliver(bytes(40), audio)
    first = track.started_at
    track.deliver(bytes(40_000), audio)  # ten seconds that came within no time
    assert first - track.started_at == pytest.approx(10.0, abs=0.5)
    assert len(track.periods) == 2


def test_what_hears_the_wake_word_is_tried() -> None:
    config = Config(wake_word=WakeWord(engine="microwakeword"))
    TheseSoundDevices(config).hear_wake_word()
