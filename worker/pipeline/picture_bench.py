"""Where pictures are made plain: in two threads of their own, whoever waits for them."""

from typing import Final

from infra.pictures.plain import (
    PictureBounds,
    PlainPicture,
    UnfitPictureError,
    is_large,
    plain_picture,
)
from worker.pipeline.picture_faults import picture_fault
from worker.pipeline.picture_turns import PictureTurns

_LARGE: Final = "large-picture"
_REST: Final = "picture"


class PictureBench:
    """Makes pictures plain, two at a time in a process: a large one, and one of the rest.

    Of a tenant's one at a time where others wait.

    Args:
        bounds: Of one picture.
    """

    def __init__(self, bounds: PictureBounds) -> None:
        self.bounds = bounds
        self._large = PictureTurns(_LARGE)
        self._rest = PictureTurns(_REST)

    async def plain(
        self, data: bytes, place: str, *, mask: bool, tenant_id: int
    ) -> PlainPicture:
        """Return a picture written anew; see ``infra.pictures.plain.plain_picture``.

        Raises:
            InputError: It is none that can be taken.
        """
        turns = self._large if is_large(data) else self._rest
        try:
            return await turns.run(
                tenant_id, lambda: plain_picture(data, self.bounds, mask=mask)
            )
        except UnfitPictureError as error:
            raise picture_fault(place, str(error)) from None

    def close(self) -> None:
        """Let the threads end when they are done."""
        self._large.close()
        self._rest.close()
