"""The path a call is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acp_agent.errors import ToolError
from acp_agent.events import Location
from acp_agent.permission.claims import Claim
from acp_agent.tools.fencing import fenced_off
from acp_agent.tools.shortening import one_line

if TYPE_CHECKING:
    from typing import Literal

    from acp_agent.events import Shown
    from acp_agent.tools.base import Progress, ToolResult
    from acp_agent.workspace.roots import Place, Roots


class Target:
    """A path as the model gave it, and what it named when claims were last asked for."""

    def __init__(self, roots: Roots, given: str) -> None:
        if not given.strip():
            raise ToolError("path is empty. Send the path of a file or folder.")
        self._roots = roots
        self._given = given
        self.place: Place = roots.resolve(given)
        """What the call works on: the claimed place, not what the path may name later."""

    @property
    def shown(self) -> str:
        """For the model: relative to the working directory where it lies there."""
        return self._roots.shorten(self.place.path)

    @property
    def title(self) -> str:
        """For a title."""
        return one_line(self.shown, 200)

    def location(self, line: int | None = None) -> Location:
        return Location(str(self.place.path), line)

    def claims(self, operation: Literal["read", "edit"]) -> tuple[Claim, ...]:
        """Looks again where the path leads: links may have changed."""
        self.place = self._roots.resolve(self._given)
        return (Claim(operation, str(self.place.path), inside=self.place.inside),)


class ReadingCall:
    """What the calls that only read one place have in common."""

    def __init__(self, target: Target) -> None:
        self._target = target

    @property
    def locations(self) -> tuple[Location, ...]:
        return (self._target.location(),)

    def claims(self) -> tuple[Claim, ...]:
        return self._target.claims("read")

    async def preview(self) -> tuple[Shown, ...]:
        return ()

    async def run(self, progress: Progress) -> ToolResult:
        """What is not the session's own may have been written by anybody."""
        result = await self._read(progress)
        place = self._target.place
        if place.inside:
            return result
        return result._replace(output=fenced_off(result.output, str(place.path)))

    async def _read(self, progress: Progress) -> ToolResult:
        raise NotImplementedError
