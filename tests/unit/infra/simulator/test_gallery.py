"""The gallery: one drawing for many who ask, and a limit to what is kept."""

import asyncio
import base64
from io import BytesIO

from PIL import Image

from infra.simulator.gallery import Gallery, Picture, draw


def small(seed: int) -> Picture:
    return Picture("a fox", seed, 0, 64, 64, "png", 90)


def test_many_who_ask_at_once_share_one_drawing() -> None:
    async def scenario() -> list[bytes]:
        gallery = Gallery(painters=1)
        asked = [gallery.base64(small(1)) for _ in range(50)]
        files = await asyncio.wait_for(asyncio.gather(*asked), 30)
        gallery.close()
        return files

    files = asyncio.run(scenario())
    assert all(file is files[0] for file in files)
    with Image.open(BytesIO(base64.b64decode(files[0]))) as image:
        assert image.size == (64, 64)


def test_one_who_leaves_does_not_take_the_picture_from_the_others() -> None:
    async def scenario() -> bytes:
        gallery = Gallery(painters=1)
        leaving = asyncio.create_task(gallery.base64(small(2)))
        staying = asyncio.create_task(gallery.base64(small(2)))
        await asyncio.sleep(0)
        leaving.cancel()
        file = await asyncio.wait_for(staying, 30)
        gallery.close()
        return file

    assert asyncio.run(scenario()) == draw(small(2))


def test_the_pictures_not_asked_for_longest_are_dropped() -> None:
    async def scenario() -> tuple[bytes, bytes, bytes]:
        size = len(draw(small(1)))
        gallery = Gallery(painters=1, cache_bytes=round(size * 2.5))
        first = await gallery.base64(small(1))
        for seed in (2, 3, 4):
            await gallery.base64(small(seed))
            kept = await gallery.base64(small(seed))
        again = await gallery.base64(small(1))
        gallery.close()
        return first, again, kept

    first, again, _ = asyncio.run(scenario())
    assert first == again
    assert first is not again


def test_a_published_picture_is_found_again() -> None:
    gallery = Gallery()
    assert gallery.find(gallery.publish(small(1))) == small(1)
    assert gallery.find("unknown.png") is None
    gallery.close()
