"""Where log records go: a file in the state directory, never standard output or error."""

from __future__ import annotations

import logging
import os
from logging.handlers import RotatingFileHandler
from typing import TYPE_CHECKING

from acp_agent.redaction.redactor import NO_VALUES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from io import TextIOWrapper
    from pathlib import Path

    from acp_agent.accounts.stored import Learner
    from acp_agent.redaction.redactor import Redactor

LEVEL_VARIABLE = "ACP_AGENT_LOG"
"""debug, info, warning (the default) or error; stderr:LEVEL logs to standard error instead."""
MAX_BYTES = 2 * 1024 * 1024
FORMAT = "%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s"


class _Redacting(logging.Formatter):
    """Every record as a line without secrets, whoever wrote it and whatever went wrong."""

    def __init__(self) -> None:
        super().__init__(FORMAT)
        self.redact = NO_VALUES

    def learn(self, keys: Iterable[str]) -> None:
        from acp_agent.redaction.redactor import Redactor

        self.redact = self.redact.with_all_of(Redactor(keys))

    def format(self, record: logging.LogRecord) -> str:
        return self.redact(super().format(record))


_formatter = _Redacting()


def learner() -> Learner:
    """What hides in the log the secrets that it is told of."""
    return _formatter


def hide(redactor: Redactor) -> None:
    """From now on nothing that `redactor` knows is logged."""
    _formatter.redact = _formatter.redact.with_all_of(redactor)


class _PrivateFile(RotatingFileHandler):
    def _open(self) -> TextIOWrapper:
        fd = os.open(self.baseFilename, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        return open(fd, "a", encoding="utf-8")


def configure(folder: Path, env: Mapping[str, str]) -> None:
    """Sends the agent's log to `folder`/agent.log. A folder that cannot be written means no log."""
    target, _, level = env.get(LEVEL_VARIABLE, "warning").rpartition(":")
    handler: logging.Handler = logging.NullHandler()
    try:
        if target == "stderr":
            handler = logging.StreamHandler()
        else:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            handler = _PrivateFile(folder / "agent.log", maxBytes=MAX_BYTES, backupCount=1, delay=True)
    except OSError:
        pass
    handler.setFormatter(_formatter)
    logging.raiseExceptions = False
    known = logging.getLevelNamesMapping()
    logging.basicConfig(handlers=[handler], level=known.get(level.upper(), logging.WARNING), force=True)
