"""The agent's end of the guard: a small process that ends commands when the agent cannot."""

from __future__ import annotations

import contextlib
import os
import signal
import sys

from acp_agent.workspace import guard

INHERITED = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
"""All that a Python may need to start."""


class Guard:
    """Knows what must not outlive the agent. Starts its process with the first command."""

    def __init__(self) -> None:
        self._watched: dict[str, int] = {}
        self._pipe: int | None = None
        self._pid = 0

    def watch(self, marker: str, leader: int = 0) -> None:
        """From now on what carries `marker` dies with the agent; tell it before a command starts."""
        self._watched[marker] = leader
        self._tell(f"+{marker} {leader}\n")

    def forget(self, marker: str) -> None:
        """Nothing of the command is left."""
        self._watched.pop(marker, None)
        self._tell(f"-{marker} 0\n")

    def _tell(self, line: str) -> None:
        if self._pipe is not None:
            try:
                os.write(self._pipe, line.encode())
            except OSError:  # somebody has ended or stopped it
                self._give_up()
            else:
                return
        self._start()

    def _start(self) -> None:
        if not sys.executable:
            return  # embedded: there is no Python to run it with
        theirs, self._pipe = os.pipe()
        os.set_blocking(self._pipe, False)
        known = "".join(f"+{marker} {leader}\n" for marker, leader in self._watched.items())
        os.write(self._pipe, known.encode())
        null = (os.devnull, os.O_RDWR, 0)
        actions = [(os.POSIX_SPAWN_DUP2, theirs, 0)]
        opened = [(os.POSIX_SPAWN_OPEN, fd, *null) for fd in (1, 2)]
        environment = {name: os.environ[name] for name in INHERITED if name in os.environ}
        command = [sys.executable, "-I", "-S", guard.__file__]
        try:
            self._pid = os.posix_spawn(sys.executable, command, environment, file_actions=[*actions, *opened])
        except OSError:
            os.close(self._pipe)
            self._pipe = None
        finally:
            os.close(theirs)

    def _give_up(self) -> None:
        with contextlib.suppress(OSError):
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
        if self._pipe is not None:
            os.close(self._pipe)
            self._pipe = None


the_guard = Guard()
"""The process's one guard."""
