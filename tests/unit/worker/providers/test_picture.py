import struct
import zlib
from contextlib import suppress
from io import BytesIO
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from infra.objectstore.keys import EXTENSIONS
from schemas.errors import ModelBadAnswerError
from worker.providers.picture import read_picture


def encoded(form: str, size: tuple[int, int] = (31, 17)) -> bytes:
    file = BytesIO()
    Image.new("RGB", size, "teal").save(file, form)
    return file.getvalue()


FILES: Final = {form: encoded(form) for form in ("PNG", "JPEG", "WEBP", "GIF")}


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims enormous dimensions."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")]
    packed = b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + packed


@pytest.mark.parametrize(
    ("form", "content_type"),
    [
        ("PNG", "image/png"),
        ("JPEG", "image/jpeg"),
        ("WEBP", "image/webp"),
        ("GIF", "image/gif"),
    ],
)
def test_a_picture_is_what_its_bytes_say(form: str, content_type: str) -> None:
    picture = read_picture(FILES[form], server="a")

    assert (picture.content_type, picture.width, picture.height) == (content_type, 31, 17)
    assert picture.data == FILES[form]
    assert content_type in EXTENSIONS


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<html>not found</html>",
        b"\x89PNG\r\n\x1a\n",
        FILES["PNG"][:20],
        FILES["JPEG"][:10],
        FILES["WEBP"][:20],
        FILES["GIF"][:5],
        FILES["PNG"][:-12],
        FILES["JPEG"][:-2],
        FILES["WEBP"][:-1],
        encoded("BMP"),
        encoded("TIFF"),
    ],
    ids=[
        *("empty", "html", "signature", "png", "jpeg", "webp", "gif"),
        *("cut png", "cut jpeg", "cut webp", "bmp", "tiff"),
    ],
)
def test_what_is_not_a_whole_picture_is_a_bad_answer(data: bytes) -> None:
    with pytest.raises(ModelBadAnswerError, match="model server a"):
        read_picture(data, server="a")


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_what_a_camera_writes_behind_a_picture_does_no_harm(form: str) -> None:
    data = FILES[form] + b"a film" * 100_000

    assert read_picture(data, server="a").data == data


@pytest.mark.parametrize(
    ("width", "height"), [(50_000, 50_000), (2**31 - 1, 2**31 - 1), (0, 9)]
)
def test_a_picture_that_would_unpack_to_gigabytes_is_refused(width: int, height: int) -> None:
    with pytest.raises(ModelBadAnswerError):
        read_picture(bomb(width, height), server="a")


@given(
    st.sampled_from(sorted(FILES)),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=8),
    st.integers(0, 2_000),
)
def test_damaged_files_are_bad_answers_and_nothing_worse(
    form: str, flips: list[tuple[int, int]], length: int
) -> None:
    data = bytearray(FILES[form])
    for place, value in flips:
        data[place % len(data)] = value

    with suppress(ModelBadAnswerError):
        read_picture(bytes(data[:length]), server="a")
