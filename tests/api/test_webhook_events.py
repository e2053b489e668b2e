"""An event as it was sent, to whom, and what is left of it once it is erased."""

from infra.settings import Settings
from schemas.scopes import KeyScope
from tests.api.delivery_history import History, Sent
from tests.api.served import Served, new_key, run


def test_an_event_shows_the_bytes_that_were_sent_and_its_deliveries(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        history = History(api)
        await history.endpoint()
        await history.endpoint()
        (event,) = await history.publish(thin=b'{"thin":"\xe2\x98\x95"}', channels=("red",))
        sent = await history.pending(event)
        shown = await history.get(f"/webhook_events/{sent[0].event}")
        (row,) = await history.sql("SELECT body FROM outbox")

        assert shown["body"].encode() == bytes(row.body)
        assert (shown["thin_body"], shown["channels"]) == ('{"thin":"☕"}', ["red"])
        assert [one["id"] for one in shown["deliveries"]] == [s.shown for s in reversed(sent)]
        assert (shown["erased"], shown["job_id"]) == (False, None)

    run(settings, scenario)


def test_webhook_scopes_open_these_routes_and_no_others_do(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        history = History(api)
        await history.endpoint()
        (sent,) = await history.send()
        paths = (
            ("GET", "webhook_deliveries", KeyScope.WEBHOOKS_READ),
            ("GET", f"webhook_events/{sent.event}", KeyScope.WEBHOOKS_READ),
            ("POST", f"webhook_deliveries/{sent.shown}/resend", KeyScope.WEBHOOKS_WRITE),
            ("DELETE", f"webhook_events/{sent.event}/content", KeyScope.WEBHOOKS_WRITE),
        )
        for scope in (KeyScope.WEBHOOKS_READ, KeyScope.WEBHOOKS_WRITE, KeyScope.JOBS_WRITE):
            key = await new_key(api.services, "acme", scope)
            headers = {"Authorization": f"Bearer {key}"}
            for method, path, needed in paths:
                answer = await api.http.request(method, f"/v1/{path}", headers=headers)
                assert (answer.status_code < 300) == (scope is needed), (scope, path)

    run(settings, scenario)


async def erased(history: History) -> tuple[str, Sent, Sent]:
    """Erase an event that one endpoint has taken and another one has not."""
    api = history.api
    await history.endpoint()
    await history.endpoint()
    job = await api.submit()
    await api.end(job["id"])
    rows = await history.sql("SELECT event_id, id FROM delivery ORDER BY id")
    taken, pending = (Sent(row.event_id, row.id) for row in rows)
    await history.attempt(taken, answer_body=b"thank you")
    await history.attempt(pending, "timeout", ended=None, answer_body=b"thank you")
    for discarded in (1, 0):
        answer = await api.http.delete(f"/v1/webhook_events/{taken.event}/content")
        assert (answer.status_code, answer.json()["discarded"]) == (200, discarded)
    return taken.event, taken, pending


def test_erased_content_is_gone_from_everywhere(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        history = History(api)
        event, _, _ = await erased(history)
        (row,) = await history.sql("SELECT body, thin FROM outbox")
        assert (bytes(row.body), bytes(row.thin)) == (b"", b"")
        assert await history.sql("SELECT 1 FROM delivery") == []
        bodies = await history.sql("SELECT answer_body FROM delivery_attempt")
        assert [row.answer_body for row in bodies] == [None, None, None]
        shown = await history.get(f"/webhook_events/{event}")
        assert (shown["erased"], shown["body"], shown["thin_body"]) == (True, None, None)
        # Readers of the feed are told that there was something.
        feed = await history.get("/events", wait=5)
        stub = {"id": event, "object": "event", "type": "job.succeeded", "erased": True}
        assert feed["data"] == [stub]

    run(settings, scenario)


def test_what_became_of_an_erased_event_stays_in_the_logs(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        history = History(api)
        event, taken, pending = await erased(history)
        ended = await history.get(f"/webhook_deliveries/{pending.shown}")
        assert (ended["status"], ended["outcome"]) == ("discarded", "erased")
        assert [one["number"] for one in ended["attempts"]] == [2, 1]
        shown = await history.get(f"/webhook_deliveries/{taken.shown}")
        assert shown["status"] == "delivered"
        entries = await history.sql(
            "SELECT object, detail FROM audit_log WHERE action = 'webhook_event.erased'"
        )
        # Once, however often it is asked for.
        assert [(e.object, e.detail) for e in entries] == [(f"event {event}", {"discarded": 1})]

    run(settings, scenario)
