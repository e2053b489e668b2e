"""Block lists: whose they are, what is on them, and that they count within seconds."""

from typing import Any

from PIL import Image

from genq import AsyncGenq
from infra.clock import SystemClock
from infra.postgres.audit_log import latest_entries
from infra.postgres.engine import transaction
from infra.postgres.tenant_plans import find_plan
from infra.safety.detectors.hash_list import HashListDetector
from infra.safety.fingerprints import fingerprint
from infra.safety.hash_lists import FRESH_SECONDS, HashLists
from infra.safety.reading import read
from infra.settings import Settings
from schemas.policy_limits import Limits
from schemas.safety import Finding, Medium, Picture, Stage, Subject
from schemas.scopes import KeyScope
from tests.api.served import Served, new_key, pointers, run
from tests.fixtures.pictures import bomb_png, cropped, encoded, half, jpeg_50, mirrored, scene

OWN = "/v1/safety/hash_lists"
ALL = "/v1/admin/safety/hash_lists"
LISTED = scene(40)
KNOWN = scene(41)


class MovedClock(SystemClock):
    """A clock that tests set forward."""

    moved = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.moved


def _look(lists: HashLists, tenant_id: int, image: Image.Image) -> list[Finding]:
    picture = Picture(encoded(image))
    subject = Subject(Stage.OUTPUT, Medium.IMAGE, tenant_id, picture=picture)
    found = HashListDetector(lists).check(read(subject, Limits()))
    return [one for one in found if one.detector == "HashListDetector"]


async def _id(api: Served, name: str) -> int:
    async with transaction(api.services.engine) as connection:
        found = await find_plan(connection, name)
    assert found
    return found.id


async def _put(api: Served, lines: list[str], *, remove: bool = False) -> dict[str, Any]:
    body = {"lines": lines, "remove": remove}
    answer = await api.http.post(f"{OWN}/logos/entries", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def _as(api: Served, key: str, method: str, path: str, body: Any = None) -> Any:
    headers = {"authorization": f"Bearer {key}"}
    return await api.http.request(method, path, json=body, headers=headers)


LINES = ["# ours", "", "00" * 32, f"phash256:{'1f' * 32} a kite", f"dhash64:{'2e' * 8}"]


def test_a_list_lives_its_life_and_each_change_is_audited(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        made = await api.http.post(OWN, json={"name": "logos", "category": "brand"})
        assert made.status_code == 201
        assert made.headers["location"].endswith(f"{OWN}/logos")
        assert (made.json()["action"], made.json()["everybody"]) == ("block", False)
        assert (await api.http.post(OWN, json={"name": "logos"})).status_code == 409
        done = await _put(api, LINES)
        assert (done["added"], done["entries"]) == (3, 3)
        again = await _put(api, LINES)
        assert (again["added"], again["known"]) == (0, 3)
        shown = (await api.http.get(f"{OWN}/logos")).json()
        assert (shown["entries"], shown["revision"]) == (3, 2)
        gone = await _put(api, LINES[:3], remove=True)
        assert (gone["removed"], gone["entries"]) == (1, 2)
        assert (await api.http.delete(f"{OWN}/logos")).status_code == 204
        assert (await api.http.get(OWN)).json()["data"] == []
        tenant_id = await _id(api, "acme")
        async with transaction(api.services.engine) as connection:
            told = await latest_entries(connection, tenant_id, before=None, limit=10)
        assert [one.action for one in told if one.action.startswith("hash_list")] == [
            "hash_list.deleted",
            "hash_list.entries_removed",
            "hash_list.entries_added",
            "hash_list.created",
        ]

    run(settings, scenario)


def test_an_export_is_what_an_import_takes(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        await api.http.post(OWN, json={"name": "logos"})
        await _put(api, LINES)
        exported: list[str] = []
        after: str | None = ""
        while after is not None:
            query = {"limit": "2", "after": after}
            page = (await api.http.get(f"{OWN}/logos/entries", params=query)).json()
            exported += page["data"]
            after = page["next"]
        assert exported == [
            f"dhash64:{'2e' * 8}",
            f"phash256:{'1f' * 32} a kite",
            f"sha256:{'00' * 32}",
        ]
        assert (await _put(api, exported))["known"] == 3
        async with AsyncGenq(api.key, api.url) as genq:
            lists = genq.hash_lists
            assert [line async for line in lists.export("logos")] == exported
            assert (await lists.remove("logos", exported[:2])).removed == 2
            assert (await lists.add_picture("logos", encoded(LISTED))).added == 1
            (shown,) = await lists.list()
            assert (shown.name, shown.entries, shown.action) == ("logos", 2, "block")
            await lists.delete("logos")
            assert await lists.list() == ()

    run(settings, scenario)


def test_bad_lines_are_named_and_none_of_them_is_kept(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        await api.http.post(OWN, json={"name": "logos"})
        lines = ["00" * 32, "phash256:00", "md5:" + "00" * 16, "zz"]
        refused = await api.http.post(f"{OWN}/logos/entries", json={"lines": lines})
        assert set(pointers(refused)) == {"/lines/1", "/lines/2", "/lines/3"}
        assert "64 hexadecimal digits" in pointers(refused)["/lines/1"]
        assert (await api.http.get(f"{OWN}/logos")).json()["entries"] == 0
        for content in (bomb_png(20_000, 20_000), b"%!PS", encoded(scene(1).resize((1, 1)))):
            refused = await api.http.post(
                f"{OWN}/logos/entries", content=content, headers={"content-type": "image/png"}
            )
            assert "/file" in pointers(refused)
        assert (
            await api.http.post(f"{OWN}/none/entries", json={"lines": ["00" * 32]})
        ).status_code == 404
        assert (await api.http.get(f"{OWN}/logos/entries?after=x")).status_code == 400

    run(settings, scenario)


async def _two_lists(api: Served, operator: str) -> None:
    """Put one picture on a list of acme's, and another on one of the installation's."""
    await api.http.post(OWN, json={"name": "logos", "action": "flag"})
    await _as(api, operator, "POST", ALL, {"name": "known", "action": "review"})
    headers = {"content-type": "image/png"}
    put = await api.http.post(f"{OWN}/logos/entries", content=encoded(LISTED), headers=headers)
    assert put.json()["added"] == 1
    digest = fingerprint(KNOWN).phash
    assert digest
    line = {"lines": [f"phash256:{digest.hex()}"]}
    await _as(api, operator, "POST", f"{ALL}/known/entries", line)


def test_lists_belong_to_their_owners(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        operator = await new_key(api.services, "root", KeyScope.ADMIN)
        stranger = await new_key(api.services, "globex")
        await _two_lists(api, operator)
        assert (await api.http.post(ALL, json={"name": "mine"})).status_code == 403
        assert (await _as(api, stranger, "GET", OWN)).json()["data"] == []
        for method in ("GET", "DELETE"):
            answer = await _as(api, stranger, method, f"{OWN}/logos")
            assert answer.status_code == 404
        (shown,) = (await _as(api, operator, "GET", ALL)).json()["data"]
        assert (shown["name"], shown["everybody"], shown["entries"]) == ("known", True, 1)

    run(settings, scenario)


def test_lists_count_for_whom_they_are_and_within_seconds(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        operator = await new_key(api.services, "root", KeyScope.ADMIN)
        await new_key(api.services, "globex")
        acme, globex = await _id(api, "acme"), await _id(api, "globex")
        clock = MovedClock()
        lists = HashLists(api.services.engine, clock)
        await lists.look(acme)
        assert _look(lists, acme, LISTED) == []
        await _two_lists(api, operator)
        await lists.look(acme)
        assert _look(lists, acme, LISTED) == []
        clock.moved = FRESH_SECONDS
        for tenant in (acme, globex):
            await lists.look(tenant)
            (hit,) = _look(lists, tenant, KNOWN)
            assert (hit.evidence["list"], hit.evidence["action"]) == ("known", "review")
        for changed in (jpeg_50(LISTED), half(LISTED), cropped(LISTED), mirrored(LISTED)):
            (hit,) = _look(lists, acme, changed)
            assert (hit.category, hit.evidence["list"]) == ("other", "logos")
            assert hit.evidence["action"] == "flag"
            assert _look(lists, globex, changed) == []
        await api.http.delete(f"{OWN}/logos")
        clock.moved = 2 * FRESH_SECONDS
        await lists.look(acme)
        assert _look(lists, acme, LISTED) == []

    run(settings, scenario)
