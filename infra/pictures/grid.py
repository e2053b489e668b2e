"""Several pictures on one sheet: two by two for four, never larger than they are.

Pictures are unpacked one after the other, and each is made small before the next: what is held
at a time is the sheet and one picture.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from types import MappingProxyType
from typing import Final

from PIL import Image

from infra.pictures.depth import eight_bits
from infra.pictures.digits import label
from infra.safety.pictures import PictureLimits, PictureRefusedError, opened

FEWEST: Final = 2
MOST: Final = 16
NARROWEST: Final = 64
WIDEST: Final = 4096
USUAL: Final = 2048
FORMATS: Final = MappingProxyType(
    {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}
)

_GAP: Final = 4
_WHITE: Final = (255, 255, 255)
_MOST_PIXELS: Final = 1 << 24
_LABEL_SHARE: Final = 14
_LEAST_LABEL: Final = 18
# In smaller places a number would hide the picture.
_LEAST_LABELLED: Final = 48
_QUALITY: Final = 90
_PNG_LEVEL: Final = 3


@dataclass(frozen=True, slots=True)
class Layout:
    """Where pictures stand on a sheet.

    Attributes:
        cell: The sides of each place, in pixels.
    """

    columns: int
    rows: int
    cell: tuple[int, int]

    @property
    def size(self) -> tuple[int, int]:
        """The sides of the whole sheet."""
        across, down = self.cell
        gaps = _GAP * (self.columns - 1), _GAP * (self.rows - 1)
        return across * self.columns + gaps[0], down * self.rows + gaps[1]

    def corner(self, place: int) -> tuple[int, int]:
        """Return the upper left corner of a place, counted from 0, row by row."""
        row, column = divmod(place, self.columns)
        return column * (self.cell[0] + _GAP), row * (self.cell[1] + _GAP)


def lay_out(sizes: Sequence[tuple[int, int]], width: int = USUAL) -> Layout:
    """Return where pictures of these sizes stand.

    Args:
        sizes: 2 to 16 of them.
        width: The most that the sheet may have, in pixels.
    """
    columns = math.ceil(math.sqrt(len(sizes)))
    rows = math.ceil(len(sizes) / columns)
    across, down = max(one for one, _ in sizes), max(one for _, one in sizes)
    share = min(
        1.0,
        (width - _GAP * (columns - 1)) / (columns * across),
        math.sqrt(_MOST_PIXELS / (columns * across * rows * down)),
        WIDEST / (rows * down),
    )
    return Layout(columns, rows, (max(1, int(across * share)), max(1, int(down * share))))


class Sheet:
    """A sheet that is being filled. Its methods take milliseconds: call them in a thread."""

    def __init__(self, layout: Layout, *, labels: bool) -> None:
        self._layout = layout
        self._labels = labels
        self._image = Image.new("RGB", layout.size, _WHITE)

    def put(self, place: int, data: bytes, limits: PictureLimits) -> None:
        """Put a picture into its place, smaller if it must be, never larger.

        Args:
            place: From 0.
            data: A PNG, JPEG or WebP file.
            limits: What may be unpacked.

        Raises:
            PictureRefusedError: It is none of these, damaged, or too large.
        """
        across, down = self._layout.cell
        try:
            with opened(data, limits) as image:
                image.draft("RGB", (across, down))
                image.load()
                clear = "A" in image.getbands() or "transparency" in image.info
                picture = eight_bits(image).convert("RGBA" if clear else "RGB")
        except PictureRefusedError:
            raise
        except Exception as error:
            # Foreign bytes bring out more than Pillow's own errors.
            raise PictureRefusedError("limits.image_damaged", "it is damaged") from error
        picture.thumbnail((across, down), Image.Resampling.LANCZOS, reducing_gap=2.0)
        left, top = self._layout.corner(place)
        at = left + (across - picture.width) // 2, top + (down - picture.height) // 2
        self._image.paste(picture, at, picture if clear else None)
        least = min(self._layout.cell)
        if self._labels and least >= _LEAST_LABELLED:
            height = max(_LEAST_LABEL, least // _LABEL_SHARE)
            self._image.paste(label(place + 1, height), (left, top))

    def file(self, output_format: str) -> bytes:
        """Return the sheet as a file: one of ``FORMATS``."""
        made = BytesIO()
        if output_format == "png":
            self._image.save(made, "PNG", compress_level=_PNG_LEVEL)
        elif output_format == "jpeg":
            self._image.save(made, "JPEG", quality=_QUALITY)
        else:
            self._image.save(made, "WEBP", quality=_QUALITY, method=2)
        return made.getvalue()
