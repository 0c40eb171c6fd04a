from __future__ import annotations

import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import pymicro_wakeword
import pytest
from said_okay_nabu import silence, word

from hw.errors import DeviceError, Fault
from hw.wake.microwakeword import WORDS, MicroWakeWordDetector


def heard(detector: MicroWakeWordDetector, pcm: bytes) -> int:
    return sum(detector.hears(pcm[at : at + 320]) for at in range(0, len(pcm) - 319, 320))


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed package of which files can be lost; answers where its models are."""
    installed = Path(str(pymicro_wakeword.__file__)).parent
    shutil.copytree(installed / "models", tmp_path / "models")
    library = SimpleNamespace(**{**vars(pymicro_wakeword), "__file__": str(tmp_path / "__init__.py")})
    monkeypatch.setitem(sys.modules, "pymicro_wakeword", library)
    return tmp_path / "models"


def test_the_words_are_those_that_the_package_brings() -> None:
    assert set(WORDS) == {model.value for model in pymicro_wakeword.Model}


@pytest.mark.parametrize("name", WORDS)
def test_every_word_can_be_listened_for(name: str) -> None:
    assert heard(MicroWakeWordDetector(word=name), silence(2000)) == 0


@pytest.mark.parametrize("name", [name for name in WORDS if name != "okay_nabu"])
def test_another_boxs_name_is_not_heard(name: str) -> None:
    assert heard(MicroWakeWordDetector(word=name), silence(1000) + word() + silence(1500)) == 0


@pytest.mark.parametrize(("threshold", "times"), [(0.5, 1), (None, 1), (0.999, 0)])
def test_a_higher_threshold_hears_less(threshold: float | None, times: int) -> None:
    said = silence(1000) + word() + silence(1500)
    assert heard(MicroWakeWordDetector(threshold=threshold), said) == times


@pytest.mark.parametrize(("gap", "times"), [(False, 1), (True, 0)])
def test_a_word_with_a_gap_in_it_is_none(gap: bool, times: int) -> None:
    detector = MicroWakeWordDetector()
    half = len(word()) // 640 * 320
    assert heard(detector, silence(1000) + word()[:half]) == 0
    if gap:
        detector.reset()
    assert heard(detector, word()[half:] + silence(1500)) == times


def test_a_word_without_a_model_is_answered_with_those_there_are() -> None:
    with pytest.raises(
        DeviceError, match=r"'hey_harkd'.*okay_nabu, hey_jarvis, hey_mycroft, alexa"
    ) as caught:
        MicroWakeWordDetector(word="hey_harkd")
    assert caught.value.fault is Fault.UNSUPPORTED


@pytest.mark.parametrize("threshold", [0.0, 1.0, -0.5, 85.0, float("nan")])
def test_a_threshold_that_is_no_likelihood_is_refused(threshold: float) -> None:
    with pytest.raises(DeviceError, match="above 0 and below 1") as caught:
        MicroWakeWordDetector(threshold=threshold)
    assert caught.value.fault is Fault.UNSUPPORTED


def test_without_the_package_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pymicro_wakeword", None)  # importing it now fails
    with pytest.raises(DeviceError, match=r"pip install 'harkd\[wakeword\]'") as caught:
        MicroWakeWordDetector()
    assert caught.value.fault is Fault.LIBRARY_MISSING


@pytest.mark.parametrize("lost", ["alexa.json", "alexa.tflite"])
def test_a_package_without_the_model_is_an_error_and_not_a_crash(package: Path, lost: str) -> None:
    (package / lost).unlink()
    with pytest.raises(DeviceError, match=rf"{lost} is missing.*force-reinstall") as caught:
        MicroWakeWordDetector(word="alexa")
    assert caught.value.fault is Fault.NOT_FOUND


def test_a_package_that_is_removed_beneath_a_running_box_is_an_error_and_not_a_crash(package: Path) -> None:
    detector = MicroWakeWordDetector()
    said = silence(1000) + word() + silence(1500)
    (package / "okay_nabu.tflite").unlink()
    assert heard(detector, said) == 1
    detector.reset()
    with pytest.raises(DeviceError, match=r"okay_nabu\.tflite is missing"):
        heard(detector, said)


@pytest.mark.long
def test_a_thousand_gaps_cost_no_memory() -> None:
    detector = MicroWakeWordDetector()

    def gaps(times: int) -> int:
        for _ in range(times):
            detector.reset()
            detector.hears(bytes(320))
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

    before = gaps(100)
    assert gaps(1000) - before < 2_000_000
