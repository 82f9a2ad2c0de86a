"""Images as tests need them."""

from __future__ import annotations

import base64
import os
from io import BytesIO
from typing import TYPE_CHECKING

from PIL import Image

if TYPE_CHECKING:
    from PIL.Image import Image as Picture


def picture(mode: str, size: tuple[int, int], kind: str, **how: object) -> bytes:
    """A plain image as a file."""
    return saved(Image.new(mode, size), kind, **how)


def noise(size: tuple[int, int], kind: str) -> bytes:
    """An image that cannot be compressed."""
    return saved(Image.frombytes("RGB", size, os.urandom(size[0] * size[1] * 3)), kind)


def saved(image: Picture, kind: str, **how: object) -> bytes:
    file = BytesIO()
    image.save(file, kind, **how)
    return file.getvalue()


def opened(data: bytes) -> Picture:
    image = Image.open(BytesIO(data))
    image.load()
    return image


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
