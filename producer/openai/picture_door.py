"""Pictures that callers send are looked at before a job is made of them."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import BinaryIO, Final

from infra.pictures.plain import is_sideways
from infra.safety.pictures import PictureLimits, PictureRefusedError, look_at
from schemas.admission_errors import CallRateError
from schemas.errors import FieldError, InputError
from schemas.policy_limits import Limits

# A picture takes up to a second of a processor: callers of other routes come first.
_AT_ONCE: Final = 2
_SECONDS: Final = 20
_LATER: Final = timedelta(seconds=5)
_PNG: Final = "image/png"


@dataclass(frozen=True, slots=True)
class SeenPicture:
    """What a picture is, whatever its sender calls it."""

    media_type: str
    width: int
    height: int


class PictureDoor:
    """Lets in what is a picture: PNG, JPEG or WebP, whole, and of a bearable size.

    Args:
        limits: Of one picture.
    """

    def __init__(self, limits: PictureLimits | None = None) -> None:
        self.limits = limits or Limits()
        self._turns = asyncio.Semaphore(_AT_ONCE)

    @property
    def most_bytes(self) -> int:
        """The most bytes that one picture may have."""
        return int(self.limits.image_mb * 1_000_000)

    async def look(self, picture: BinaryIO | bytes, pointer: str) -> SeenPicture:
        """Return what a picture is.

        Args:
            picture: Its bytes, or the file that has them; not both are held at once.
            pointer: Where it stands in the request.

        Raises:
            InputError: It is none that can be edited.
            CallRateError: Too many pictures are being looked at.
        """
        try:
            async with asyncio.timeout(_SECONDS), self._turns:
                return await asyncio.to_thread(self._look, picture)
        except PictureRefusedError as refusal:
            raise unfit(pointer, str(refusal), refusal.rule) from None
        except TimeoutError:
            raise CallRateError(
                "too many pictures are being looked at; send them again in some seconds",
                retry_after=_LATER,
            ) from None

    def _look(self, picture: BinaryIO | bytes) -> SeenPicture:
        if not isinstance(picture, bytes):
            picture.seek(0)
            picture = picture.read()
        seen = look_at(picture, self.limits)
        width, height = seen.width, seen.height
        # Workers turn pictures the right way up, and masks are made for what people see.
        if is_sideways(picture):
            width, height = height, width
        return SeenPicture(seen.media_type, width, height)


def check_mask(mask: SeenPicture, first: SeenPicture | None, pointer: str) -> None:
    """Hold a mask to what model servers take.

    Args:
        mask: The mask.
        first: The first picture, which it is for; ``None``: it is not known yet.
        pointer: Where the mask stands in the request.

    Raises:
        InputError: It has no alpha channel by its format, or is of another size.
    """
    if mask.media_type != _PNG:
        raise unfit(pointer, "a mask must be a PNG file: what is transparent is edited")
    if first is not None and (mask.width, mask.height) != (first.width, first.height):
        raise unfit(
            pointer,
            f"the mask has {mask.width} x {mask.height} pixels, and the first picture "
            f"{first.width} x {first.height}: they must be the same",
        )


def unfit(pointer: str, message: str, rule: str | None = None) -> InputError:
    """Return the error that says why a picture is not taken."""
    fault = FieldError(pointer, message, rule)
    return InputError(f"{pointer.lstrip('/').replace('/', '.')}: {message}", fields=[fault])
