"""What a person sends, made ready for the model before a turn begins.

Images are made to fit, bytes become what they are, links are looked at, mentions are resolved.
Nothing of it can fail a prompt: what cannot be used is told of in words.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, NamedTuple

import anyio
import anyio.to_thread

from acp_agent.content import Blob, Image, Resource, ResourceLink, Text, path_of
from acp_agent.errors import AgentError, ContentError
from acp_agent.events import NoticeRaised

if TYPE_CHECKING:
    from collections.abc import Callable

    from acp_agent.content import Part
    from acp_agent.context.images import Fit
    from acp_agent.context.mentioned import Mentioned
    from acp_agent.models.stream import Model

LINK_LIMIT_S = 2.0
"""Until the file system has said what a link names."""
_WRITTEN = ("json", "xml", "yaml", "toml", "javascript", "typescript", "x-sh", "sql", "csv")
"""Ends of MIME types that are text without being text/…"""


class Prepared(NamedTuple):
    """A prompt as the session keeps it, and what its person should know of it."""

    content: tuple[Part, ...]
    notices: tuple[NoticeRaised, ...] = ()


class Preparation:
    """Prepares the prompts of one session. `model` gives the model in use; it may raise AgentError."""

    def __init__(self, mentioned: Mentioned, fit: Fit, model: Callable[[], Model]) -> None:
        self._mentioned = mentioned
        self._fit = fit
        self._model = model

    async def __call__(self, content: tuple[Part, ...]) -> Prepared:
        notices: list[NoticeRaised] = []
        parts = [await self._one(part, notices) for part in content]
        texts = [part.text for part in content if isinstance(part, Text)]
        given = [part.uri for part in content if isinstance(part, Resource | Blob | Image) and part.uri]
        added = await self._mentioned.added(texts, given)
        parts += added.parts
        notices += added.notices
        if any(isinstance(part, Image) and part.data for part in parts):
            notices += self._unseen()
        return Prepared(tuple(parts), tuple(notices))

    async def _one(self, part: Part, notices: list[NoticeRaised]) -> Part:
        if isinstance(part, Blob):
            part = await anyio.to_thread.run_sync(unpacked, part, abandon_on_cancel=True)
        if isinstance(part, ResourceLink) and part.note is None:
            return await _looked_at(part)
        if isinstance(part, Image) and part.data:
            return await self._image(part, notices)
        return part

    async def _image(self, image: Image, notices: list[NoticeRaised]) -> Image:
        from acp_agent.context.images import fitted

        try:
            return await fitted(image, self._fit)
        except ContentError as error:
            notices.append(NoticeRaised("warning", f"The model is not shown an image: {error}."))
            return image._replace(data="", note=f"which it cannot be shown: {error}")

    def _unseen(self) -> list[NoticeRaised]:
        try:
            model = self._model()
        except AgentError:
            return []  # the turn itself will say it
        if model.sees:
            return []
        alias = model.name.partition("/")[0]
        return [
            NoticeRaised(
                "warning",
                f"{model.name} cannot see images and is only told that there is one; "
                "choose a model that can to have it looked at.",
                f'If it can see after all, set "vision": true under providers.{alias} in the settings.',
            )
        ]


def unpacked(blob: Blob) -> Part:
    """An image, a text, or a link to what is neither."""
    from acp_agent.context.images import decoded, kind_of
    from acp_agent.workspace.text import decode, is_binary

    uri, encoded, mime_type = blob
    name = uri.rstrip("/").rpartition("/")[2] or uri
    try:
        data = decoded(encoded)
    except ContentError as error:
        return ResourceLink(uri, name, mime_type, note=f"its content cannot be used: {error}")
    kind = kind_of(data)
    declared = mime_type or ""
    if kind or (declared.startswith("image/") and not declared.endswith("xml")):
        return Image(encoded, kind or declared, uri)
    text = decode(data)
    written = declared.startswith("text/") or declared.endswith(_WRITTEN) or text.encoding != "latin-1"
    if written and not is_binary(data):
        return Resource(uri, text.plain, mime_type)
    return ResourceLink(uri, name, mime_type, size=len(data), note="its content is binary and is not shown")


async def _looked_at(link: ResourceLink) -> ResourceLink:
    """The link with what the disk says of it; the content is left for the model to read."""
    path = path_of(link.uri)
    if path is None:
        return link
    try:
        with anyio.fail_after(LINK_LIMIT_S):
            return await anyio.to_thread.run_sync(_described, link, path, abandon_on_cancel=True)
    except TimeoutError:
        return link._replace(note="the file system does not answer")


def _described(link: ResourceLink, path: str) -> ResourceLink:
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return link._replace(note="it is not there")
    except (OSError, ValueError) as error:
        return link._replace(note=f"it cannot be read: {getattr(error, 'strerror', None) or error}")
    if stat.S_ISDIR(status.st_mode):
        return link._replace(note="a folder")
    if not stat.S_ISREG(status.st_mode):
        return link._replace(note="no regular file")
    return link._replace(size=status.st_size)
