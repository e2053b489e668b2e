"""Strangers' pictures become plain ones: nothing of them is left but what people see."""

import struct
import time
import zlib
from io import BytesIO
from typing import Any, Final, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from infra.pictures.headers import orientation_of
from infra.pictures.plain import (
    PictureBounds,
    PlainPicture,
    UnfitPictureError,
    is_large,
    is_sideways,
    plain_picture,
)
from tests.fixtures.pictures import bomb_png, encoded, scene

BOUNDS: Final = PictureBounds(5_000_000, 4_000_000)
SECRET: Final = b"51.5007N 0.1246W somebody's home"
_Turn = Image.Transpose
TURNS: Final = {
    1: None,
    2: _Turn.FLIP_LEFT_RIGHT,
    3: _Turn.ROTATE_180,
    4: _Turn.FLIP_TOP_BOTTOM,
    5: _Turn.TRANSPOSE,
    6: _Turn.ROTATE_90,
    7: _Turn.TRANSVERSE,
    8: _Turn.ROTATE_270,
}
"""How a camera held so would store what is upright."""


def opened(picture: PlainPicture) -> Image.Image:
    image = Image.open(BytesIO(picture.data))
    assert Image.MIME[image.format or ""] == picture.content_type
    assert image.size == (picture.width, picture.height)
    return image


def screen_profile() -> bytes:
    of_screens: Any = cast("Any", ImageCms).createProfile("sRGB")
    return ImageCms.ImageCmsProfile(of_screens).tobytes()


def exif(orientation: int) -> bytes:
    told = Image.Exif()
    told[0x0112] = orientation
    told[0x010E] = SECRET.decode()
    return told.tobytes()


def alike(one: Image.Image, other: Image.Image) -> float:
    """The mean difference of two pictures of one size, in levels of 255."""
    pairs = zip(
        one.convert("RGB").resize((24, 24)).tobytes(),
        other.convert("RGB").resize((24, 24)).tobytes(),
        strict=True,
    )
    return sum(abs(a - b) for a, b in pairs) / (24 * 24 * 3)


def test_what_a_file_says_beside_its_picture_is_gone() -> None:
    image = scene(1)
    words = PngInfo()
    words.add_text("Comment", SECRET.decode())
    words.add_itxt("XML:com.adobe.xmp", f"<x>{SECRET.decode()}</x>", zip=False)
    more: dict[str, Any] = {"exif": exif(1), "icc_profile": screen_profile()}
    files = {
        "PNG": encoded(image, "PNG", pnginfo=words, **more),
        "JPEG": encoded(image, "JPEG", quality=95, comment=SECRET, xmp=SECRET, **more),
        "WEBP": encoded(image, "WEBP", lossless=True, xmp=SECRET, **more),
        "AVIF": encoded(image, "AVIF", quality=90, xmp=SECRET, **more),
        "GIF": encoded(image, "GIF", comment=SECRET),
        "polyglot": encoded(image, "JPEG", quality=95) + b"PK\x03\x04" + SECRET + b"<script>",
        "two pictures": encoded(image, "MPO", save_all=True, append_images=[scene(2)], **more),
    }
    for name, data in files.items():
        assert name == "two pictures" or SECRET in data, name
        plain = plain_picture(data, BOUNDS)
        shown = opened(plain)
        assert SECRET not in plain.data, name
        assert set(shown.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}, name
        assert not dict(shown.getexif()), name
        assert alike(shown, image) < (6 if name == "GIF" else 3), name
        assert plain_picture(data, BOUNDS).data == plain.data, name
        # Once plain, it stays what it is: nothing is lost again and again.
        if plain.content_type == "image/png":
            assert plain_picture(plain.data, BOUNDS).data == plain.data, name


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_picture_is_turned_the_right_way_up(kind: str) -> None:
    upright = scene(3).crop((0, 0, 96, 48))
    for orientation, turn in TURNS.items():
        stored = upright if turn is None else upright.transpose(turn)
        data = encoded(stored, kind, exif=exif(orientation))
        plain = plain_picture(data, BOUNDS)
        assert (plain.width, plain.height) == (96, 48), orientation
        assert alike(opened(plain), upright) < 8, orientation
        assert is_sideways(data) == (orientation > 4)
        assert not is_sideways(plain.data)


def test_what_is_clear_stays_clear_and_a_mask_keeps_every_value() -> None:
    mask = scene(4).convert("RGBA")
    mask.putalpha(Image.radial_gradient("L").resize(mask.size))
    for kind, more in (("PNG", {}), ("WEBP", {"lossless": True, "exact": True})):
        plain = plain_picture(encoded(mask, kind, **more), BOUNDS, mask=True)
        assert plain.content_type == "image/png"
        assert opened(plain).tobytes() == mask.tobytes(), kind
    # A palette with a clear colour, and grey with one.
    for mode in ("P", "L"):
        flat = Image.new(mode, (8, 8), 1)
        flat.putpixel((3, 3), 0)
        shown = opened(plain_picture(encoded(flat, "PNG", transparency=0), BOUNDS, mask=True))
        assert shown.mode == "RGBA"
        assert [shown.getpixel(at)[3] for at in ((3, 3), (4, 4))] == [0, 255]  # pyright: ignore[reportIndexIssue, reportOptionalSubscript] - of RGBA a tuple
    # Without alpha a mask says nothing, and is no less a picture.
    assert opened(plain_picture(encoded(scene(4)), BOUNDS, mask=True)).mode == "RGB"


def test_every_kind_of_pixels_becomes_eight_bits_of_red_green_and_blue() -> None:
    image = scene(5)
    wide = Image.frombytes(
        "I;16", (64, 64), b"".join(struct.pack("<H", n * 16) for n in range(64 * 64))
    )
    for source, kind in (
        (image.convert("CMYK"), "JPEG"),
        (image.convert("L"), "JPEG"),
        (image.convert("L"), "PNG"),
        (image.convert("1"), "PNG"),
        (image.convert("P"), "PNG"),
        (image.convert("P"), "GIF"),
    ):
        plain = plain_picture(encoded(source, kind), BOUNDS)
        shown = opened(plain)
        assert shown.mode == "RGB"
        assert alike(shown, source) < 6, (source.mode, kind)
    shown = opened(plain_picture(encoded(wide), BOUNDS))
    assert [shown.getpixel(at) for at in ((0, 0), (63, 63))] == [(0, 0, 0), (254, 254, 254)]


def test_colours_that_are_not_those_of_screens_are_made_them() -> None:
    # In this profile red and green have changed places.
    screen = screen_profile()
    at = {screen[n : n + 4]: n for n in range(132, 132 + 12 * screen[131], 12)}
    profile = bytearray(screen)
    red, green = at[b"rXYZ"], at[b"gXYZ"]
    profile[red + 4 : red + 12] = screen[green + 4 : green + 12]
    profile[green + 4 : green + 12] = screen[red + 4 : red + 12]
    name = "sRGB".encode("utf-16-be")
    swapped = bytes(profile).replace(name, "othr".encode("utf-16-be")).replace(b"sRGB", b"othr")
    red_picture = Image.new("RGB", (8, 8), (255, 0, 0))
    shown = opened(plain_picture(encoded(red_picture, icc_profile=swapped), BOUNDS))
    assert shown.getpixel((4, 4)) == (0, 255, 0)
    # A damaged one says nothing, and of a mask no value is changed.
    for data, mask in (
        (encoded(red_picture, icc_profile=b"x" * 200), False),
        (encoded(red_picture, icc_profile=swapped), True),
    ):
        shown = opened(plain_picture(data, BOUNDS, mask=mask))
        assert shown.getpixel((4, 4)) == (255, 0, 0)


def test_a_clear_colour_stays_clear_whatever_the_colours_are() -> None:
    picture = Image.new("RGB", (8, 8), (255, 0, 0))
    picture.putpixel((3, 3), (9, 8, 7))
    profile = screen_profile().replace("sRGB".encode("utf-16-be"), "othr".encode("utf-16-be"))
    profile = profile.replace(b"sRGB", b"othr")
    data = encoded(picture, icc_profile=profile, transparency=(9, 8, 7))
    shown = opened(plain_picture(data, BOUNDS))
    alpha = shown.getchannel("A")
    assert [alpha.getpixel(at) for at in ((3, 3), (4, 4))] == [0, 255]


def test_a_large_picture_is_known_by_its_header() -> None:
    for kind in ("PNG", "JPEG", "WEBP", "GIF", "AVIF"):
        data = encoded(scene(1).convert("RGB"), kind)
        assert not is_large(data), kind
    for kind in ("PNG", "JPEG"):
        data = encoded(Image.new("1" if kind == "PNG" else "L", (4000, 3000)), kind)
        assert is_large(data), kind
    assert is_large(b"\xff\xd8\xff\xe0")
    assert not is_large(b"<svg/>")


def test_of_a_picture_that_moves_the_first_frame_is_kept() -> None:
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue", "green")]
    for kind in ("GIF", "WEBP", "PNG", "AVIF"):
        data = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
        shown = opened(plain_picture(data, BOUNDS))
        assert getattr(shown, "n_frames", 1) == 1
        assert alike(shown, frames[0]) < 6, kind


def chunk(name: bytes, body: bytes) -> bytes:
    told = name + body
    return struct.pack(">I", len(body)) + told + struct.pack(">I", zlib.crc32(told))


def stated_png(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"x" * 50)


def refusal_of(data: bytes) -> str:
    try:
        plain_picture(data, BOUNDS)
    except UnfitPictureError as refusal:
        return str(refusal)
    return "taken"


def test_what_is_no_bearable_picture_is_refused_before_it_is_unpacked() -> None:
    jpeg, png = encoded(scene(6), "JPEG"), encoded(scene(6))
    huge_webp = bytearray(encoded(scene(6), "WEBP", exif=exif(1)))
    huge_webp[24:30] = b"\xff\xff\xff\xff\xff\xff"
    wrong = {
        "a bomb": (bomb_png(10_000, 10_000), "10000 x 10000 pixels"),
        "a bomb of 50,000 a side": (stated_png(50_000, 50_000), "50000 x 50000"),
        "a WebP bomb": (bytes(huge_webp), "16777216 x 16777216"),
        "a GIF bomb": (b"GIF89a" + b"\xff\xff\xff\xff" + bytes(50), "65535 x 65535"),
        "a line": (stated_png(40_000, 1), "30000 a side"),
        "no size": (stated_png(0, 5), "0 x 5"),
        "half a JPEG": (jpeg[: len(jpeg) // 2], "cut off"),
        "half a PNG": (png[: len(png) // 2], "cut off"),
        "a PNG without an end": (png[:-20], "cut off"),
        "a head alone": (png[:30], "cut off"),
        "many scans": (jpeg + b"\xff\xda" * 100, "scans"),
        "many bytes": (png + bytes(5_000_000), "5000000 may be"),
        "SVG": (
            b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///x"/></svg>',
            "no",
        ),
        "HTML": (b"<!doctype html><img src=x>", "is no PNG"),
        "PDF": (b"%PDF-1.7", "is no PNG"),
        "TIFF": (encoded(scene(6), "TIFF"), "is no PNG"),
        "BMP": (encoded(scene(6), "BMP"), "is no PNG"),
        "HEIC": (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(99), "HEIC"),
        "nothing": (b"", "is no PNG"),
    }
    began = time.monotonic()
    for name, (data, why) in wrong.items():
        said = refusal_of(data)
        assert why in said, (name, said)
    assert time.monotonic() - began < 2.0


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_damage_is_refused_or_mended_and_never_anything_else(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["PNG", "JPEG", "WEBP", "GIF", "AVIF"]))
    file = bytearray(encoded(scene(7, 32), kind))
    for _ in range(data.draw(st.integers(1, 6))):
        file[data.draw(st.integers(0, len(file) - 1))] = data.draw(st.integers(0, 255))
    try:
        made = plain_picture(bytes(file), PictureBounds(1_000_000, 100_000))
    except UnfitPictureError:
        return
    assert opened(made).width * made.height <= 100_000


@given(st.binary(max_size=200))
def test_a_damaged_exif_block_says_nothing(tail: bytes) -> None:
    for head in (b"", b"II*\x00", b"MM\x00*", b"Exif\x00\x00MM\x00*\x00\x00\x00\x08"):
        assert orientation_of(head + tail) in range(1, 9)
