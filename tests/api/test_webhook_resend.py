"""One event once more: to whom, how often, and when not."""

from infra.settings import Settings
from schemas.webhooks import Ended
from tests.api.delivery_history import ORIGIN, URL, History, Sent
from tests.api.served import IMAGE, Served, run


def test_a_resend_is_a_new_delivery_of_the_same_event_at_once(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        history = History(api)
        made = await history.endpoint()
        (sent,) = await history.send()
        await history.attempt(sent, "exhausted", ended=Ended.EXHAUSTED, status=500)
        await history.sql("UPDATE webhook_endpoint SET url = :url", url=f"{URL}/new")
        await history.sql(
            "UPDATE webhook_lane SET next_due_at = NULL, breaker = 1,"
            " blocked_until = now() + interval '1 hour'"
        )
        answer = await api.http.post(f"/v1/webhook_deliveries/{sent.shown}/resend")

        assert answer.status_code == 202, answer.text
        body = answer.json()
        assert body["id"] != sent.shown
        assert answer.headers["location"].endswith(f"/v1/webhook_deliveries/{body['id']}")
        assert (body["event_id"], body["status"]) == (sent.event, "pending")
        assert (body["url"], body["trigger"]) == (f"{URL}/new", "manual")
        (row,) = await history.sql(
            "SELECT d.seq, d.url, d.rank, d.endpoint_id, l.next_due_at <= now() AS due"
            " FROM delivery d JOIN webhook_lane l ON l.id = d.lane_id"
        )
        # Although the breaker is open: somebody wants to see it tried.
        assert (row.seq, row.url, row.rank, row.due) == (1, f"{URL}/new", 0, True)
        assert row.endpoint_id == made.id

    run(settings, scenario)


def test_the_same_call_twice_is_one_resend(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        history = History(api)
        await history.endpoint()
        sent = await history.send(2)
        for one in sent:
            await history.attempt(one)
        paths = [f"/v1/webhook_deliveries/{one.shown}/resend" for one in sent]
        key = {"Idempotency-Key": "once"}
        first = await api.http.post(paths[0], headers=key)
        again = await api.http.post(paths[0], headers=key)
        assert "idempotent-replayed" not in first.headers
        assert again.headers["idempotent-replayed"] == "true"
        assert first.json()["id"] == again.json()["id"]
        other = await api.http.post(paths[1], headers=key)
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
        assert len(await history.sql("SELECT 1 FROM delivery")) == 1

    run(settings, scenario)


def test_an_endpoints_own_path_sends_what_is_its_own_and_nothing_else(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        history = History(api)
        made = await history.endpoint()
        (sent,) = await history.send()
        theirs = await history.endpoint()
        for owner, resent, shown in ((made, 202, 200), (theirs, 404, 404)):
            place = f"/v1/webhook_endpoints/{owner.shown}/deliveries/{sent.shown}"
            assert (await api.http.post(f"{place}/resend")).status_code == resent
            assert (await api.http.get(place)).status_code == shown

    run(settings, scenario)


def test_a_pending_delivery_is_brought_forward_and_not_doubled(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        history = History(api)
        await history.endpoint()
        (sent,) = await history.send()
        await history.attempt(sent, "timeout", ended=None, status=None)
        await history.sql("UPDATE delivery SET rank = 1")
        answer = await api.http.post(f"/v1/webhook_deliveries/{sent.shown}/resend")

        assert answer.status_code == 202
        assert answer.json()["id"] == sent.shown
        rows = await history.sql("SELECT rank, trigger, next_at <= now() AS due FROM delivery")
        assert [(row.rank, row.trigger, row.due) for row in rows] == [(0, 1, True)]

    run(settings, scenario)


def test_nothing_is_sent_again_where_nobody_listens_or_nothing_is_left(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        history = History(api)
        made = await history.endpoint()
        sent = await history.send(2)
        await history.attempt(sent[0], "gone", ended=Ended.DISCARDED, status=410)
        path = f"/v1/webhook_deliveries/{sent[0].shown}/resend"

        async def refused() -> tuple[int, str]:
            answer = await api.http.post(path)
            return answer.status_code, answer.json()["code"]

        await history.sql("UPDATE webhook_endpoint SET disabled_at = now()")
        assert await refused() == (409, "endpoint_not_active")
        await history.sql("UPDATE webhook_endpoint SET disabled_at = NULL")
        await api.http.delete(f"/v1/webhook_events/{sent[0].event}/content")
        assert await refused() == (409, "event_content_gone")
        await history.sql("DELETE FROM webhook_endpoint WHERE id = :id", id=made.id)
        assert await refused() == (409, "endpoint_not_active")
        # What is known of it can still be seen.
        shown = await history.get(f"/webhook_deliveries/{sent[0].shown}")
        assert shown["endpoint_id"] == made.shown

    run(settings, scenario)


def test_the_url_that_came_with_a_job_is_where_its_events_go_again(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        history = History(api)
        job = await api.submit({**IMAGE, "webhook": {"url": URL}})
        await api.end(job["id"])
        (found,) = (await history.get("/webhook_deliveries", job_id=job["id"]))["data"]
        (row,) = await history.sql("SELECT event_id, id FROM delivery")
        await history.attempt(Sent(row.event_id, row.id))
        # As the release before logged it.
        await history.sql("UPDATE delivery_attempt SET url = NULL")
        answer = await api.http.post(f"/v1/webhook_deliveries/{found['id']}/resend")

        assert answer.status_code == 202, answer.text
        again = answer.json()
        assert (again["url"], again["job_id"], again["endpoint_id"]) == (URL, job["id"], None)
        (owed,) = await history.sql("SELECT origin, seq, kind FROM delivery")
        assert (owed.origin, owed.seq % 1000, owed.kind) == (ORIGIN, 999, 1)

    run(settings, scenario)
