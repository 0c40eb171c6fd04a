"""A Realtime API server of our own, for use without key or network. Imports nothing else of this project."""

from daemon.simulator.script import Answer, Fault, FunctionCall, Saying, Script, ScriptError
from daemon.simulator.server import SimulatorServer, load_script, simulate

__all__ = [
    "Answer",
    "Fault",
    "FunctionCall",
    "Saying",
    "Script",
    "ScriptError",
    "SimulatorServer",
    "load_script",
    "simulate",
]
