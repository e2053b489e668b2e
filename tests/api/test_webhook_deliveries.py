"""What a tenant sees of its deliveries, pending and ended, and what it can ask of them."""

import base64
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from infra.new_ids import new_key as uuid_now
from infra.postgres.delivery_log import list_deliveries
from infra.postgres.engine import transaction, whole_transactions
from infra.settings import Settings
from schemas.filter_errors import FilterTooWideError
from schemas.webhook_delivery import DeliveryFilter
from schemas.webhooks import Ended, Trigger
from tests.api.delivery_history import ORIGIN, URL, History, Sent
from tests.api.served import Served, pointers, run

NASTY = b'\x00\x1b[31m\xff</script>"\\'
MINUTE = timedelta(minutes=1)


def shown_of(found: list[dict[str, Any]]) -> list[str]:
    return [one["id"] for one in found]


async def six(history: History) -> tuple[str, list[Sent]]:
    """Send six events to two endpoints; one took all, the other each in another way."""
    first, second = await history.endpoint(), await history.endpoint()
    sent = await history.send(6)
    rows = await history.sql("SELECT id FROM delivery WHERE endpoint_id = :id", id=first.id)
    mine = {row.id for row in rows}
    for one in sent:
        if one.delivery_id not in mine:
            await history.attempt(one)
    found = [one for one in sent if one.delivery_id in mine]
    delivered, failed, waits, exhausted, discarded, _ = found
    await history.attempt(delivered, trigger=Trigger.MANUAL)
    await history.attempt(failed, "timeout", ended=None, status=None)
    await history.attempt(failed, "http_error", ended=None, status=500)
    await history.attempt(waits, "overload", ended=None, status=502)
    await history.attempt(exhausted, "exhausted", ended=Ended.EXHAUSTED, status=500)
    await history.attempt(discarded, "gone", ended=Ended.DISCARDED, status=410)
    page = await history.get(f"/webhook_endpoints/{second.shown}/deliveries")
    theirs = [one.shown for one in reversed(sent) if one.delivery_id not in mine]
    assert shown_of(page["data"]) == theirs
    return first.shown, found


def by_time(before: str, everything: list[str]) -> list[tuple[dict[str, Any], list[str]]]:
    return [
        ({"created_after": before}, everything),
        ({"created_before": before}, []),
        ({"created_after": "0001-01-01T00:00:00Z"}, everything),
        ({"created_before": "1969-12-31T23:59:59Z"}, []),
        ({"started_before": before}, []),
        ({"started_after": before}, everything[1:]),
    ]


def test_each_filter_finds_what_fits_and_nothing_else(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        history = History(api)
        before = (api.services.clock.now() - MINUTE).isoformat()
        endpoint, sent = await six(history)
        mine = {"endpoint_id": endpoint}
        everything = [one.shown for one in reversed(sent)]
        untried, discarded, exhausted, waits, failed, delivered = everything
        pending, event = [untried, waits, failed], sent[0].event
        cases: tuple[tuple[dict[str, Any], list[str]], ...] = (
            ({}, everything),
            ({"limit": 2}, everything[:2]),
            ({"status": "pending"}, pending),
            ({"status": "delivered"}, [delivered]),
            ({"status": "delivered,pending"}, [*pending, delivered]),
            ({"status": "exhausted"}, [exhausted]),
            ({"status": "discarded"}, [discarded]),
            ({"status": "superseded"}, []),
            ({"outcome": "http_error"}, [failed]),
            # Of an attempt before the newest.
            ({"outcome": "timeout"}, []),
            ({"outcome": "overload", "status": "pending"}, [waits]),
            ({"status_code": 500}, [exhausted, failed]),
            ({"status_code": 500, "status": "pending"}, [failed]),
            ({"trigger": "manual"}, [delivered]),
            ({"trigger": "recover"}, []),
            ({"event_id": event}, [delivered]),
            ({"event_id": event, "status": "pending"}, []),
            ({"event_id": sent[5].event}, [untried]),
            ({"event_type": "job.succeeded"}, everything),
            ({"event_type": "job.failed"}, []),
        )
        for query, expected in (*cases, *by_time(before, everything)):
            assert await history.ids(**mine, **query) == expected, query

    run(settings, scenario)


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


TOLD: dict[str, Any] = {
    "answer_headers": '{"server": "</script>\\u001b[31m\\ufffd"}',
    "dns_ms": 1,
    "connect_ms": 2,
    "tls_ms": 3,
    "first_byte_ms": 4,
    "address": "203.0.113.7",
    "request_id": "r-1",
    "detail": "\ufffd[31m",
}
TEXT = '\x00\x1b[31m</script>"\\☕'


def test_a_delivery_shows_its_attempts_with_all_that_is_known_of_them(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        history = History(api)
        await history.endpoint()
        (sent,) = await history.send()
        for _ in range(51):
            await history.attempt(sent, "http_error", ended=None, status=500, **TOLD)
        shown = await history.get(f"/webhook_deliveries/{sent.shown}")

        assert (shown["status"], shown["attempt_count"]) == ("pending", 51)
        assert [one["number"] for one in shown["attempts"]] == list(range(51, 1, -1))
        assert shown["more_attempts"] is True
        attempt = shown["attempts"][0]
        assert list(attempt["timings"].values()) == [1, 2, 3, 4, 12]
        assert (attempt["address"], attempt["request_id"]) == ("203.0.113.7", "r-1")
        assert (attempt["outcome"], attempt["status_code"]) == ("http_error", 500)
        assert shown["pending"]["step"] == 51
        assert shown["pending"]["lane"] == {
            "blocked_until": None,
            "breaker": "closed",
            "endpoint_disabled": False,
        }

    run(settings, scenario)


def test_whatever_was_answered_stays_valid_json(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        history = History(api)
        await history.endpoint()
        (sent,) = await history.send()
        for body in (NASTY, TEXT.encode(), b"", None):
            await history.attempt(sent, "overload", ended=None, answer_body=body, **TOLD)
        answer = await api.http.get(f"/v1/webhook_deliveries/{sent.shown}")
        answers = [one["answer"] for one in answer.json()["attempts"]]

        assert [(one["body_encoding"], one["body"]) for one in answers] == [
            (None, None),
            ("utf-8", ""),
            ("utf-8", TEXT),
            ("base64", base64.b64encode(NASTY).decode()),
        ]
        assert answers[0]["headers"] == {"server": "</script>\x1b[31m\ufffd"}
        # Terminals and pages are not reached by what a stranger's server says.
        assert b"\x1b" not in answer.content
        assert b"\x00" not in answer.content
        # Lists carry no bodies, whatever was answered.
        listed = await api.http.get("/v1/webhook_deliveries")
        assert "answer" not in listed.json()["data"][0]

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
        engine, tenant_id = whole_transactions(api.services.engine), await history.tenant()
        wanted = DeliveryFilter(event_type="job.failed")
        # Whoever looks waits for this lock, as for a walk that is too long.
        async with transaction(engine) as other:
            await other.execute(text("LOCK TABLE delivery IN ACCESS EXCLUSIVE MODE"))
            with pytest.raises(FilterTooWideError, match="created_after"):
                async with transaction(engine) as connection:
                    await list_deliveries(
                        connection, tenant_id, wanted, limit=2, patience=MINUTE / 300
                    )

    run(settings, scenario)
