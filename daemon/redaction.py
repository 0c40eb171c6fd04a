"""Leaves out what nobody else may read, whatever let it through. Pure.

The last line of defence: every output passes here, as well as being written by code that does not put keys
into it. What is known is found in the forms in which programs write it down; what is not known is found by
what it looks like.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

SECRET = "[secret]"

SHORTEST = 8
"""A shorter one would be found in ordinary words."""

REMEMBERED = 16
"""So many secrets, the latest: keys are changed once in a while, and what was one may still be valid."""

_LOOKS_SECRET = re.compile(
    r"""
    \b(?:sk|ek)[-_][A-Za-z0-9_\-*.]{8,}                                  # a key, or what servers show of it
    | (?<=bearer[ ]) [A-Za-z0-9_\-.~+/=]{8,}
    | (?<=basic[ ]) (?=[A-Za-z+/]*[0-9=]) [A-Za-z0-9+/]{8,}={0,2}             # user and password
    | (?<=://) [^\s/"'\\]+ (?=@)                                            # the same in an address
    | (?P<query> [?&;][\w.-]{0,32} (?:key|token|secret|password|signature|sig)[\w.-]{0,32} = ) [^&\#\s"'\\)]+
    | (?P<header> api[-_]?key ["']{0,2} \s* [:=] \s* b?["']? ) [A-Za-z0-9_\-.~+/=]{16,}
    """,
    re.VERBOSE | re.IGNORECASE,
)
_HINTS = ("sk-", "sk_", "ek-", "ek_", "bearer ", "basic ", "://", "=", "api")
"""One of these is in everything that looks secret; to look for them costs a tenth of looking closely."""


def redacted(text: str, secrets: Iterable[str] = ()) -> str:
    """`text` without `secrets` in any form, and without whatever looks like one."""
    return _without(_forms(secrets), text)


class Redactor:
    """What has been secret in this process, and texts without it.

    Bound: `REMEMBERED` secrets. Policy at the bound: the one learnt first is forgotten.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets: list[str] = []
        self._forms: tuple[str, ...] = ()
        for secret in secrets:
            self.learn(secret)

    def learn(self, secret: str | None) -> None:
        """From now on it is in no text; None and what is too short to be told from a word are ignored."""
        if secret is None or len(secret) < SHORTEST or secret in self._secrets:
            return
        self._secrets = [*self._secrets, secret][-REMEMBERED:]
        self._forms = tuple(_forms(self._secrets))

    def known(self) -> list[str]:
        return list(self._secrets)

    def text(self, text: str) -> str:
        """Any thread may ask."""
        return _without(self._forms, text)

    def value(self, value: Any) -> Any:
        """The same for all texts in a JSON value, keys included."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(str(key)): self.value(one) for key, one in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(one) for one in value]
        return value


def _without(forms: Iterable[str], text: str) -> str:
    for form in forms:
        text = text.replace(form, SECRET)
    lowered = text.lower()
    return _LOOKS_SECRET.sub(_masked, text) if any(hint in lowered for hint in _HINTS) else text


def _masked(found: re.Match[str]) -> str:
    """What names the secret stays."""
    return (found["query"] or found["header"] or "") + SECRET


def _forms(secrets: Iterable[str]) -> Iterator[str]:
    """As they are, and as addresses, JSON, Python and encodings write them; the longest first."""
    found = {form for secret in secrets if len(secret) >= SHORTEST for form in _written(secret)}
    yield from sorted(found, key=lambda form: (-len(form), form))


def _written(secret: str) -> Iterator[str]:
    data = secret.encode("utf-8", errors="surrogatepass")
    yield secret
    yield from (quote(data), quote(data, safe=""), quote_plus(data))
    yield json.dumps(secret)[1:-1]
    yield repr(secret)[1:-1]
    for encode in (b64encode, urlsafe_b64encode):
        for offset in range(3):  # in the middle of a longer text, as `user:password`
            encoded = encode(bytes(offset) + data).decode().rstrip("=")
            ends_early = (offset + len(data)) % 3 != 0
            yield encoded[(0, 2, 3)[offset] : len(encoded) - ends_early]
