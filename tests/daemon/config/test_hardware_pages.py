"""hw/README.md and configs/README.md against what they tell of: pins, drivers, boards, examples."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from gpiozero.pins.mock import MockFactory

from daemon.config.files import load_config
from hw import load

ROOT = Path(__file__).resolve().parents[3]
HARDWARE = (ROOT / "hw" / "README.md").read_text(encoding="utf-8")
CONFIGS = (ROOT / "configs" / "README.md").read_text(encoding="utf-8")
BOARDS = sorted(path.stem for path in (ROOT / "configs" / "boards").glob("*.toml"))
EXAMPLES = sorted(path.stem for path in (ROOT / "configs" / "examples").glob("*.toml"))
SNIPPETS = re.findall(r"```toml\n(.*?)```", HARDWARE, re.DOTALL)
HEADER = MockFactory().board_info.headers["J8"].pins

AS_GPIOZERO_SAYS = {"3.3 V": "3V3", "5 V": "5V", "ground": "GND"}
SINGLE = r"(GPIO \d+|3\.3 V|5 V|ground)"


def test_the_header_is_drawn_as_it_is() -> None:
    rows = re.findall(rf"{SINGLE} \( ?(\d+)\) \( ?(\d+)\) {SINGLE}", HARDWARE)
    drawn = {
        int(number): what for left, odd, even, right in rows for number, what in ((odd, left), (even, right))
    }
    assert {number: AS_GPIOZERO_SAYS.get(what, what.replace(" ", "")) for number, what in drawn.items()} == {
        number: pin.name for number, pin in HEADER.items()
    }


@pytest.mark.parametrize(
    "page", [HARDWARE, *(p.read_text("utf-8") for p in (ROOT / "configs").glob("*/*.toml"))]
)
def test_a_pin_of_the_header_is_where_it_is_said_to_be(page: str) -> None:
    for what, number in re.findall(rf"{SINGLE} \((?:pin )?(\d+)\)", page):
        assert HEADER[int(number)].name == AS_GPIOZERO_SAYS.get(what, what.replace(" ", ""))


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_a_snippet_is_a_configuration(snippet: str, tmp_path: Path) -> None:
    (tmp_path / "harkd.toml").write_text(snippet)
    load_config([tmp_path])


def test_there_are_snippets_and_pins_to_look_at() -> None:
    assert len(SNIPPETS) >= 5
    assert len(re.findall(rf"{SINGLE} \(\d+\)", HARDWARE)) >= 20


@pytest.mark.parametrize(
    ("port", "table"),
    [
        ("Microphone", load.MICROPHONES),
        ("Speaker", load.SPEAKERS),
        ("Button", load.BUTTONS),
        ("Light", load.LIGHTS),
        ("VoiceDetector", load.VOICE_DETECTORS),
        ("VoiceProcessor", load.VOICE_PROCESSORS),
        ("WakeWordDetector", load.WAKE_WORDS),
    ],
)
def test_the_drivers_of_a_port_are_all_named(port: str, table: dict[str, object]) -> None:
    row = re.search(rf"^\| `{port}` \| [^|]* \| ([^|]*) \| `([^`]*)`", HARDWARE, re.MULTILINE)
    assert row is not None
    assert re.findall(r"`([^`]+)`", row[1]) == sorted(set(table) - {"fake"})
    assert (ROOT / row[2]).exists()


def test_every_board_and_every_example_is_in_the_tables() -> None:
    assert re.findall(r"^\| `([\w-]+)` \| .*\|.*\|.*\|.*\|$", HARDWARE, re.MULTILINE) == BOARDS
    assert re.findall(r"\]\(boards/([\w-]+)\.toml\)", CONFIGS) == BOARDS
    assert re.findall(r"\]\(examples/([\w-]+)\.toml\)", CONFIGS) == EXAMPLES


@pytest.mark.parametrize("board", BOARDS)
def test_the_table_names_the_card_that_the_board_takes(board: str) -> None:
    audio = load_config([ROOT / "configs" / "boards" / f"{board}.toml"]).audio
    row = re.search(rf"^\| `{board}` \| ([^|]*) \|", HARDWARE, re.MULTILINE)
    assert row is not None
    if board != "satellite1-hat":  # whose card we do not know
        named = re.findall(r"`([^`]+)`", row[1])
        assert named == list(dict.fromkeys([audio.capture.device, audio.playback.device]))


@pytest.mark.parametrize(("page", "folder"), [(HARDWARE, "hw"), (CONFIGS, "configs")])
def test_links_lead_somewhere(page: str, folder: str) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", page)
    assert [link for link in links if not (ROOT / folder / link).exists()] == []
    assert links
