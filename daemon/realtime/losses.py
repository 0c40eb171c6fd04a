"""Why a connection ended, if it was not the network or the server that ended it. Pure."""

from __future__ import annotations


class SessionRefused(Exception):
    """The server took the connection but not our session configuration."""


class SessionRenewed(Exception):
    """The owner wants a new session before the server ends this one."""


class SessionRested(Exception):
    """Nobody needs a session for now: the next is opened when somebody does."""


class NetworkCame(Exception):
    """There is another network than the one that an attempt began in."""
