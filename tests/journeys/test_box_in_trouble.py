"""A whole box where two things happen at once: what each of them alone would not break."""

from __future__ import annotations

from tests.journeys.test_ears_hands_lights import made, virtual


@virtual
async def test_refusal_in_words_is_told_to_whoever_asked_too() -> None:
    async with made(prompts="en", earcons=True) as box:
        box.app.mute(True)
        await box.live(100)
        answer = await box.app.handle_request({"command": "press"})
        assert answer == {"ok": False, "error": "the microphone is muted"}
