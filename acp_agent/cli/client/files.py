"""fs/read_text_file and fs/write_text_file, from disk and only within the working folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import anyio.to_thread

from acp_agent.errors import AgentError, InvalidParams, NotFound

if TYPE_CHECKING:
    from acp_agent.acp.params import Json, Params


async def read(folder: Path, params: Params) -> Json:
    """The text of a file, or of the lines that `line` (1-based) and `limit` name."""
    path = _inside(folder, params)
    first = _number(params, "line")
    limit = _number(params, "limit")
    text = await anyio.to_thread.run_sync(_read, path)
    if first is not None or limit is not None:
        *whole, last = text.split("\n")
        lines = [*(line + "\n" for line in whole), last]
        start = max((first or 1) - 1, 0)
        text = "".join(lines[start:] if limit is None else lines[start : start + limit])
    return {"content": text}


async def write(folder: Path, params: Params) -> Json:
    """Writes a whole file, with the folders it needs."""
    path = _inside(folder, params)
    content = params.values.get("content")
    if not isinstance(content, str):
        raise params.refuse("content", "must be a string")
    await anyio.to_thread.run_sync(_write, path, content)
    return {}


def _inside(folder: Path, params: Params) -> Path:
    path = Path(params.absolute_path("path"))
    if not path.resolve().is_relative_to(folder.resolve()):
        raise InvalidParams(f"{path} is not in {folder}, and chat serves no other files.")
    return path


def _number(params: Params, key: str) -> int | None:
    value = params.values.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _read(path: Path) -> str:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return file.read()
    except FileNotFoundError:
        raise NotFound(f"There is no {path}.", data={"path": str(path)}) from None
    except UnicodeDecodeError:
        raise AgentError(f"{path} is not UTF-8 text.") from None
    except OSError as error:
        raise AgentError(f"{path} cannot be read: {error.strerror or error}.") from None


def _write(path: Path, content: str) -> None:
    try:
        os.makedirs(path.parent, exist_ok=True)
        with path.open("w", encoding="utf-8", newline="") as file:
            file.write(content)
    except (OSError, UnicodeEncodeError) as error:
        raise AgentError(f"{path} cannot be written: {error}.") from None
