"""Strangers' pictures are refused before they can do harm."""

import io
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import pytest
from PIL import Image

from infra.safety.pictures import (
    IMAGE_DAMAGED,
    IMAGE_FORMAT,
    IMAGE_MB,
    IMAGE_MPX,
    PictureRefusedError,
    look_at,
)
from schemas.policy_limits import Limits
from tests.fixtures.pictures import bomb_png, encoded, scene

EPS = (
    b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9000 9000\n%%EndComments\n(x) run showpage\n"
)
HEIC = b"\x00\x00\x00\x18ftypheic" + bytes(64)


def _webp_of(width: int, height: int) -> bytes:
    """Claim a canvas in the header of an otherwise empty WebP file."""
    canvas = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    chunk = b"VP8X" + (10).to_bytes(4, "little") + bytes(4) + canvas
    return b"RIFF" + (4 + len(chunk)).to_bytes(4, "little") + b"WEBP" + chunk


def _flipped_png() -> bytes:
    data = bytearray(encoded(scene(1, 64)))
    data[len(data) // 2] ^= 1
    return bytes(data)


BAD = {
    "bomb": (bomb_png(20_000, 20_000), IMAGE_MPX),
    "half a bomb": (bomb_png(10_000, 10_000), IMAGE_MPX),
    "webp bomb": (_webp_of(16_000, 16_000), IMAGE_MPX),
    "cut jpeg": (encoded(scene(1), "JPEG")[:-3_000], IMAGE_DAMAGED),
    "cut png": (encoded(scene(1, 64))[:-500], IMAGE_DAMAGED),
    "cut webp": (encoded(scene(1, 64), "WEBP")[:-500], IMAGE_DAMAGED),
    "one bit of a png": (_flipped_png(), IMAGE_DAMAGED),
    "many scans": (encoded(scene(1, 64), "JPEG") + b"\xff\xda" * 100, IMAGE_DAMAGED),
    "eps named png": (EPS, IMAGE_FORMAT),
    "heic": (HEIC, IMAGE_FORMAT),
    "gif": (encoded(scene(1, 64), "GIF"), IMAGE_FORMAT),
    "tiff": (encoded(scene(1, 64), "TIFF"), IMAGE_FORMAT),
    "nothing": (b"", IMAGE_FORMAT),
    "a png's first bytes": (b"\x89PNG\r\n\x1a\n", IMAGE_DAMAGED),
    "a jpeg's first bytes": (b"\xff\xd8\xff\xe0", IMAGE_DAMAGED),
    "too many bytes": (b"\x89PNG\r\n\x1a\n" + bytes(20_000_001), IMAGE_MB),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_honest_picture_is_refused_in_little_time_and_memory(name: str) -> None:
    data, rule = BAD[name]
    tracemalloc.start()
    begun = time.thread_time()
    try:
        with pytest.raises(PictureRefusedError) as refused:
            look_at(data, Limits())
        took, most = time.thread_time() - begun, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert refused.value.rule == rule
    assert took < 0.2
    assert most < 10_000_000


def test_bombs_cost_a_process_less_than_a_hundred_megabytes(tmp_path: Path) -> None:
    """Counted where Python does not see it: in the memory of a process of its own."""
    bomb = tmp_path / "bomb.png"
    bomb.write_bytes(BAD["bomb"][0])
    program = f"""
import resource, sys
from infra.safety.pictures import PictureRefusedError, look_at
from schemas.policy_limits import Limits
data = open({str(bomb)!r}, "rb").read()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    look_at(data, Limits())
except PictureRefusedError:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30
    )
    assert int(done.stdout) < 100_000


@pytest.mark.parametrize(
    ("kind", "mode"),
    [
        *(("PNG", mode) for mode in ("RGB", "RGBA", "P", "L", "I;16")),
        *(("JPEG", mode) for mode in ("RGB", "L", "CMYK")),
        *(("WEBP", mode) for mode in ("RGB", "RGBA")),
    ],
)
def test_honest_pictures_of_every_sort_are_opened(kind: str, mode: str) -> None:
    image = scene(2).convert("L").convert(mode) if mode == "I;16" else scene(2).convert(mode)
    seen = look_at(encoded(image, kind), Limits())
    assert (seen.width, seen.height, seen.frames) == (192, 192, 1)
    assert seen.media_type == f"image/{kind.lower()}"
    (square,) = seen.squares
    assert square.shape == (64, 64)
    assert 20 < square.std() < 80


def test_of_a_picture_that_moves_frames_are_looked_at_from_the_first_to_the_last() -> None:
    frames = [Image.new("L", (32, 32), 5 * n) for n in range(30)]
    made = io.BytesIO()
    frames[0].save(made, "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    seen = look_at(made.getvalue(), Limits())
    assert seen.frames == 30
    assert len(seen.squares) == 8
    assert seen.squares[0].mean() < 3
    assert seen.squares[-1].mean() > 140
