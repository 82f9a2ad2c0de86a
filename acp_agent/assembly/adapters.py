"""Adapters by name, imported at first use.

Third parties add theirs through the entry-point group `acp_agent.adapters`.
"""

from __future__ import annotations

import importlib
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from acp_agent.config.schema import Http
from acp_agent.errors import AuthRequired

if TYPE_CHECKING:
    from collections.abc import Callable

    from acp_agent.models.routes import Route
    from acp_agent.models.stream import Model
    from acp_agent.workspace.sandbox import Sandbox, Sandboxes
    from acp_agent.workspace.syntax import Syntax

ADAPTERS = {
    "http.close": "acp_adapters.http:close_clients",
    "http.configure": "acp_adapters.http:configure",
    "keys.keep": "acp_adapters.keyrings:keep",
    "keys.keyring": "acp_adapters.keyrings:password",
    "images.fit": "acp_adapters.images:fit",
    "model.anthropic": "acp_adapters.providers.anthropic:connect",
    "model.bedrock": "acp_adapters.providers.bedrock:connect",
    "model.gemini": "acp_adapters.providers.gemini:connect",
    "model.ollama": "acp_adapters.providers.ollama_chat:connect",
    "model.openai": "acp_adapters.providers.openai_chat:connect",
    "model.openai-responses": "acp_adapters.providers.openai_responses:connect",
    "models.listed": "acp_adapters.providers.listing:listed",
    "models.ollama": "acp_adapters.providers.listing:installed",
    "oauth.has_browser": "acp_adapters.oauth:has_browser",
    "oauth.loopback": "acp_adapters.oauth:loopback",
    "oauth.open_page": "acp_adapters.oauth:open_page",
    "oauth.post": "acp_adapters.oauth:post",
    "sandbox.bwrap": "acp_adapters.sandbox.bwrap:find",
    "sandbox.landlock": "acp_adapters.sandbox.landlock:find",
    "tools.mcp": "acp_adapters.mcp.connecting:connect",
    "shell.bash": "acp_adapters.syntax.bash:parse",
    "syntax.files": "acp_adapters.syntax.files:Files",
    "transport.websocket": "acp_adapters.websocket.server:open_websocket",
    "bridge.websocket": "acp_adapters.websocket.client:bridge",
}
_HTTP = "acp_adapters.http"
ENTRY_POINTS = "acp_agent.adapters"


def adapter(name: str) -> Callable[..., Any]:
    """The adapter of that name: one of ours, or one that an installed package registers."""
    if dotted := ADAPTERS.get(name):
        module, _, attribute = dotted.partition(":")
        return getattr(importlib.import_module(module), attribute)
    from importlib.metadata import entry_points

    for entry in entry_points(group=ENTRY_POINTS, name=name):
        return entry.load()
    raise AuthRequired(f"There is no adapter {name!r}: install the package that brings it.")


def reach_by(http: Http) -> None:
    """Makes the settings for the network hold from now on. Raises ConfigError naming one that will not do."""
    if http != Http() or _HTTP in sys.modules:  # what nobody has loaded holds no other settings either
        adapter("http.configure")(http)


async def hang_up() -> None:
    """Closes what connections there are to services."""
    if _HTTP in sys.modules:
        await adapter("http.close")()


def keyring(service: str, user: str) -> str | None:
    """models.keys.Keyring."""
    return adapter("keys.keyring")(service, user)


def syntax() -> Syntax:
    """What knows the syntax of files."""
    return adapter("syntax.files")()


def sandboxes() -> Sandboxes:
    """Those of this machine, none of them tried yet."""
    from acp_agent.workspace.sandbox import KINDS, Sandboxes

    return Sandboxes({name: partial(_sandbox, name) for name in KINDS})


def _sandbox(name: str) -> Sandbox:
    return adapter(f"sandbox.{name}")()


def connect(found: Route) -> Model:
    """The model at the end of a route. Raises ScriptError for a scripted model's file that is no good."""
    if found.provider.protocol == "scripted":
        from acp_agent.models.scripted import load as load_script

        return load_script(Path(found.script or ""), found.name)
    return adapter(f"model.{found.provider.protocol}")(found)
