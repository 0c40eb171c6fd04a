"""Tells speech from silence with WebRTC's detector and by how it stands out. Shell around webrtcvad."""

from __future__ import annotations

from hw.errors import DeviceError, Fault
from hw.ports import SAMPLE_BYTES
from hw.vad.energy import BRIGHT_DB, PLAIN_DB
from hw.vad.levels import Prominence, require_window, require_windows

# The C code behind it knows these only: webrtc/common_audio/vad/include/webrtc_vad.h
RATES_HZ = (8000, 16000, 32000, 48000)
WINDOWS_MS = (10, 20, 30)
AGGRESSIVENESS = (0, 1, 2, 3)

FAINT_PLAIN_DB = 6.0
FAINT_BRIGHT_DB = 5.0
"""Speech that stands out this little is believed if WebRTC's detector hears it, too."""

NEAR_DB = 3.0
AWAKE_MS = 500
ASLEEP_STEP = 8
"""Of what has stood out less than `NEAR_DB` for `AWAKE_MS`, WebRTC's detector is given one window of 8: it
learns the noise, too, and one of 8 is enough for that. It is asked about nothing so faint."""


class WebrtcVoiceDetector:
    """Speech is what clearly stands out of the noise, or does so faintly and sounds like speech to WebRTC.

    `aggressiveness` 0 lets doubtful sound pass as speech, 3 does not. `threshold_dbfs`: below this RMS level,
    against a full-scale square wave, nothing is speech.

    Neither part would do alone. WebRTC's takes clicks and any noise that begins for speech, at every
    aggressiveness, and an "s" in noise for none; the level knows nothing of speech. 48 recorded words, from
    where each can be heard to the decision: ms, as median / 90 % / worst, and how many are lost, in a quiet
    room and 15 and 5 dB above pink noise; of 25 rattles of keys, how many are taken for speech, and for how
    many seconds a fan switched on is. At 16 kHz, in periods of 20 ms. Speech begins with 5 of 8 windows of
    10 ms, for WebRTC's alone with 3 of 5 of 20 ms:

                                  quiet         15 dB          5 dB            keys   fan
        WebRTC's, any window      -6/ 7/ 15     26/146/191     27/ 45/141 (1)    25    31
        WebRTC's, mode 2          34/47/ 55     66/186/231     67/ 85/181 (1)    25    29
        WebRTC's, mode 3          55/70/163     66/188/231     68/151/181 (2)    25    29
        both needed               39/50/ 60     55/ 67/231     66/ 93/156 (1)     5     2
        level alone ('energy')    39/50/ 60     53/ 66/ 84     65/ 93/156 (0)     5     4
        this driver               39/50/ 60     53/ 66/ 84     62/ 73/136 (0)     5     4

    0.9 ms of CPU per second of a quiet room on a server core at 16 kHz, 0.3 in pieces of 100 ms.

    Raises `DeviceError`: UNSUPPORTED for a rate, window or aggressiveness it does not know, LIBRARY_MISSING.
    """

    def __init__(
        self,
        *,
        rate_hz: int = 16000,
        window_ms: int = 10,
        aggressiveness: int = 2,
        threshold_dbfs: float = -55.0,
    ) -> None:
        _require("rate_hz", rate_hz, RATES_HZ)
        _require("window_ms", window_ms, WINDOWS_MS)
        _require("aggressiveness", aggressiveness, AGGRESSIVENESS)
        try:
            import webrtcvad
        except ImportError as error:
            remedy = "Install it: pip install 'harkd[vad]' (webrtcvad-wheels), or use the driver 'energy'."
            raise DeviceError(Fault.LIBRARY_MISSING, "webrtc", f"webrtcvad: {error}", remedy) from error
        self._vad = webrtcvad.Vad(aggressiveness)
        self._rate_hz = rate_hz
        self._window_frames = rate_hz * window_ms // 1000
        self._awake_windows = AWAKE_MS // window_ms
        self._quiet_windows = 0
        self._prominence = Prominence(rate_hz, self._window_frames, threshold_dbfs)

    @property
    def rate_hz(self) -> int:
        return self._rate_hz

    @property
    def window_frames(self) -> int:
        return self._window_frames

    def is_speech(self, window: bytes) -> bool:
        require_window(window, self._window_frames)
        return self.are_speech(window)[0]

    def are_speech(self, windows: bytes) -> list[bool]:
        """Of each of some windows in a row. Raises `ValueError` unless they are whole."""
        require_windows(windows, self._window_frames)
        size = self._window_frames * SAMPLE_BYTES
        return [
            self._is_speech(windows, number * size, plain_db, bright_db)
            for number, (plain_db, bright_db) in enumerate(self._prominence.feed(windows))
        ]

    def _is_speech(self, windows: bytes, at: int, plain_db: float, bright_db: float) -> bool:
        if plain_db < NEAR_DB and bright_db < NEAR_DB:
            self._quiet_windows += 1
            if self._quiet_windows > self._awake_windows and self._quiet_windows % ASLEEP_STEP:
                return False
        else:
            self._quiet_windows = 0
        size = self._window_frames * SAMPLE_BYTES
        sounds_like_speech = self._vad.is_speech(windows[at : at + size], self._rate_hz)
        if plain_db >= PLAIN_DB or bright_db >= BRIGHT_DB:
            return True
        return bool(sounds_like_speech) and (plain_db >= FAINT_PLAIN_DB or bright_db >= FAINT_BRIGHT_DB)


def _require(name: str, value: int, allowed: tuple[int, ...]) -> None:
    if value not in allowed:
        remedy = f"Use one of {', '.join(map(str, allowed))}."
        raise DeviceError(Fault.UNSUPPORTED, "webrtc", f"{name} {value} is not possible", remedy)
