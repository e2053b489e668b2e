"""An edit that goes on beyond its picture: the canvas and the mask, made before all else."""

import asyncio
import base64
import binascii
from collections.abc import Mapping
from typing import Any, Final

from infra.pictures.canvas import laid_out
from schemas.canvas import Canvas
from schemas.errors import FieldError, InputError

CANVAS: Final = "canvas"
_PNG: Final = "data:image/png;base64,"
# Each canvas is unpacked several times over.
_AT_ONCE: Final = 2


class Outpainter:
    """Lays pictures on their canvases, two at a time."""

    def __init__(self) -> None:
        self._room = asyncio.Semaphore(_AT_ONCE)

    async def laid_out(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the input of an edit with its first picture on its canvas, and the mask.

        Args:
            given: The input, with its pictures in it; without ``canvas`` it stays as it is.

        Raises:
            InputError: The first picture cannot be read.
        """
        told = given.get(CANVAS)
        if told is None:
            return given
        canvas = Canvas.model_validate(told)
        first, *others = given["images"]
        async with self._room:
            try:
                data = base64.b64decode(str(first).partition(",")[2], validate=True)
                whole, mask = await asyncio.to_thread(laid_out, data, canvas)
            except (OSError, ValueError, binascii.Error):
                raise _damaged() from None
        rest = {name: value for name, value in given.items() if name != CANVAS}
        return rest | {"images": [_url(whole), *others], "mask": _url(mask)}


def _damaged() -> InputError:
    message = "cannot be laid on a canvas: it is damaged"
    return InputError(
        f"the picture at /input/images/0 {message}",
        fields=[FieldError("/input/images/0", message)],
    )


def _url(png: bytes) -> str:
    return _PNG + base64.b64encode(png).decode()
