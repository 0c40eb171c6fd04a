"""Checks 21 to 29: sound cards, microphone, loudspeaker, what hears the wake word. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from daemon.doctor.facts import Subject
from daemon.doctor.findings import Check, Group, Verdict, failed, passed, skipped, warned
from daemon.doctor.needs import uses_portaudio
from daemon.doctor.tone import TONE_DBFS

LOUD_DBFS = -20.0
"""As loud as speech at arm's length: with nobody speaking it is a gain set too high, or a loud room."""
FAINT_DBFS = -80.0
"""Below what the converters of cheap cards hiss: a gain at zero, or nothing plugged into the socket."""
DC_PERCENT = 5.0
CLIPPED_SAMPLES = 10
"""One clap clips some samples."""
ZEROS_MS = 1000
LATE_MS = 400.0
"""There and back, by cable or air, takes 40 to 150 ms; Bluetooth takes this."""

SOUND_SERVERS = ("pipewire", "pulseaudio", "wireplumber")

OURS = ("harkd", "python", "python3")
"""What the daemon's process is called, by its command or by `python -m daemon`."""

_HELD = "harkd is running and has the devices: stop it to check (sudo systemctl stop harkd)"


def cards(subject: Subject) -> Verdict:
    if not uses_portaudio(subject.config):
        return skipped("sound comes from and goes to files")
    found = subject.sound.cards()
    return passed(", ".join(found)) if found else failed("this machine shows no sound card to this user")


def others(subject: Subject) -> Verdict:
    if not uses_portaudio(subject.config):
        return skipped("sound comes from and goes to files")
    holders = subject.sound.holders()
    if holders is None:
        return skipped("the kernel shows no sound cards, so it does not say")
    ours = OURS if subject.daemon is not None else ()
    programs = [one for one in holders if one.process not in SOUND_SERVERS and one.process not in ours]
    if programs:
        said = ", ".join(
            f"{one.process or 'a program'} ({one.pid}) has the {one.way} of {one.card_id}" for one in programs
        )
        return warned(said, f"End {programs[0].process or 'the other program'}, or name another device.")
    servers = sorted({one.process for one in holders if one.process in SOUND_SERVERS})
    return passed(f"only {', '.join(servers)}, which shares" if servers else "nobody")


def microphone_found(subject: Subject) -> Verdict:
    return _of_daemon(subject, "microphone") or passed(subject.sound.microphone())


def microphone_opens(subject: Subject) -> Verdict:
    if said := _of_daemon(subject, "microphone"):
        return said
    opened = subject.sound.record().opened
    if not opened.frames:
        return failed(
            f"opens at {opened}, and delivers nothing",
            "Unplug it and plug it in again; then restart the box.",
        )
    return passed(str(opened))


def record_level(subject: Subject) -> Verdict:
    if subject.daemon is not None:
        return _level_of_daemon(subject.daemon)
    recording = subject.sound.record()
    levels = recording.levels
    said = f"{levels.rms_dbfs:.0f} dBFS, peak {levels.peak_dbfs:.0f}"
    if levels.zeros_ms >= recording.recorded_ms:
        return failed("nothing but zeros: it is muted, or this channel is not connected")
    if levels.full_scale_samples > CLIPPED_SAMPLES:
        return warned(
            f"{said}; {levels.full_scale_samples} samples clipped", "Turn its gain down: alsamixer, F4."
        )
    if abs(levels.dc_percent) > DC_PERCENT:
        return warned(
            f"{said}; a constant {levels.dc_percent:.0f} % of full scale",
            "Set audio.capture.high_pass_hz = 80.",
        )
    if levels.rms_dbfs > LOUD_DBFS:
        return warned(f"{said}, which is loud for a quiet room", "Turn its gain down: alsamixer, F4.")
    if levels.rms_dbfs < FAINT_DBFS:
        return warned(f"{said}, which is fainter than any room", "Turn its gain up: alsamixer, F4.")
    return passed(said)


def speaker_found(subject: Subject) -> Verdict:
    return _of_daemon(subject, "speaker") or passed(subject.sound.speaker())


def speaker_opens(subject: Subject) -> Verdict:
    if said := _of_daemon(subject, "speaker"):
        return said
    if subject.config.audio.playback.driver == "wavfile":
        return skipped("opening the file would overwrite it")
    opened = subject.sound.play_silence()
    if not opened.frames:
        return failed(
            f"opens at {opened}, and takes nothing", "Unplug it and plug it in again; then restart the box."
        )
    return passed(str(opened))


def loop_back(subject: Subject) -> Verdict:
    if subject.daemon is not None:
        return skipped(_HELD)
    if "wavfile" in (subject.config.audio.capture.driver, subject.config.audio.playback.driver):
        return skipped("sound comes from or goes to a file")
    back = subject.sound.loop_back()
    if back.latency_ms is None:
        return warned(
            f"a tone of {TONE_DBFS:.0f} dBFS was played, and not heard above {back.floor_dbfs:.0f} dBFS"
        )
    said = f"heard after {back.latency_ms:.0f} ms at {back.heard_dbfs:.0f} dBFS"
    if back.latency_ms > LATE_MS:
        return warned(
            f"{said}, which is late", 'Use a cable instead of Bluetooth, and audio.profile = "low_latency".'
        )
    return passed(f"{said} (played at {TONE_DBFS:.0f})")


def wake_word(subject: Subject) -> Verdict:
    wanted = subject.config.wake_word
    if wanted.engine == "none":
        return skipped("none is wanted: only a button, or speech, begins a turn")
    said: Mapping[str, Any] = (subject.daemon or {}).get("wake_word") or {}
    if said.get("state") == "listening":
        return passed(f"harkd is running and listens for {said['word']}")
    if said.get("state") == "failed":
        return failed("harkd is running, and what hears it failed there", "See journalctl -u harkd.")
    subject.sound.hear_wake_word()
    if said.get("state") == "missing":
        return warned("it works, but did not when harkd was started", "sudo systemctl restart harkd")
    return passed(f"{wanted.word} can be listened for")


def _of_daemon(subject: Subject, port: str) -> Verdict | None:
    """What a running daemon says of the device that it holds; None if there is no daemon."""
    if subject.daemon is None:
        return None
    said: Mapping[str, Any] = subject.daemon.get(port) or {}
    state, reason = said.get("state", "unknown"), said.get("reason", "")
    if said.get("holds_device") and state != "wedged":
        return passed(f"harkd has it open at {said.get('rate_hz')} Hz, {said.get('channels')} ch")
    if said.get("muted"):
        return skipped("harkd is running and muted: its microphone is closed")
    if reason:
        return failed(f"harkd says: {state}, {reason}")
    return skipped(f"harkd is running and has it {state} now")


def _level_of_daemon(daemon: Mapping[str, Any]) -> Verdict:
    said: Mapping[str, Any] = daemon.get("microphone") or {}
    levels: Mapping[str, Any] = said.get("levels") or {}
    if not said.get("holds_device") or "rms_dbfs" not in levels:
        return skipped("harkd is running, and its microphone is not open now")
    if said.get("state") == "silent" or levels.get("zeros_ms", 0) >= ZEROS_MS:
        return failed("harkd hears nothing but zeros: it is muted, or this channel is not connected")
    return passed(f"harkd hears {levels['rms_dbfs']:.0f} dBFS")


CHECKS = (
    Check(
        21,
        Group.SOUND,
        "sound cards",
        "This machine has sound cards, and this user sees them.",
        "Plug one in, or enable it in /boot/firmware/config.txt; `harkd devices` lists what there is.",
        cards,
    ),
    Check(
        22,
        Group.SOUND,
        "other programs",
        "No other program has a sound card open.",
        "End the other program, or name another device.",
        others,
    ),
    Check(
        23,
        Group.SOUND,
        "microphone",
        "The configured microphone is there (audio.capture.device).",
        "Set audio.capture.device to one that `harkd devices` lists.",
        microphone_found,
    ),
    Check(
        24,
        Group.SOUND,
        "microphone opens",
        "It opens at a rate and channel count it has, and delivers.",
        'Leave audio.capture.rate_hz and channels at "auto".',
        microphone_opens,
        needs=(23,),
    ),
    Check(
        25,
        Group.SOUND,
        "record level",
        "A second of the room: level, clipping, constant offset, nothing but zeros.",
        "Look for a mute key on the device, and try another audio.capture.channel.",
        record_level,
        needs=(23, 24),
    ),
    Check(
        26,
        Group.SOUND,
        "loudspeaker",
        "The configured loudspeaker is there (audio.playback.device).",
        "Set audio.playback.device to one that `harkd devices` lists.",
        speaker_found,
    ),
    Check(
        27,
        Group.SOUND,
        "loudspeaker opens",
        "It opens at a rate and channel count it has, and takes sound.",
        'Leave audio.playback.rate_hz and channels at "auto".',
        speaker_opens,
        needs=(26,),
    ),
    Check(
        28,
        Group.SOUND,
        "loop-back",
        "The microphone hears a short tone from the loudspeaker: how loud, how late.",
        "Turn the loudspeaker up: alsamixer. A headset, or a device that cancels its echo, is never heard.",
        loop_back,
        needs=(24, 27),
    ),
    Check(
        29,
        Group.SOUND,
        "wake word",
        "What hears the wake word is installed, knows the word, and works.",
        "pip install 'harkd[wakeword]'; until then only a button begins a turn.",
        wake_word,
        limit_s=15.0,  # it loads a model
    ),
)
