"""GET /v1/jobs/{id}/grid: the pictures of a job on one sheet."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO

import pytest
from PIL import Image

from infra.objectstore.store import ObjectStore, StoredObject
from infra.pictures.grid import Sheet, lay_out
from infra.provenance.credentials import Credentials
from infra.provenance.manifests import Facts
from infra.provenance.marking import Marker
from infra.provenance.opening import open_credentials
from infra.provenance.sheets import Grids
from infra.provenance.xmp import says_ai
from infra.safety.pictures import PictureRefusedError
from infra.settings import Settings
from producer.api.services import Services
from schemas.policy_duties import Marking
from schemas.policy_limits import Limits
from tests.api.served import Served, new_key, run
from tests.api.test_artifacts import SigningStore
from tests.fixtures.model_server import png
from tests.fixtures.until import until

COLOURS = ("red", "lime", "blue", "yellow")
RGB = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0))


async def made(api: Served, *pictures: bytes) -> str:
    """Return the path of a job that has made these."""
    job = await api.submit({"kind": "image", "input": {"prompt": "a kite"}})
    await api.end(job["id"], pictures=pictures)
    return f"/v1/jobs/{job['id']}"


def opened(data: bytes) -> Image.Image:
    return Image.open(BytesIO(data)).convert("RGB")


def test_four_pictures_stand_two_by_two_in_their_order(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        path = await made(api, *(png(colour, (64, 64)) for colour in COLOURS))
        answer = await api.http.get(f"{path}/grid")

        assert answer.status_code == 200
        assert answer.headers["content-type"] == "image/png"
        assert answer.headers["cache-control"] == "private, max-age=3600"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-genq-ai-generated"] == "true"
        sheet = opened(answer.content)
        # Pictures are told to be 8 by 8 (tests.api.served), and none is made larger.
        assert sheet.size == (20, 20)
        corners = [(4, 4), (16, 4), (4, 16), (16, 16)]
        assert tuple(sheet.getpixel(place) for place in corners) == RGB
        again = await api.http.get(
            f"{path}/grid", headers={"If-None-Match": answer.headers["etag"]}
        )
        assert (again.status_code, again.content) == (304, b"")
        other = await api.http.get(f"{path}/grid?labels=true")
        assert other.headers["etag"] != answer.headers["etag"]

    run(settings, scenario)


ENDINGS = {"png": "PNG", "jpeg": "JPEG", "webp": "WEBP"}


def test_a_sheet_says_by_xmp_and_manifest_that_a_machine_made_it(settings: Settings) -> None:
    credentials = open_credentials(settings)

    async def scenario(api: Served) -> None:
        first = _signed(credentials, png("red", (64, 64)))
        path = await made(api, first, png("lime", (64, 64)))
        for ending, kind in ENDINGS.items():
            answer = await api.http.get(f"{path}/grid.{ending}?labels=1&width=512")

            assert Image.open(BytesIO(answer.content)).format == kind
            assert says_ai(answer.content)
            found = credentials.read(answer.content, f"image/{ending}")
            assert found is not None
            assert found.state in {"Valid", "Trusted"}
            # What went in with a manifest is part of the sheet's own.
            (ingredient,) = found.active["ingredients"]
            assert ingredient["relationship"] == "inputTo"

    run(settings.model_copy(update={"provenance": True}), scenario)


def _signed(credentials: Credentials, data: bytes) -> bytes:
    facts = Facts("genq", "1", "m", datetime(2026, 1, 1, tzinfo=UTC), "job.0")
    marker = Marker(credentials)
    return marker.mark_picture(data, "image/png", facts, index=0, how=Marking()).data


def test_what_cannot_be_a_sheet_is_said_exactly(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        path = await made(api, png(), png())
        one = await made(api, png())
        none = await made(api, b"no picture", png())
        waiting = await api.submit()
        theirs = {"Authorization": f"Bearer {await new_key(api.services, 'other')}"}
        answers = {
            "other": await api.http.get(f"{path}/grid", headers=theirs),
            "one": await api.http.get(f"{one}/grid"),
            "none": await api.http.get(f"{none}/grid"),
            "gif": await api.http.get(f"{path}/grid.gif"),
            "waiting": await api.http.get(f"/v1/jobs/{waiting['id']}/grid"),
            "width": await api.http.get(f"{path}/grid?width=5000&labels=maybe&format=tiff&x=1"),
            "both": await api.http.get(f"{path}/grid.png?format=webp"),
        }

        assert {name: answer.status_code for name, answer in answers.items()} == {
            "other": 404, "one": 404, "none": 404, "gif": 404, "waiting": 409, "width": 400,
            "both": 400,
        }  # fmt: skip
        faults = answers["width"].json()["errors"]
        assert {fault["pointer"] for fault in faults} == {
            "/query/width", "/query/labels", "/query/format", "/query/x",
        }  # fmt: skip

    run(settings, scenario)


class SlowStore(SigningStore):
    """A store that holds what is read until it is told to go on."""

    def __init__(self, real: ObjectStore) -> None:
        self._real = real
        self.waiting = 0
        self.go_on = asyncio.Event()

    async def get(self, key: str, *, start: int = 0, end: int | None = None) -> StoredObject:
        self.waiting += 1
        await self.go_on.wait()
        return await self._real.get(key, start=start, end=end)

    async def delete(self, key: str) -> None:
        raise AssertionError("a sheet deletes nothing")


def test_two_sheets_are_made_at_a_time_and_others_wait(settings: Settings) -> None:
    slow: list[SlowStore] = []

    def change(services: Services) -> Services:
        slow.append(SlowStore(services.store))
        grids = Grids(slow[0], None, provider="genq", clock=services.clock)
        return replace(services, grids=grids)

    async def scenario(api: Served) -> None:
        path = await made(api, png(), png())
        asked = [asyncio.create_task(api.http.get(f"{path}/grid")) for _ in range(5)]
        await until(lambda: slow[0].waiting == 2, "two sheets are begun")
        slow[0].go_on.set()

        assert [(await one).status_code for one in asked] == [200] * 5

    run(settings, scenario, change)


def test_numbers_stand_in_corners_and_small_pictures_in_the_middle() -> None:
    sizes = [(64, 64), (64, 64), (32, 64)]
    sheets = {labels: Sheet(lay_out(sizes), labels=labels) for labels in (True, False)}
    for sheet in sheets.values():
        for place, size in enumerate(sizes):
            sheet.put(place, png("red", size), Limits())
        with pytest.raises(PictureRefusedError):
            sheet.put(3, png(size=(64, 64))[:-30], Limits())
    plain, numbered = (opened(sheets[labels].file("png")) for labels in (False, True))

    assert plain.size == numbered.size == (132, 132)
    for corner in ((0, 0), (68, 0), (0, 68)):
        assert numbered.getpixel(corner) == (20, 20, 24)
        assert numbered.getpixel((corner[0] + 50, corner[1] + 50)) != (20, 20, 24)
    assert plain.getpixel((0, 0)) == (255, 0, 0)
    # The third is narrow: white beside it, and where the fourth would be.
    places = [(15, 70), (16, 70), (47, 70), (48, 70), (70, 70)]
    red = [plain.getpixel(place) == (255, 0, 0) for place in places]
    assert red == [False, True, True, False, False]


def test_a_sheet_is_bounded_and_never_larger_than_its_pictures() -> None:
    assert lay_out([(100, 50)] * 4).size == (204, 104)
    assert lay_out([(100, 50)] * 2).size == (204, 50)
    assert lay_out([(100, 50), (50, 100), (10, 10)]).cell == (100, 100)
    for count in range(2, 17):
        wide = lay_out([(4096, 4096)] * count, 4096).size
        tall = lay_out([(64, 30_000)] * count, 4096).size
        assert wide[0] <= 4096
        assert max(tall) <= 4096 + 16
        assert wide[0] * wide[1] <= 17_000_000
