"""The numbers of a grid's pictures, drawn by pixels of their own: no font is looked for."""

from typing import Final

from PIL import Image

_WIDE, _HIGH = 3, 5
# Rows from above, three pixels each, of 0 to 9.
_ROWS: Final = (
    (7, 5, 5, 5, 7), (2, 6, 2, 2, 7), (7, 1, 7, 4, 7), (7, 1, 7, 1, 7), (5, 5, 7, 1, 1),
    (7, 4, 7, 1, 7), (7, 4, 7, 5, 7), (7, 1, 1, 2, 2), (7, 5, 7, 5, 7), (7, 5, 7, 1, 7),
)  # fmt: skip
_GROUND: Final = (20, 20, 24)
_INK: Final = (255, 255, 255)


def label(number: int, height: int) -> Image.Image:
    """Return a number, white on a dark plate, about ``height`` pixels high.

    Args:
        number: 0 or more.
        height: Of the plate; at least 9.
    """
    digits = [int(digit) for digit in str(number)]
    # A pixel of ground around, and one between.
    plate = Image.new("RGB", (len(digits) * (_WIDE + 1) + 3, _HIGH + 4), _GROUND)
    for place, digit in enumerate(digits):
        for row, bits in enumerate(_ROWS[digit]):
            for column in range(_WIDE):
                if bits >> (_WIDE - 1 - column) & 1:
                    plate.putpixel((2 + place * (_WIDE + 1) + column, 2 + row), _INK)
    factor = max(1, height // plate.height)
    return plate.resize((plate.width * factor, plate.height * factor), Image.Resampling.NEAREST)
