"""What the built-in tools do to a box, and what they tell the model."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from daemon.realtime import RealtimeAgent, RunContextWrapper, UserError
from daemon.realtime.context import ToolContext
from daemon.realtime.device import DeviceControls, DeviceRefusal, RunningTimer
from daemon.realtime.tool_output import BackgroundResult, output_text
from daemon.tools import BUILT_IN_TOOLS


class FakeDevice:
    """A box that remembers what was done to it."""

    def __init__(self) -> None:
        self.volume_percent = 50
        self.done: list[str] = []
        self.running: list[RunningTimer] = []

    def now_local(self) -> str:
        return "Tuesday 2026-03-03 14:05:09 CET (UTC+0100)"

    def set_volume(self, percent: int) -> None:
        if not 0 <= percent <= 100:
            raise DeviceRefusal(f"the volume is {percent}, allowed: 0 to 100")
        self.volume_percent = percent

    def change_volume(self, by_percent: int) -> int:
        self.volume_percent = min(100, max(0, self.volume_percent + by_percent))
        return self.volume_percent

    def mute(self, on: bool) -> None:
        self.done.append(f"mute {on}")

    def stop(self) -> None:
        self.done.append("stop")

    def set_timer(self, seconds: float, label: str) -> RunningTimer:
        self.running.append(RunningTimer(len(self.running) + 1, label, seconds))
        return self.running[-1]

    def timers(self) -> list[RunningTimer]:
        return self.running

    def cancel_timer(self, timer_id: int) -> RunningTimer:
        for timer in self.running:
            if timer.id == timer_id:
                self.running.remove(timer)
                return timer
        raise DeviceRefusal(f"there is no timer {timer_id}")

    def status(self) -> dict[str, Any]:
        return {"link": "ready"}


def call(device: object, name: str, **arguments: Any) -> Any:
    tool = BUILT_IN_TOOLS[name]
    text = json.dumps(arguments)
    agent = RealtimeAgent[Any](name="box")
    context = ToolContext.for_call(RunContextWrapper(device), name, "call_1", text, agent)
    return asyncio.run(tool.on_invoke_tool(context, text))  # type: ignore[arg-type]


def test_there_is_a_tool_for_everything_the_box_offers() -> None:
    assert list(BUILT_IN_TOOLS) == [
        "current_time",
        "set_timer",
        "list_timers",
        "cancel_timer",
        "set_volume",
        "volume_up",
        "volume_down",
        "mute_microphone",
        "device_status",
        "stop",
    ]


@pytest.mark.parametrize("name", BUILT_IN_TOOLS)
def test_every_tool_is_described_and_runs_on_the_loop(name: str) -> None:
    tool = BUILT_IN_TOOLS[name]
    assert tool.name == name
    assert len(tool.description) > 10
    assert tool.call_blocking is None


def test_schema_of_set_timer_is_what_the_model_sees() -> None:
    wire = BUILT_IN_TOOLS["set_timer"].to_wire()["parameters"]
    assert wire["required"] == ["seconds", "label"]
    assert wire["properties"]["seconds"]["type"] == "number"
    assert "seven days" in wire["properties"]["seconds"]["description"]


def test_fake_is_a_box() -> None:
    assert isinstance(FakeDevice(), DeviceControls)


def test_time_is_told_as_the_box_has_it() -> None:
    assert call(FakeDevice(), "current_time") == "Tuesday 2026-03-03 14:05:09 CET (UTC+0100)"


def test_timers_are_set_listed_and_cancelled_by_number() -> None:
    box = FakeDevice()
    assert call(box, "list_timers") == "No timer is set."
    assert call(box, "set_timer", seconds=90, label="tea") == "Set: timer 1 (tea), 1 min 30 s left."
    call(box, "set_timer", seconds=5400, label="")
    assert call(box, "list_timers") == "timer 1 (tea), 1 min 30 s left; timer 2, 1 h 30 min left"
    assert call(box, "cancel_timer", timer_id=1) == "Cancelled: timer 1 (tea), 1 min 30 s left."
    box.running = [RunningTimer(2, "", 0.0), RunningTimer(3, "egg", 0.2)]
    assert call(box, "list_timers") == "timer 2, ringing; timer 3 (egg), 1 s left"


def test_volume_is_set_and_stepped_within_its_range() -> None:
    box = FakeDevice()
    assert call(box, "volume_up") == "The volume is 65 percent now."
    for _ in range(3):
        call(box, "volume_up")
    assert box.volume_percent == 100
    assert call(box, "set_volume", percent=10) == "The volume is 10 percent now."
    assert call(box, "volume_down") == "The volume is 0 percent now."


def test_mute_only_ever_closes_the_microphone() -> None:
    box = FakeDevice()
    call(box, "mute_microphone")
    assert box.done == ["mute True"]
    assert BUILT_IN_TOOLS["mute_microphone"].params_json_schema["properties"] == {}


def test_stop_gives_a_result_that_starts_no_answer() -> None:
    box = FakeDevice()
    result = call(box, "stop")
    assert isinstance(result, BackgroundResult)
    assert (box.done, output_text(result)) == (["stop"], "Stopped.")


def test_status_is_what_the_box_says() -> None:
    assert call(FakeDevice(), "device_status") == {"link": "ready"}


@pytest.mark.parametrize(
    ("name", "arguments"), [("set_volume", {"percent": 101}), ("cancel_timer", {"timer_id": 7})]
)
def test_what_the_box_refuses_is_an_error_of_the_tool(name: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(DeviceRefusal):
        call(FakeDevice(), name, **arguments)


def test_tool_away_from_a_box_says_what_is_missing() -> None:
    with pytest.raises(UserError, match="run it with a DeviceControls as its context"):
        call({"user": "ann"}, "current_time")
