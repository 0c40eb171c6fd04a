"""The rooms and their import rules, held from the syntax trees.

Every rule is a function from parsed modules to complaints (`file:line: rule`). It judges the project, and the
small wrong examples at the end of this file, which show that it can fail.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
OURS = ("daemon", "hw")

# The written list: these touch the world. Everything else is pure.
SHELL = (
    "daemon/__main__.py",
    "daemon/agent_host.py",
    "daemon/alarms.py",
    "daemon/app.py",
    "daemon/bookkeeper.py",
    "daemon/box.py",
    "daemon/box_controls.py",
    "daemon/box_state.py",
    "daemon/bridge.py",
    "daemon/button_board.py",
    "daemon/button_tools.py",
    "daemon/cli.py",
    "daemon/conductor.py",
    "daemon/config/agent_files.py",
    "daemon/config/commands.py",
    "daemon/config/files.py",
    "daemon/config/last_good.py",
    "daemon/config/reload.py",
    "daemon/config/signature.py",
    "daemon/config/tool_files.py",
    "daemon/config/watch.py",
    "daemon/control.py",
    "daemon/control_server.py",
    "daemon/conversation_file.py",
    "daemon/demo/run.py",
    "daemon/demo/stage.py",
    "daemon/device_keeper.py",
    "daemon/device_setup.py",
    "daemon/devices_report.py",
    "daemon/doctor/devices.py",
    "daemon/doctor/examination.py",
    "daemon/doctor/machine.py",
    "daemon/doctor/run.py",
    "daemon/doctor/server.py",
    "daemon/doctor/unit.py",
    "daemon/dsp_worker.py",
    "daemon/duplex.py",
    "daemon/hand_controls.py",
    "daemon/journal_stream.py",
    "daemon/lamp.py",
    "daemon/last_words.py",
    "daemon/ledger_file.py",
    "daemon/link_watch.py",
    "daemon/metrics_file.py",
    "daemon/network_watch.py",
    "daemon/notify.py",
    "daemon/own_voice.py",
    "daemon/playing.py",
    "daemon/price_file.py",
    "daemon/realtime/blocking.py",
    "daemon/realtime/guard_runner.py",
    "daemon/realtime/hook_runner.py",
    "daemon/realtime/leading.py",
    "daemon/realtime/link.py",
    "daemon/realtime/listeners.py",
    "daemon/realtime/mcp_stdio.py",
    "daemon/realtime/model.py",
    "daemon/realtime/names.py",
    "daemon/realtime/runner.py",
    "daemon/realtime/session.py",
    "daemon/realtime/sip_model.py",
    "daemon/realtime/tool_runner.py",
    "daemon/realtime/transports/framing.py",
    "daemon/realtime/transports/recorded.py",
    "daemon/realtime/transports/refusals.py",
    "daemon/realtime/transports/websocket.py",
    "daemon/recorder.py",
    "daemon/redaction_hooks.py",
    "daemon/reloading.py",
    "daemon/requests.py",
    "daemon/run.py",
    "daemon/sending.py",
    "daemon/simulator/server.py",
    "daemon/sound_bank.py",
    "daemon/sound_devices.py",
    "daemon/state_file.py",
    "daemon/status.py",
    "daemon/timer_file.py",
    "hw/audio/callbacks.py",
    "hw/audio/hush.py",
    "hw/audio/kernel.py",
    "hw/audio/pacing.py",
    "hw/audio/portaudio.py",
    "hw/audio/portaudio_library.py",
    "hw/audio/wavfile.py",
    "hw/buttons/gpio.py",
    "hw/buttons/keyboard.py",
    "hw/buttons/terminal.py",
    "hw/dsp/webrtc_apm.py",
    "hw/gpio_chips.py",
    "hw/gpio_library.py",
    "hw/gpio_line.py",
    "hw/gpio_pins.py",
    "hw/leds/apa102.py",
    "hw/leds/console.py",
    "hw/leds/gpio_led.py",
    "hw/leds/gpio_rgb.py",
    "hw/leds/pins.py",
    "hw/leds/spi.py",
    "hw/leds/strip.py",
    "hw/leds/ws2812.py",
    "hw/lgpio_library.py",
    "hw/load.py",
    "hw/vad/webrtc.py",
    "hw/wake/microwakeword.py",
)

# What a pure module must not reach, by its first name.
WORLD_BY_KIND = {
    "threads and processes": "_thread concurrent multiprocessing queue sched signal subprocess threading",
    "loops": "anyio asyncio select selectors trio",
    "clocks and chance": "datetime random secrets time uuid",
    "network": "http httpx requests socket socketserver ssl urllib websockets",
    "machine": "ctypes fcntl glob importlib mmap os pty runpy shutil sys tempfile termios tty",
    "sound": "alsaaudio pyaudio sounddevice webrtcvad",
    "pins and buses": "RPi evdev gpiod gpiozero lgpio serial smbus2 spidev usb",
    "service": "systemd",
}
WORLD = frozenset(name for names in WORLD_BY_KIND.values() for name in names.split())
WORLD_BUILTINS = {"breakpoint", "exec", "eval", "input", "open", "print", "__import__"}
COMPILES = {"daemon/records.py"}  # what it wrote itself: constructors, as the standard dataclasses do
WORLD_METHODS = {
    "iterdir",
    "mkdir",
    "read_bytes",
    "read_text",
    "rglob",
    "unlink",
    "write_bytes",
    "write_text",
}

# Parts of worldly libraries that only compute.
HARMLESS = {"urllib.parse"}

# Types that are handed in ready made: naming them reaches nothing.
GIVEN = {("random", "Random")}

# Libraries with a home: nobody else imports them.
HOMES = {
    "numpy": ("daemon.audio", "hw.dsp", "hw.vad.levels"),  # the DSP library takes arrays
    "pydantic": ("daemon.config", "daemon.realtime"),
}

WIRING_ROOMS = (
    "daemon.app",
    "daemon.box",
    "daemon.device_setup",
    "daemon.cli",
    "daemon.devices_report",
    "daemon.doctor",
)  # the only ones in daemon that know hw
VAGUE_NAMES = frozenset({"utils", "helpers", "common", "manager", "base", "service", "core"})

FUNCTION_LINES_P95 = 35
FUNCTION_LINES_MAX = 70
MODULE_LINES_MAX = 500
PURE_SHARE_MIN = 0.60

# Calls that only make a constant, by their last name.
CONSTANT_MAKER_NAMES = """
    attrgetter auto bytes cast compile dict enumerate field float frozenset get_args get_type_hints getLogger
    int itemgetter join len list max min namedtuple range set sorted split str sum tuple zip
"""
CONSTANT_MAKERS = frozenset(CONSTANT_MAKER_NAMES.split())

Function = ast.FunctionDef | ast.AsyncFunctionDef
STATEMENTS = (
    ast.stmt,
    ast.excepthandler,
    ast.match_case,
)  # and what holds them: an import is in no expression


# ---- parsed modules --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Import:
    """One imported name: `origin` is a module, `name` what is taken from it (None: the module itself)."""

    line: int
    origin: str
    name: str | None
    at_import: bool  # runs when the module is imported, rather than inside a function
    typing_only: bool  # under `if TYPE_CHECKING:`


@dataclass(frozen=True)
class Module:
    name: str
    path: str  # relative to the root, with slashes
    tree: ast.Module
    lines: int
    imports: tuple[Import, ...] = field(default=())

    @property
    def is_package(self) -> bool:
        return self.path.endswith("__init__.py")

    @property
    def is_shell(self) -> bool:
        return self.path in SHELL


Modules = Mapping[str, Module]
Complaints = Iterator[str]


def parse(sources: Mapping[str, str]) -> dict[str, Module]:
    """From {relative path: source} to {dotted name: module}."""
    modules = {}
    for path, source in sources.items():
        parts = path.removesuffix(".py").split("/")
        package = parts[:-1]
        name = ".".join(package if parts[-1] == "__init__" else parts)
        tree = ast.parse(source, path)
        imports = tuple(imports_in(tree.body, package))
        modules[name] = Module(name, path, tree, len(source.splitlines()), imports)
    return modules


def imports_in(
    body: Iterable[ast.AST], package: list[str], at_import: bool = True, typing_only: bool = False
) -> Iterator[Import]:
    for node in body:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(node.lineno, alias.name, None, at_import, typing_only)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                yield Import(node.lineno, origin, alias.name, at_import, typing_only)
        elif isinstance(node, ast.If) and is_type_checking(node.test):
            yield from imports_in(node.body, package, at_import, True)
            yield from imports_in(node.orelse, package, at_import, typing_only)
        else:
            later = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            blocks = (child for child in ast.iter_child_nodes(node) if isinstance(child, STATEMENTS))
            yield from imports_in(blocks, package, at_import and not later, typing_only)


def is_type_checking(test: ast.expr) -> bool:
    return ast.unparse(test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def is_ours(name: str) -> bool:
    return name.split(".")[0] in OURS


def is_inside(name: str, rooms: Iterable[str]) -> bool:
    return any(name == room or name.startswith(f"{room}.") for room in rooms)


def module_of(imported: Import, modules: Modules) -> str:
    """The module an import loads: `from package import module` loads the module."""
    full = f"{imported.origin}.{imported.name}"
    return full if imported.name and full in modules else imported.origin


def definer_of(imported: Import, modules: Modules) -> str:
    """Like `module_of`, but looks through a package that only passes names on."""
    target = module_of(imported, modules)
    seen = set()
    while target in modules and modules[target].is_package and target not in seen:
        seen.add(target)
        passed_on = [i for i in modules[target].imports if i.name == imported.name and i.at_import]
        if not passed_on:
            break
        target = module_of(passed_on[0], modules)
    return target


def docstring_lines(node: ast.Module | ast.ClassDef | Function) -> int:
    if ast.get_docstring(node, clean=False) is None:
        return 0
    first = node.body[0]
    return (first.end_lineno or first.lineno) - first.lineno + 1


def functions_in(module: Module) -> Iterator[tuple[Function, int]]:
    """Every function with its length in lines, docstring not counted."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node, (node.end_lineno or node.lineno) - node.lineno + 1 - docstring_lines(node)


# ---- who may import whom ---------------------------------------------------------------------------------


def check_hw_knows_nothing_of_daemon(modules: Modules) -> Complaints:
    for module in modules.values():
        for i in module.imports:
            if is_inside(module.name, ["hw"]) and is_inside(i.origin, ["daemon"]):
                yield f"{module.path}:{i.line}: hw imports nothing from daemon, this imports {i.origin}"


def check_only_the_wiring_knows_hw(modules: Modules) -> Complaints:
    for module in modules.values():
        if is_inside(module.name, ["hw", *WIRING_ROOMS]):
            continue
        for i in module.imports:
            if is_inside(i.origin, ["hw"]):
                yield f"{module.path}:{i.line}: only the composition root imports hw; be given the object"


def check_tools_see_only_the_realtime_api(modules: Modules) -> Complaints:
    for module in modules.values():
        for i in module.imports:
            allowed = is_inside(i.origin, ["daemon.realtime", "daemon.tools"])
            if is_inside(module.name, ["daemon.tools"]) and is_ours(i.origin) and not allowed:
                yield f"{module.path}:{i.line}: of ours, a tool imports daemon.realtime only, not {i.origin}"


def check_simulator_stands_alone(modules: Modules) -> Complaints:
    for module in modules.values():
        for i in module.imports:
            target = module_of(i, modules)
            foreign = is_ours(target) and not is_inside(target, ["daemon.simulator"])
            if is_inside(module.name, ["daemon.simulator"]) and foreign:
                yield f"{module.path}:{i.line}: of ours, the simulator imports only itself, not {target}"


def check_libraries_stay_at_home(modules: Modules) -> Complaints:
    for module in modules.values():
        for i in module.imports:
            library = i.origin.split(".")[0]
            if library in HOMES and not is_inside(module.name, HOMES[library]):
                homes = " and ".join(HOMES[library])
                yield f"{module.path}:{i.line}: {library} is imported only in {homes}"


def check_no_import_cycles(modules: Modules) -> Complaints:
    graph = {
        module.name: {
            module_of(i, modules): i.line for i in module.imports if i.at_import and not i.typing_only
        }
        for module in modules.values()
    }
    for start, module in modules.items():
        path = path_back_to(start, graph)
        if path and start == min(path):
            line = graph[start][path[1]]
            yield f"{module.path}:{line}: import cycle {' -> '.join(path)}"


def path_back_to(start: str, graph: Mapping[str, Mapping[str, int]]) -> list[str]:
    """The shortest way from a module back to itself, [] if there is none."""
    paths, seen = [[start]], set()
    for path in paths:
        for follower in graph.get(path[-1], ()):
            if follower == start:
                return [*path, start]
            if follower not in seen:
                seen.add(follower)
                paths.append([*path, follower])
    return []


# ---- purity ----------------------------------------------------------------------------------------------


def check_pure_modules_reach_nothing_of_the_world(modules: Modules) -> Complaints:
    """Packages are not judged: they pass names on, also of shells, and may hold nothing else."""
    for module in modules.values():
        if module.is_shell or module.is_package:
            continue
        for i in module.imports:
            way = way_to_the_world(i, modules, {module.name}) if not i.typing_only else []
            if way:
                reach = " -> ".join(way)
                yield f"{module.path}:{i.line}: a pure module (not on the SHELL list) reaches {reach}"


def way_to_the_world(imported: Import, modules: Modules, seen: set[str]) -> list[str]:
    """Adds to `seen` where it has been: the search ends with the first way, so no way leads through there."""
    if imported.origin in HARMLESS:
        return []
    if imported.origin.split(".")[0] in WORLD:
        return [] if (imported.origin, imported.name) in GIVEN else [imported.origin]
    target = definer_of(imported, modules)
    if target not in modules or target in seen:
        return []
    if modules[target].is_shell:
        return [f"{target} (shell)"]
    if modules[target].is_package:
        return []
    seen.add(target)
    for i in modules[target].imports:
        way = way_to_the_world(i, modules, seen) if not i.typing_only else []
        if way:
            return [target, *way]
    return []


def check_pure_modules_touch_no_files(modules: Modules) -> Complaints:
    for module in modules.values():
        for node in ast.walk(module.tree) if not module.is_shell else ():
            if not isinstance(node, ast.Call):
                continue
            is_method = isinstance(node.func, ast.Attribute)
            called = ast.unparse(node.func).rpartition(".")[2]
            if called == "exec" and module.path in COMPILES:
                continue
            if called in (WORLD_METHODS if is_method else WORLD_BUILTINS):
                yield f"{module.path}:{node.lineno}: a pure module (not on the SHELL list) calls {called}()"


def check_packages_only_pass_names_on(modules: Modules) -> Complaints:
    for module in modules.values():
        for node in module.tree.body if module.is_package else ():
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                where = f"{module.path}:{node.lineno}"
                yield f"{where}: an __init__ only passes names on; define {node.name} in a module"


def check_enough_of_daemon_is_pure(modules: Modules) -> Complaints:
    ours = [m for m in modules.values() if is_inside(m.name, ["daemon"])]
    pure, total = sum(m.lines for m in ours if not m.is_shell), sum(m.lines for m in ours)
    if total and pure / total < PURE_SHARE_MIN:
        yield f"daemon/: {pure / total:.0%} of lines are pure, at least {PURE_SHARE_MIN:.0%} must be"


def check_shell_list_names_existing_modules(modules: Modules) -> Complaints:
    paths = {module.path for module in modules.values()}
    for path in SHELL:
        if path not in paths:
            yield f"{path}:1: on the SHELL list of tests/test_architecture.py, but there is no such module"


def check_module_docstrings_say_pure_or_shell(modules: Modules) -> Complaints:
    for module in modules.values():
        said = ast.get_docstring(module.tree) or ""
        wanted, other = ("Shell around", "Pure.") if module.is_shell else ("Pure.", "Shell around")
        if not said:
            yield f"{module.path}:1: a module starts with a docstring that names its one responsibility"
        elif not module.is_package and (wanted not in said or other in said):
            listed = "on" if module.is_shell else "not on"
            yield f'{module.path}:1: {listed} the SHELL list, so its docstring says "{wanted}", not "{other}"'


# ---- nothing runs at import ------------------------------------------------------------------------------


def check_nothing_runs_at_import(modules: Modules) -> Complaints:
    for module in modules.values():
        for line, what in statements_that_run(module.tree.body, module, modules):
            yield f"{module.path}:{line}: nothing runs at import, this does: {what.splitlines()[0][:60]}"


def statements_that_run(body: list[ast.stmt], module: Module, modules: Modules) -> Iterator[tuple[int, str]]:
    for node in body:
        if isinstance(node, ast.Import | ast.ImportFrom | ast.Pass) or is_guarded(node) or is_text(node):
            continue
        if isinstance(node, ast.ClassDef):
            yield from statements_that_run(node.body, module, modules)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            defaults = [*node.args.defaults, *(d for d in node.args.kw_defaults if d)]
            yield from (found for d in defaults for found in calls_that_run(d, module, modules))
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            yield from calls_that_run(node.value, module, modules) if node.value else ()
        else:
            yield node.lineno, ast.unparse(node)


def is_text(node: ast.stmt) -> bool:
    """A docstring, or the `...` of a protocol."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def is_guarded(node: ast.stmt) -> bool:
    if not isinstance(node, ast.If):
        return False
    return is_type_checking(node.test) or ast.unparse(node.test) == "__name__ == '__main__'"


def calls_that_run(value: ast.expr, module: Module, modules: Modules) -> Iterator[tuple[int, str]]:
    """Calls and environment look-ups in the value of a constant that do more than make a constant."""
    for node in eager_nodes(value):
        looks_up = isinstance(node, ast.Attribute) and ast.unparse(node) in ("os.environ", "sys.argv")
        if looks_up or (isinstance(node, ast.Call) and not makes_a_constant(node, module, modules)):
            yield value.lineno, ast.unparse(node)


def eager_nodes(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    if not isinstance(node, ast.Lambda):
        for child in ast.iter_child_nodes(node):
            yield from eager_nodes(child)


def makes_a_constant(call: ast.Call, module: Module, modules: Modules) -> bool:
    """A listed maker, the constructor of a value type, or a function of a pure module of ours."""
    called = ast.unparse(call.func)
    first, last = called.split(".")[0], called.split(".")[-1]
    source = next((i for i in module.imports if (i.name or i.origin.split(".")[0]) == first), None)
    if called == "threading.Lock" and module.is_shell:
        return True  # guards a library that exists once per process, as PortAudio does
    if source and source.origin.split(".")[0] in WORLD:
        return False
    if last in CONSTANT_MAKERS or last.lstrip("_")[:1].isupper():
        return True
    home = modules.get(definer_of(source, modules)) if source else module
    defined = {n.name for n in home.tree.body if isinstance(n, ast.FunctionDef)} if home else set()
    return home is not None and not home.is_shell and last in defined


# ---- names and budgets -----------------------------------------------------------------------------------


def check_no_vague_names(modules: Modules) -> Complaints:
    for module in modules.values():
        for part in VAGUE_NAMES & set(module.name.split(".")):
            yield f"{module.path}:1: no module is called {part}; name what it is about"


def check_functions_are_short(modules: Modules) -> Complaints:
    found = [(length, f, m) for m in modules.values() for f, length in functions_in(m)]
    found.sort(key=lambda entry: entry[0])
    for length, function, module in found:
        if length > FUNCTION_LINES_MAX:
            where = f"{module.path}:{function.lineno}"
            yield f"{where}: {function.name} has {length} lines, at most {FUNCTION_LINES_MAX} are allowed"
    p95 = found[round(0.95 * (len(found) - 1))][0] if found else 0
    if p95 > FUNCTION_LINES_P95:
        longest = f"{found[-1][2].path}:{found[-1][1].lineno}"
        allowed = f"at most {FUNCTION_LINES_P95} are allowed"
        yield f"{longest}: 95 % of functions have up to {p95} lines, {allowed}; this is the longest"


def check_modules_are_short(modules: Modules) -> Complaints:
    for module in modules.values():
        if module.lines > MODULE_LINES_MAX:
            where = f"{module.path}:{MODULE_LINES_MAX + 1}"
            yield f"{where}: {module.lines} lines, at most {MODULE_LINES_MAX} are allowed; split the module"


RULES: tuple[Callable[[Modules], Complaints], ...] = tuple(
    rule for name, rule in list(globals().items()) if name.startswith("check_")
)


# ---- the project -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def project() -> dict[str, Module]:
    files = [file for room in OURS for file in sorted((ROOT / room).rglob("*.py"))]
    return parse({file.relative_to(ROOT).as_posix(): file.read_text("utf-8") for file in files})


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__.removeprefix("check_"))
def test_project_keeps_the_rule(rule: Callable[[Modules], Complaints], project: Modules) -> None:
    assert "\n".join(rule(project)) == ""


def test_project_is_being_looked_at(project: Modules) -> None:
    assert {"daemon.appliance", "daemon.notify", "hw.ports"} <= set(project)


# ---- the rules can fail ----------------------------------------------------------------------------------

LONG = "def long():\n" + "    x = 1\n" * 71
MIDDLING = "".join(f"def f{n}():\n" + "    x = 1\n" * 36 for n in range(3))
CYCLE = {"daemon/one.py": "from daemon import two", "daemon/two.py": "x = 1\nfrom daemon.one import y"}
FACADE = {
    "daemon/realtime/__init__.py": "from .link import Session\nfrom daemon.realtime.agent import Agent",
    "daemon/realtime/link.py": "import asyncio\nclass Session: ...",
    "daemon/realtime/agent.py": "class Agent: ...",
}

WRONG = [
    (
        check_hw_knows_nothing_of_daemon,
        {"hw/leds.py": "x = 1\nimport daemon.events"},
        "hw/leds.py:2: *daemon.events",
    ),
    (
        check_hw_knows_nothing_of_daemon,
        {"hw/leds.py": "def f():\n from daemon import events"},
        "hw/leds.py:2: *",
    ),
    (
        check_only_the_wiring_knows_hw,
        {"daemon/bridge.py": "from hw.ports import Speaker"},
        "daemon/bridge.py:1: *",
    ),
    (check_only_the_wiring_knows_hw, {"daemon/application.py": "import hw"}, "daemon/application.py:1: *"),
    (check_tools_see_only_the_realtime_api, {"daemon/tools/clock.py": "import daemon.app"}, "*clock.py:1: *"),
    (
        check_simulator_stands_alone,
        {"daemon/simulator/vad.py": "from daemon.audio import pcm"},
        "*vad.py:1: *",
    ),
    (check_simulator_stands_alone, {"daemon/simulator/vad.py": "from ..audio import pcm"}, "*daemon.audio"),
    (check_libraries_stay_at_home, {"daemon/realtime/wire.py": "import numpy as np"}, "*wire.py:1: numpy *"),
    (
        check_libraries_stay_at_home,
        {"daemon/audio/gain.py": "from pydantic import Field"},
        "*gain.py:1: pydantic *",
    ),
    (check_libraries_stay_at_home, {"daemon/app.py": "def f():\n import numpy"}, "daemon/app.py:2: numpy *"),
    (check_no_import_cycles, CYCLE, "daemon/one.py:1: * daemon.one -> daemon.two -> daemon.one"),
    (
        check_pure_modules_reach_nothing_of_the_world,
        {"daemon/cues.py": "def f():\n import time"},
        "daemon/cues.py:2: * reaches time",
    ),
    (
        check_pure_modules_reach_nothing_of_the_world,
        {"daemon/cues.py": "import daemon.gestures", "daemon/gestures.py": "import os.path"},
        "daemon/cues.py:1: * reaches daemon.gestures -> os.path",
    ),
    (
        check_pure_modules_reach_nothing_of_the_world,
        {"daemon/cues.py": "from daemon import notify", "daemon/notify.py": "import os"},
        "daemon/cues.py:1: * reaches daemon.notify (shell)",
    ),
    (
        check_pure_modules_reach_nothing_of_the_world,
        {**FACADE, "daemon/cues.py": "from daemon.realtime import Session"},
        "daemon/cues.py:1: * reaches daemon.realtime.link (shell)",
    ),
    (
        check_pure_modules_touch_no_files,
        {"daemon/cues.py": "def f(p):\n return open(p)"},
        "*cues.py:2: *open*",
    ),
    (
        check_pure_modules_touch_no_files,
        {"daemon/cues.py": "def f(p):\n p.read_text()"},
        "*cues.py:2: *read*",
    ),
    (
        check_pure_modules_reach_nothing_of_the_world,
        {"daemon/cues.py": "import random"},
        "*cues.py:1: *random",
    ),
    (
        check_packages_only_pass_names_on,
        {"daemon/audio/__init__.py": "def rms(): ..."},
        "*__init__.py:1: *rms*",
    ),
    (
        check_enough_of_daemon_is_pure,
        {"daemon/app.py": "x = 1\n" * 41, "daemon/cues.py": "x = 1\n" * 59},
        "daemon/: 59% *",
    ),
    (check_shell_list_names_existing_modules, {"daemon/cues.py": ""}, "daemon/app.py:1: *"),
    (check_module_docstrings_say_pure_or_shell, {"daemon/cues.py": "x = 1"}, "daemon/cues.py:1: *docstring*"),
    (
        check_module_docstrings_say_pure_or_shell,
        {"daemon/cues.py": "'Watches. Shell around X.'"},
        "*: not on the SHELL list*",
    ),
    (
        check_module_docstrings_say_pure_or_shell,
        {"daemon/app.py": "'Builds. Pure.'"},
        "*: on the SHELL list*",
    ),
    (check_nothing_runs_at_import, {"daemon/app.py": "'Doc.'\nprint('hi')"}, "daemon/app.py:2: *print*"),
    (
        check_nothing_runs_at_import,
        {"daemon/app.py": "import os\nKEY = os.environ['KEY']"},
        "*:2: *os.environ*",
    ),
    (
        check_nothing_runs_at_import,
        {"daemon/app.py": "import os\nKEY = os.getenv('KEY')"},
        "*:2: *os.getenv*",
    ),
    (check_nothing_runs_at_import, {"daemon/app.py": "class A:\n x = open('f').read()"}, "*:2: *open*"),
    (
        check_nothing_runs_at_import,
        {"daemon/app.py": "import time\ndef f(x=time.time()): ..."},
        "*:2: *time.time*",
    ),
    (check_nothing_runs_at_import, {"hw/vad/x.py": "from webrtcvad import Vad\nV = Vad(3)"}, "*:2: *Vad*"),
    (
        check_nothing_runs_at_import,
        {"hw/vad/x.py": "try:\n import lgpio\nexcept ImportError: ..."},
        "*:1: *try*",
    ),
    (check_nothing_runs_at_import, {"daemon/app.py": "X = load()\ndef load(): ..."}, "*:1: *load*"),
    (
        check_nothing_runs_at_import,
        {"daemon/cues.py": "import threading\nX = threading.Lock()"},
        "*:2: *Lock*",
    ),
    (check_no_vague_names, {"daemon/core/gain.py": ""}, "daemon/core/gain.py:1: *core*"),
    (check_no_vague_names, {"hw/utils.py": ""}, "hw/utils.py:1: *utils*"),
    (check_functions_are_short, {"daemon/app.py": LONG}, "daemon/app.py:1: long has 72 lines*"),
    (check_functions_are_short, {"daemon/app.py": MIDDLING}, "*95 % of functions have up to 37 lines*"),
    (check_modules_are_short, {"daemon/app.py": "x = 1\n" * 501}, "daemon/app.py:501: *"),
]

RIGHT = [
    (
        check_only_the_wiring_knows_hw,
        {"daemon/app.py": "import hw.ports", "daemon/doctor/audio.py": "import hw"},
    ),
    (
        check_tools_see_only_the_realtime_api,
        {"daemon/tools/x.py": "import json\nfrom daemon.realtime import tool"},
    ),
    (check_simulator_stands_alone, {"daemon/simulator/x.py": "import asyncio\nfrom . import vad"}),
    (check_libraries_stay_at_home, {"daemon/audio/resample.py": "import numpy"}),
    (check_no_import_cycles, {**CYCLE, "daemon/two.py": "def f():\n from daemon.one import y"}),
    (
        check_pure_modules_reach_nothing_of_the_world,
        {**FACADE, "daemon/cues.py": "import math\nfrom daemon.realtime import Agent"},
    ),
    (check_pure_modules_reach_nothing_of_the_world, {"daemon/app.py": "import asyncio, time"}),
    (
        check_nothing_runs_at_import,
        {"daemon/gestures.py": "import re\nX = re.compile('x')\nY = t()\nF = lambda: load()\ndef t(): ..."},
    ),
    (
        check_functions_are_short,
        {"daemon/app.py": f"def f():\n    '''{'x' * 9}\n{'x' * 90}\n'''\n    return 1"},
    ),
]


@pytest.mark.parametrize(("rule", "sources", "complaint"), WRONG)
def test_rule_refuses_a_wrong_example(
    rule: Callable[[Modules], Complaints], sources: dict[str, str], complaint: str
) -> None:
    assert any(fnmatch(said, complaint) for said in rule(parse(sources))), list(rule(parse(sources)))


@pytest.mark.parametrize(("rule", "sources"), RIGHT)
def test_rule_accepts_a_right_example(rule: Callable[[Modules], Complaints], sources: dict[str, str]) -> None:
    assert list(rule(parse(sources))) == []


def test_every_rule_has_a_wrong_example() -> None:
    assert {rule for rule, _, _ in WRONG} == set(RULES)
