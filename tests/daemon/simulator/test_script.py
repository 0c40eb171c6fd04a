from __future__ import annotations

import io
import wave
from pathlib import Path

import pytest

from daemon.simulator import Answer, Fault, FunctionCall, Saying, Script, ScriptError, load_script
from daemon.simulator.pcm import note
from daemon.simulator.script import GARBAGE, parse_script


def parse(text: str) -> Script:
    return parse_script(text, "box.toml", Path.read_bytes)


def wav(pcm: bytes, rate_hz: int, channels: int = 1, width: int = 2) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(channels)
        writer.setsampwidth(width)
        writer.setframerate(rate_hz)
        writer.writeframes(pcm)
    return file.getvalue()


def test_empty_script_is_well_behaved() -> None:
    assert parse("") == Script()


def test_every_key_of_an_answer_is_read() -> None:
    script = parse(
        """
        repeat = true
        transcripts = ["hello"]
        transcript_delay_ms = 5
        lost_creates = 2
        deflate = true
        [[answer]]
        items = [{text = "One moment."}, {text = "Done.", seconds = 2}]
        function_call = {name = "clock", arguments = {zone = "UTC"}}
        delay_ms = 0
        pace = 1
        delta_ms = 40
        late_deltas = 3
        status = "incomplete"
        error_code = "content_filter"
        """
    )
    answer = Answer(
        items=(Saying("One moment."), Saying("Done.", seconds=2)),
        function_call=FunctionCall("clock", '{"zone": "UTC"}'),
        delay_ms=0,
        pace=1,
        delta_ms=40,
        late_deltas=3,
        status="incomplete",
        error_code="content_filter",
    )
    assert script == Script(
        answers=(answer,),
        repeat=True,
        transcripts=("hello",),
        transcript_delay_ms=5,
        lost_creates=2,
        deflate=True,
    )


@pytest.mark.parametrize(
    ("table", "fault"),
    [
        ('action = "reset"\nat_s = 2', Fault(action="reset", at_s=2)),
        (
            'action = "close"\ncode = 1011\nreason = "x"\nafter = "response.output_audio.delta:3"',
            Fault(action="close", code=1011, reason="x", after="response.output_audio.delta", count=3),
        ),
        (
            'action = "stall"\nseconds = 3\nafter = "input_audio_buffer.append"',
            Fault(action="stall", seconds=3, after="input_audio_buffer.append"),
        ),
        ('action = "garbage"\nat_s = 0', Fault(action="garbage", at_s=0, frames=GARBAGE)),
        (
            'action = "garbage"\nat_s = 0\nframes = ["null", "huge"]',
            Fault(action="garbage", at_s=0, frames=("null", "huge")),
        ),
        (
            'action = "drip"\nbytes_per_s = 100\nseconds = 4\nat_s = 1',
            Fault(action="drip", bytes_per_s=100, seconds=4, at_s=1),
        ),
        (
            'action = "refuse"\nstatus = 429\nconnections = 2\nfirst_connection = 2',
            Fault(action="refuse", status=429, connections=2, first_connection=2),
        ),
    ],
)
def test_fault_is_read(table: str, fault: Fault) -> None:
    assert parse(f"[[fault]]\n{table}").faults == (fault,)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = ", "box.toml: not TOML"),
        ("repaet = true", "box.toml: key 'repaet': unknown; allowed are"),
        ("repaet = true", "did you mean 'repeat'?"),
        ("repeat = 1", "key 'repeat': expected true or false, got 1"),
        ("lost_creates = 1.5", "key 'lost_creates': expected a whole number"),
        ('transcripts = ["a", 1]', "key 'transcripts': expected a list of strings"),
        ("answer = 3", "key 'answer': expected a list"),
        ("[[answer]]\n[[answer]]\ntxt = 'a'", "box.toml: [[answer]] 2: key 'txt': unknown"),
        ("[[answer]]\ntext = 1", "[[answer]] 1: key 'text': expected a string, got 1"),
        ("[[answer]]\npace = -1", "key 'pace': expected a number from 0 to"),
        ("[[answer]]\ndelta_ms = 0", "key 'delta_ms': expected a number from 1 to"),
        (
            "[[answer]]\nstatus = 'faild'",
            "'faild' is not one of completed, failed, incomplete; did you mean 'failed'?",
        ),
        (
            "[[answer]]\nstatus = 'incomplete'\nerror_code = 'bored'",
            "'bored' is not one of max_output_tokens",
        ),
        ("[[answer]]\nwav = 'none.wav'", "key 'wav': cannot read 'none.wav'"),
        ("[[answer]]\nwav = 3", "key 'wav': expected a path or a list of paths"),
        ("[[answer]]\ntext = 'a'\nitems = []", "key 'items': stands instead of text, wav and seconds"),
        ("[[answer]]\nfunction_call = {arguments = '{}'}", "key 'function_call': needs a name"),
        ("[[fault]]\nat_s = 1", "[[fault]] 1: key 'action': missing; one of close, reset"),
        ("[[fault]]\naction = 'rest'", "did you mean 'reset'?"),
        ("[[fault]]\naction = 'reset'", "key 'after': give either after or at_s"),
        ("[[fault]]\naction = 'reset'\nat_s = 1\nafter = 'error'", "give either after or at_s"),
        ("[[fault]]\naction = 'reset'\nafter = 'response.doen'", "did you mean 'response.done'?"),
        (
            "[[fault]]\naction = 'reset'\nafter = 'response.done:0'",
            "a whole number from 1 after the colon, got '0'",
        ),
        ("[[fault]]\naction = 'reset'\nat_s = 1\ncode = 1000", "key 'code': unknown"),
        (
            "[[fault]]\naction = 'close'\nat_s = 1\ncode = 99",
            "key 'code': expected a number from 1000 to 4999",
        ),
        ("[[fault]]\naction = 'close'\nat_s = 1\ncode = 1006", "key 'code': 1006 cannot be sent"),
        (
            f"[[fault]]\naction = 'close'\nat_s = 1\nreason = '{'x' * 124}'",
            "key 'reason': longer than 123 bytes",
        ),
        ("[[fault]]\naction = 'refuse'\nstatus = 418", "418 is not one of 401, 403, 404, 429, 500, 503"),
        ("[[fault]]\naction = 'refuse'\nat_s = 1", "key 'at_s': unknown"),
        ("[[fault]]\naction = 'garbage'\nat_s = 1\nframes = ['nul']", "did you mean 'null'?"),
        ("[[fault]]\naction = 'garbage'\nat_s = 1\nframes = [1]", "'1' is not one of truncated_json"),
    ],
)
def test_mistake_is_told_with_place_and_remedy(text: str, words: str) -> None:
    with pytest.raises(ScriptError) as caught:
        parse_script(text, "box.toml", lambda name: Path("/nowhere", name).read_bytes())
    assert words in str(caught.value)


def test_wavs_are_found_beside_the_script_and_joined(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(wav(note(300.0, 100), 24000))
    (tmp_path / "b.wav").write_bytes(wav(bytes(16000 // 10 * 4), 16000, channels=2))
    (tmp_path / "script.toml").write_text('[[answer]]\nwav = ["a.wav", "b.wav"]')
    (answer,) = load_script(tmp_path / "script.toml").answers
    assert answer.items[0].pcm == note(300.0, 100) + bytes(4800)


@pytest.mark.parametrize("data", [b"RIFF", wav(bytes(10), 8000, width=1), wav(bytes(12), 8000, channels=3)])
def test_wav_of_another_kind_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.wav").write_bytes(data)
    (tmp_path / "script.toml").write_text('[[answer]]\nwav = "a.wav"')
    with pytest.raises(ScriptError, match=r"cannot read 'a\.wav'"):
        load_script(tmp_path / "script.toml")


def test_missing_script_is_told(tmp_path: Path) -> None:
    with pytest.raises(ScriptError, match="cannot be read"):
        load_script(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("first", "connections", "hit"), [(1, 1, [1]), (2, 1, [2]), (1, 2, [1, 2]), (2, 0, [2, 3, 4])]
)
def test_fault_hits_the_connections_it_names(first: int, connections: int, hit: list[int]) -> None:
    fault = Fault(action="reset", at_s=0, first_connection=first, connections=connections)
    assert [number for number in (1, 2, 3, 4) if fault.hits(number)] == hit
