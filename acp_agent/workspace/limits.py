"""What one command may use of the machine, beside time and output."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

SHELL = "/bin/sh"
"""Its `ulimit` sets limits for what it then becomes; nothing else starts as quickly."""
_KIB_IN_MIB = 1 << 10
_BLOCKS_IN_MIB = 1 << 11
"""POSIX counts a file's size in blocks of 512 bytes."""

_FAILED = "echo 'The limits of the settings cannot be set here.' >&2; exit 126"


class Limits(NamedTuple):
    """None is no limit of ours. Each counts for every process by itself, but `processes`."""

    memory_mib: int | None = None
    """What a process may have of its own (RLIMIT_DATA), not what it maps or shares."""
    processes: int | None = None
    """Processes and threads at the same time: of the command in bwrap, else of all that the user runs.
    The superuser is never held to it."""
    file_mib: int | None = None
    """The size up to which a file may be written."""
    cpu_secs: int | None = None
    """Time on a processor."""
    core_files: bool = True
    """Whether a crash may write the memory of the process to a file."""

    def wrap(self, words: Sequence[str]) -> list[str]:
        """`words` started with these limits. They are not started when one cannot be set."""
        import resource

        lines = [] if self.core_files else ["ulimit -c 0"]
        for flags, kind, limit, unit, size in (
            (("d",), resource.RLIMIT_DATA, self.memory_mib, _KIB_IN_MIB, 1 << 10),
            (("f",), resource.RLIMIT_FSIZE, self.file_mib, _BLOCKS_IN_MIB, 1 << 9),
            (("t",), resource.RLIMIT_CPU, self.cpu_secs, 1, 1),
            (("u", "p"), resource.RLIMIT_NPROC, self.processes, 1, 1),  # bash says u, dash p
        ):
            hard = resource.getrlimit(kind)[1]
            if limit is not None and (hard == resource.RLIM_INFINITY or limit * unit * size < hard):
                lines.append(" || ".join(f"ulimit -{flag} {limit * unit} 2>/dev/null" for flag in flags))
        if not lines:
            return list(words)
        script = f'{" && ".join(lines)} && exec "$@"\n{_FAILED}'
        return [SHELL, "-c", script, SHELL, *words]
