"""Checks 41 to 46: clock, name, connection, key and model. Pure."""

from __future__ import annotations

from urllib.parse import urlsplit

from daemon.doctor.facts import Subject
from daemon.doctor.findings import Check, Group, Verdict, failed, passed, skipped, warned
from daemon.doctor.needs import host_and_port, model, model_path, server

DAY_S = 86_400.0
AHEAD_S = 300.0
CERTIFICATE_DAYS = 7

_NOT_ASKED = "asked of OpenAI's own servers only, and not through every proxy"


def clock(subject: Subject) -> Verdict:
    behind_s = subject.machine.installed_at() - subject.machine.now()
    if behind_s > DAY_S:  # a day: time zones of whoever copied the files
        return failed(
            f"{behind_s / DAY_S:.0f} days before this program was installed: certificates look invalid"
        )
    if subject.machine.clock_synchronized() is False:
        return warned("not synchronized yet")
    return passed("plausible")


def name(subject: Subject) -> Verdict:
    proxy = subject.config.link.proxy
    host = host_and_port(proxy)[0] if proxy else server(subject.config.session)[0]
    addresses = subject.network.resolve()
    if not addresses:
        return failed(f"{host} has no address")
    named = f"{host} (the proxy)" if proxy else host
    return passed(named if host in addresses else f"{named} is {addresses[0]}")


def connection(subject: Subject) -> Verdict:
    secured = subject.network.connect()
    if secured.unchecked:
        return skipped(f"{secured.peer} answers; what is behind {secured.unchecked} is not checked")
    if not secured.version:
        return passed(f"{secured.peer} answers, without TLS as it is this machine")
    said = f"{secured.peer} by {secured.version}"
    if secured.days_left is not None and secured.days_left < CERTIFICATE_DAYS:
        return warned(
            f"{said}; its certificate ends in {secured.days_left} days", "Tell whoever runs the server."
        )
    return passed(said)


def key_accepted(subject: Subject) -> Verdict:
    if not _may_ask(subject):
        return skipped(_NOT_ASKED)
    key = subject.machine.key()
    if key.denied:
        return skipped("this user may not read the key")
    if not key.source:
        return failed("there is no key", "Put the key into /etc/harkd/openai_api_key, mode 0600.")
    status = subject.network.ask_model().status
    if status == 401:
        return failed("the server refuses it")
    if status == 429:
        return warned(
            "the server says: too many requests, or no credit left", "Look at the account's billing."
        )
    if status >= 500:
        return warned(f"the server has a problem of its own (HTTP {status})", "Try again later.")
    return passed("accepted")


def model_there(subject: Subject) -> Verdict:
    if not _may_ask(subject):
        return skipped(_NOT_ASKED)
    wanted = model(subject.config.session)
    status = subject.network.ask_model().status
    if status in (403, 404):
        return failed(f"this key has no model {wanted!r} (HTTP {status})")
    if status != 200:
        return skipped(f"the server does not say (HTTP {status})")
    return passed(wanted)


def clock_agrees(subject: Subject) -> Verdict:
    if not _may_ask(subject):
        return skipped(_NOT_ASKED)
    ahead_s = subject.network.ask_model().ahead_s
    if ahead_s is None:
        return skipped("the server does not tell its time")
    if abs(ahead_s) > AHEAD_S:
        way = "ahead of" if ahead_s > 0 else "behind"
        return warned(f"{abs(ahead_s) / 60:.0f} minutes {way} the server's")
    return passed(f"within {max(1.0, abs(ahead_s)):.0f} s of the server's")


def _may_ask(subject: Subject) -> bool:
    through_tunnel = urlsplit(subject.config.link.proxy).scheme in ("", "http")
    return through_tunnel and model_path(subject.config.session) is not None


_SET_CLOCK = "sudo timedatectl set-ntp true, and wait a minute; a board without a clock needs the network."

CHECKS = (
    Check(
        41,
        Group.NETWORK,
        "clock",
        "The clock is not before this program was installed, and is synchronized.",
        _SET_CLOCK,
        clock,
    ),
    Check(
        42,
        Group.NETWORK,
        "name",
        "The server's name (or the proxy's) has an address.",
        "Look at the network: ip address, resolvectl status; is session.url spelled right?",
        name,
        limit_s=4.0,
    ),
    Check(
        43,
        Group.NETWORK,
        "connection",
        "The server answers, through the proxy if there is one, and its certificate is trusted.",
        "Look for a firewall; behind one that inspects TLS, set SSL_CERT_FILE to its authority.",
        connection,
        needs=(42,),
        limit_s=6.0,
    ),
    Check(
        44,
        Group.NETWORK,
        "key accepted",
        "The server takes the key; no tokens are spent.",
        "Make a new key at https://platform.openai.com/api-keys and put it into /etc/harkd/openai_api_key.",
        key_accepted,
        needs=(43,),
        limit_s=6.0,
    ),
    Check(
        45,
        Group.NETWORK,
        "model",
        "The configured model exists for this key; no tokens are spent.",
        "Set session.model to a realtime model that the account has.",
        model_there,
        needs=(43, 44),
        limit_s=6.0,
    ),
    Check(
        46,
        Group.NETWORK,
        "clock agrees",
        "The clock is within five minutes of the server's.",
        _SET_CLOCK,
        clock_agrees,
        needs=(43, 44),
        limit_s=6.0,
    ),
)
