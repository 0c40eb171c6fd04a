"""Reads one turn out of a flight recording, from the press to silence, and makes a page of it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from itertools import pairwise

from daemon import events as ev
from daemon.events import Phase
from daemon.flight import Flight, Note, Raised, Snapshot, Steps
from daemon.records import dataclass
from daemon.timeline_drawing import Bar, Lane, Mark, Moment, Picture, draw

BEFORE_S, AFTER_S = 0.6, 0.4
"""How much is shown around the turn: the pre-roll, and that it is silent afterwards."""

SESSION_BYTES_PER_MS = 48
"""The server's audio: 24 kHz, 16 bits, mono."""

GAP_PERIODS = 3
"""So many periods without one, and the microphone was closed meanwhile."""

NOTED_WITHIN_S = 0.05
"""What an event caused is noted so soon after it."""

_BUSY = (Phase.LISTENING, Phase.THINKING, Phase.SPEAKING)


class NoTurn(ValueError):
    """The recording has no such turn; the message says which there are."""


@dataclass(frozen=True, slots=True)
class Turn:
    """From the moment the box gave its attention to the moment it was at rest, or attended to the next."""

    start: float
    end: float


@dataclass(frozen=True, slots=True)
class _Facts:
    """The recording in the order of time, captured periods apart from everything else."""

    steps: list[Steps]
    notes: list[Note]
    errors: list[Raised]
    phases: list[tuple[float, Phase]]
    end: float

    def events(self, *kinds: type) -> Iterator[float]:
        return (step.at for step in self.steps if isinstance(step.event, kinds))

    def commands(self, *kinds: type) -> Iterator[float]:
        return (step.at for step in self.steps if any(isinstance(c, kinds) for c in step.commands))

    def noted(self, *kinds: str) -> Iterator[Note]:
        return (note for note in self.notes if note.kind in kinds)


def turns(flight: Flight) -> list[Turn]:
    """All turns of which something is recorded, in order."""
    return _turns(_facts(flight))


def page(flight: Flight, name: str, number: int | None = None) -> str:
    """One turn (counted from 1; the last one by default) as a page of HTML that needs nothing else.

    `name` is the recording's. Raises `NoTurn`.
    """
    facts = _facts(flight)
    all_turns = _turns(facts)
    number = len(all_turns) if number is None else number
    if not 1 <= number <= len(all_turns):
        which = f"turns 1 to {len(all_turns)}" if all_turns else "no turn at all"
        raise NoTurn(f"{name}: there is no turn {number}: the recording has {which}")
    turn = all_turns[number - 1]
    moments = _moments(facts, turn)
    lanes = [lane for lane in _lanes(facts, turn) if lane.bars or lane.marks or lane.curve]
    picture = Picture(turn.start - BEFORE_S, turn.end + AFTER_S, turn.start, moments, lanes)
    header = flight.header
    before_s = header.at - turn.start
    title = f"Turn {number} of {len(all_turns)}"
    about = (
        f"{name}, recorded by harkd {header.harkd}. The turn began {before_s:.1f} s before the recording was "
        f"written ({header.why}, {header.wall})."
    )
    rows = "".join(_row(row) for row in _table(moments, turn.start))
    words = "".join(f"<p>{escape(line)}</p>\n" for line in _words(facts, turn))
    return _PAGE.format(
        title=title, about=escape(about), drawing=draw(picture), rows=rows, words=words, style=_STYLE
    )


# ---- what happened ---------------------------------------------------------------


def _facts(flight: Flight) -> _Facts:
    entries = flight.entries
    steps = [entry for entry in entries if isinstance(entry, Steps)]
    first = entries[0]
    phases = [(first.at, first.state["phase_shown"])] if isinstance(first, Snapshot) else []
    for step in steps:
        phases += [(step.at, c.phase) for c in step.commands if isinstance(c, ev.ShowPhase)]
    return _Facts(
        steps,
        [entry for entry in entries if isinstance(entry, Note)],
        [entry for entry in entries if isinstance(entry, Raised)],
        phases,
        max(entry.times[-1] if isinstance(entry, Steps) else entry.at for entry in entries),
    )


def _turns(facts: _Facts) -> list[Turn]:
    found: list[Turn] = []
    start: float | None = None
    before: Phase | None = None
    for at, phase in facts.phases:
        begins = phase is Phase.LISTENING and before is not Phase.LISTENING
        if start is not None and (begins or phase not in _BUSY):
            found.append(Turn(start, at))
            start = None
        if start is None and phase in _BUSY:
            start = at
        before = phase
    return found if start is None else [*found, Turn(start, facts.end)]


def _moments(facts: _Facts, turn: Turn) -> list[Moment]:
    """What the turn is measured by, in order; at most one of each, and only what happened."""
    exchange = next((n.values for n in facts.noted("exchange") if _holds(turn, n.values["opened_at"])), {})
    cuts = [said for at, said in _cuts(facts) if turn.start < at <= turn.end]
    after = f"interrupted{cuts[-1].removeprefix('cut')}" if cuts else "interrupted"
    candidates: list[tuple[str, list[float | None]]] = [
        (what, [*facts.events(kind)]) for kind, what in _BEGINNINGS.items()
    ]
    candidates += [
        ("first frame up", [exchange.get("first_append_at"), *facts.commands(ev.UploadPeriod)]),
        ("release", [*facts.events(ev.Released)]),
        ("commit", [exchange.get("committed_at"), *facts.commands(ev.CommitTurn)]),
        ("answer begins", [*facts.events(ev.AnswerStarted)]),
        ("first audio arrives", [note.at for note in facts.noted("audio")]),
        ("first sound", [note.values["heard_at"] for note in facts.noted("first sound")]),
    ]
    moments = []
    for what, times in candidates:
        moments += [Moment(at, what) for at in times if at is not None and _holds(turn, at)][:1]
    for what, ends in (("silence", facts.events(ev.PlaybackDrained)), (after, facts.commands(ev.Interrupt))):
        moments += [Moment(at, what) for at in ends if turn.start < at <= turn.end][-1:]
    return sorted(moments, key=lambda moment: moment.at)


def _cuts(facts: _Facts) -> Iterator[tuple[float, str]]:
    """When an answer was cut, and how much of it had been heard, which is noted right after."""
    notes = [*facts.noted("cut")]
    for at in facts.commands(ev.Interrupt):
        heard_ms = [note.values["heard_ms"] for note in notes if at <= note.at <= at + NOTED_WITHIN_S][:1]
        yield at, f"cut, {heard_ms[0] / 1000:.2f} s heard" if heard_ms and heard_ms[0] else "cut"


_BEGINNINGS = {
    ev.Pressed: "press",
    ev.WakeWordHeard: "wake word",
    ev.SpokenOver: "speaks over the answer",
    ev.SpeechStarted: "speech noticed",
    ev.UserSpeechStarted: "speech noticed by the server",
    ev.Ask: "typed",
    ev.Say: "text to be spoken",
}


def _holds(turn: Turn, at: float) -> bool:
    """What ends a turn by beginning the next belongs to the next."""
    return turn.start <= at < turn.end or at == turn.start


def _table(moments: Sequence[Moment], start: float) -> Iterator[tuple[str, str, str, str]]:
    """Number, what, milliseconds since the turn began, and since the moment before."""
    before = start
    for number, moment in enumerate(moments, 1):
        since = f"{(moment.at - before) * 1000:.0f} ms" if number > 1 else ""
        yield str(number), moment.what, f"{(moment.at - start) * 1000:.0f} ms", since
        before = moment.at


def _words(facts: _Facts, turn: Turn) -> Iterator[str]:
    """What was said, if words were recorded."""
    during = [note for note in facts.notes if _holds(turn, note.at)]
    for note in during:
        if note.kind == "user said" and note.values.get("text"):
            yield f"Understood: {note.values['text']}"
    answer = "".join(str(note.values.get("text", "")) for note in during if note.kind == "transcript_delta")
    if answer.strip():
        yield f"Answer, as far as it was made: {answer.strip()}"


# ---- lanes -----------------------------------------------------------------------


def _lanes(facts: _Facts, turn: Turn) -> list[Lane]:
    start, end = turn.start - BEFORE_S, turn.end + AFTER_S
    return [
        lane.within(start, end)
        for lane in (
            _hand(facts),
            _phase_lane(facts),
            _microphone(facts),
            _uplink(facts),
            _downlink(facts),
            Lane("words", marks=[Mark(n.at, "words", "") for n in facts.noted("transcript_delta")]),
            Lane("waiting", curve=_waiting(facts)),
            _heard(facts),
            _link(facts),
            _trouble(facts),
        )
    ]


def _hand(facts: _Facts) -> Lane:
    bars, marks = [], []
    down: float | None = None
    for step in facts.steps:
        if isinstance(step.event, ev.Pressed):
            down = step.at
        elif isinstance(step.event, ev.Released) and down is not None:
            bars.append(Bar(down, step.at, "hand", "talk"))
            down = None
        elif (label := _BY_HAND.get(type(step.event))) is not None:
            marks.append(Mark(step.at, "hand", label))
    if down is not None:
        bars.append(Bar(down, facts.end, "hand", "talk"))
    return Lane("person", bars, marks)


_BY_HAND = {
    ev.Tapped: "tap",
    ev.Abandoned: "not meant",
    ev.Stop: "stop",
    ev.Mute: "mute",
    ev.Unmute: "unmute",
    ev.Ask: "typed",
    ev.Say: "say",
    ev.Consent: "approve",
    ev.Dissent: "reject",
    ev.WakeWordHeard: "wake word",
    ev.SpokenOver: "speaks over",
}


def _phase_lane(facts: _Facts) -> Lane:
    ends = [at for at, _ in facts.phases[1:]] + [facts.end]
    return Lane(
        "box",
        [
            Bar(at, end, f"phase-{phase.name.lower()}", phase.value)
            for (at, phase), end in zip(facts.phases, ends, strict=True)
            if end > at
        ],
    )


def _microphone(facts: _Facts) -> Lane:
    bars = []
    for step in facts.steps:
        if isinstance(step.event, ev.MicPeriod):
            kind = "speech" if step.event.speech else "captured"
            bars += [Bar(*span, kind, "") for span in _captured(step, step.event.duration_ms / 1000)]
        for command in step.commands:
            if isinstance(command, ev.OpenTurn | ev.UploadPreroll) and command.preroll_ms:
                bars.append(Bar(step.at - command.preroll_ms / 1000, step.at, "preroll", "pre-roll"))
    return Lane("microphone", sorted(bars, key=lambda bar: bar.kind == "preroll"))


def _captured(step: Steps, period_s: float) -> Iterator[tuple[float, float]]:
    """When it was captured what these periods brought: without the time in which there were none."""
    start = step.times[0] - period_s
    for before, at in pairwise(step.times):
        if at - before > GAP_PERIODS * period_s:
            yield start, before
            start = at - period_s
    yield start, step.times[-1]


def _uplink(facts: _Facts) -> Lane:
    bars = []
    for step in facts.steps:
        if isinstance(step.event, ev.MicPeriod) and ev.UploadPeriod() in step.commands:
            spans = _captured(step, step.event.duration_ms / 1000)
            bars += [Bar(start, end, "up", "") for start, end in spans]
    marks = [Mark(note.values["first_append_at"], "up", "") for note in facts.noted("exchange")]
    marks += [Mark(at, "commit", "commit") for at in facts.commands(ev.CommitTurn)]
    marks += [Mark(at, "bad", "cleared") for at in facts.commands(ev.ClearTurn)]
    marks += [Mark(at, "up", "text") for at in facts.commands(ev.SendText, ev.SpeakText)]
    return Lane("to server", bars, [mark for mark in marks if mark.at is not None])


def _downlink(facts: _Facts) -> Lane:
    bars, began, ends = [], {}, []
    for step in facts.steps:
        match step.event:
            case ev.AnswerStarted(response_id):
                began[response_id] = step.at
            case ev.AnswerEnded(str(response_id), status, _) if response_id in began:
                bars.append(Bar(began.pop(response_id), step.at, "answer", ""))
                ends.append(Mark(step.at, "commit", "" if status == "completed" else status))
    bars += [Bar(at, facts.end, "answer", "") for at in began.values()]
    marks = [Mark(note.at, "audio", "") for note in facts.noted("audio")]
    marks += [Mark(note.at, "commit", str(note.values["name"])) for note in facts.noted("function_call")]
    return Lane("from server", bars, [*marks, *ends])


def _sounding(facts: _Facts) -> Iterator[tuple[float, float]]:
    """From the first sample that the device took to the last one that was heard."""
    ends = sorted([*facts.events(ev.PlaybackDrained), *facts.commands(ev.Interrupt)])
    for note in facts.noted("first sound"):
        heard_at = note.values["heard_at"]
        yield heard_at, next((end for end in ends if end >= heard_at), facts.end)


def _heard(facts: _Facts) -> Lane:
    bars = [Bar(*span, "heard", "") for span in _sounding(facts)]
    cut_short = [(at, said) for at, said in _cuts(facts) if any(bar.end == at for bar in bars)]
    return Lane("heard", bars, [Mark(at, "bad", said) for at, said in cut_short])


def _waiting(facts: _Facts) -> list[tuple[float, float]]:
    """Milliseconds of answers queued and not heard: as measured, and between two measures as it follows."""
    points: list[tuple[float, float]] = []
    changes: list[tuple[float, str, float]] = [(at, "none", 0.0) for at in facts.events(ev.PlaybackDrained)]
    changes += [(note.at, "now", note.values["waiting_ms"]) for note in facts.noted("level")]
    changes += [
        (note.at, "more", note.values["bytes"] / SESSION_BYTES_PER_MS) for note in facts.noted("audio")
    ]
    changes += [(at, "none", 0.0) for at in facts.commands(ev.Interrupt)]
    spans = [*_sounding(facts)]
    for at, how, ms in sorted(changes):
        last_at, last_ms = points[-1] if points else (at, 0.0)
        played_ms = sum(max(0.0, min(at, end) - max(last_at, start)) for start, end in spans) * 1000
        left_ms = max(0.0, last_ms - played_ms)
        points.append((at, left_ms))
        points.append((at, {"none": 0.0, "now": ms, "more": left_ms + ms}[how]))
    return points


def _link(facts: _Facts) -> Lane:
    return Lane("link", [], [Mark(note.at, "link", _said(note)) for note in facts.noted("link")])


def _said(note: Note) -> str:
    return ": ".join(str(value) for value in note.values.values() if value)


def _trouble(facts: _Facts) -> Lane:
    marks = [Mark(error.at, "bad", error.error) for error in facts.errors]
    marks += [Mark(note.at, "bad", _said(note)) for note in facts.noted("error", "crash", "device")]
    for step in facts.steps:
        for command in step.commands:
            if isinstance(command, ev.Refuse):
                marks.append(Mark(step.at, "bad", f"refused: {command.reason}"))
            elif isinstance(command, ev.Report):
                marks.append(Mark(step.at, "bad", command.message))
        if isinstance(step.event, ev.MicrophoneLost | ev.SpeakerLost | ev.MicrophoneBack):
            marks.append(Mark(step.at, "bad", type(step.event).__name__))
    return Lane("trouble", [], marks)


# ---- the page --------------------------------------------------------------------


def _row(cells: Sequence[str]) -> str:
    return "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>\n"


_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
<h1>{title}</h1>
<p>{about}</p>
{drawing}
<p class="key"><i class="captured"></i>captured <i class="speech"></i>speech <i class="preroll"></i>pre-roll
<i class="up"></i>sent up <i class="answer"></i>answer being made <i class="audio"></i>audio arrives
<i class="words"></i>words arrive <i class="curve"></i>waiting to be heard <i class="heard"></i>heard
<i class="bad"></i>cut, trouble</p>
<table>
<tr><th></th><th></th><th>since the turn began</th><th>since the moment before</th></tr>
{rows}</table>
{words}</body>
</html>
"""

_STYLE = """\
:root { color-scheme: light dark; --ink: #1b1f24; --dim: #6b7280; --line: #d5dae0; --page: #ffffff;
  --hand: #5b4bb7; --captured: #c9d1d9; --speech: #2f81f7; --up: #1f6fd0; --answer: #b7e0c4;
  --audio: #1a7f37; --words: #9a6700; --heard: #2da44e; --bad: #cf222e; --curve: #bf8700;
  --listening: #9ed8e8; --thinking: #f2dc9b; --speaking: #a9dfb6; --rest: #e6e9ed; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --dim: #9aa4af; --line: #343b44;
  --page: #0f1318; --hand: #a394f5; --captured: #3d4652; --speech: #58a6ff; --up: #58a6ff;
  --answer: #24513a; --audio: #56d374; --words: #e3b341; --heard: #3fb950; --bad: #ff7b72;
  --curve: #e3b341; --listening: #17596b; --thinking: #6b5312; --speaking: #1f5b35; --rest: #262c34; } }
body { font: 15px/1.45 system-ui, "DejaVu Sans", sans-serif; color: var(--ink); background: var(--page);
  max-width: 1180px; margin: 1.5em auto; padding: 0 1em; }
h1 { font-size: 1.4em; margin: 0 0 .2em; }
svg { width: 100%; height: auto; font: 12px system-ui, "DejaVu Sans", sans-serif; }
svg text { fill: var(--ink); }
svg .dim, .axis text { fill: var(--dim); }
.grid { stroke: var(--line); }
.moment line { stroke: var(--ink); stroke-dasharray: 2 3; opacity: .55; }
.moment circle { fill: var(--page); stroke: var(--ink); }
.hand { fill: var(--hand); stroke: var(--hand); background: var(--hand); }
.captured { fill: var(--captured); background: var(--captured); }
.speech { fill: var(--speech); background: var(--speech); }
.preroll { fill: none; stroke: var(--up); stroke-width: 1.5; stroke-dasharray: 4 2; }
.up { fill: var(--up); stroke: var(--up); background: var(--up); }
.commit { fill: var(--ink); stroke: var(--ink); }
.answer { fill: var(--answer); background: var(--answer); }
.audio { stroke: var(--audio); background: var(--audio); }
.words { stroke: var(--words); background: var(--words); }
.heard { fill: var(--heard); background: var(--heard); }
.bad { stroke: var(--bad); stroke-width: 2.5; background: var(--bad); } .link { stroke: var(--dim); }
.curve { fill: var(--curve); fill-opacity: .3; stroke: var(--curve); background: var(--curve); }
.phase-listening { fill: var(--listening); } .phase-thinking { fill: var(--thinking); }
.phase-speaking { fill: var(--speaking); } .phase-offline, .phase-connecting, .phase-idle,
.phase-ringing, .phase-follow_up { fill: var(--rest); }
.key { color: var(--dim); }
.key i { display: inline-block; width: 1.1em; height: .7em; margin: 0 .25em 0 1em; }
.key .preroll { border: 1.5px dashed var(--up); box-sizing: border-box; }
table { border-collapse: collapse; } td, th { padding: .15em .9em; text-align: right; font-weight: normal; }
th { color: var(--dim); } td:nth-child(2) { text-align: left; } td:first-child { color: var(--dim); }
"""
