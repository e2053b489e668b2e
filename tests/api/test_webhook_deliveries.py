"""What a tenant sees of its deliveries, pending and ended, and what it can ask of them."""

import base64
from datetime import timedelta
from typing import Any

from sqlalchemy import text

from infra.new_ids import new_key as uuid_now
from infra.postgres.engine import whole_transactions
from infra.settings import Settings
from schemas.webhooks import Ended, Trigger
from tests.api.delivery_history import ORIGIN, URL, History
from tests.api.served import Served, pointers, run

NASTY = b'\x00\x1b[31m\xff</script>"\\'


def shown_of(found: list[dict[str, Any]]) -> list[str]:
    return [one["id"] for one in found]


def test_each_filter_finds_what_fits_and_nothing_else(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        history = History(api)
        first, second = await history.endpoint(), await history.endpoint()
        begun = api.services.clock.now()
        events = await history.publish(6)
        sent = await history.pending(*events)
        of_first = [s for s in sent if s in await of(history, first.id, sent)]
        of_second = [s for s in sent if s not in of_first]
        delivered, failed, waits, exhausted, discarded, untried = of_first
        for one in of_second:
            await history.attempt(one)
        await history.attempt(delivered, trigger=Trigger.MANUAL)
        await history.attempt(failed, "timeout", ended=None, status=None)
        await history.attempt(failed, "http_error", ended=None, status=500)
        await history.attempt(waits, "overload", ended=None, status=502)
        await history.attempt(exhausted, "exhausted", ended=Ended.EXHAUSTED, status=500)
        await history.attempt(discarded, "gone", ended=Ended.DISCARDED, status=410)
        newest_first = [s.shown for s in reversed(of_first)]
        mine = {"endpoint_id": first.shown}

        assert await history.ids(**mine) == newest_first
        assert await history.ids(limit=2) == sorted((s.shown for s in sent), reverse=True)[:2]
        pending = [untried.shown, waits.shown, failed.shown]
        for query, expected in (
            ({"status": "pending"}, pending),
            ({"status": "delivered"}, [delivered.shown]),
            ({"status": "delivered,pending"}, [*pending, delivered.shown]),
            ({"status": "exhausted"}, [exhausted.shown]),
            ({"status": "discarded"}, [discarded.shown]),
            ({"status": "superseded"}, []),
            ({"outcome": "http_error"}, [failed.shown]),
            # Of an attempt before the newest.
            ({"outcome": "timeout"}, []),
            ({"outcome": "overload", "status": "pending"}, [waits.shown]),
            ({"status_code": 500}, [exhausted.shown, failed.shown]),
            ({"status_code": 500, "status": "pending"}, [failed.shown]),
            ({"trigger": "manual"}, [delivered.shown]),
            ({"trigger": "recover"}, []),
            ({"event_id": delivered.event}, [delivered.shown]),
            ({"event_id": delivered.event, "status": "pending"}, []),
            ({"event_id": untried.event}, [untried.shown]),
            ({"event_type": "job.succeeded"}, newest_first),
            ({"event_type": "job.failed"}, []),
            ({"created_after": (begun - timedelta(minutes=1)).isoformat()}, newest_first),
            ({"created_before": (begun - timedelta(minutes=1)).isoformat()}, []),
            ({"started_before": (begun - timedelta(minutes=1)).isoformat()}, []),
            (
                {"started_after": (begun - timedelta(minutes=1)).isoformat()},
                [s for s in newest_first if s != untried.shown],
            ),
        ):
            assert await history.ids(**mine, **query) == expected, query
        page = await history.get(f"/webhook_endpoints/{second.shown}/deliveries")
        assert shown_of(page["data"]) == [s.shown for s in reversed(of_second)]

    run(settings, scenario)


async def of(history: History, endpoint_id: Any, sent: list[Any]) -> list[Any]:
    rows = await history.sql(
        "SELECT id FROM delivery WHERE endpoint_id = :id ORDER BY id", id=endpoint_id
    )
    return [s for row in rows for s in sent if s.delivery_id == row.id]


def test_a_walk_over_the_pages_leaves_nothing_out_while_deliveries_come_and_end(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        history = History(api)
        await history.endpoint()
        there = await history.send(12)
        found: list[str] = []
        query: dict[str, Any] = {"limit": 3}
        for n in range(10):
            page = await history.get("/webhook_deliveries", **query)
            found += shown_of(page["data"])
            # What was pending ends or fails, and new ones come, between one page and the next.
            await history.attempt(there[n])
            await history.attempt(there[11 - n // 4], "timeout", ended=None)
            await history.send(2)
            if page["next"] is None:
                break
            query["after"] = page["next"]
        assert found == [s.shown for s in reversed(there)]

    run(settings, scenario)


def test_a_delivery_shows_its_attempts_and_whatever_was_answered_stays_valid_json(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        history = History(api)
        await history.endpoint()
        (sent,) = await history.send()
        answers = (NASTY, '\x00\x1b[31m</script>"\\☕'.encode(), b"", None)
        for body in answers:
            await history.attempt(
                sent,
                "http_error",
                ended=None,
                status=500,
                answer_body=body,
                answer_headers='{"server": "</script>\\u001b[31m\\ufffd"}',
                dns_ms=1,
                connect_ms=2,
                tls_ms=3,
                first_byte_ms=4,
                address="203.0.113.7",
                request_id="r-1",
                detail="\ufffd[31m",
            )
        answer = await api.http.get(f"/v1/webhook_deliveries/{sent.shown}")
        shown = answer.json()

        newest_first = [
            (one["answer"]["body_encoding"], one["answer"]["body"]) for one in shown["attempts"]
        ]
        assert newest_first == [
            (None, None),
            ("utf-8", ""),
            ("utf-8", '\x00\x1b[31m</script>"\\☕'),
            ("base64", base64.b64encode(NASTY).decode()),
        ]
        attempt = shown["attempts"][0]
        assert attempt["timings"] == {
            "dns_ms": 1,
            "connect_ms": 2,
            "tls_ms": 3,
            "first_byte_ms": 4,
            "total_ms": 12,
        }
        assert (attempt["number"], attempt["address"], attempt["request_id"]) == (
            4,
            "203.0.113.7",
            "r-1",
        )
        assert attempt["answer"]["headers"] == {"server": "</script>\x1b[31m\ufffd"}
        assert (shown["status"], shown["attempt_count"]) == ("pending", 4)
        assert shown["pending"]["step"] == 4
        assert shown["pending"]["lane"]["breaker"] == "closed"
        # Lists carry no bodies, whatever was answered.
        listed = await api.http.get("/v1/webhook_deliveries")
        assert "answer" not in listed.json()["data"][0]
        # Terminals and pages are not reached by what a stranger's server says.
        assert b"\x1b" not in answer.content
        assert b"\x00" not in answer.content

    run(settings, scenario)


def test_attempts_of_the_release_before_are_shown_as_far_as_they_are_known(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        history = History(api)
        (event,) = await history.publish(delivery_id=uuid_now(), url=URL, origin=ORIGIN)
        (sent,) = await history.pending(event)
        old = (
            "INSERT INTO delivery_attempt (event_id, delivery_id, n, outcome, status,"
            " duration_ms) VALUES (:event, :delivery, :n, :outcome, :status, 5)"
        )
        for n, outcome, status in ((1, "timeout", None), (2, "success", 200)):
            await history.sql(
                old,
                event=sent.event_id,
                delivery=sent.delivery_id,
                n=n,
                outcome=outcome,
                status=status,
            )
        await history.sql("DELETE FROM delivery")

        shown = await history.get(f"/webhook_deliveries/{sent.shown}")
        assert (shown["status"], shown["event_type"]) == ("delivered", "job.succeeded")
        assert [one["outcome"] for one in shown["attempts"]] == ["success", "timeout"]
        assert await history.ids(event_id=sent.event) == [sent.shown]
        assert await history.ids(event_id=sent.event, status="exhausted,discarded") == []
        # Nothing says whose it is but its event: a walk over everything does not meet it.
        assert await history.ids() == []

    run(settings, scenario)


BAD_QUERIES: dict[str, tuple[str, str]] = {
    "colour=red": ("/query/colour", "unknown parameter"),
    "limit=0": ("/query/limit", "greater than or equal to 1"),
    "limit=201": ("/query/limit", "less than or equal to 200"),
    "limit=many": ("/query/limit", "valid integer"),
    "limit=2&limit=3": ("/query/limit", "given once"),
    "after=evt_01kb0q5v3mf0t8w2c7d4e9g6hj": ("/query/after", "'next' of the page before"),
    "after=whd_nonsense": ("/query/after", "'next' of the page before"),
    "status=lost": ("/query/status/0", "pending"),
    "status=pending,": ("/query/status/1", "pending"),
    "trigger=magic": ("/query/trigger", "must be one of scheduled, manual"),
    "trigger=1": ("/query/trigger", "must be one of scheduled, manual"),
    "status_code=abc": ("/query/status_code", "whole number"),
    "status_code=1000": ("/query/status_code", "less than or equal to 999"),
    "status_code=-1": ("/query/status_code", "whole number"),
    "endpoint_id=evt_01kb0q5v3mf0t8w2c7d4e9g6hj": ("/query/endpoint_id", "must be an id"),
    "endpoint_id=whe_81kb0q5v3mf0t8w2c7d4e9g6hj": ("/query/endpoint_id", "past 7"),
    "event_id=1": ("/query/event_id", "must be an id, evt_"),
    "job_id=": ("/query/job_id", "must be an id, job_"),
    "event_type=": ("/query/event_type", "at least 1"),
    "event_type=%00": ("/query/event_type", "pattern"),
    "outcome=" + "x" * 129: ("/query/outcome", "at most 128"),
    "created_after=yesterday": ("/query/created_after", "instant with its offset"),
    "created_before=2026-11-20": ("/query/created_before", "offset"),
    "started_after=1795169681": ("/query/started_after", "instant"),
    "started_before=9999-12-31T23:59:59Z": ("/query/started_before", "2200"),
}


def test_a_query_that_makes_no_sense_is_refused_with_its_place(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        for query, (place, message) in BAD_QUERIES.items():
            answer = await api.http.get(f"/v1/webhook_deliveries?{query}")
            assert answer.status_code == 400, (query, answer.text)
            assert message in pointers(answer)[place], (query, answer.text)
        some = "01kb0q5v3mf0t8w2c7d4e9g6hj"
        for method, path in (
            ("GET", f"webhook_deliveries/whd_{some}"),
            ("GET", "webhook_deliveries/whd_x"),
            ("GET", "webhook_deliveries/%00"),
            ("POST", f"webhook_deliveries/whd_{some}/resend"),
            ("POST", f"webhook_deliveries/evt_{some}/resend"),
            ("GET", f"webhook_endpoints/whe_{some}/deliveries"),
            ("GET", f"webhook_endpoints/whe_{some}/deliveries/whd_{some}"),
            ("POST", f"webhook_endpoints/whe_{some}/deliveries/whd_{some}/resend"),
            ("GET", f"webhook_endpoints/whe_{some}/recoveries"),
            ("GET", f"webhook_endpoints/whe_{some}/recoveries/whr_{some}"),
            ("POST", f"webhook_endpoints/whe_{some}/recoveries/whr_{some}/cancel"),
            ("GET", f"webhook_events/evt_{some}"),
            ("GET", f"webhook_events/job_{some}"),
            ("DELETE", f"webhook_events/evt_{some}/content"),
        ):
            answer = await api.http.request(method, f"/v1/{path}")
            assert answer.status_code == 404, (path, answer.text)

    run(settings, scenario)


def test_a_look_that_finds_too_little_for_too_long_gives_up(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        history = History(api)
        await history.endpoint()
        await history.send()
        # Whoever looks waits for this lock, as for a walk that is too long.
        async with whole_transactions(api.services.engine).connect() as other:
            await other.execute(text("BEGIN"))
            await other.execute(text("LOCK TABLE delivery IN ACCESS EXCLUSIVE MODE"))
            answer = await api.http.get("/v1/webhook_deliveries?event_type=job.failed")
            await other.rollback()
        assert (answer.status_code, answer.json()["code"]) == (400, "filter_too_wide")
        assert "created_after" in answer.json()["detail"]

    run(settings, scenario)
