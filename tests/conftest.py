"""Fixtures for every test that talks to the agent as an editor does."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Protocol

import anyio
import pytest

from tests.support.client import Client
from tests.support.network import serving
from tests.support.schema import problems
from tests.support.session import Session, new_session
from tests.support.wire import open_wire
from tests.support.workbench import Workbench, agent_command

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from pathlib import Path

    from tests.support.network import Serve, Server
    from tests.support.wire import JsonObject


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def workbench(tmp_path: Path) -> Workbench:
    bench = Workbench(tmp_path)
    bench.configure()
    return bench


@pytest.fixture
async def serve(workbench: Workbench) -> AsyncIterator[Serve]:
    """To be asked for before `launch`, so that its clients leave first."""
    async with AsyncExitStack() as servers:

        async def start(*options: str, **env: str) -> Server:
            return await servers.enter_async_context(serving(workbench, *options, **env))

        yield start


class Launch(Protocol):
    """Starts an agent; it is closed and all it wrote is checked when the test is over."""

    async def __call__(
        self,
        capabilities: JsonObject | None = None,
        *,
        env: Mapping[str, str] | None = None,
        raw: bool = False,
        exits: int | None = 0,
        command: Sequence[str] = (),
    ) -> Client:
        """`raw` leaves `initialize` to the test; `exits` is the expected status, None for any.

        `command` is another one than that of the agent.
        """
        ...


@pytest.fixture
async def launch(workbench: Workbench) -> AsyncIterator[Launch]:
    started: list[tuple[Client, int | None]] = []

    async def start(
        capabilities: JsonObject | None = None,
        *,
        env: Mapping[str, str] | None = None,
        raw: bool = False,
        exits: int | None = 0,
        command: Sequence[str] = (),
    ) -> Client:
        wire = await open_wire(
            command or agent_command(),
            env=workbench.environment() if env is None else env,
            cwd=workbench.root,
            stderr=workbench.root / f"stderr-{len(started)}",
        )
        tasks.start_soon(wire.pump)
        client = Client(wire, tasks)
        started.append((client, exits))
        if not raw:
            await client.initialize(capabilities)
        return client

    async with anyio.create_task_group() as tasks:
        yield start
        for client, _ in started:
            await client.wire.close()
        tasks.cancel_scope.cancel()
    for client, exits in started:
        check(client, exits)


def check(client: Client, exits: int | None) -> None:
    """What must hold of every agent that a test has used."""
    wire = client.wire
    assert problems(wire) == []
    assert wire.stderr == ""
    if exits is not None:
        assert (wire.left_by, wire.process.returncode) == ("eof", exits), wire.report()


@pytest.fixture
async def client(launch: Launch) -> Client:
    """An agent that has answered `initialize` to a client with a file system."""
    return await launch()


@pytest.fixture
async def session(client: Client, workbench: Workbench) -> Session:
    """A session in the project, with the scripted model of tests/support/phrases.py."""
    return await new_session(client, workbench.project)
