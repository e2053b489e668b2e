"""`genq webhook listen --forward-to`, and `verify`, as whoever writes a receiver uses them."""

import json
import queue
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from genq import Event, Genq, ServerUnreachableError
from genq.cli.app import run
from genq.cli.exit_codes import ExitCode
from genq.cli.forwarding import follow
from genq.cli.receiver import Received, Receiver
from infra.clock import SystemClock
from schemas.signature import format_secret, sign
from tests.fixtures.api_stub import SECRET, ApiStub, Home, Says
from tests.fixtures.sample_job import JOB

Capture = pytest.CaptureFixture[str]
OTHER = format_secret(b"o" * 32)


def event(number: int, **more: Any) -> dict[str, Any]:
    told = {"id": f"evt_{number}", "type": "job.succeeded", "timestamp": JOB["created_at"]}
    return {**told, "data": JOB, **more}


def sent(number: int, **more: Any) -> bytes:
    body = json.dumps(event(number, **more))
    return f"event: job.succeeded\nid: {number}-evt_{number}\ndata: {body}\n\n".encode()


def test_every_event_is_posted_once_and_signed_whatever_breaks(
    stub_home: Home, api_stub: ApiStub, capsys: Capture
) -> None:
    stream = {"content-type": "text/event-stream"}
    api_stub.script = [
        Says(stream=(sent(1) + sent(2, erased=True),), headers=stream, cut=True),
        Says(stream=(sent(3),), headers=stream, hang=True),
    ]
    inbox: queue.SimpleQueue[Received] = queue.SimpleQueue()
    with Receiver(OTHER, inbox.put) as receiver:
        words = ["--forward-to", receiver.url, "--secret", OTHER, "--count", "2"]
        assert run(["webhook", "listen", *words, "--events", "job.succeeded"]) == 0

    received = [inbox.get(timeout=5), inbox.get(timeout=5)]
    assert [(each.reason, each.text("id")) for each in received] == [
        ("", "evt_1"),
        ("", "evt_3"),
    ]
    assert api_stub.asked[0].query == {"after": "now", "type": "job.succeeded"}
    assert api_stub.asked[1].headers["last-event-id"] == "2-evt_2"
    printed = capsys.readouterr()
    assert [line.split()[-4] for line in printed.out.splitlines()] == ["204", "204"]
    assert f"signed with {OTHER}" in printed.err
    assert "2 events posted, 0 not taken" in printed.err


def test_a_url_that_does_not_take_an_event_is_told_and_the_next_one_is_posted(
    stub_home: Home, api_stub: ApiStub, capsys: Capture
) -> None:
    stream = {"content-type": "text/event-stream"}
    script = [Says(stream=(sent(1) + sent(2),), headers=stream, hang=True)]
    with Receiver(OTHER, lambda _: None) as receiver:
        api_stub.script = list(script)
        words = ["webhook", "listen", "--count", "2", "--json"]
        assert run([*words, "--forward-to", receiver.url]) == 0
        refused = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    api_stub.script = list(script)
    assert run([*words, "--forward-to", receiver.url]) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    # A secret of its own was made, which this receiver does not know.
    assert [each["status"] for each in refused] == [400, 400]
    assert [(each["status"], each["event_id"]) for each in told] == [
        (None, "evt_1"),
        (None, "evt_2"),
    ]
    assert "refused" in told[0]["error"]


@pytest.mark.parametrize("words", [["--forward-to", "nowhere"], ["--secret", "whsec_"]])
def test_a_wrong_url_or_secret_is_told_before_anything_is_asked(
    stub_home: Home, api_stub: ApiStub, words: list[str]
) -> None:
    given = ["webhook", "listen", "--forward-to", "http://127.0.0.1:9/", *words]

    assert run(given) == ExitCode.CONFIG
    assert api_stub.asked == []


class Flaky(Genq):
    """A client whose server is away every other time."""

    def __init__(self) -> None:
        super().__init__("k", "http://127.0.0.1:1")
        self.asked: list[str | None] = []

    def events(
        self, *, after: str | None = None, types: Sequence[str] | None = None
    ) -> Iterator[Event]:
        """Yield one event, and break off."""
        self.asked.append(after)
        if len(self.asked) % 2:
            yield Event(f"evt_{len(self.asked)}", "job.failed", cursor=f"c{len(self.asked)}")
        raise ServerUnreachableError("http://127.0.0.1:1", "gone")


def test_following_goes_on_behind_the_last_event_when_the_server_is_back(
    capsys: Capture,
) -> None:
    client = Flaky()
    following = follow(client, None, pause=0)

    assert [next(following).id for _ in range(3)] == ["evt_1", "evt_3", "evt_5"]
    assert client.asked == ["now", "c1", "c1", "c3", "c3"]
    assert "genq is away" in capsys.readouterr().err


@dataclass(frozen=True)
class Saved:
    """A request as a receiver saved it."""

    folder: Path

    def write(self, body: bytes) -> str:
        at = int(SystemClock().now().timestamp())
        signed = sign(SECRET, message_id="evt_1", at_seconds=at, body=body)
        head = "".join(f"{name}: {value}\r\n" for name, value in signed.items())
        path = self.folder / "saved.http"
        path.write_bytes(b"POST /hook?a:b HTTP/1.1\r\n" + head.encode() + b"\r\n" + body)
        return str(path)


def test_a_saved_request_is_verified(stub_home: Home, capsys: Capture, tmp_path: Path) -> None:
    saved = Saved(tmp_path).write(b'{"id":"evt_1"}')

    assert run(["webhook", "verify", saved, "--request"]) == 0
    assert capsys.readouterr().out.splitlines()[2] == "signature  ok     v1, by the secret"
    assert run(["webhook", "verify", saved, "--request", "--secret", OTHER, "--json"]) == 1
    printed = capsys.readouterr()
    told = json.loads(printed.out)
    assert (told["valid"], told["id"]["ok"], told["signature"]["ok"]) == (False, True, False)
    assert "do not trust" in printed.err
    assert run(["webhook", "verify", saved]) == ExitCode.USAGE
    (tmp_path / "empty").write_bytes(b"")
    assert run(["webhook", "verify", str(tmp_path / "empty"), "--request"]) == ExitCode.USAGE
    assert run(["webhook", "verify", str(tmp_path / "none")]) == ExitCode.FAILED
