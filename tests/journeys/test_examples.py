"""Every program of docs/examples finds on the simulator what it should, and the page beside them is true."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import importlib.util
import json
import re
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from realtime_oracle import client_event_problems, server_event_problems

import daemon.realtime
from daemon.realtime import events
from daemon.simulator import Script, SimulatorServer, load_script

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs/examples"
NAMES = sorted(path.stem for path in FOLDER.glob("*.py"))
PATIENCE_S = 30.0

FINDS: dict[str, Any] = {
    "agent_with_tool": ['weather {"city": "Kiel"}', "Rain in Kiel, 12 degrees.", "Yes, it rains in Kiel."],
    "approval": ["Not at night.", "The garage door is open."],
    "azure": "Good morning.",
    "background_result": ["It is in the oven.", "Your pizza is ready."],
    "custom_model": "You said: good morning",
    "delegation": ["money back: granted", "You get your money back."],
    "handoff": ["because of a wrong bill", "Host -> Billing", "Let us look at it."],
    "history": [["user", "assistant"], ["user"]],
    "hosted_mcp": ["It says to stay inside."],
    "model_alone": "Ahoy, a fine morning.",
    "output_guardrail": ["no_passwords", "silence", "I may not tell."],
}
"""What each program returns; those that are not here have a test of their own below."""


@dataclass
class Run:
    """What a program returned, and what the simulator saw of it."""

    found: Any
    server: SimulatorServer


def program(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(f"example_{name}", FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


async def rehearse(name: str, path: str = "/v1/realtime?model=gpt-realtime", **more: Any) -> Run:
    """Runs `main`; both sides must have spoken as the API's types say, and no task may be left."""
    scripted = FOLDER / f"{name}.toml"
    script = load_script(scripted) if scripted.exists() else Script()
    before = asyncio.all_tasks()
    async with SimulatorServer(script=script) as server:
        url = server.url.removesuffix("/v1/realtime") + path
        found = await asyncio.wait_for(program(name).main(url, "key", **more), PATIENCE_S)
        problems = [line for _, event in server.received for line in client_event_problems(event)]
        problems += [line for _, event in server.sent for line in server_event_problems(event)]
        assert problems == []
    await asyncio.sleep(0)
    assert [task for task in asyncio.all_tasks() - before if not task.done()] == []
    return Run(found, server)


OWN_TESTS = ("custom_transport", "playback_tracker", "raw_events", "sip_call")


def test_every_program_is_run() -> None:
    assert sorted((*FINDS, *OWN_TESTS)) == NAMES


def test_every_program_is_in_the_list_of_the_folder() -> None:
    listed = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert [name for name in NAMES if f"| `{name}.py` |" not in listed] == []


def test_every_script_belongs_to_a_program() -> None:
    assert [path.name for path in FOLDER.glob("*.toml") if path.stem not in NAMES] == []


@pytest.mark.parametrize("name", FINDS)
def test_program(name: str) -> None:
    path = "/openai/v1/realtime?model=deployment" if name == "azure" else "/v1/realtime?model=gpt-realtime"
    assert asyncio.run(rehearse(name, path)).found == FINDS[name]


def test_azure_gets_its_header_and_no_bearer() -> None:
    run = asyncio.run(rehearse("azure", "/openai/v1/realtime?model=deployment"))
    (handshake,) = run.server.handshakes
    assert (handshake["api-key"], handshake.get("authorization")) == ("key", None)


def test_hosted_mcp_declares_its_server() -> None:
    run = asyncio.run(rehearse("hosted_mcp"))
    assert run.server.events("session.update")[0]["session"]["tools"] == [
        {
            "type": "mcp",
            "server_label": "docs",
            "server_url": "https://example.com/mcp",
            "allowed_tools": ["search", "fetch"],
            "require_approval": "always",
        }
    ]


def test_background_result_asks_for_no_answer_by_itself() -> None:
    run = asyncio.run(rehearse("background_result"))
    assert len(run.server.events("response.create")) == 2  # of the two messages


def test_playback_tracker_cuts_where_it_was_heard() -> None:
    run = asyncio.run(rehearse("playback_tracker"))
    (cut,) = run.server.events("conversation.item.truncate")
    assert cut["audio_end_ms"] >= 20
    assert abs(cut["audio_end_ms"] - run.found) <= 20


def test_raw_events_are_seen_and_sent() -> None:
    run = asyncio.run(rehearse("raw_events"))
    assert {"response.created", "response.output_text.delta", "response.done"} <= set(run.found)
    (create,) = run.server.events("response.create")
    assert create["response"] == {"instructions": "Greet the user.", "output_modalities": ["text"]}


def test_custom_transport_carries_every_frame() -> None:
    run = asyncio.run(rehearse("custom_transport"))
    assert run.found["sent"] == len(run.server.received) == 3
    assert 10 < run.found["received"] <= len(run.server.sent)


# ---- the phone call ----------------------------------------------------------------------------------

SECRET = "whsec_" + base64.b64encode(b"a secret of the project").decode()


@contextmanager
def calls_api(accepted: list[Any]) -> Iterator[str]:
    """Stands in for the part of the API that is plain HTTP; its address."""

    class Accepting(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            accepted.append((self.path, self.headers["authorization"], json.loads(body)))
            self.send_response(404 if "rtc_gone" in self.path else 200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Accepting) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1"
        finally:
            server.shutdown()
            thread.join()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def incoming_call(call_id: str = "rtc_1") -> bytes:
    data = {"call_id": call_id, "sip_headers": [{"name": "From", "value": "sip:ada@example.com"}]}
    event = {
        "id": "evt_1",
        "object": "event",
        "created_at": 1,
        "type": "realtime.call.incoming",
        "data": data,
    }
    return json.dumps(event).encode()


def signed(body: bytes, sent_s: int) -> dict[str, str]:
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    digest = hmac.new(key, b"wh_1.%d." % sent_s + body, hashlib.sha256).digest()
    signature = base64.b64encode(digest).decode()
    return {"webhook-id": "wh_1", "webhook-timestamp": str(sent_s), "webhook-signature": f"v1,{signature}"}


def post(port: int, body: bytes, headers: dict[str, str]) -> int:
    """The status, once somebody listens there."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}/", body, headers)
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code
        except urllib.error.URLError:
            if time.monotonic() > until:
                raise
            time.sleep(0.02)


def test_sip_call_is_accepted_attached_to_and_over_when_the_caller_hangs_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_WEBHOOK_SECRET", SECRET)
    port, body, accepted = free_port(), incoming_call(), []

    async def take_one_call(api: str) -> tuple[Run, list[int]]:
        forged = {**signed(body, int(time.time())), "webhook-signature": "v1,AAAA"}
        running = asyncio.create_task(rehearse("sip_call", "/v1/realtime", api=api, port=port, calls=1))
        statuses = [await asyncio.to_thread(post, port, body, forged)]
        for webhook in (incoming_call("rtc_gone"), body):
            headers = signed(webhook, int(time.time()))
            statuses.append(await asyncio.to_thread(post, port, webhook, headers))
        return await running, statuses

    with calls_api(accepted) as api:
        run, statuses = asyncio.run(take_one_call(api))
    assert statuses == [401, 200, 200]
    gone, (path, authorization, payload) = accepted
    assert gone[0] == "/v1/realtime/calls/rtc_gone/accept"  # hung up early: the next call is taken
    assert (path, authorization) == ("/v1/realtime/calls/rtc_1/accept", "Bearer key")
    assert payload["audio"]["input"]["turn_detection"]["type"] == "semantic_vad"
    assert run.server.connections[0].query == {"call_id": "rtc_1"}
    assert [[item["role"] for item in said] for said in run.found] == [["assistant"]]


def test_sip_call_payload_is_what_the_api_accepts() -> None:
    from openai.types.realtime.realtime_session_create_request import RealtimeSessionCreateRequest

    example = program("sip_call")
    build = example.OpenAIRealtimeSIPModel.build_initial_session_payload
    payload = asyncio.run(build(example.AGENT, overrides=example.SETTINGS))
    RealtimeSessionCreateRequest.model_validate(payload, strict=True)


@pytest.mark.parametrize("secret", ["", "whsec_"])
def test_sip_call_takes_no_webhook_without_a_secret(secret: str) -> None:
    body, now_s = incoming_call(), int(time.time())
    signature = base64.b64encode(hmac.new(b"", b"wh_1.%d." % now_s + body, hashlib.sha256).digest()).decode()
    headers = {**signed(body, now_s), "webhook-signature": f"v1,{signature}"}
    assert not program("sip_call").is_genuine(headers, body, secret, now_s)


@pytest.mark.parametrize(
    ("changed", "genuine"),
    [
        ({}, True),
        ({"webhook-signature": "v1,AAAA"}, False),
        ({"webhook-signature": ""}, False),
        ({"webhook-id": "wh_2"}, False),
        ({"webhook-timestamp": "soon"}, False),
        ({"webhook-timestamp": str(int(time.time()) - 301)}, False),
    ],
)
def test_sip_call_judges_a_webhook_as_the_openai_package_does(changed: dict[str, str], genuine: bool) -> None:
    from openai import InvalidWebhookSignatureError, OpenAI

    body, now_s = incoming_call(), int(time.time())
    headers = {**signed(body, now_s), **changed}
    assert program("sip_call").is_genuine(headers, body, SECRET, now_s) is genuine
    try:
        OpenAI(api_key="key").webhooks.verify_signature(body, headers, secret=SECRET)
    except InvalidWebhookSignatureError:
        assert not genuine
    else:
        assert genuine


# ---- the page for those who come from the SDK --------------------------------------------------------

PAGE = (ROOT / "docs/coming-from-the-agents-sdk.md").read_text(encoding="utf-8")


def names_of_tests(*folders: str) -> set[str]:
    sources = [path.read_text(encoding="utf-8") for name in folders for path in (ROOT / name).rglob("*.py")]
    return {name for source in sources for name in re.findall(r"def (test_\w+)\(", source)}


def test_page_names_every_test_of_a_difference_and_no_other() -> None:
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    source = (ROOT / "tests/journeys/test_differences.py").read_text(encoding="utf-8")
    assert set(re.findall(r"def (test_\w+)\(", source)) - named == set()
    assert named - names_of_tests("tests/journeys", "tests/daemon/realtime") == set()


def test_page_says_truly_what_is_not_here() -> None:
    missing = re.findall(r"`(DEFAULT_\w+|get_\w+|Realtime\w+)`", PAGE.split("## What is not here")[1])
    assert len(missing) >= 15
    assert [name for name in missing if hasattr(daemon.realtime, name)] == []


def test_page_lists_every_event_type() -> None:
    own = [cls for cls in vars(events).values() if getattr(cls, "__module__", "") == events.__name__]
    types = {cls.type for cls in own if hasattr(cls, "type")}
    assert "audio_interrupted" in types
    assert {kind for kind in types if f"`{kind}`" not in PAGE} == set()
