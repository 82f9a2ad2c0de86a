"""The modes a session can be in, as an editor shows them."""

from __future__ import annotations

from typing import Literal, NamedTuple

Mode = Literal["standard", "restrictive", "accept", "yolo", "plan"]


class ModeInfo(NamedTuple):
    id: Mode
    name: str
    description: str


MODES: tuple[ModeInfo, ...] = (
    ModeInfo(
        "standard",
        "Standard",
        "Reads and edits in the workspace freely; asks before commands that act",
    ),
    ModeInfo(
        "restrictive",
        "Restrictive",
        "Reads in the workspace freely; asks before edits and commands that act",
    ),
    ModeInfo("accept", "Accept edits", "Accepts every edit in the workspace; asks before commands that act"),
    ModeInfo("yolo", "Yolo", "Asks for nearly nothing; what is denied stays denied"),
    ModeInfo("plan", "Plan", "Reads and thinks, changes nothing"),
)
