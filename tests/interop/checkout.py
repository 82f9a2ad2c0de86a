"""The job that every client gives the agent: a fault in a small git checkout, and the model that mends it."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, NamedTuple

import anyio

from tests.support.phrases import WAIT, call, on, say, script
from tests.support.wire import WAIT_S, JsonObject

if TYPE_CHECKING:
    from tests.support.workbench import Workbench

FILES = {
    "calc.py": "def add(a, b):\n    return a - b\n",
    "check.py": "from calc import add\n\nassert add(2, 3) == 5\nprint('all good')\n",
}
FIX = "fix the sum"
LINGER = "take your time"
CALC = "${cwd}/calc.py"
MODEL = script(
    on(FIX, call("read", path=CALC), results=0),
    on(FIX, call("edit", path=CALC, old_text="a - b", new_text="a + b"), results=1),
    on(FIX, call("bash", command="python3 -B check.py"), results=2),
    on(FIX, say("The sum is right."), results=3, last_result="all good"),
    on(FIX, say("The check did not run."), results=3),
    on(LINGER, say("Thinking it over."), WAIT),
)


class Outcome(NamedTuple):
    """What a client saw of one turn."""

    stop_reason: str
    updates: list[JsonObject]
    permissions: list[JsonObject]
    complaints: str
    """What the client said against the agent's messages; empty when it was content."""


async def git(workbench: Workbench, *arguments: str) -> str:
    """Run git in the project, with no settings but its own."""
    env = workbench.environment(
        GIT_CONFIG_GLOBAL="/dev/null", GIT_CONFIG_NOSYSTEM="1", GIT_OPTIONAL_LOCKS="0"
    )
    person = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    with anyio.fail_after(WAIT_S):
        done = await anyio.run_process(
            ["git", *person, *arguments], cwd=workbench.project, env=env, stderr=subprocess.STDOUT
        )
    return done.stdout.decode()


async def check_out(workbench: Workbench) -> None:
    """Make the project a git checkout with the fault in it, and configure the model."""
    for name, text in FILES.items():
        workbench.write(name, text)
    await git(workbench, "init", "--quiet")
    await git(workbench, "add", ".")
    await git(workbench, "commit", "--quiet", "--message", "a fault")
    workbench.configure(MODEL)
