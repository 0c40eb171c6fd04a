"""Whether a configuration is what its operator signed. Shell around ssh-keygen.

The operator lists the files as `sha256sum` does, in `harkd.manifest`, and signs that with
`ssh-keygen -Y sign`. Who may sign is in a file of the box (ALLOWED SIGNERS in ssh-keygen(1)) outside of what
is pushed.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from daemon.config.layers import Problem
from daemon.config.sources import SourceFile, Sources

SIGNERS_FILE = Path("/etc/harkd.signers")
"""Where this file is, nothing is obeyed that none of its keys has signed."""

MANIFEST = "harkd.manifest"
SIGNATURE = "harkd.manifest.sig"
OPERATOR = "operator"
"""The principal that keys in `SIGNERS_FILE` are listed under."""

NAMESPACE = "harkd"
"""So that no signature made for something else can be passed off as one for a configuration."""

VERIFY_WITHIN_S = 10.0

_LINE = re.compile(r"([0-9a-f]{64}) [ *](?:\./)?(\S.*)")


def unsigned(sources: Sources, paths: tuple[Path, ...], signers: Path) -> list[Problem]:
    """Everything in `sources` that none of the `signers` has signed, or that was signed and is not there."""
    problems: list[Problem] = []
    for number, path in enumerate(paths):
        start = f"{number}/"
        files = {file.name.removeprefix(start): file for file in sources.files if file.name.startswith(start)}
        problems += _unsigned_below(path, files, signers)
    return problems


def _unsigned_below(path: Path, files: Mapping[str, SourceFile], signers: Path) -> list[Problem]:
    manifest, signature = files.get(MANIFEST), files.get(SIGNATURE)
    if manifest is None or signature is None:
        missing = MANIFEST if manifest is None else SIGNATURE
        what = f"is not signed: {missing} is missing, and {signers} says that it must be"
        return [Problem(str(path), 0, "", what)]
    refusal = _refusal(manifest.content, signature.content, signers)
    if refusal:
        return [Problem(signature.file, 0, "", refusal)]
    signed: dict[str, str] = {}
    for number, line in enumerate(manifest.content.decode(errors="replace").splitlines(), 1):
        if not (found := _LINE.fullmatch(line)):
            return [Problem(manifest.file, number, "", "is not a line as sha256sum writes it")]
        signed[found[2]] = found[1]
    return list(_differing(path, files, signed))


def _differing(path: Path, files: Mapping[str, SourceFile], signed: Mapping[str, str]) -> Iterator[Problem]:
    for name, file in files.items():
        if name in (MANIFEST, SIGNATURE):
            continue
        if name not in signed:
            yield Problem(file.file, 0, "", f"is not in {MANIFEST}, so nobody has signed it")
        elif hashlib.sha256(file.content).hexdigest() != signed[name]:
            yield Problem(file.file, 0, "", "is not what was signed")
    for name in signed.keys() - files.keys():
        if not (path / name).exists():
            yield Problem(str(path / name), 0, "", "was signed, but is not there")


def _refusal(manifest: bytes, signature: bytes, signers: Path) -> str:
    """Why the signature does not count; "" if it does."""
    descriptor = os.memfd_create("signature")  # the very bytes that were read, whoever writes meanwhile
    try:
        os.write(descriptor, signature)
        command = ["ssh-keygen", "-Y", "verify", "-f", str(signers), "-I", OPERATOR, "-n", NAMESPACE]
        command += ["-s", f"/dev/fd/{descriptor}"]
        done = subprocess.run(
            command, input=manifest, capture_output=True, timeout=VERIFY_WITHIN_S, pass_fds=[descriptor]
        )
    except FileNotFoundError:
        return "cannot be verified: ssh-keygen is missing; run: apt install openssh-client"
    except subprocess.TimeoutExpired:
        return f"cannot be verified: ssh-keygen did not answer within {VERIFY_WITHIN_S:g} s"
    finally:
        os.close(descriptor)
    if done.returncode == 0:
        return ""
    said = " ".join(done.stderr.decode(errors="replace").split()) or "the signature does not fit"
    return f"was not made by a key of {signers} for {MANIFEST}: {said}"
