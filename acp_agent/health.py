"""What this machine has of what the agent needs, and what to do about the rest.

A check is a function from the surroundings to findings; a new one is added to `CHECKS`.
"""

from __future__ import annotations

import os
import shutil
import sys
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from acp_agent.config.load import Loaded
    from acp_agent.models.keys import Keyring
    from acp_agent.models.routes import Route
    from acp_agent.workspace.sandbox import Mode, Sandboxes

CONNECT_SECS = 2.0
"""For name lookup and connection to a model's endpoint together."""

PROGRAM_SECS = 5.0
"""For a program that says its version."""

ALLOW_NAMESPACES = (
    "Install bubblewrap; if it is there, allow it unprivileged user namespaces: an AppArmor profile for it, "
    "or sysctl kernel.apparmor_restrict_unprivileged_userns=0; in a container, ask its host."
)

OLDEST_PYTHON = (3, 11)
NEWEST_PYTHON = (3, 14)

Status = Literal["ok", "warn", "fail"]


class Finding(NamedTuple):
    """`advice` says what to do; empty when there is nothing to do."""

    status: Status
    name: str
    detail: str
    advice: str = ""


class Surroundings(NamedTuple):
    env: Mapping[str, str]
    loaded: Loaded
    keyring: Keyring | None = None
    sandboxes: Sandboxes | None = None
    """Those to be tried, where somebody knows them."""


class Endpoint(NamedTuple):
    """Where a TCP connection to a model's service goes; `via` names a proxy's variable, if one is used."""

    host: str
    port: int
    via: str = ""

    def __str__(self) -> str:
        return f"{self.host}:{self.port}" + (f" ({self.via})" if self.via else "")


def checks(around: Callable[[], Surroundings]) -> Iterator[Callable[[], Sequence[Finding]]]:
    """The checks one by one, to be called in a thread; the settings are read when the first is called."""
    read = cache(around)

    def look(check: Callable[[Surroundings], Iterator[Finding]]) -> Sequence[Finding]:
        return tuple(check(read()))

    return (partial(look, check) for check in CHECKS)


def check_python(_: Surroundings) -> Iterator[Finding]:
    found = sys.version_info[:2]
    version = ".".join(map(str, sys.version_info[:3]))
    oldest, newest = (".".join(map(str, each)) for each in (OLDEST_PYTHON, NEWEST_PYTHON))
    detail = f"{version} ({sys.executable})"
    if found < OLDEST_PYTHON:
        yield Finding("fail", "python", detail, f"Install Python {oldest} or newer.")
    elif found > NEWEST_PYTHON:
        yield Finding("warn", "python", detail, f"Tested with Python {oldest} to {newest}.")
    else:
        yield Finding("ok", "python", detail)


def check_config(around: Surroundings) -> Iterator[Finding]:
    from acp_agent.config.paths import config_file

    for problem in around.loaded.problems:
        yield Finding("fail", "config", str(problem), f"To mend it: {problem.hint}")
    for note in around.loaded.notes:
        yield Finding("warn", "config", note)
    if not around.loaded.problems:
        read = ", ".join(map(str, around.loaded.sources))
        yield Finding("ok", "config", read or f"no {config_file(around.env)}: defaults hold")


def check_trust(around: Surroundings) -> Iterator[Finding]:
    """Of a project that asks for what only a trusted one gets."""
    trust = around.loaded.trust
    if trust is None:
        return
    count = len(trust.demands.lines)
    asks = f"{trust.file} asks for {count} thing{'s' if count > 1 else ''} that only a trusted project gets"
    if trust.state == "trusted":
        yield Finding("ok", "trust", f"{trust.file} is trusted")
    elif trust.state == "refused":
        yield Finding("warn", "trust", f"{asks}; {trust.reason}", "Put what you want into your own settings.")
    else:
        since = ", and has changed since you trusted it" if trust.state == "changed" else ""
        advice = "Look at it with `acp-agent trust`, or put what you want into your own settings."
        yield Finding("warn", "trust", f"{asks}{since}: ignored", advice)


def check_secrets(around: Surroundings) -> Iterator[Finding]:
    """What commands are not given, and whether others can read a key. Names only."""
    from acp_agent.config.paths import config_file
    from acp_agent.models.keys import is_elsewhere
    from acp_agent.models.passing import passing
    from acp_agent.workspace.environment import held_back

    settings, file = around.loaded.settings, config_file(around.env)
    keys = [entry.api_key for entry in settings.providers.values() if entry.api_key]
    if any(not is_elsewhere(key) for key in keys) and file.stat().st_mode & 0o077:
        yield Finding("warn", "keys", f"{file} holds a key and can be read by others", f"chmod 600 {file}")
    held = held_back(around.env, passing(settings))
    if not held:
        yield Finding("ok", "env", "commands are given everything that ordinary work needs")
        return
    advice = 'To give one to commands, name it in full in the settings: "environment": {"pass": [NAME]}.'
    yield Finding("ok", "env", f"commands are not given {', '.join(held)}", advice)


def check_model(around: Surroundings) -> Iterator[Finding]:
    """Which model, whose key, and whether its service can be reached. Nothing is sent to it."""
    from acp_agent.errors import AgentError
    from acp_agent.models.routes import WHAT_TO_SET, active_alias, provider_types, route

    settings = around.loaded.settings
    alias = active_alias(settings, around.env)
    if alias is None:
        local = provider_types()["ollama"].address(around.env) or ""
        if _why_unreachable(_endpoint(local, around.env)):
            yield Finding("fail", "model", "none is configured", WHAT_TO_SET)
        else:
            yield Finding("ok", "model", f"Ollama answers at {local}")
        return
    try:
        way = route(alias, settings, around.env, keyring=around.keyring)
    except AgentError as error:
        yield Finding("fail", "model", f"{alias} cannot be used", str(error))
        return
    yield _reached(way, around.env)


def _reached(way: Route, env: Mapping[str, str]) -> Finding:
    detail = f"{way.name}, key: {way.key.source}"
    if way.provider.protocol == "scripted":
        script = way.script
        if script is not None and not Path(script).is_file():
            return Finding(
                "fail", "model", f"{detail}: there is no {script}", "Correct script in the settings."
            )
        return Finding("ok", "model", detail)
    endpoint = _endpoint(way.base_url, env)
    reason = _why_unreachable(endpoint)
    if reason:
        advice = f"Check the network, the base_url of {way.alias}, and that its service runs."
        return Finding("fail", "model", f"{detail}: cannot reach {endpoint}: {reason}", advice)
    return Finding("ok", "model", f"{detail}, {endpoint} can be reached")


def check_data(around: Surroundings) -> Iterator[Finding]:
    """A folder that is not there yet is not made: asking changes nothing."""
    from acp_agent.config.paths import data_dir

    folder = data_dir(around.env)
    there = next(each for each in (folder, *folder.parents) if each.exists())
    if there.is_dir() and os.access(there, os.W_OK | os.X_OK):
        yield Finding("ok", "data", f"{folder}" if there == folder else f"{folder} (made when needed)")
    else:
        advice = "Sessions cannot be kept. Make it a folder you can write to, or set ACP_AGENT_DATA_DIR."
        yield Finding("fail", "data", f"{folder}: {there} is not a folder you can write to", advice)


def check_rg(around: Surroundings) -> Iterator[Finding]:
    yield _program(around.env, "rg", "Searching works without it, but slowly. Install ripgrep.")


def check_git(around: Surroundings) -> Iterator[Finding]:
    yield _program(around.env, "git", "The agent works without it, but cannot look at history. Install git.")


def check_sandbox(around: Surroundings) -> Iterator[Finding]:
    """Each sandbox is really tried: distributions ship bwrap where the kernel forbids it what it needs."""
    from acp_agent.workspace.confining import NEVER_FAILS_OPEN
    from acp_agent.workspace.sandbox import CANDIDATES, KINDS

    if around.sandboxes is None:
        return
    reasons = {name: _why_not(around.sandboxes, name) for name in KINDS}
    mode = around.loaded.settings.sandbox.mode
    used = next((name for name in CANDIDATES[mode] if not reasons[name]), None)
    for name, reason in reasons.items():
        if not reason:
            yield Finding("ok", name, f"works{', and confines commands' if name == used else ''}")
        else:
            yield Finding("warn", name, reason, ALLOW_NAMESPACES if name == "bwrap" else "")
    if used is None and mode in NEVER_FAILS_OPEN:
        yield Finding("fail", "sandbox", f"{mode}, and there is none: no command can run", "Change sandbox.")
    else:
        yield Finding("ok", "sandbox", f"{mode}: commands run {f'in {used}' if used else 'without one'}")


def _why_not(sandboxes: Sandboxes, name: Mode) -> str:
    import anyio

    found = anyio.run(sandboxes.find, name)
    return "" if found.sandbox else found.reason.removeprefix(f"{name}: ")


CHECKS: tuple[Callable[[Surroundings], Iterator[Finding]], ...] = (
    check_python,
    check_config,
    check_trust,
    check_model,
    check_secrets,
    check_rg,
    check_git,
    check_sandbox,
    check_data,
)


def _endpoint(url: str, env: Mapping[str, str]) -> Endpoint:
    """The host of a base URL, or the proxy that the environment names for it."""
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    direct = Endpoint(parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))
    if _exempt(direct.host, env.get("no_proxy") or env.get("NO_PROXY") or ""):
        return direct
    for name in (f"{parts.scheme}_proxy", "all_proxy"):
        for variable in (name, name.upper()):
            proxy = urlsplit(env.get(variable, ""))
            if proxy.hostname:
                return Endpoint(proxy.hostname, proxy.port or 80, f"the proxy of {variable}")
    return direct


def _exempt(host: str, no_proxy: str) -> bool:
    names = [name.strip().lstrip(".").lower() for name in no_proxy.split(",")]
    return any(name == "*" or (name and (host == name or host.endswith(f".{name}"))) for name in names)


def _why_unreachable(endpoint: Endpoint) -> str:
    """Empty if a TCP connection can be made within CONNECT_SECS; nothing is sent over it."""
    import queue
    import socket
    import threading

    answer: queue.SimpleQueue[str] = queue.SimpleQueue()

    def attempt() -> None:
        try:
            with socket.create_connection((endpoint.host, endpoint.port), timeout=CONNECT_SECS):
                answer.put("")
        except (OSError, UnicodeError) as error:
            answer.put(str(error) or type(error).__name__)

    # The system's name lookup can neither be bounded nor stopped: its thread ends with the process.
    threading.Thread(target=attempt, daemon=True).start()
    try:
        return answer.get(timeout=CONNECT_SECS)
    except queue.Empty:
        return f"no answer within {CONNECT_SECS:g} s"


def _program(env: Mapping[str, str], name: str, advice: str) -> Finding:
    path = shutil.which(name, path=env.get("PATH"))
    if path is None:
        return Finding("warn", name, "not found", advice)
    status, output = _run([path, "--version"], env)
    if status != 0:
        return Finding("warn", name, f"{path} does not work: {output or f'status {status}'}", advice)
    return Finding("ok", name, f"{output} ({path})")


def _run(command: list[str], env: Mapping[str, str]) -> tuple[int, str]:
    """The exit status and the first line of the output; never longer than PROGRAM_SECS."""
    import subprocess

    try:
        done = subprocess.run(
            command,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=PROGRAM_SECS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return -1, str(error)
    lines = done.stdout.decode("utf-8", "replace").strip().splitlines()
    return done.returncode, lines[0] if lines else ""
