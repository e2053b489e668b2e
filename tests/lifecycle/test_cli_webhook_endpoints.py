"""`genq webhook endpoints` against a scripted server."""

import json
from pathlib import Path

import pytest

from genq.cli.app import run
from genq.cli.exit_codes import ExitCode
from tests.fixtures.api_stub import ApiStub, Home, Says, problem
from tests.fixtures.webhook_answers import (
    ENDPOINT,
    ENDPOINT_ID,
    HEALTH,
    NEW_SECRET,
    OWN,
    listed,
    own,
)

Capture = pytest.CaptureFixture[str]
WITH_SECRET = {**ENDPOINT, "signing_secret": NEW_SECRET}
ROUTE = f"/v1/webhook_endpoints/{ENDPOINT_ID}"


def webhook(*words: str) -> int:
    return run(["webhook", "endpoints", *words])


def test_an_endpoint_is_registered_and_its_secret_shown(
    stub_home: Home, api_stub: ApiStub, capsys: Capture, tmp_path: Path
) -> None:
    api_stub.script = [Says(201, WITH_SECRET)]
    auth = tmp_path / "auth.json"
    auth.write_text('{"kind": "bearer", "token": "t"}')
    flags = ["--events", "job.*, endpoint.disabled", "--channel", "a", "--filter", "k=v"]
    flags += ["--retries", "5,60", "--header", "X-Team: art", "--auth", str(auth)]

    assert webhook("add", "https://example.com/hook", *flags, "--signatures", "v1,v1a") == 0

    assert api_stub.submits() == [
        {
            "name": "example.com",
            "url": "https://example.com/hook",
            "event_types": ["job.*", "endpoint.disabled"],
            "genq": {
                "channels": ["a"],
                "filter": {"k": "v"},
                "signatures": ["v1", "v1a"],
                "retry_schedule": [5, 60],
                "headers": {"X-Team": "art"},
                "auth": {"kind": "bearer", "token": "t"},
            },
        }
    ]
    printed = capsys.readouterr()
    assert printed.out == f"{ENDPOINT_ID}\n{NEW_SECRET}\n"
    assert f"genq webhook endpoints test {ENDPOINT_ID}" in printed.err


@pytest.mark.parametrize(
    "wrong",
    [
        ["add", "https://x.example", "--header", "no colon"],
        ["add", "https://x.example", "--retries", "soon"],
        ["add", "https://x.example", "--signatures", "v2"],
        ["add", "https://x.example", "--auth", "[].json"],
        ["set", ENDPOINT_ID],
        ["set", ENDPOINT_ID, "--reset", "throtle"],
        ["rotate", ENDPOINT_ID, "--grace", "long"],
    ],
)
def test_a_usage_that_makes_no_sense_is_told_before_anything_is_sent(
    stub_home: Home, api_stub: ApiStub, wrong: list[str]
) -> None:
    Path("[].json").write_text("[]")

    assert webhook(*wrong) == ExitCode.USAGE
    assert api_stub.asked == []


def test_endpoints_are_listed_with_how_they_do(
    stub_home: Home, api_stub: ApiStub, capsys: Capture
) -> None:
    open_now = own(health={**HEALTH, "breaker": "open", "pending": 1000, "failures": 9})
    disabled = own(disabled={"at": "2026-11-20T10:00:00.000Z", "reason": "gone"})
    api_stub.script = [listed(ENDPOINT, open_now, disabled)]

    assert webhook("ls") == 0

    _, fine, failing, gone = capsys.readouterr().out.splitlines()
    assert fine.split() == [ENDPOINT_ID, "shop", "ok", "12", "0", "https://example.com/hook"]
    assert "failing, only probed" in failing
    assert "1000 or more" in failing
    assert "disabled: gone" in gone


def test_an_endpoint_is_shown_by_its_name_and_unknown_names_are_told(
    stub_home: Home, api_stub: ApiStub, capsys: Capture
) -> None:
    ends = {"hint": "whsec_…old=", "created_at": "2026-11-19T10:00:00.000Z"}
    secrets = [*OWN["signing_secrets"], {**ends, "expires_at": "2026-11-21T10:00:00.000Z"}]
    health = {**HEALTH, "failures": 3, "failing_since": "2026-11-20T10:00:00.000Z"}
    api_stub.script = [listed(ENDPOINT), Says(body=own(signing_secrets=secrets, health=health))]

    assert webhook("show", "shop") == 0

    printed = capsys.readouterr()
    assert "failing since 20 Nov 10:00:00Z, 3 in a row" in printed.out
    assert "whsec_…LaSw, whsec_…old= until 21 Nov 10:00:00Z" in printed.out
    assert f"next: genq webhook deliveries {ENDPOINT_ID} --status pending" in printed.err
    api_stub.script = [listed(ENDPOINT)]
    assert webhook("show", "shpo") == ExitCode.NOT_FOUND
    assert "there is no endpoint 'shpo'; did you mean shop?" in capsys.readouterr().err
    api_stub.script = [listed(ENDPOINT, {**ENDPOINT, "id": f"whe_{'0' * 26}"})]
    assert webhook("show", "shop") == ExitCode.USAGE
    assert f"say which: {ENDPOINT_ID}, whe_000" in capsys.readouterr().err


def test_a_change_sends_what_was_said_and_resets_what_was_named(
    stub_home: Home, api_stub: ApiStub, capsys: Capture
) -> None:
    api_stub.script = [Says(body=ENDPOINT)]

    flags = ["--to", "https://b.example", "--max-in-flight", "8", "--reset", "throttle"]
    assert webhook("set", ENDPOINT_ID, *flags, "--reset", "channel") == 0

    assert api_stub.submits() == [
        {
            "url": "https://b.example",
            "genq": {"max_in_flight": 8, "throttle_rate": None, "channels": None},
        }
    ]
    assert capsys.readouterr().out == f"{ENDPOINT_ID}  shop  ok\n"


def test_deleting_asks_first_with_what_is_owed(
    stub_home: Home, api_stub: ApiStub, capsys: Capture
) -> None:
    owed = own(health={**HEALTH, "pending": 2})
    api_stub.script = [Says(body=owed), Says(body=owed), Says(body={"deleted": True})]

    assert webhook("rm", ENDPOINT_ID) == ExitCode.USAGE
    assert "with 2 pending deliveries? Say so: --yes" in capsys.readouterr().err
    assert webhook("rm", ENDPOINT_ID, "--yes") == 0
    assert [asked.method for asked in api_stub.asked] == ["GET", "GET", "DELETE"]


def test_what_is_done_to_an_endpoint_is_one_request(
    stub_home: Home, api_stub: ApiStub, capsys: Capture
) -> None:
    link = {"url": "http://x/#gqp_1", "token": "gqp_1", "expires_at": "2026-11-20T10:00:00Z"}
    api_stub.script = [
        Says(body=WITH_SECRET), Says(body=ENDPOINT), Says(body=ENDPOINT),
        Says(201, link), Says(body=ENDPOINT),
    ]  # fmt: skip

    assert webhook("rotate", ENDPOINT_ID, "--grace", "2h") == 0
    assert webhook("disable", ENDPOINT_ID, "--reason", "moving") == 0
    assert webhook("enable", ENDPOINT_ID) == 0
    assert webhook("portal", ENDPOINT_ID, "--expires-in", "30m") == 0
    assert webhook("portal", ENDPOINT_ID, "--revoke") == 0

    said = [(asked.path.removeprefix(ROUTE), asked.body) for asked in api_stub.asked]
    assert said == [
        ("/rotate_secret", b'{"genq": {"grace_seconds": 7200}}'),
        ("/disable", b'{"reason": "moving"}'),
        ("/enable", b""),
        ("/portal_link", b'{"expires_in": 1800}'),
        ("/portal_link/revoke", b""),
    ]
    printed = capsys.readouterr().out.splitlines()
    assert printed[1] == NEW_SECRET
    assert "http://x/#gqp_1" in printed


@pytest.mark.parametrize(
    "says",
    [
        ((200, True, "success", None), 0, "delivered (200 in 7 ms)"),
        ((500, False, "http_500", "no room"), 1, "refused, http_500: no room (500 in 7 ms)"),
    ],
)
def test_a_test_tells_what_was_answered(
    stub_home: Home,
    api_stub: ApiStub,
    capsys: Capture,
    says: tuple[tuple[int, bool, str, str | None], int, str],
) -> None:
    (status, delivered, outcome, detail), code, told = says
    trial = {"event_id": "evt_1", "delivered": delivered, "outcome": outcome, "detail": detail}
    body = {"webhook_endpoint_id": ENDPOINT_ID, "event_type": "endpoint.test", "success": True}
    body |= {"status_code": status, "genq": {**trial, "duration_ms": 7}}
    api_stub.script = [Says(body=body)] * 2

    assert webhook("test", ENDPOINT_ID, "--event", "job.failed") == code
    assert capsys.readouterr().out == f"{told}\n"
    assert api_stub.submits() == [{"event_type": "job.failed"}]
    assert webhook("test", ENDPOINT_ID, "--json") == code
    assert json.loads(capsys.readouterr().out) == body


def test_a_test_without_an_answer_failed(
    stub_home: Home, api_stub: ApiStub, capsys: Capture
) -> None:
    why = "the endpoint did not answer the test: connection_refused"
    api_stub.script = [problem(424, "webhook_test_failed", why)] * 2

    assert webhook("test", ENDPOINT_ID) == ExitCode.FAILED
    assert capsys.readouterr().err == f"genq: {why}\n"
    assert webhook("test", ENDPOINT_ID, "--json") == ExitCode.FAILED
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "webhook_test_failed"
