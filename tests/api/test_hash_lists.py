"""Block lists: whose they are, what is on them, and that they count within seconds."""

from typing import Any

from infra.clock import SystemClock
from infra.postgres.audit_log import latest_entries
from infra.postgres.engine import transaction
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


class MovedClock(SystemClock):
    """A clock that tests set forward."""

    moved = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.moved


def _look(lists: HashLists, tenant_id: int, data: bytes, stage: Stage) -> list[Finding]:
    subject = Subject(stage, Medium.IMAGE, tenant_id, picture=Picture(data))
    found = HashListDetector(lists).check(read(subject, Limits()))
    return [one for one in found if one.detector == "HashListDetector"]


async def _id(api: Served, name: str) -> int:
    async with transaction(api.services.engine) as connection:
        found = await find_plan(connection, name)
    assert found
    return found.id


async def _as(api: Served, key: str, method: str, path: str, body: Any = None) -> Any:
    headers = {"authorization": f"Bearer {key}"}
    return await api.http.request(method, path, json=body, headers=headers)


def test_a_list_lives_its_life_and_each_change_is_audited(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        made = await api.http.post(OWN, json={"name": "logos", "category": "brand"})
        assert made.status_code == 201
        assert made.headers["location"].endswith(f"{OWN}/logos")
        assert (made.json()["action"], made.json()["everybody"]) == ("block", False)
        assert (await api.http.post(OWN, json={"name": "logos"})).status_code == 409
        lines = ["# ours", "", "00" * 32, f"phash256:{'1f' * 32} a kite", f"dhash64:{'2e' * 8}"]
        done = await api.http.post(f"{OWN}/logos/entries", json={"lines": lines})
        assert done.json()["added"] == 3
        again = await api.http.post(f"{OWN}/logos/entries", json={"lines": lines})
        assert (again.json()["added"], again.json()["known"]) == (0, 3)
        shown = (await api.http.get(f"{OWN}/logos")).json()
        assert (shown["entries"], shown["revision"]) == (3, 2)
        exported: list[str] = []
        after = ""
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
        body = {"lines": exported[:1], "remove": True}
        gone = await api.http.post(f"{OWN}/logos/entries", json=body)
        assert (gone.json()["removed"], gone.json()["entries"]) == (1, 2)
        assert (await api.http.delete(f"{OWN}/logos")).status_code == 204
        assert (await api.http.get(OWN)).json()["data"] == []
        async with transaction(api.services.engine) as connection:
            told = await latest_entries(connection, 1, before=None, limit=10)
        actions = [one.action for one in told if one.action.startswith("hash_list")]
        assert actions == [
            "hash_list.deleted",
            "hash_list.entries_removed",
            "hash_list.entries_added",
            "hash_list.created",
        ]

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


def test_lists_count_for_whom_they_are_and_within_seconds(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        operator = await new_key(api.services, "root", KeyScope.ADMIN)
        stranger = await new_key(api.services, "globex")
        assert (await api.http.post(ALL, json={"name": "known"})).status_code == 403
        made = await _as(api, operator, "POST", ALL, {"name": "known", "action": "review"})
        assert made.json()["everybody"] is True
        assert (await _as(api, stranger, "GET", OWN)).json()["data"] == []
        await api.http.post(OWN, json={"name": "logos", "action": "flag"})
        assert (await _as(api, stranger, "GET", f"{OWN}/logos")).status_code == 404

        clock = MovedClock()
        lists = HashLists(api.services.engine, clock)
        data = encoded(LISTED)
        await lists.look(1)
        assert _look(lists, 1, data, Stage.OUTPUT) == []
        put = await api.http.post(
            f"{OWN}/logos/entries", content=data, headers={"content-type": "image/png"}
        )
        assert put.json()["added"] == 1
        digest = fingerprint(scene(41)).phash
        assert digest
        line = {"lines": [f"phash256:{digest.hex()}"]}
        await _as(api, operator, "POST", f"{ALL}/known/entries", line)
        clock.moved = FRESH_SECONDS
        for tenant in (1, 3):
            await lists.look(tenant)
        for changed in (jpeg_50(LISTED), half(LISTED), cropped(LISTED), mirrored(LISTED)):
            (hit,) = _look(lists, 1, encoded(changed), Stage.OUTPUT)
            assert (hit.category, hit.evidence["list"]) == ("other", "logos")
            assert hit.evidence["action"] == "flag"
            assert _look(lists, 3, encoded(changed), Stage.PROMPT) == []
        for tenant in (1, 3):
            (hit,) = _look(lists, tenant, encoded(scene(41)), Stage.PROMPT)
            assert hit.evidence["action"] == "review"
        await api.http.delete(f"{OWN}/logos")
        clock.moved = 2 * FRESH_SECONDS
        await lists.look(1)
        assert _look(lists, 1, data, Stage.OUTPUT) == []

    run(settings, scenario)
