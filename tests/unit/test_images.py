"""Images as Pillow makes them fit, and those that it does not even look at."""

from __future__ import annotations

import random
import struct
import warnings
import zlib

import pytest
from PIL import Image

from acp_adapters.images import fit
from acp_agent.context.images import Bounds
from acp_agent.errors import ContentError
from tests.support.pictures import noise, opened, picture, saved

BOUNDS = Bounds()
KINDS = {"PNG": "image/png", "JPEG": "image/jpeg", "GIF": "image/gif", "WEBP": "image/webp"}
MODES = [
    ("1", "PNG"), ("L", "PNG"), ("LA", "PNG"), ("P", "PNG"), ("RGB", "PNG"), ("RGBA", "PNG"), ("I;16", "PNG"),
    ("L", "JPEG"), ("RGB", "JPEG"), ("CMYK", "JPEG"), ("P", "GIF"), ("RGB", "WEBP"), ("RGBA", "WEBP"),
]  # fmt: skip


@pytest.mark.parametrize(("mode", "kind"), [each for each in MODES if each[0] != "CMYK"])
def test_what_fits_is_not_touched(mode: str, kind: str) -> None:
    data = picture(mode, (1000, 1000), kind)
    assert fit(data, BOUNDS) == (data, KINDS[kind])


@pytest.mark.parametrize(("mode", "kind"), MODES)
def test_what_is_large_is_made_smaller(mode: str, kind: str) -> None:
    data, mime_type = fit(picture(mode, (3000, 2000), kind), BOUNDS)
    image = opened(data)
    assert KINDS[image.format or ""] == mime_type
    assert image.mode in ("L", "RGB", "RGBA")
    assert image.width * image.height == pytest.approx(BOUNDS.pixels, rel=0.01)
    assert image.width / image.height == pytest.approx(1.5, abs=0.01)


@pytest.mark.parametrize(
    ("size", "becomes"),
    [((1569, 10), (1568, 10)), ((10, 4000), (4, 1568)), ((1, 60000), (1, 1568)), ((1072, 1073), None)],
)
def test_sides_and_pixels(size: tuple[int, int], becomes: tuple[int, int] | None) -> None:
    found = opened(fit(picture("L", size, "PNG"), BOUNDS)[0]).size
    assert found == pytest.approx(becomes or (1071, 1072), abs=1)


def test_what_takes_many_bytes_becomes_a_photograph() -> None:
    for data in (noise((1000, 1000), "PNG"), noise((1000, 1000), "WEBP")):
        assert len(data) > BOUNDS.size
        small, mime_type = fit(data, BOUNDS)
        assert mime_type == "image/jpeg"
        assert len(small) <= BOUNDS.size
        assert opened(small).size == (1000, 1000)


def test_what_is_drawn_stays_sharp_and_what_is_clear_becomes_white() -> None:
    drawn = Image.new("RGB", (2000, 2000), "white")
    drawn.paste("red", (0, 0, 1000, 2000))
    assert fit(saved(drawn, "PNG"), BOUNDS).mime_type == "image/png"
    clear = Image.frombytes("RGBA", (1000, 1000), random.Random(1).randbytes(3_000_000) + bytes(1_000_000))
    data, mime_type = fit(saved(clear, "PNG"), BOUNDS)
    assert mime_type == "image/jpeg"
    assert opened(data).getpixel((500, 999)) == (255, 255, 255)


def test_an_image_is_turned_upright() -> None:
    sideways = Image.new("RGB", (400, 200), "red")
    sideways.paste("blue", (200, 0, 400, 200))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned to the right
    exif[0x010F] = "A camera"
    data, mime_type = fit(saved(sideways, "JPEG", exif=exif), BOUNDS)
    upright = opened(data)
    assert (mime_type, upright.size) == ("image/jpeg", (200, 400))
    top, bottom = upright.getpixel((100, 50)), upright.getpixel((100, 350))
    assert isinstance(top, tuple)
    assert isinstance(bottom, tuple)
    assert top[0] > 200 > bottom[0]
    assert dict(upright.getexif()) == {}


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_of_a_moving_image_the_first_frame_counts(kind: str) -> None:
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "blue")]
    image = opened(fit(saved(frames[0], kind, save_all=True, append_images=frames[1:]), BOUNDS)[0])
    assert not getattr(image, "is_animated", False)
    colour = image.convert("RGB").getpixel((5, 5))
    assert isinstance(colour, tuple)
    assert colour[0] > 240


def png_of(width: int, height: int) -> bytes:
    """The beginning of an image that claims a size."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(100)))


def webp_of(width: int, height: int) -> bytes:
    canvas = bytes(4) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"WEBPVP8X" + len(canvas).to_bytes(4, "little") + canvas
    return b"RIFF" + len(body).to_bytes(4, "little") + body


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "it is no PNG, JPEG, GIF or WebP image"),
        (b"\x89PNG\r\n\x1a\n", "it is"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "it is no PNG, JPEG, GIF or WebP image"),
        (picture("RGB", (9, 9), "BMP"), "it is no PNG, JPEG, GIF or WebP image"),
        (picture("RGB", (9, 9), "TIFF"), "it is no PNG, JPEG, GIF or WebP image"),
        (noise((300, 300), "PNG")[:1000], "it is damaged"),
        (noise((300, 300), "JPEG")[:1000], "it is damaged"),
        (png_of(30_000, 30_000), "it has 900 megapixels, and at most 240 are opened"),
        (png_of(10_000, 10_000), "it has 100 megapixels, and at most 40 are opened"),
        (png_of(2_000_000_000, 2_000_000_000), "it has"),
        (webp_of(16_000, 16_000), "it has 256 megapixels, and at most 40 are opened"),
        (picture("L", (9000, 9000), "JPEG", progressive=True), "it has 81 megapixels"),
    ],
)
def test_what_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(ContentError) as caught:
        fit(data, BOUNDS)
    assert str(caught.value).startswith(why)


def test_a_large_photograph_is_decoded_small() -> None:
    assert max(opened(fit(picture("L", (9000, 9000), "JPEG"), BOUNDS)[0]).size) <= 1072


def test_damage_never_does_more_than_be_refused() -> None:
    given = [
        noise((40, 40), "PNG"),
        noise((40, 40), "WEBP"),
        noise((40, 40), "JPEG"),
        picture("P", (9, 9), "GIF"),
    ]
    chance = random.Random(7)
    for number in range(800):
        data = bytearray(given[number % len(given)])
        for _ in range(chance.randint(1, 12)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        with warnings.catch_warnings():  # else what is filtered here would stay so
            try:
                fit(bytes(data), BOUNDS)
            except ContentError:
                continue
