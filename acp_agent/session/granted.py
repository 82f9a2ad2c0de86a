"""What was granted for a project, for all its sessions: a file of its own under the data directory.

Never in the project, whose content may come from anybody, and never in a journal.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast, get_args

from acp_agent.config.paths import data_dir, ensure_private_dir, project_dir
from acp_agent.errors import AgentError
from acp_agent.permission.claims import Operation
from acp_agent.permission.gate import Rule
from acp_agent.permission.grants import PROJECT
from acp_agent.permission.places import is_inside
from acp_agent.workspace.files import write_bytes
from acp_agent.workspace.locking import alone

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence

    from acp_agent.permission.gate import GrantStore

log = logging.getLogger(__name__)

FILE = "grants.json"
VERSION = 1
MOST_BYTES = 1 << 20
LOCK_S = 2.0
"""How long another process may take to write."""
_OPERATIONS: dict[str, Operation] = {each: each for each in get_args(Operation)}


class Kept(NamedTuple):
    """One grant as it is kept."""

    rule: Rule
    folders: tuple[str, ...]
    """The further folders of the session that it was given in; it counts in no session with others."""
    since: str
    """The time, ISO 8601."""


_Mark = tuple[int, int, int, int]


class ProjectGrants:
    """permission.gate.GrantStore for the project in the folder `root`, in a session with `folders` too."""

    def __init__(self, place: Path, root: str, folders: Iterable[str] = ()) -> None:
        """`place` is the project's folder in the data directory; all paths are real ones."""
        self.path = place / FILE
        self.root = root
        self._folders = tuple(sorted(folders))
        self._read_at: _Mark | None = None
        self._kept: tuple[Kept, ...] = ()

    def load(self) -> tuple[Rule, ...]:
        return tuple(each.rule for each in self.kept() if set(self._folders) <= set(each.folders))

    def kept(self) -> tuple[Kept, ...]:
        """All grants of the project, also those that do not count in this session."""
        mark = self._mark()
        if mark != self._read_at:
            self._read_at, self._kept = mark, tuple(self._read()) if mark else ()
        return self._kept

    def add(self, rules: Sequence[Rule]) -> None:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        wanted = [Kept(rule._replace(source=PROJECT), self._folders, now) for rule in rules]
        with self._alone():
            there = self.kept()
            known = {(each.rule, each.folders) for each in there}
            self._write([*there, *(each for each in wanted if (each.rule, each.folders) not in known)])

    def remove(self, rules: Sequence[Rule]) -> None:
        with self._alone():
            self._write([each for each in self.kept() if each.rule not in rules])

    # The file -----------------------------------------------------------------------------

    def _mark(self) -> _Mark | None:
        """What changes when the file does; None without a file of ours."""
        try:
            status = self.path.lstat()
        except OSError:
            return None
        strange = hasattr(os, "getuid") and status.st_uid != os.getuid()
        if not stat.S_ISREG(status.st_mode) or strange or status.st_mode & 0o022:
            return None
        return status.st_ino, status.st_mtime_ns, status.st_ctime_ns, status.st_size

    def _read(self) -> Iterator[Kept]:
        try:
            with open(self.path, encoding="utf-8") as file:
                data: object = json.loads(file.read(MOST_BYTES))
        except (OSError, ValueError, RecursionError) as error:
            log.warning("the grants in %s cannot be read and do not count: %s", self.path, error)
            return
        table = cast("dict[str, object]", data) if isinstance(data, dict) else {}
        if table.get("version") != VERSION or table.get("root") != self.root:
            log.warning("the grants in %s are not of %s and do not count", self.path, self.root)
            return
        entries = table.get("grants")
        for entry in cast("list[object]", entries) if isinstance(entries, list) else ():
            if kept := _kept(entry):
                yield kept

    def _write(self, kept: Sequence[Kept]) -> None:
        """Replaces the file. Raises AgentError."""
        grants = [
            {
                "operation": each.rule.operation,
                "pattern": each.rule.pattern,
                "action": each.rule.action,
                "folders": each.folders,
                "since": each.since,
            }
            for each in kept
        ]
        text = json.dumps({"version": VERSION, "root": self.root, "grants": grants}, indent=1)
        write_bytes(self.path, text.encode(), mode=0o600)

    @contextlib.contextmanager
    def _alone(self) -> Generator[None]:
        """Nobody else changes the file meanwhile. Raises AgentError; blocks for LOCK_S at most."""
        with contextlib.ExitStack() as stack:
            try:
                ensure_private_dir(self.path.parent)
                stack.enter_context(alone(self.path.with_suffix(".lock"), self.path, LOCK_S))
            except OSError as error:
                raise AgentError(f"Grants cannot be kept in {self.path.parent}: {error}") from error
            yield


def _kept(entry: object) -> Kept | None:
    fields = cast("dict[str, object]", entry) if isinstance(entry, dict) else {}
    operation = _OPERATIONS.get(str(fields.get("operation")))
    pattern, folders = fields.get("pattern"), fields.get("folders")
    if operation is None or not isinstance(pattern, str) or not pattern or fields.get("action") != "allow":
        return None
    named = cast("list[object]", folders) if isinstance(folders, list) else []
    rule = Rule(operation, pattern, "allow", PROJECT)
    return Kept(rule, tuple(map(str, named)), str(fields.get("since", "")))


def project_grants(env: Mapping[str, str], cwd: Path, folders: Iterable[Path] = ()) -> ProjectGrants | None:
    """Where the grants of the project in `cwd` are kept; None where a project could bring them along."""
    data = data_dir(env)
    root, *others = (os.path.realpath(folder) for folder in (cwd, *folders))
    place = os.path.realpath(data)
    if root == os.sep or any(is_inside(place, folder) for folder in (root, *others)):
        return None
    return ProjectGrants(project_dir(env, Path(root)), root, others)


if TYPE_CHECKING:

    def conforms(store: ProjectGrants) -> GrantStore:
        return store
