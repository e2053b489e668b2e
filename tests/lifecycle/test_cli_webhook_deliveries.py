"""`genq webhook deliveries`, `resend`, `recover` and `event` against a scripted server."""

import json
from typing import Any

import pytest

from genq.cli.app import run
from genq.cli.exit_codes import ExitCode
from tests.fixtures.api_stub import ApiStub, Home, Says, problem
from tests.fixtures.webhook_answers import (
    DELIVERY,
    DELIVERY_DETAIL,
    DELIVERY_ID,
    ENDPOINT,
    ENDPOINT_ID,
    EVENT_ID,
    JOB_ID,
    RECOVERY,
    RECOVERY_ID,
    listed,
)

Capture = pytest.CaptureFixture[str]
OTHER_ID = f"whd_{'0' * 26}"


def webhook(*words: str) -> int:
    return run(["webhook", *words])


def test_deliveries_are_narrowed_and_listed(
    stub_home: Home, api_stub: ApiStub, capsys: Capture
) -> None:
    api_stub.script = [listed(ENDPOINT), listed(DELIVERY)]
    flags = ["--status", "pending,exhausted", "--event", "job.succeeded", "--job", JOB_ID]
    flags += ["--trigger", "recover", "--outcome", "http_500", "--since", "2026-11-20T00:00Z"]

    assert webhook("deliveries", "shop", *flags) == 0

    asked = api_stub.asked[1]
    assert asked.path == f"/v1/webhook_endpoints/{ENDPOINT_ID}/deliveries"
    assert asked.query == {
        "limit": "21",
        "event_type": "job.succeeded",
        "status": "exhausted",
        "job_id": JOB_ID,
        "outcome": "http_500",
        "trigger": "recover",
        "created_after": "2026-11-20T00:00:00+00:00",
    }
    shown = capsys.readouterr().out.splitlines()[1]
    assert shown.split()[0] == DELIVERY_ID
    assert "pending  1         http_500" in shown


def test_deliveries_of_one_event_go_on_after_the_last_one_shown(
    stub_home: Home, api_stub: ApiStub, capsys: Capture
) -> None:
    api_stub.script = [listed(DELIVERY, {**DELIVERY, "id": OTHER_ID})]

    assert webhook("deliveries", "--event", EVENT_ID, "--limit", "1", "--after", "x") == 0

    assert api_stub.asked[0].path == "/v1/webhook_deliveries"
    assert api_stub.asked[0].query == {"limit": "2", "event_id": EVENT_ID, "after": "x"}
    assert f"--after {DELIVERY_ID}" in capsys.readouterr().err


def waiting(**lane: Any) -> dict[str, Any]:
    pending = DELIVERY_DETAIL["pending"]
    return {**DELIVERY_DETAIL, "pending": {**pending, "lane": {**pending["lane"], **lane}}}


def test_a_delivery_is_shown_with_what_was_answered(
    stub_home: Home, api_stub: ApiStub, capsys: Capture
) -> None:
    api_stub.script = [
        Says(body=DELIVERY_DETAIL),
        Says(body=waiting(breaker="open", blocked_until="2026-11-20T11:00:00.000Z")),
        Says(body=waiting(endpoint_disabled=True)),
    ]

    assert webhook("delivery", DELIVERY_ID) == 0
    shown = capsys.readouterr().out
    assert "waits     until 20 Nov 10:05:00Z\n" in shown
    assert "attempt   1  20 Nov 10:00:00Z  scheduled  http_500 in 31 ms\n" in shown
    assert "203.0.113.9  dns 1 ms, connect 2 ms, tls 9 ms, first byte 30 ms\n" in shown
    assert "answered: no room today\n" in shown
    assert webhook("delivery", DELIVERY_ID) == 0
    held = "until 20 Nov 11:00:00Z, the receiver fails and is only probed"
    assert held in capsys.readouterr().out
    assert webhook("delivery", DELIVERY_ID) == 0
    assert "for the endpoint to be enabled" in capsys.readouterr().out
    assert webhook("delivery", JOB_ID) == ExitCode.USAGE


def test_several_are_sent_again_each_for_itself(
    stub_home: Home, api_stub: ApiStub, capsys: Capture
) -> None:
    gone = problem(409, "event_content_gone", "nothing is left to send")
    api_stub.script = [Says(202, DELIVERY_DETAIL), gone]

    assert webhook("resend", DELIVERY_ID, OTHER_ID, DELIVERY_ID) == ExitCode.CONFLICT

    printed = capsys.readouterr()
    assert printed.out == f"{DELIVERY_ID}\n"
    assert "1 queued, 1 refused" in printed.err
    assert [asked.path.split("/")[-2:] for asked in api_stub.asked] == [
        [DELIVERY_ID, "resend"],
        [OTHER_ID, "resend"],
    ]
    assert all("idempotency-key" in asked.headers for asked in api_stub.asked)


def test_a_recovery_is_watched_until_it_is_done(
    stub_home: Home, api_stub: ApiStub, capsys: Capture
) -> None:
    done = {**RECOVERY, "status": "completed", "looked": 90, "queued": 7}
    api_stub.script = [Says(202, RECOVERY), Says(body=done)]
    flags = ["--since", "2026-11-20T10:00Z", "--only", "missing", "--sample", "7"]

    assert webhook("recover", ENDPOINT_ID, *flags, "--wait") == 0

    assert api_stub.submits() == [
        {"since": "2026-11-20T10:00:00+00:00", "only": "missing", "sample": 7}
    ]
    printed = capsys.readouterr()
    assert printed.out == f"{RECOVERY_ID}  completed  90 looked at, 7 queued\n"
    assert "--trigger recover" in printed.err


def test_a_recovery_that_failed_says_why(
    stub_home: Home, api_stub: ApiStub, capsys: Capture
) -> None:
    failed = {**RECOVERY, "status": "failed", "error": "the endpoint was deleted"}
    api_stub.script = [Says(202, failed)]

    assert webhook("recover", ENDPOINT_ID, "--since", "2h", "--json") == ExitCode.FAILED
    printed = capsys.readouterr()
    assert json.loads(printed.out) == failed
    assert "the endpoint was deleted" in printed.err


def test_recoveries_are_listed_and_cancelled(
    stub_home: Home, api_stub: ApiStub, capsys: Capture
) -> None:
    cancelled = {**RECOVERY, "status": "cancelled"}
    api_stub.script = [listed(RECOVERY), Says(body=cancelled), listed()]

    assert webhook("recoveries", ENDPOINT_ID) == 0
    assert webhook("recoveries", ENDPOINT_ID, "--cancel", RECOVERY_ID) == 0
    assert webhook("recoveries", ENDPOINT_ID) == 0

    printed = capsys.readouterr()
    assert "running" in printed.out
    assert "cancelled" in printed.out
    assert "no recoveries" in printed.err
    assert api_stub.asked[1].path.endswith(f"/recoveries/{RECOVERY_ID}/cancel")


@pytest.mark.parametrize(
    "wrong",
    [
        ["deliveries", "--status", "lost"],
        ["deliveries", "--since", "soon"],
        ["resend", "whd_1"],
        ["recover", ENDPOINT_ID],
        ["listen", "--events", "job.failed"],
    ],
)
def test_a_usage_that_makes_no_sense_is_told_before_anything_is_sent(
    stub_home: Home, api_stub: ApiStub, wrong: list[str]
) -> None:
    assert webhook(*wrong) == ExitCode.USAGE
    assert api_stub.asked == []


def test_an_event_is_printed_as_it_is_sent_and_erased(
    stub_home: Home, api_stub: ApiStub, capsys: Capture
) -> None:
    kept: dict[str, Any] = {"id": EVENT_ID, "type": "job.failed", "erased": False}
    kept |= {"created_at": "2026-11-20T10:00:00.000Z", "job_id": JOB_ID, "channels": []}
    kept |= {"body": '{"id":"x"}', "thin_body": None, "deliveries": [DELIVERY]}
    gone = {"id": EVENT_ID, "deleted": True, "discarded": 2}
    types = {"object": "list", "data": ["job.failed"]}
    api_stub.script = [
        Says(body=kept), Says(body={**kept, "body": None, "erased": True}),
        Says(body=gone), Says(body=types),
    ]  # fmt: skip

    assert webhook("event", EVENT_ID) == 0
    printed = capsys.readouterr()
    assert printed.out == '{"id":"x"}\n'
    assert f"{DELIVERY_ID}  pending  {ENDPOINT_ID}" in printed.err
    assert webhook("event", EVENT_ID) == 0
    assert "its content was erased" in capsys.readouterr().err
    assert webhook("erase", EVENT_ID, "--yes") == 0
    assert "2 waiting to be sent will not be" in capsys.readouterr().err
    assert webhook("types") == 0
    assert capsys.readouterr().out == "job.failed\n"
