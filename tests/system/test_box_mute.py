"""Muted, a whole box has no capture stream at the card and sends no byte of audio."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from daemon.simulator import SimulatorServer
from tests.system.running_box import (
    SESSION_HZ,
    Ambience,
    Box,
    answer_with,
    likeness,
    read_voice,
    running,
    simulator,
    voice,
)
from tests.system.virtual_card import VirtualCard

pytestmark = pytest.mark.system

HANDS_FREE = '[talk]\nmode = "hands_free"\n'
ON_DEMAND = '[talk]\ncapture = "on_demand"\n'
CLOSED_S = 1.0


def capture_streams(card: VirtualCard) -> list[str]:
    """Those that programs have open on the microphone, by the word of its sound server."""
    server = f"--server=unix:{card._socket('mic')}"
    command = ["pactl", server, "list", "short", "source-outputs"]
    listed = subprocess.run(
        command, env=card._client_environment(), check=True, capture_output=True, text=True
    )
    # index, source, client: "-" is the server itself, which makes the microphone out of a sink
    return [line for line in listed.stdout.splitlines() if line.split("\t")[2] != "-"]


def assert_closed(card: VirtualCard, box: Box) -> None:
    microphone = box.status()["microphone"]
    assert capture_streams(card) == []
    assert (microphone["state"], microphone["holds_device"]) == ("closed", False)


def appended(server: SimulatorServer) -> list[Any]:
    return server.events("input_audio_buffer.append")


def await_turns(server: SimulatorServer, connection: int, turns: int) -> bytes:
    """The audio of the last of so many."""
    deadline = time.monotonic() + 10
    while len(server.connections[connection].committed_audio()) < turns:
        assert time.monotonic() < deadline, "no turn came"
        time.sleep(0.05)
    return server.connections[connection].committed_audio()[-1]


def test_muted_box_has_no_stream_and_sends_nothing_even_after_a_restart(
    virtual_card: VirtualCard, tmp_path: Path
) -> None:
    with (
        simulator(answer_with(tmp_path, [voice("Front_Left")])) as server,
        Ambience(virtual_card) as room,
    ):
        with running(tmp_path, server.url, HANDS_FREE) as box:
            box.await_device("microphone", "working")
            assert len(capture_streams(virtual_card)) == 1
            room.say(read_voice("Front_Center"))
            before = await_turns(server, 0, 1)
            box.await_phase("idle")
            box.run_command("mute", "on")
            assert_closed(virtual_card, box)
            sent = len(appended(server))
            room.say(read_voice("Rear_Left"))
            assert len(appended(server)) == sent > 0
            assert server.events("input_audio_buffer.clear")
        with running(tmp_path, server.url, HANDS_FREE) as box:
            assert box.status()["microphone"]["muted"]
            assert_closed(virtual_card, box)
            room.say(read_voice("Side_Left"))
            assert len(appended(server)) == sent
            box.run_command("mute", "off")
            box.await_device("microphone", "working")
            room.say(read_voice("Rear_Right"))
            after = await_turns(server, 1, 1)
    alike = {
        name: likeness(after, read_voice(name, SESSION_HZ), SESSION_HZ)
        for name in ("Rear_Right", "Side_Left")
    }
    print(f"likeness of the turn after with what was said then and while it was muted: {alike}")
    assert likeness(before, read_voice("Front_Center", SESSION_HZ), SESSION_HZ) > 0.9
    assert alike["Rear_Right"] > 0.9
    assert alike["Side_Left"] < 0.5


def test_on_demand_the_stream_is_closed_between_presses(virtual_card: VirtualCard, tmp_path: Path) -> None:
    with (
        simulator(answer_with(tmp_path, [voice("Front_Left")])) as server,
        Ambience(virtual_card) as room,
        running(tmp_path, server.url, ON_DEMAND) as box,
    ):
        for name in ("Front_Center", "Rear_Right"):
            assert_closed(virtual_card, box)
            room.say(read_voice("Side_Left"))  # to nobody
            box.ask("press")
            took_s = box.await_device("microphone", "working")
            assert len(capture_streams(virtual_card)) == 1
            room.say(read_voice(name))
            box.ask("release")
            released = time.monotonic()
            box.await_device("microphone", "closed")
            closed_s = time.monotonic() - released
            turn = server.connections[0].committed_audio()[-1]
            alike = [likeness(turn, read_voice(said, SESSION_HZ), SESSION_HZ) for said in (name, "Side_Left")]
            print(f"open after {took_s:.2f} s, closed after {closed_s:.2f} s, likeness {alike}")
            assert closed_s <= CLOSED_S
            assert alike[0] > 0.9
            assert alike[1] < 0.5
            box.await_phase("idle")
