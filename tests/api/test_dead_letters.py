"""Dead letters: listed, grouped by cause, and shown with their history."""

from infra.settings import Settings
from tests.api.dead_letters import AWAY, CHAT, LOST, URL, WEBHOOK, dead, listed
from tests.api.served import IMAGE, Served, pointers, run


def test_pages_lead_through_all_dead_letters_newest_first(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        ids = [await dead(api) for _ in range(3)]
        alive = (await api.submit())["id"]
        seen: list[str] = []
        url: str | None = f"{URL}?limit=2&code=model_unavailable"
        while url:
            answer = await api.http.get(url)
            body = answer.json()
            seen += [letter["id"] for letter in body["data"]]
            assert body["has_more"] == (body["next"] is not None) == ("next" in answer.links)
            url = answer.links["next"]["url"] if body["next"] else None
            assert url is None or "code=model_unavailable" in url

        assert seen == ids[::-1]
        assert alive not in seen

    run(settings, scenario)


def test_filters_choose_by_cause_model_kind_lane_and_time(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        image = await dead(api)
        chat = await dead(api, {**CHAT, "lane": "batch"}, LOST)
        died = (await api.http.get(URL)).json()["data"][0]["died_at"]

        assert await listed(api, code="worker_lost") == [chat]
        assert await listed(api, model="test-image") == [image]
        assert await listed(api, kind="chat") == [chat]
        assert await listed(api, lane="fast") == [image]
        assert await listed(api, since="2020-01-01T00:00:00Z") == [chat, image]
        assert await listed(api, until="2020-01-01T00:00:00Z") == []
        assert chat in await listed(api, since=died)

    run(settings, scenario)


def test_a_wrong_query_is_told_by_parameter(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        query = {"lan": "fast", "kind": "song", "since": "today", "limit": "0", "after": "x"}
        answer = await api.http.get(URL, params={**query, "code": "a\x00"})

        assert answer.status_code == 400
        assert set(pointers(answer)) == {
            "/query/lan",
            "/query/kind",
            "/query/since",
            "/query/limit",
            "/query/after",
            "/query/code",
        }
        assert "did you mean 'lane'?" in pointers(answer)["/query/lan"]

    run(settings, scenario)


def test_groups_count_each_cause_with_samples(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        images = [await dead(api) for _ in range(4)]
        chat = await dead(api, CHAT, LOST)
        body = (await api.http.get(f"{URL}/groups")).json()

        first, second = body["data"]
        assert (first["code"], first["model"], first["kind"], first["count"]) == (
            "model_unavailable",
            "test-image",
            "image",
            4,
        )
        assert first["message"] == AWAY["message"]
        assert first["sample"] == images[:0:-1]
        assert first["first_at"] <= first["last_at"]
        assert (second["code"], second["sample"]) == ("worker_lost", [chat])
        assert (body["counted"], body["complete"]) == (5, True)

    run(settings, scenario)


def test_a_dead_letter_shows_what_was_asked_and_how_its_attempts_ended(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        job_id = await dead(api, {**IMAGE, "webhook": WEBHOOK})
        letter = (await api.http.get(f"{URL}/{job_id}")).json()

        assert letter["input"]["prompt"] == "a red kite"
        assert letter["webhook"] == WEBHOOK
        assert [one["outcome"] for one in letter["history"]] == ["error"]
        assert letter["history"][0]["error"]["code"] == "model_unavailable"
        assert letter["error"]["code"] == "model_unavailable"

    run(settings, scenario)


def test_other_jobs_are_no_dead_letters(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        alive = (await api.submit())["id"]
        unknown = "job_" + "0" * 26
        for method, path, body in (
            ("GET", f"{URL}/{alive}", None),
            ("POST", f"{URL}/redrive", {"job_id": alive}),
        ):
            answer = await api.http.request(method, path, json=body)
            assert (answer.status_code, answer.json()["code"]) == (409, "job_not_dead")
        gone = await api.http.post(f"{URL}/redrive", json={"job_id": unknown})
        assert (gone.status_code, gone.json()["code"]) == (404, "not_found")

    run(settings, scenario)
