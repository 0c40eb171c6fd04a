"""Every check, by number. Pure."""

from __future__ import annotations

from daemon.doctor import board, hands, network, software, sound

CHECKS = (*software.CHECKS, *sound.CHECKS, *hands.CHECKS, *network.CHECKS, *board.CHECKS)
