"""Cards that go and come back under a whole box: the same process, the same conversation."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

from daemon.simulator import SimulatorServer
from tests.system.running_box import (
    SESSION_HZ,
    VOICE_HZ,
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

NOTICED_S = 1.0
BACK_S = 3.0


def ask_aloud(server: SimulatorServer, box: Box, room: Ambience, name: str) -> float:
    """Press, speak, release, be answered; the likeness of what the server got."""
    box.ask("press")
    room.say(read_voice(name))
    box.ask("release")
    box.await_phase("speaking")
    box.await_phase("idle")
    [connection] = server.connections
    return likeness(connection.committed_audio()[-1], read_voice(name, SESSION_HZ), SESSION_HZ)


def test_microphone_pulled_out_and_put_back_goes_on_in_the_same_conversation(
    virtual_card: VirtualCard, tmp_path: Path
) -> None:
    with (
        simulator(answer_with(tmp_path, [voice("Front_Left")])) as server,
        Ambience(virtual_card) as room,
        running(tmp_path, server.url) as box,
    ):
        first = ask_aloud(server, box, room, "Front_Center")
        box.ask("press")  # in the middle of a turn
        virtual_card.unplug("mic")
        lost_s = box.await_device("microphone", "lost")
        assert not box.status()["microphone"]["holds_device"]
        virtual_card.plug("mic")
        back_s = box.await_device("microphone", "working", "silent")
        room.plugged_in()
        box.ask("stop")
        second = ask_aloud(server, box, room, "Rear_Right")
        print(f"lost after {lost_s:.2f} s, back after {back_s:.2f} s, understood {first:.3f}, {second:.3f}")
        assert len(server.connections) == 1
    assert lost_s <= NOTICED_S
    assert back_s <= BACK_S
    assert min(first, second) > 0.9


def test_loudspeaker_pulled_out_in_mid_answer_tells_how_far_it_was_heard(
    virtual_card: VirtualCard, tmp_path: Path
) -> None:
    long_answer = [voice(name) for name in ("Front_Left", "Front_Right", "Side_Left")]
    with (
        simulator(answer_with(tmp_path, long_answer)) as server,
        Ambience(virtual_card) as room,
        running(tmp_path, server.url) as box,
    ):
        box.ask("ask", text="Say something long.")
        box.await_phase("speaking")
        time.sleep(1.5)
        virtual_card.unplug("speaker")
        lost_s = box.await_device("speaker", "lost")
        deadline = time.monotonic() + 2
        while not (cut := server.events("conversation.item.truncate")) and time.monotonic() < deadline:
            time.sleep(0.02)
        virtual_card.plug("speaker")
        back_s = box.await_device("speaker", "working")
        with virtual_card.recording() as recording:
            understood = ask_aloud(server, box, room, "Rear_Right")
            heard = likeness(recording.pcm(), read_voice("Front_Left"), VOICE_HZ)
        heard_ms = [truncate["audio_end_ms"] for truncate in cut]
        print(
            f"lost after {lost_s:.2f} s, back after {back_s:.2f} s, heard {heard_ms} ms of the answer cut, "
            f"likeness of the next turn {understood:.3f} and its answer {heard:.3f}"
        )
        assert len(server.connections) == 1
    assert lost_s <= NOTICED_S
    assert back_s <= BACK_S
    assert len(heard_ms) == 1
    assert 1000 < heard_ms[0] < 2500
    assert min(understood, heard) > 0.9


def test_frozen_microphone_leaves_the_box_responsive_and_works_when_it_thaws(
    virtual_card: VirtualCard, tmp_path: Path
) -> None:
    with (
        simulator(answer_with(tmp_path, [voice("Front_Left")])) as server,
        Ambience(virtual_card) as room,
        running(tmp_path, server.url) as box,
    ):
        box.await_device("microphone", "working")
        virtual_card.wedge("mic")
        try:
            wedged_s = box.await_device("microphone", "wedged")
            began = time.monotonic()
            for _ in range(20):
                box.status()
            answered_s = (time.monotonic() - began) / 20
            box.ask("ask", text="Can you still talk?")
            box.await_phase("speaking")
            box.await_phase("idle")
        finally:
            virtual_card.unwedge("mic")
        back_s = box.await_device("microphone", "working", "silent")
        understood = ask_aloud(server, box, room, "Rear_Right")
        print(
            f"wedged after {wedged_s:.2f} s, status in {answered_s * 1000:.1f} ms meanwhile, "
            f"works {back_s:.2f} s after it thawed, understood {understood:.3f}"
        )
        assert len(server.connections) == 1
    assert wedged_s <= NOTICED_S
    assert back_s <= BACK_S
    assert understood > 0.9


def test_box_that_starts_without_any_card_is_up_and_finds_them(
    virtual_card: VirtualCard, tmp_path: Path
) -> None:
    cards = ("mic", "speaker")
    for card in cards:
        virtual_card.unplug(card)
    environment = {"NOTIFY_SOCKET": str(tmp_path / "notify")}
    try:
        with (
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd,
            simulator(answer_with(tmp_path, [voice("Front_Left")])) as server,
        ):
            systemd.bind(environment["NOTIFY_SOCKET"])
            systemd.settimeout(5)
            with running(tmp_path, server.url, environment=environment) as box:
                while "READY=1" not in systemd.recv(4096).decode().splitlines():
                    pass
                status = box.status()
                assert [status[port]["state"] for port in ("microphone", "speaker")] == ["lost", "lost"]
                for card in cards:
                    virtual_card.plug(card)
                back_s = box.await_device("microphone", "working", "silent")
                back_s += box.await_device("speaker", "working")
                with Ambience(virtual_card) as room:
                    understood = ask_aloud(server, box, room, "Rear_Right")
                print(f"both work after {back_s:.2f} s, understood {understood:.3f}")
    finally:
        for card in cards:
            virtual_card.plug(card)
    assert back_s <= BACK_S
    assert understood > 0.9
