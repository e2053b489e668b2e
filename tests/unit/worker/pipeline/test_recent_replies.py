"""What models gave of late stays in memory for a minute, whatever happens then."""

import gc
import weakref
from uuid import UUID

from tests.fixtures.leaping_loop import LoopClock, later, leap
from worker.pipeline.recent_replies import RecentReplies
from worker.providers.picture import Picture
from worker.providers.provider import Reply


class Weighed(Picture):
    """One that can be watched."""

    __slots__ = ("__weakref__",)


def test_pictures_leave_memory_in_time_though_nobody_asks() -> None:
    async def keep() -> None:
        recent = RecentReplies(LoopClock())
        picture = Weighed(b"bytes", "image/png", 1, 1)
        watched = weakref.ref(picture)
        recent.put(UUID(int=1), Reply(pictures=(picture,)))
        del picture
        await later(59)
        gc.collect()
        assert watched() is not None
        await later(62)
        gc.collect()
        assert watched() is None
        recent.close()

    leap(keep())
