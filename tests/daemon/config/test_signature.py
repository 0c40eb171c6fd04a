"""Signed configurations, with the real ssh-keygen."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from daemon.config.agent_files import load_agents
from daemon.config.files import ConfigError, Place, load, read_sources
from daemon.config.last_good import LastGood, load_or_last_good, roll_back
from daemon.config.signature import MANIFEST, NAMESPACE, OPERATOR, SIGNATURE

TOOL = "from daemon.realtime import function_tool\n@function_tool\ndef light() -> str:\n    return 'on'\n"


MANUAL = Path(__file__).resolve().parents[3] / "configs" / "README.md"
SIGNING = re.findall(r"^(?:sha256sum|rm) .*harkd.manifest.*$", MANUAL.read_text("utf-8"), re.MULTILINE)


class Operator:
    """Writes files into `etc`, and signs them with a key that the box knows, or with another one."""

    def __init__(self, home: Path) -> None:
        self.etc, self.signers = home / "etc", home / "signers"
        self._home = home
        for key in ("known", "stranger"):
            quiet = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(home / key)]
            subprocess.run(quiet, check=True)
        public = (home / "known.pub").read_text()
        self.signers.write_text(f'{OPERATOR} namespaces="{NAMESPACE}" {public}')
        self.place = Place((self.etc,), signers=self.signers)
        for folder in ("conf.d", "agents", "tools"):
            (self.etc / folder).mkdir(parents=True)
        self.write("harkd.toml", "[talk]\nhold_s = 3\n")
        self.write("conf.d/10-lab.toml", "[talk]\nanswer_s = 4\n")
        self.write("agents/cook.toml", 'instructions = "Cook."\ntools = ["light"]\n')
        self.write("tools/light.py", TOOL)

    def write(self, name: str, text: str) -> None:
        (self.etc / name).write_text(text)
        (self.etc / name).chmod(0o644)

    def sign(self, key: str = "known", namespace: str = NAMESPACE) -> None:
        """By the commands of the manual."""
        listing, signing = SIGNING
        signing = signing.replace("~/.ssh/operator", str(self._home / key)).replace(
            "-n harkd", f"-n {namespace}"
        )
        subprocess.run(
            ["bash", "-ec", f"{listing}\n{signing}"], cwd=self.etc, check=True, capture_output=True
        )

    def problems(self) -> list[str]:
        try:
            load(self.place)
        except ConfigError as error:
            return [str(problem).replace(str(self.etc), "etc") for problem in error.problems]
        return []


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Operator:
    operator = Operator(tmp_path_factory.mktemp("operator"))
    operator.sign()
    return operator


@pytest.fixture
def operator(signed: Operator) -> Operator:
    """A signed configuration, to be spoiled."""
    spare = signed.etc.with_name("spare")
    if spare.exists():
        shutil.rmtree(signed.etc)
        shutil.copytree(spare, signed.etc)
    else:
        shutil.copytree(signed.etc, spare)
    return signed


def test_signed_configuration_is_obeyed(operator: Operator) -> None:
    config = load(operator.place).config
    assert (config.talk.hold_s, config.talk.answer_s) == (3, 4)


def test_unsigned_is_fine_where_nobody_has_to_sign(operator: Operator) -> None:
    (operator.etc / MANIFEST).unlink()
    assert load(Place((operator.etc,))).config.talk.hold_s == 3


SPOILED: dict[str, tuple[Callable[[Operator], object], list[str]]] = {
    "changed": (
        lambda o: o.write("conf.d/10-lab.toml", "[talk]\nanswer_s = 5\n"),
        ["etc/conf.d/10-lab.toml: is not what was signed"],
    ),
    "added": (
        lambda o: o.write("tools/more.py", TOOL),
        [f"etc/tools/more.py: is not in {MANIFEST}, so nobody has signed it"],
    ),
    "deleted": (
        lambda o: (o.etc / "agents/cook.toml").unlink(),
        ["etc/agents/cook.toml: was signed, but is not there"],
    ),
    "tool changed": (
        lambda o: o.write("tools/light.py", TOOL.replace("on", "off")),
        ["etc/tools/light.py: is not what was signed"],
    ),
    "garbage": (
        lambda o: ((o.etc / MANIFEST).write_text("# ours\n"), _sign_again(o)),
        [f"etc/{MANIFEST}:1: is not a line as sha256sum writes it"],
    ),
}


def _sign_again(operator: Operator) -> None:
    (operator.etc / SIGNATURE).unlink()
    key = str(operator.signers.with_name("known"))
    signing = ["ssh-keygen", "-q", "-Y", "sign", "-f", key, "-n", NAMESPACE, MANIFEST]
    subprocess.run(signing, cwd=operator.etc, check=True, capture_output=True)


@pytest.mark.parametrize("how", SPOILED)
def test_what_is_not_as_it_was_signed_is_refused_by_name(operator: Operator, how: str) -> None:
    spoil, expected = SPOILED[how]
    spoil(operator)
    assert operator.problems() == expected


@pytest.mark.parametrize(
    ("key", "namespace"), [("stranger", NAMESPACE), ("known", "git")], ids=["stranger", "other purpose"]
)
def test_signature_of_somebody_else_or_for_something_else_is_none(
    operator: Operator, key: str, namespace: str
) -> None:
    operator.sign(key, namespace)
    (problem,) = operator.problems()
    assert problem.startswith(f"etc/{SIGNATURE}: was not made by a key of {operator.signers} for {MANIFEST}:")


@pytest.mark.parametrize("missing", [MANIFEST, SIGNATURE])
def test_missing_signature_is_told_with_its_name(operator: Operator, missing: str) -> None:
    (operator.etc / missing).unlink()
    (problem,) = operator.problems()
    assert problem == f"etc: is not signed: {missing} is missing, and {operator.signers} says that it must be"


def test_machine_without_ssh_keygen_obeys_nobody(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    assert "ssh-keygen is missing; run: apt install openssh-client" in operator.problems()[0]


def test_agents_and_tools_are_those_that_were_verified_whatever_was_written_since(operator: Operator) -> None:
    loaded = load(operator.place)
    operator.write("agents/cook.toml", 'instructions = "Burn it."\n')
    agents = load_agents([operator.etc], lambda spec: pytest.fail("no server"), sources=loaded.sources)
    assert agents["cook"].instructions == "Cook."
    operator.write("tools/light.py", TOOL.replace("on", "off"))
    with pytest.raises(ConfigError, match="was written while it was read"):
        load_agents([operator.etc], lambda spec: pytest.fail("no server"), sources=loaded.sources)


def test_last_good_one_of_a_spoiled_configuration_is_in_force_and_can_be_put_back(
    operator: Operator, tmp_path: Path
) -> None:
    last_good = LastGood(tmp_path)
    last_good.keep(read_sources(operator.place), operator.place)
    operator.write("harkd.toml", "[talk]\nhold_s = 9\n")
    booted = load_or_last_good(operator.place, last_good, lambda loaded, place: loaded.config.talk.hold_s)
    assert (booted.result, len(booted.problems)) == (3, 1)
    roll_back(operator.place, last_good)
    assert operator.problems() == []
