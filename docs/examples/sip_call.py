"""A phone call over SIP: verify the webhook, accept the call, talk until the caller hangs up.

The webhook of the project has to lead here, for example over a tunnel to port 8000 of this machine, and
the number's SIP trunk to the project. Not run with a real call by us.

Run: OPENAI_API_KEY=... OPENAI_WEBHOOK_SECRET=whsec_... python docs/examples/sip_call.py
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import logging
import os
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote

from daemon.realtime import (
    OpenAIRealtimeSIPModel,
    RealtimeAgent,
    RealtimeModelSendRawMessage,
    RealtimeRunner,
)

log = logging.getLogger(__name__)

API = "https://api.openai.com/v1"
URL = "wss://api.openai.com/v1/realtime"
MAX_BODY_BYTES = 65_536
MAX_AGE_S = 300
MAX_CALLS_AT_ONCE = 10
MAX_CALLS_WAITING = 10

AGENT = RealtimeAgent(name="Host", instructions="You answer the phone. Be brief.")
SETTINGS: Any = {"turn_detection": {"type": "semantic_vad", "interrupt_response": True}}


def is_genuine(headers: Mapping[str, str], body: bytes, secret: str, now_s: float) -> bool:
    """Whether the webhook is signed with our secret, and recent."""
    name, sent_s = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not sent_s.isdecimal() or abs(now_s - int(sent_s)) > MAX_AGE_S:
        return False
    prefix, _, rest = secret.partition("whsec_")
    key = base64.b64decode(rest) if rest else prefix.encode()
    if not key:  # anybody could sign with it
        return False
    digest = hmac.new(key, f"{name}.{sent_s}.".encode() + body, hashlib.sha256).digest()
    expected = b"v1," + base64.b64encode(digest)
    given = headers.get("webhook-signature", "").encode().split()
    return any(hmac.compare_digest(expected, signature) for signature in given)


def webhook(secret: str, ring: Callable[[str], object]) -> type[BaseHTTPRequestHandler]:
    """Answers the API's webhooks, and tells `ring` the id of a call that waits."""

    class Webhook(BaseHTTPRequestHandler):
        timeout = 10

        def do_POST(self) -> None:
            length = self.headers.get("content-length", "")
            if not length.isdecimal() or int(length) > MAX_BODY_BYTES:
                self.send_error(413)
                return
            body = self.rfile.read(int(length))
            if not is_genuine(self.headers, body, secret, time.time()):
                self.send_error(401)
                return
            event = json.loads(body)
            if event["type"] == "realtime.call.incoming":
                ring(event["data"]["call_id"])
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

    return Webhook


def accept(api: str, api_key: str, call_id: str, payload: Mapping[str, Any]) -> None:
    """Raises `OSError` if the call is gone or the key is refused."""
    request = urllib.request.Request(
        f"{api}/realtime/calls/{quote(call_id, safe='')}/accept",
        data=json.dumps(payload).encode(),
        headers={"authorization": f"Bearer {api_key}", "content-type": "application/json"},
    )
    urllib.request.urlopen(request, timeout=10).close()


async def answer(call_id: str, url: str, api: str, api_key: str) -> list[Any]:
    """Talk until the caller hangs up; the conversation."""
    payload = await OpenAIRealtimeSIPModel.build_initial_session_payload(AGENT, overrides=SETTINGS)
    await asyncio.to_thread(accept, api, api_key, call_id, payload)
    model_config: Any = {
        "call_id": call_id,
        "url": f"{url}?call_id={quote(call_id, safe='')}",  # without `url` this follows from call_id
        "api_key": api_key,
        "initial_model_settings": SETTINGS,
    }
    runner = RealtimeRunner(AGENT, model=OpenAIRealtimeSIPModel())
    async with await runner.run(model_config=model_config) as session:
        await session.model.send_event(RealtimeModelSendRawMessage({"type": "response.create"}))
        async for event in session:
            if event.type == "error":
                log.error("call %s: %s", call_id, event.error)
        return [item.model_dump() for item in session.history]


async def main(
    url: str = URL, api_key: str | None = None, *, api: str = API, port: int = 8000, calls: int | None = None
) -> list[Any]:
    """Take `calls` calls (None: for ever) and return what was said in each."""
    key, secret = api_key or os.environ["OPENAI_API_KEY"], os.environ["OPENAI_WEBHOOK_SECRET"]
    loop = asyncio.get_running_loop()
    ringing: asyncio.Queue[str] = asyncio.Queue(MAX_CALLS_WAITING)
    said: list[Any] = []

    async def operator() -> None:
        while calls is None or len(said) < calls:
            call_id = await ringing.get()
            try:
                said.append(await answer(call_id, url, api, key))
            except Exception:  # one call that fails is no reason not to take the next
                log.exception("call %s failed", call_id)

    def ring(call_id: str) -> None:
        if ringing.full():
            log.error("call %s is not answered, too many wait", call_id)
        else:
            ringing.put_nowait(call_id)

    handler = webhook(secret, lambda call_id: loop.call_soon_threadsafe(ring, call_id))
    with ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            await asyncio.gather(*(operator() for _ in range(MAX_CALLS_AT_ONCE if calls is None else 1)))
        finally:
            await asyncio.to_thread(server.shutdown)
    return said


if __name__ == "__main__":
    asyncio.run(main())
