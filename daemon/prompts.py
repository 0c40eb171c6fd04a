"""What the box says about its own troubles, and when. Pure.

Each prompt lies as `daemon/sounds/LANGUAGE/PROMPT.wav`; `docs/sounds.py` makes them from the texts here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import Enum
from typing import Literal

from daemon.audio.earcons import Earcon

Language = Literal["en", "de", "fr", "es", "it"]

SPOKEN_AGAIN_S = 10.0
"""Who presses again and again has heard it; a short sound says that nothing has changed."""

UNASKED_AGAIN_S = 3600.0
"""A link that comes and goes all night, or a key that is refused with every attempt, is told once an hour."""


class Prompt(Enum):
    """What can be wrong and can be said: a box without a loudspeaker has only its light."""

    NO_CONNECTION = "no-connection"
    BAD_KEY = "bad-key"
    QUOTA_USED_UP = "quota-used-up"
    MODEL_UNAVAILABLE = "model-unavailable"
    NO_MICROPHONE = "no-microphone"
    MICROPHONE_SILENT = "microphone-silent"  # delivers nothing but zeros
    MUTED = "muted"
    SPENDING_LIMIT = "spending-limit"
    CONFIG_BROKEN = "config-broken"


TEXTS: Mapping[Prompt, Mapping[Language, str]] = {
    Prompt.NO_CONNECTION: {
        "en": "No connection. I keep trying.",
        "de": "Keine Verbindung. Ich versuche es weiter.",
        "fr": "Pas de connexion. Je continue d'essayer.",
        "es": "No hay conexión. Sigo intentándolo.",
        "it": "Nessuna connessione. Continuo a provare.",
    },
    Prompt.BAD_KEY: {
        "en": "The access key was refused.",
        "de": "Der Zugangsschlüssel wurde abgelehnt.",
        "fr": "La clé d'accès a été refusée.",
        "es": "La clave de acceso fue rechazada.",
        "it": "La chiave di accesso è stata rifiutata.",
    },
    Prompt.QUOTA_USED_UP: {
        "en": "The credit is used up.",
        "de": "Das Guthaben ist aufgebraucht.",
        "fr": "Il n'y a plus de crédit.",
        "es": "El crédito está agotado.",
        "it": "Il credito è esaurito.",
    },
    Prompt.MODEL_UNAVAILABLE: {
        "en": "The model is not available.",
        "de": "Das Modell ist nicht verfügbar.",
        "fr": "Le modèle n'est pas disponible.",
        "es": "El modelo no está disponible.",
        "it": "Il modello non è disponibile.",
    },
    Prompt.NO_MICROPHONE: {
        "en": "I cannot find a microphone.",
        "de": "Ich finde kein Mikrofon.",
        "fr": "Je ne trouve pas de microphone.",
        "es": "No encuentro ningún micrófono.",
        "it": "Non trovo nessun microfono.",
    },
    Prompt.MICROPHONE_SILENT: {
        "en": "No sound comes from the microphone.",
        "de": "Das Mikrofon ist still.",
        "fr": "Le microphone est silencieux.",
        "es": "No llega sonido del micrófono.",
        "it": "Dal microfono non arriva nessun suono.",
    },
    Prompt.MUTED: {
        "en": "The microphone is muted.",
        "de": "Das Mikrofon ist stummgeschaltet.",
        "fr": "Le microphone est coupé.",
        "es": "El micrófono está silenciado.",
        "it": "Il microfono è disattivato.",
    },
    Prompt.SPENDING_LIMIT: {
        "en": "The spending limit is reached.",
        "de": "Das Kostenlimit ist erreicht.",
        "fr": "La limite de dépenses est atteinte.",
        "es": "Se alcanzó el límite de gasto.",
        "it": "Il limite di spesa è raggiunto.",
    },
    Prompt.CONFIG_BROKEN: {
        "en": "The configuration has an error.",
        "de": "Die Konfiguration hat einen Fehler.",
        "fr": "La configuration contient une erreur.",
        "es": "La configuración tiene un error.",
        "it": "La configurazione contiene un errore.",
    },
}

UNASKED: Mapping[Prompt, Prompt | Earcon | None] = {
    Prompt.NO_CONNECTION: Earcon.OFFLINE,  # routers restart at night, and it mends itself
    Prompt.BAD_KEY: Prompt.BAD_KEY,
    Prompt.QUOTA_USED_UP: Prompt.QUOTA_USED_UP,
    Prompt.MODEL_UNAVAILABLE: Prompt.MODEL_UNAVAILABLE,
    Prompt.NO_MICROPHONE: Prompt.NO_MICROPHONE,
    Prompt.MICROPHONE_SILENT: Prompt.MICROPHONE_SILENT,
    Prompt.MUTED: None,  # by a person, who has heard the sound of that
    Prompt.SPENDING_LIMIT: Prompt.SPENDING_LIMIT,
    Prompt.CONFIG_BROKEN: Prompt.CONFIG_BROKEN,
}
"""What is heard the moment something goes wrong, with nobody asking: words where a person has to act."""

ONLINE_AGAIN = frozenset(
    {Prompt.NO_CONNECTION, Prompt.BAD_KEY, Prompt.QUOTA_USED_UP, Prompt.MODEL_UNAVAILABLE}
)
"""What keeps the box from its server."""


class PromptBook:
    """What has been told and when. Memory is two times per prompt."""

    def __init__(self) -> None:
        self._spoken_at: dict[Prompt, float] = {}
        self._told_at: dict[Prompt, float] = {}
        self._open: set[Prompt] = set()  # told, and not mended since

    def asked(self, wrong: Prompt | None, now: float) -> Prompt | Earcon:
        """Somebody wanted something that cannot be done because of `wrong`; None: nothing worth words.

        Never silence: words, or the short sound of a refusal if they were spoken in the last
        `SPOKEN_AGAIN_S`.
        """
        if wrong is None or now - self._spoken_at.get(wrong, -math.inf) < SPOKEN_AGAIN_S:
            return Earcon.REFUSED
        self._note(wrong, wrong, now)
        return wrong

    def went_wrong(self, wrong: Prompt, now: float) -> Prompt | Earcon | None:
        """`wrong` has begun; None if it needs no telling, or was told in the last `UNASKED_AGAIN_S`."""
        cue = UNASKED[wrong]
        if cue is None or now - self._told_at.get(wrong, -math.inf) < UNASKED_AGAIN_S:
            return None
        self._note(wrong, cue, now)
        return cue

    def mended(self, wrong: Prompt) -> Earcon | None:
        """`wrong` is over: the sound of being online again for whoever was told of the contrary."""
        was_told = wrong in self._open
        self._open.discard(wrong)
        return Earcon.ONLINE if was_told and wrong in ONLINE_AGAIN else None

    def _note(self, wrong: Prompt, cue: Prompt | Earcon, now: float) -> None:
        self._open.add(wrong)
        self._told_at[wrong] = now
        if isinstance(cue, Prompt):
            self._spoken_at[wrong] = now
