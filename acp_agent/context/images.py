"""Images of a prompt, made ready for a model: checked, turned upright, and no larger than it has use for."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, NamedTuple, Protocol

import anyio
import anyio.to_thread

from acp_agent.errors import ContentError

if TYPE_CHECKING:
    from acp_agent.content import Image

FIT_LIMIT_S = 30.0
"""For one image, others that are being worked on included."""


class Bounds(NamedTuple):
    """How large an image may be.

    The sides are those up to which Anthropic's service does not make an image smaller itself (it
    names 1568 pixels, about 1.15 megapixels and 1,600 tokens, and refuses more than 5 MB); OpenAI's
    and Gemini's cut or shrink to less detail. Larger ones only cost time and, where the model takes
    them as they are, tokens.
    """

    side: int = 1568
    """Pixels."""
    pixels: int = 1_150_000
    size: int = 512 << 10
    """Bytes: it goes out with every request of the session, and back to a client in one line of less
    than 1 MiB."""
    decoded: int = 40_000_000
    """Pixels that are unpacked into memory, at four bytes each. A screen of 8K has 33 million."""


class Fitted(NamedTuple):
    data: bytes
    mime_type: str


class Fit(Protocol):
    """What makes images fit. Runs in a thread."""

    def __call__(self, data: bytes, bounds: Bounds, /) -> Fitted:
        """The image, or one made of it. Raises ContentError; ImportError when its library is missing."""
        ...


async def fitted(image: Image, fit: Fit, bounds: Bounds | None = None) -> Image:
    """The image as models take it. Raises ContentError saying what is wrong with it."""
    bounds = bounds or Bounds()
    try:
        with anyio.fail_after(FIT_LIMIT_S):
            data, mime_type = await anyio.to_thread.run_sync(
                _fitted, image.data, fit, bounds, abandon_on_cancel=True
            )
    except TimeoutError:
        raise ContentError(f"making it smaller took longer than {FIT_LIMIT_S:g} s") from None
    return image._replace(data=data, mime_type=mime_type)


def _fitted(encoded: str, fit: Fit, bounds: Bounds) -> tuple[str, str]:
    data = decoded(encoded)
    try:
        found = fit(data, bounds)
    except ImportError:
        kind = kind_of(data)
        if kind is None or len(data) > bounds.size:
            raise ContentError("it cannot be made smaller: Pillow is not installed") from None
        found = Fitted(data, kind)
    return base64.b64encode(found.data).decode("ascii"), found.mime_type


def decoded(encoded: str) -> bytes:
    """The bytes of base64, which some clients break into lines or send as a data URL."""
    if encoded.startswith("data:"):
        encoded = encoded.partition(",")[2]
    try:
        return base64.b64decode("".join(encoded.split()), validate=True)
    except (binascii.Error, ValueError):
        raise ContentError("it is not valid base64") from None


def kind_of(data: bytes) -> str | None:
    """The MIME type of an image that models take, by its first bytes."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    return "image/webp" if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else None
