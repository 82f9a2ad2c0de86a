"""What an editor would start, told from its configuration in the editor's own language.

Lua and Emacs Lisp are run by LuaJIT, which Neovim has inside, and by Emacs; the plugins are
stand-ins that take what the real ones take, and note it.
"""

from __future__ import annotations

import importlib
import json
import shlex
import shutil
import subprocess
import tomllib
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

WAIT_S = 20

LUA = """
local seen
local function plugin() return { setup = function(options) seen = options end } end
package.preload["avante"] = plugin
package.preload["codecompanion"] = plugin
package.preload["codecompanion.adapters"] = function()
  return { extend = function(preset, adapter) adapter.preset = preset return adapter end }
end
vim = { fn = { environ = function() return environment end } }
assert(load(text))()
return seen
"""

ELISP = """
(require 'cl-lib)
(require 'json)
(defvar agent-shell-agent-configs nil)
(cl-defun agent-shell-make-agent-config
    (&key identifier mode-line-name buffer-name shell-prompt shell-prompt-regexp client-maker)
  (list identifier mode-line-name buffer-name shell-prompt shell-prompt-regexp client-maker))
(cl-defun agent-shell--make-acp-client (&key command command-params environment-variables context-buffer)
  (cl-assert (bufferp context-buffer))
  `((argv . ,(vconcat (cons command command-params))) (env . ,(vconcat environment-variables))))
(set-language-environment "UTF-8")
(defun tell ()
  (cl-assert (null agent-shell-agent-configs) t "nothing happens before agent-shell is there")
  (provide 'agent-shell)
  (let ((config (car agent-shell-agent-configs)))
    (cl-assert (eq (car config) 'acp-agent))
    (cl-assert (string-match-p (nth 4 config) (nth 3 config)))
    (princ (json-encode (funcall (nth 5 config) (current-buffer))))))
"""


class Started(NamedTuple):
    """A process that an editor would start. `env` is all it is given; None: what the editor itself has."""

    argv: list[str]
    env: Mapping[str, str] | None = None


def started(editor: str, file: Path, env: Mapping[str, str]) -> Started:
    """What `editor`, running in `env`, starts when `file` is its configuration."""
    return READERS[editor](file, env)


def read_agent_servers(file: Path, env: Mapping[str, str]) -> Started:
    return _server(json.loads(_text(file))["agent_servers"]["acp-agent"], env)


def read_zed(file: Path, env: Mapping[str, str]) -> Started:
    assert json.loads(_text(file))["agent_servers"]["acp-agent"]["type"] == "custom"
    return read_agent_servers(file, env)


def read_vscode(file: Path, env: Mapping[str, str]) -> Started:
    """The extension hands the command to a shell, every word of it in single quotes."""
    plain = _server(json.loads(_text(file))["acp.agents"]["acp-agent"], env)
    words = ("'" + word.replace("'", "'\\''") + "'" for word in plain.argv)
    return Started(["/bin/sh", "-c", " ".join(words)], plain.env)


def read_acpx(file: Path, _: Mapping[str, str]) -> Started:
    return Started(json.loads(_text(file))["agents"]["acp-agent"]["argv"])


def read_codecompanion(file: Path, env: Mapping[str, str]) -> Started:
    adapter = _lua(_text(file), env)["adapters"]["acp"]["acp_agent"]()
    assert adapter["preset"] == "kimi_cli"
    assert adapter["name"] == "acp_agent"
    return Started(list(adapter["commands"]["default"].values()))


def read_avante(file: Path, env: Mapping[str, str]) -> Started:
    """It passes PATH and what the configuration names."""
    options = _lua(_text(file), env)
    provider = options["acp_providers"][options["provider"]]
    given = {"PATH": env["PATH"], **dict(provider["env"].items())}
    return Started([provider["command"], *provider["args"].values()], given)


def read_agent_shell(file: Path, env: Mapping[str, str]) -> Started:
    emacs = shutil.which("emacs") or pytest.fail("emacs is missing; install the package emacs-nox")
    stage = file.with_name("stage.el")
    stage.write_text(ELISP, encoding="utf-8")
    done = subprocess.run(
        [emacs, "--batch", "-Q", "-l", str(stage), "-l", str(file), "-f", "tell"],
        env={**env, "HOME": str(file.parent), "LC_ALL": "C.UTF-8"},
        capture_output=True,
        encoding="utf-8",
        timeout=WAIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    client = json.loads(done.stdout)
    assert client["env"] == []
    return Started(client["argv"])


def read_toad(file: Path, _: Mapping[str, str]) -> Started:
    """The word after the options is a line for the shell."""
    match script_words(file):
        case ["exec", "toad", "acp", "--title", "acp-agent", line, "${1:-.}"]:
            return Started(["/bin/sh", "-c", line])
        case words:
            raise AssertionError(words)


def read_toad_entry(file: Path, _: Mapping[str, str]) -> Started:
    entry = tomllib.loads(_text(file))
    return Started(["/bin/sh", "-c", entry["run_command"]["*"]])


def read_marimo(file: Path, _: Mapping[str, str]) -> Started:
    exec_, *argv = script_words(file)
    assert exec_ == "exec"
    return Started(argv)


READERS: dict[str, Callable[[Path, Mapping[str, str]], Started]] = {
    "zed": read_zed,
    "jetbrains": read_agent_servers,
    "neovim-codecompanion": read_codecompanion,
    "neovim-avante": read_avante,
    "emacs-agent-shell": read_agent_shell,
    "vscode-acp": read_vscode,
    "toad": read_toad,
    "marimo": read_marimo,
    "acpx": read_acpx,
}


def script_words(file: Path) -> list[str]:
    """The words of a shell script that is one command."""
    text = _text(file)
    assert text.startswith("#!/bin/sh\n")
    return shlex.split(text, comments=True)


def _server(entry: dict[str, Any], env: Mapping[str, str]) -> Started:
    return Started([entry["command"], *entry["args"]], {**env, **entry["env"]})


def _lua(text: str, env: Mapping[str, str]) -> Any:
    """What the configuration hands to its plugin."""
    runtime = cast(Any, importlib.import_module("lupa.luajit21")).LuaRuntime()
    runtime.globals().text = text
    runtime.globals().environment = runtime.table_from(dict(env))
    return runtime.execute(LUA)


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8")
