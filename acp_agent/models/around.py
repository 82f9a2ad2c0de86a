"""A model that stands around another one and says of itself what that says."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from acp_agent.models.stream import Model


class Around:
    """All of models.stream.Model but `stream`."""

    def __init__(self, model: Model) -> None:
        self._model = model

    @property
    def name(self) -> str:
        return self._model.name

    @property
    def window(self) -> int:
        return self._model.window

    @property
    def sees(self) -> bool:
        return self._model.sees
