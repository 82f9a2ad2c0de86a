"""A real client, configured with what `acp-agent editors` prints for it."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.support.node import installed, node
from tests.support.processes import assert_all_gone
from tests.support.workbench import agent_command

if TYPE_CHECKING:
    from tests.support.workbench import Workbench

WAIT_S = 30

pytestmark = pytest.mark.counterpart


def run(workbench: Workbench, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=workbench.project,
        env=workbench.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=WAIT_S,
        check=False,
    )


@pytest.fixture
def configured(workbench: Workbench) -> Workbench:
    """A home where acpx is configured as it is told to be."""
    printed = run(workbench, *agent_command(), "editors", "acpx")
    config = workbench.home / ".acpx" / "config.json"
    assert f"acpx: {config}\n" in printed.stderr
    config.parent.mkdir()
    config.write_text(printed.stdout, encoding="utf-8")
    return workbench


async def test_acpx(configured: Workbench) -> None:
    acpx = (node(), str(installed("acpx/dist/cli.js")))
    done = run(configured, *acpx, "--format", "quiet", "acp-agent", "exec", "say hello")
    assert (done.returncode, done.stdout.strip()) == (0, "hello")
    assert re.fullmatch(r"\[acpx\] tokens: input=\d+ output=1 cache_read=0 total=\d+\n", done.stderr)
    await assert_all_gone(configured.root)
