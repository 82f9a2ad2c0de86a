"""Real bash in a box without a network, whose programs write down how they were started and do nothing."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

LIMIT_S = 5
_STUB = """#!/bin/sh
printf '%s\\0' "$#" "$(pwd -P)" "$PATH|$PAGER|$LD_PRELOAD|$FOO" "${0##*/}" "$@" >> TRACE
"""
_TAIL = 'case "$0" in *"&"*) /bin/sleep 0.03;; esac'
"""What is in the background gets a moment before the box ends."""


class Ran(NamedTuple):
    """One program that bash started."""

    argv: tuple[str, ...]
    cwd: str
    surroundings: str
    """Values of the variables that the stubs write down."""


class Outcome(NamedTuple):
    ran: tuple[Ran, ...]
    changed: frozenset[str]
    """Files, as paths below the box, that are new, gone or different."""


class Box:
    """A workspace and a home folder that commands may spoil; they are made anew when one has."""

    def __init__(
        self, folder: Path, stubs: tuple[str, ...], real: tuple[str, ...], files: dict[str, str]
    ) -> None:
        """`real` are programs that are what they are called; `files` are those of the workspace."""
        self.root, self.home = folder / "workspace", folder / "home"
        self._folder, self._files = folder, files
        self._seen = folder / "seen"
        self._stub = _STUB.replace("TRACE", str(self._seen / "trace"))
        self._bin = folder / "bin"
        self._bin.mkdir(parents=True)
        self._seen.mkdir()
        self._runs = 0
        for name in stubs:
            (self._bin / name).write_text(self._stub, encoding="utf-8")
            (self._bin / name).chmod(0o755)
        for name in real:
            found = shutil.which(name)
            assert found, name
            (self._bin / name).symlink_to(found)
        self.path = str(self._bin)
        self._make()

    def _make(self) -> None:
        for top in (self.root, self.home):
            shutil.rmtree(top, ignore_errors=True)
            top.mkdir()
        for name, text in self._files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            if text.startswith("#!"):
                path.write_text(self._stub, encoding="utf-8")
                path.chmod(0o755)
        self._before = self._tree()

    def _tree(self) -> dict[str, tuple[int, int, int]]:
        found: dict[str, tuple[int, int, int]] = {}
        for top in (self.root, self.home):
            for folder, inner, names in os.walk(top):
                for name in (*inner, *names):
                    path = os.path.join(folder, name)
                    status = os.lstat(path)
                    is_folder = os.path.isdir(path) and not os.path.islink(path)
                    found[path] = (status.st_mode, status.st_ino, 0 if is_folder else status.st_mtime_ns)
        return found

    def run(self, text: str) -> Outcome:
        """What bash does with `text`. It has LIMIT_S seconds."""
        folder = str(self._folder)
        # One for each run, so that what is still ending of the one before does not write into this one's.
        trace = self._folder / f"trace-{self._runs % 8}"
        self._runs += 1
        shutil.rmtree(trace, ignore_errors=True)
        trace.mkdir()
        box = [
            "--ro-bind",
            "/",
            "/",
            "--tmpfs",
            "/tmp",
            "--bind",
            folder,
            folder,
            "--dev",
            "/dev",
            "--proc",
            "/proc",
        ]
        kept = ["--ro-bind", self.path, self.path, "--bind", str(trace), str(self._seen)]
        inside = ["--unshare-all", "--die-with-parent", "--new-session", "--chdir", str(self.root)]
        shell = ["/bin/sh", "-c", f'/bin/bash --norc --noprofile -c "$0"; {_TAIL}', text]
        with contextlib.suppress(subprocess.TimeoutExpired):
            subprocess.run(
                ["/usr/bin/bwrap", *box, *kept, *inside, "--", *shell],
                env={"HOME": str(self.home), "PATH": self.path},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=LIMIT_S,
                check=False,
            )
        after = self._tree()
        changed = frozenset(path for path, _ in after.items() ^ self._before.items())
        if changed:
            self._make()
        return Outcome(tuple(_read(trace / "trace")), changed)


def _read(trace: Path) -> list[Ran]:
    if not trace.exists():
        return []
    words = trace.read_bytes().decode("utf-8", "surrogateescape").split("\0")
    found: list[Ran] = []
    index = 0
    while index < len(words) - 1:
        end = index + 4 + int(words[index])
        found.append(Ran(tuple(words[index + 3 : end]), words[index + 1], words[index + 2]))
        index = end
    return found
