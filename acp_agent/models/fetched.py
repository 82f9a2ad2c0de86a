"""What services said themselves of the models they have, as `acp-agent models --refresh` has kept it.

A file for each provider in the data folder, in the form of catalogue/models.json. It counts only for
the address that was asked.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from acp_agent.models.catalogue.facts import facts_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from acp_agent.models.catalogue.facts import ModelFacts

Says = dict[str, object]
"""An entry as those of catalogue/models.json."""


def _file(env: Mapping[str, str], alias: str) -> Path:
    from acp_agent.config.paths import data_dir

    return data_dir(env) / "models" / f"{quote(alias.lower(), safe='')}.json"


def _known_as(base_url: str) -> str:
    """An address without what may be a key in it: this is no file for secrets."""
    from acp_agent.config.values import without_credentials

    return without_credentials(base_url)


def fetched(env: Mapping[str, str], alias: str, base_url: str) -> Mapping[str, ModelFacts]:
    """By id, in the service's order; nothing when it was not asked, or its file cannot be used."""
    try:
        data: Any = json.loads(_file(env, alias).read_text(encoding="utf-8"), parse_float=str)
        if data["base_url"] != _known_as(base_url):
            return {}
        return {str(model): facts_of(says) for model, says in data["models"].items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}


def keep(env: Mapping[str, str], alias: str, base_url: str, models: Mapping[str, Says]) -> Path:
    """Puts it in the place of what was there. Raises OSError or ToolError when it cannot be written."""
    from acp_agent.config.paths import ensure_private_dir
    from acp_agent.workspace.files import write_bytes

    path = _file(env, alias)
    folder = ensure_private_dir(path.parent).resolve()
    data = {"base_url": _known_as(base_url), "models": models}
    text = json.dumps(data, ensure_ascii=False, indent=1)
    write_bytes(folder / path.name, text.encode("utf-8", "replace"))
    return path
