from __future__ import annotations

import sys

import pytest

from hw.dsp.webrtc_apm import WebrtcVoiceProcessor
from hw.errors import DeviceError, Fault


@pytest.mark.parametrize("missing", ["numpy", "pywebrtc_audio"])
def test_without_its_libraries_it_says_how_to_get_them(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, missing, None)  # as if it were not installed
    with pytest.raises(DeviceError, match="pip install") as caught:
        WebrtcVoiceProcessor()
    assert caught.value.fault is Fault.LIBRARY_MISSING
