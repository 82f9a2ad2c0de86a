"""Images with Pillow: from anybody, so every one may be broken or made to fill the memory."""

from __future__ import annotations

import threading
import warnings
from io import BytesIO
from typing import TYPE_CHECKING

from PIL import Image, ImageOps, UnidentifiedImageError, WebPImagePlugin

from acp_agent.context.images import Fitted
from acp_agent.errors import ContentError

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

    from acp_agent.context.images import Bounds, Fit

assert WebPImagePlugin, "Pillow knows WebP only once this is imported"

MIME_TYPES = {"PNG": "image/png", "JPEG": "image/jpeg", "GIF": "image/gif", "WEBP": "image/webp"}
QUALITIES = (85, 70, 50, 30)
"""Of JPEG, tried in turn until the image is small enough."""
HIGHEST_DECODED = 6
"""A JPEG may have so many times the pixels that are decoded, as it can be decoded at an eighth."""

# Our own limit is lower, and known before anything is decoded.
Image.MAX_IMAGE_PIXELS = None
_one_at_a_time = threading.Lock()
"""Sessions run side by side; the memory for one large image is enough."""


def fit(data: bytes, bounds: Bounds) -> Fitted:
    """context.images.Fit: `data` itself if it fits, else made smaller, turned upright, one frame."""
    warnings.filterwarnings("ignore", module=r"PIL\.")  # a client would see them on standard error
    try:
        with _one_at_a_time:
            _require_small_canvas(data, bounds)
            with Image.open(BytesIO(data), formats=tuple(MIME_TYPES)) as image:
                return _fitted(image, data, bounds)
    except ContentError:
        raise
    except UnidentifiedImageError:
        raise ContentError("it is no PNG, JPEG, GIF or WebP image, or a damaged one") from None
    except Exception as error:  # there is no telling what a decoder raises for a hostile file
        raise ContentError(f"it is damaged: {error or type(error).__name__}") from error


def _require_small_canvas(data: bytes, bounds: Bounds) -> None:
    """Of WebP, whose decoder takes the memory for all pixels when the file is opened."""
    if data[8:16] == b"WEBPVP8X":
        wide, high = (1 + int.from_bytes(data[at : at + 3], "little") for at in (24, 27))
        _require(wide * high, bounds.decoded)


def _require(pixels: int, most: int) -> None:
    if pixels > most:
        raise ContentError(f"it has {pixels / 1e6:.0f} megapixels, and at most {most / 1e6:.0f} are opened")


def _fitted(image: Picture, data: bytes, bounds: Bounds) -> Fitted:
    given = image.width * image.height
    _require(given, bounds.decoded * HIGHEST_DECODED)
    if "progressive" not in image.info:  # all of such a one is in memory at once, at whatever size
        image.draft(None, _within(image.size, bounds))
    _require(image.width * image.height, bounds.decoded)
    image.load()
    mime_type = MIME_TYPES.get(image.format or "")
    one_frame = not getattr(image, "is_animated", False)
    upright = ImageOps.exif_transpose(image)
    is_upright = upright.size == image.size and image.getexif().get(0x0112, 1) == 1
    size = _within(upright.size, bounds)
    as_it_is = size == upright.size and upright.width * upright.height == given and is_upright and one_frame
    if mime_type and as_it_is and image.mode != "CMYK" and len(data) <= bounds.size:
        return Fitted(data, mime_type)
    picture = _plain(upright)
    if size != picture.size:
        picture.thumbnail(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    return _encoded(picture, drawn=mime_type in ("image/png", "image/gif"), most=bounds.size)


def _within(size: tuple[int, int], bounds: Bounds) -> tuple[int, int]:
    wide, high = size
    scale = min(1.0, bounds.side / max(wide, high, 1), (bounds.pixels / max(wide * high, 1)) ** 0.5)
    return (wide, high) if scale == 1.0 else (max(1, round(wide * scale)), max(1, round(high * scale)))


def _plain(image: Picture) -> Picture:
    """In a mode that every format has, transparency kept."""
    if image.mode in ("RGB", "RGBA", "L"):
        return image
    if image.mode.startswith("I"):  # 16 bits of grey
        wide = image.convert("I")
        # Pillow leaves the type of this table open.
        return wide.point(lambda value: value / 256).convert("L")  # pyright: ignore[reportUnknownMemberType]
    return image.convert("RGBA" if image.has_transparency_data else "RGB")


def _encoded(image: Picture, *, drawn: bool, most: int) -> Fitted:
    """What is drawn stays sharp as PNG; photographs, and what is too large that way, become JPEG."""
    if drawn or image.mode == "RGBA":
        data = _saved(image, "PNG")
        if len(data) <= most:
            return Fitted(data, "image/png")
    if image.mode == "RGBA":
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image).convert("RGB")
    data = b""
    for quality in QUALITIES:
        data = _saved(image, "JPEG", quality)
        if len(data) <= most:
            break
    return Fitted(data, "image/jpeg")


def _saved(image: Picture, format_: str, quality: int = 85) -> bytes:
    image.info.clear()  # nothing of the camera and the place goes along
    file = BytesIO()
    image.save(file, format_, quality=quality)
    return file.getvalue()


if TYPE_CHECKING:
    _: Fit = fit
