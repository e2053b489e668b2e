"""Vectors as jobs keep them: float32, lowest byte first, in base64, as OpenAI has it."""

import base64
import binascii
import sys
from array import array
from collections.abc import Iterable
from typing import Final

BYTES_OF_A_NUMBER: Final = 4


def packed_floats(numbers: Iterable[float]) -> str:
    """Return numbers in the form that is kept.

    Raises:
        OverflowError: One is too large for 32 bits.
    """
    vector = array("f", numbers)
    if sys.byteorder == "big":
        vector.byteswap()
    return base64.b64encode(vector.tobytes()).decode()


def floats_of(packed: str) -> list[float]:
    """Return the numbers of a vector.

    Raises:
        ValueError: It is not what ``packed_floats`` makes.
    """
    try:
        data = base64.b64decode(packed, validate=True)
    except binascii.Error as error:
        raise ValueError("no base64") from error
    vector = array("f")
    vector.frombytes(data)
    if sys.byteorder == "big":
        vector.byteswap()
    return vector.tolist()
