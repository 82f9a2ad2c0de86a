"""Answers of models that are kept for a while, one file each, readable by their owner only."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import time
from typing import TYPE_CHECKING, cast, get_args

from acp_agent.config.paths import ensure_private_dir
from acp_agent.errors import ToolError
from acp_agent.models.stream import (
    CallArguments,
    CallStarted,
    Finished,
    KeptPiece,
    Reason,
    TextPiece,
    ThoughtPiece,
)
from acp_agent.workspace.files import write_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from acp_agent.models.stream import StreamEvent

log = logging.getLogger(__name__)

FOLDER = "answers"
SUFFIX = ".json"
TTL_S = 3600.0
MOST = 1000
"""Answers that are kept; beyond that the one goes that has been of no use for longest."""
LARGEST_BYTES = 4 << 20
_FIELDS: Mapping[type[tuple[object, ...]], tuple[type, ...]] = {
    TextPiece: (str,),
    ThoughtPiece: (str,),
    KeptPiece: (dict,),
    CallStarted: (int, str),
    CallArguments: (int, str),
    Finished: (str,),
}
"""What is kept of an answer, and what each of it holds, from its first field on."""
_KINDS = {kind.__name__: kind for kind in _FIELDS}


class Answers:
    """Everything reads or writes files, so it belongs in a thread. Several processes may share a folder.

    Nothing raises: what cannot be kept or read is asked for again.
    """

    def __init__(self, data_dir: Path, ttl_s: float = TTL_S, most: int = MOST) -> None:
        self._folder = data_dir / FOLDER
        self._ttl_s = ttl_s
        self._most = most

    def get(self, key: str) -> Sequence[StreamEvent] | None:
        """The answer with that key, unless it is too old."""
        path = self._path(key)
        try:
            data = json.loads(path.read_bytes())
            age = time.time() - data["time"]
            if not 0 <= age < self._ttl_s:
                return None
            events = _events(data["events"])
            os.utime(path)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
            log.warning("%s cannot be used: %s", path, error)
            return None
        return events

    def put(self, key: str, events: Iterable[StreamEvent]) -> None:
        """Keeps what there is in _FIELDS of an answer."""
        kept = [_json(event) for event in events if type(event) in _FIELDS]
        data = json.dumps({"time": time.time(), "events": kept}).encode()
        if len(data) > LARGEST_BYTES:
            return
        try:
            ensure_private_dir(self._folder)
            write_bytes(self._path(key).resolve(), data, mode=0o600)
            self._forget_some()
        except (OSError, ToolError) as error:
            log.warning("an answer is not kept: %s", error)

    def clear(self) -> int:
        """Removes all of them; how many there were."""
        return sum(map(_removed, self._all()))

    def _forget_some(self) -> None:
        paths = self._all()
        if len(paths) > self._most:
            for path in sorted(paths, key=_used)[: len(paths) - self._most]:
                _removed(path)

    def _all(self) -> list[Path]:
        return list(self._folder.glob(f"*{SUFFIX}"))

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}{SUFFIX}"


def _removed(path: Path) -> bool:
    with contextlib.suppress(OSError):
        path.unlink()
        return True
    return False


def _used(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:  # another process has removed it
        return 0.0


def _json(event: StreamEvent) -> list[object]:
    return [type(event).__name__, *event[: len(_FIELDS[type(event)])]]


def _events(kept: object) -> list[StreamEvent]:
    """Raises ValueError, TypeError or KeyError for what is no answer."""
    found: list[StreamEvent] = []
    for name, *values in cast("list[list[object]]", kept):
        kind = _KINDS[cast("str", name)]
        make = cast("Callable[..., object]", kind)
        for value, wanted in zip(values, _FIELDS[kind], strict=True):
            if not isinstance(value, wanted):
                raise TypeError(f"{name} holds {value!r}")
        found.append(cast("StreamEvent", make(*values)))
    if not found or not isinstance(found[-1], Finished) or found[-1].reason not in get_args(Reason):
        raise ValueError("it has no end")
    return found
