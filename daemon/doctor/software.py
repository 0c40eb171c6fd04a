"""Checks 11 to 16: Python, configuration, libraries, key, groups. Pure."""

from __future__ import annotations

from daemon.doctor.facts import Subject
from daemon.doctor.findings import Check, Group, Verdict, failed, passed, skipped, warned
from daemon.doctor.needs import groups, libraries, needs_key

PYTHON_FIRST, PYTHON_LAST = (3, 11), (3, 13)
"""`requires-python` of pyproject.toml."""


def python(subject: Subject) -> Verdict:
    version = subject.machine.python()
    written = ".".join(map(str, version))
    if not PYTHON_FIRST <= version[:2] <= PYTHON_LAST:
        return failed(
            f"{written}; harkd is made for {PYTHON_FIRST[0]}.{PYTHON_FIRST[1]} to 3.{PYTHON_LAST[1]}"
        )
    return passed(written)


def configuration(subject: Subject) -> Verdict:
    problems = subject.machine.config_problems()
    if not problems:
        return passed("can be used")
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return failed(problems[0] + more)


def needed_libraries(subject: Subject) -> Verdict:
    wanted = list(libraries(subject.config))
    missing = [
        (library, error) for library in wanted if (error := subject.machine.import_error(library.module))
    ]
    if not missing:
        return passed(", ".join(library.module for library in wanted) or "none besides those that run this")
    said = "; ".join(f"{library.module}: {error}" for library, error in missing)
    fix = "; ".join(dict.fromkeys(library.install for library, _ in missing))
    if any(library.required for library, _ in missing):
        return failed(said, fix)
    return warned(f"{said}; the box does without, and less well", fix)


def key_present(subject: Subject) -> Verdict:
    found = subject.machine.key()
    if found.source:
        return passed(f"found in {found.source}")
    if found.denied:
        return warned(found.problem, "Run it as root: sudo harkd doctor")
    if not needs_key(subject.config.session):
        return passed("none, and the server on this machine needs none")
    return failed(found.problem or "there is none")


def key_private(subject: Subject) -> Verdict:
    file = subject.machine.key_file()
    if file is None:
        return skipped("there is no key file")
    if file.mode & 0o077:
        return failed(f"{file.path} may be read by others (mode {file.mode:04o})", f"chmod 600 {file.path}")
    user = subject.service.user().name
    if file.owner not in ("root", user):
        return warned(f"{file.path} belongs to {file.owner}", f"sudo chown root {file.path}")
    return passed(f"{file.path}, mode {file.mode:04o}, of {file.owner}")


def user_groups(subject: Subject) -> Verdict:
    user, wanted = subject.service.user(), groups(subject.config)
    if not wanted:
        return skipped("nothing that is configured needs one")
    if user.is_root:
        return passed("root may open everything")
    missing = [group for group in wanted if group not in user.groups]
    if there := [group for group in missing if group in user.known_groups]:
        names = ",".join(there)
        return failed(
            f"{user.name} is not in {names}", f"sudo usermod -aG {names} {user.name}, then log in anew"
        )
    if missing:
        return warned(
            f"this machine has no group {', '.join(missing)}: who may open the devices is not known"
        )
    return passed(f"{user.name} is in {', '.join(wanted)}")


CHECKS = (
    Check(
        11,
        Group.SOFTWARE,
        "python",
        "The Python that runs harkd is one it is made for.",
        "Install harkd anew with `make setup`, which takes a Python that fits.",
        python,
    ),
    Check(
        12,
        Group.SOFTWARE,
        "configuration",
        "Everything that `harkd run` reads can be used: settings, agents, tools.",
        "Correct the file it names; `harkd config check` tells every mistake.",
        configuration,
        limit_s=10.0,  # it loads the operator's tools
    ),
    Check(
        13,
        Group.SOFTWARE,
        "libraries",
        "The libraries that the configured devices need are installed.",
        "Install the library it names.",
        needed_libraries,
        limit_s=10.0,
    ),
    Check(
        14,
        Group.SOFTWARE,
        "key",
        "There is an API key, where the service looks for it.",
        "Put the key into /etc/harkd/openai_api_key, mode 0600.",
        key_present,
    ),
    Check(
        15,
        Group.SOFTWARE,
        "key file",
        "Nobody else may read the key file.",
        "chmod 600 /etc/harkd/openai_api_key",
        key_private,
    ),
    Check(
        16,
        Group.SOFTWARE,
        "groups",
        "The user of the service is in the groups of the configured devices: audio, gpio, spi.",
        "sudo usermod -aG audio,gpio,spi harkd, then restart the service.",
        user_groups,
    ),
)
