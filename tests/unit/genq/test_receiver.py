"""The local receiver trusts signed webhooks only, and tells a repeated one."""

import http.client
import queue
from collections.abc import Generator
from dataclasses import dataclass, field

import pytest

from genq import ConfigurationError
from genq.cli.receiver import Received, Receiver
from genq.cli.webhook import as_line, as_object
from infra.clock import SystemClock
from schemas.signature import format_secret, sign

SECRET = format_secret(b"k" * 32)
BODY = b"""{"id": "evt_1", "type": "job.succeeded", "timestamp": "2026-11-20T10:00:00.000Z",
 "data": {"id": "job_1"}}"""


@dataclass
class Desk:
    """A receiver and what it has received."""

    receiver: Receiver
    inbox: "queue.Queue[Received]" = field(default_factory=queue.Queue)

    def post(self, secret: str = SECRET, **headers: str) -> int:
        now = int(SystemClock().now().timestamp())
        signed = sign(secret, message_id="evt_1", at_seconds=now, body=BODY)
        connection = http.client.HTTPConnection("127.0.0.1", self.receiver.port, timeout=5)
        connection.request("POST", "/", BODY, {**signed, **headers})
        status = connection.getresponse().status
        connection.close()
        return status

    def next(self) -> Received:
        return self.inbox.get(timeout=5)


@pytest.fixture
def desk() -> Generator[Desk]:
    inbox: queue.Queue[Received] = queue.Queue()
    with Receiver(SECRET, inbox.put) as receiver:
        yield Desk(receiver, inbox)


def test_a_signed_webhook_is_taken(desk: Desk) -> None:
    assert desk.post() == 204

    received = desk.next()
    assert received.verified
    assert as_line(received) == (
        "2026-11-20T10:00:00.000Z  job.succeeded  job_1  signature verified (evt_1)"
    )
    assert as_object(received)["verified"] is True


def test_a_repeated_event_is_told(desk: Desk) -> None:
    desk.post()
    desk.post()

    assert not desk.next().again
    second = desk.next()
    assert second.again
    assert "came before" in as_line(second)


def test_a_forged_webhook_is_refused(desk: Desk) -> None:
    assert desk.post(secret=format_secret(b"o" * 32)) == 400

    received = desk.next()
    assert not received.verified
    assert received.event == {}
    assert as_line(received).startswith("refused")


@pytest.mark.parametrize("length", ["9999999999", "x", "-1"])
def test_a_body_without_a_sane_length_is_not_read(desk: Desk, length: str) -> None:
    assert desk.post(SECRET, **{"content-length": length}) == 413
    assert desk.inbox.empty()


def test_a_visitor_is_told_that_it_takes_posts(desk: Desk) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", desk.receiver.port, timeout=5)
    connection.request("GET", "/")

    assert connection.getresponse().status == 405
    connection.close()


def test_a_taken_port_is_told(desk: Desk) -> None:
    port = desk.receiver.port

    with (
        pytest.raises(ConfigurationError, match=f"127.0.0.1:{port}.*another --port"),
        Receiver(SECRET, desk.inbox.put, port=port),
    ):
        pass
