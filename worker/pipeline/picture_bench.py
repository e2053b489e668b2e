"""Where pictures are made plain: in two threads of their own, whoever waits for them."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from infra.pictures.plain import PictureBounds, PlainPicture, UnfitPictureError, plain_picture
from worker.pipeline.picture_faults import picture_fault

_THREADS: Final = 2


class PictureBench:
    """Makes pictures plain, two at a time in a process, and of large ones one.

    What is given up goes on to its end, and holds its thread: memory stays bounded.

    Args:
        bounds: Of one picture.
    """

    def __init__(self, bounds: PictureBounds) -> None:
        self.bounds = bounds
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="picture")

    async def plain(self, data: bytes, place: str, *, mask: bool) -> PlainPicture:
        """Return a picture written anew; see ``infra.pictures.plain.plain_picture``.

        Raises:
            InputError: It is none that can be taken.
        """
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(
                self._threads, lambda: plain_picture(data, self.bounds, mask=mask)
            )
        except UnfitPictureError as error:
            raise picture_fault(place, str(error)) from None

    def close(self) -> None:
        """Let the threads end when they are done."""
        self._threads.shutdown(wait=False, cancel_futures=True)
