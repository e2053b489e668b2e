"""What is sent: which bytes, signed by whom, under which headers; and when nothing is."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from infra.postgres.delivery import Owed
from schemas.ids import format_id
from schemas.receiver import Receiver as Hooked
from schemas.signature import (
    format_private_key,
    format_public_key,
    format_secret,
    public_key_of,
)
from schemas.webhooks import Payload, Signatures, Trigger
from tests.fixtures.receiver import Answer, Received, Receiver
from tests.fixtures.sending import NOWHERE, SECRET, a_receiver, open_sender, owed_to
from tests.fixtures.verifying import know
from worker.delivery.schedule import Outcome, Result


@dataclass
class Sent:
    result: Result
    requests: Sequence[Received]
    owed: Owed


def send(url: str, *, address: str | None = None, **changes: Any) -> Result:
    """Send to ``url``; ``changes`` are of the receiver."""

    async def play() -> Result:
        async with open_sender(address=address) as sender:
            return await sender.send(owed_to(url), a_receiver(**changes))

    return asyncio.run(play())


def send_to(
    answer: Answer,
    *,
    owed: Mapping[str, Any] | None = None,
    to: Hooked | None = None,
    **changes: Any,
) -> Sent:
    """Send to a receiver that answers so; ``owed`` and ``changes`` change the usual."""

    async def play() -> Sent:
        async with Receiver(answer) as receiver, open_sender() as sender:
            delivery = owed_to(receiver.url, **(owed or {}))
            hooked = to or a_receiver(**changes)
            return Sent(await sender.send(delivery, hooked), receiver.requests, delivery)

    return asyncio.run(play())


@pytest.mark.parametrize("secret", ["whsec_x", "yMnKy8zNzs/Q0dLT1NXW19jZ2tvc3d7f"])
def test_a_secret_that_cannot_be_read_is_our_fault_and_is_not_repeated(secret: str) -> None:
    result = send(NOWHERE, secrets=(secret,))
    assert result.outcome is Outcome.INTERNAL
    assert "webhook secret" in str(result.detail)
    assert secret not in str(result.detail)
    assert result.address is None


def test_a_private_key_that_cannot_be_read_is_our_fault() -> None:
    result = send(NOWHERE, signatures=Signatures.V1A, private_keys=("whsk_x",))
    assert result.outcome is Outcome.INTERNAL


def test_without_any_key_an_endpoint_is_our_fault_and_a_tenant_is_gone() -> None:
    assert send(NOWHERE, secrets=()).outcome is Outcome.REFUSED
    assert send(NOWHERE, secrets=(), endpoint_id=UUID(int=5)).outcome is Outcome.INTERNAL


@pytest.mark.parametrize(("body", "why"), [(None, "retention"), (b"", "erased")])
def test_what_is_there_no_more_is_not_sent(body: bytes | None, why: str) -> None:
    sent = send_to(Answer(), owed={"body": body})
    assert sent.result.outcome is Outcome.DISCARDED
    assert why in str(sent.result.detail)
    assert sent.requests == []


def test_the_stored_bytes_are_sent_thin_or_full_as_the_receiver_wants() -> None:
    both = {"body": b'{ "outputs":[1] }', "thin": b'{ "outputs" : "link" }'}
    [thin] = send_to(Answer(), owed=both, payload=Payload.THIN).requests
    [full] = send_to(Answer(), owed=both, payload=Payload.FULL).requests
    [same] = send_to(Answer(), owed={**both, "thin": None}, payload=Payload.THIN).requests
    assert (thin.body, full.body, same.body) == (both["thin"], both["body"], both["body"])


def test_a_request_tells_which_delivery_and_attempt_it_is_and_why() -> None:
    sent = send_to(Answer(), owed={"attempt": 7, "trigger": Trigger.RECOVER})
    [request] = sent.requests
    wanted = {
        "webhook-id": format_id("evt", sent.owed.event_id),
        "genq-delivery-id": format_id("whd", sent.owed.id),
        "genq-attempt": "7",
        "genq-trigger": "recover",
        "content-type": "application/json",
        "user-agent": "genq/test",
        "content-length": str(len(request.body)),
    }
    assert wanted.items() <= request.headers.items()
    assert not {"accept-encoding", "cookie", "authorization"} & request.headers.keys()


def test_all_secrets_and_keys_sign_as_the_endpoint_chose() -> None:
    secrets = (SECRET, format_secret(b"a" * 32), format_secret(b"b" * 24))
    private_key = format_private_key(bytes(32))
    public_key = format_public_key(public_key_of(private_key))
    know(*secrets, private_key)
    for chosen, keys in (
        (Signatures.V1, [*secrets]),
        (Signatures.V1A, [public_key]),
        (Signatures.V1 | Signatures.V1A, [*secrets, public_key]),
    ):
        to = a_receiver(secrets=secrets, private_keys=(private_key,), signatures=chosen)
        [request] = send_to(Answer(), to=to).requests
        assert request.keys == keys


def test_after_two_rotations_within_the_grace_all_three_secrets_verify() -> None:
    newest, former, first = (format_secret(n * 32) for n in (b"c", b"d", b"e"))
    know(newest, former, first)
    [request] = send_to(Answer(), secrets=(newest, former, first)).requests
    assert request.keys == [newest, former, first]


def test_the_owners_headers_are_sent_but_none_that_is_genqs_to_set() -> None:
    headers = {"X-Team": "render", "Host": "other.example", "Webhook-Id": "1", "Cookie": "a=b"}
    sent = send_to(Answer(), headers=headers)
    [request] = sent.requests
    assert request.headers["x-team"] == "render"
    assert request.headers["host"].startswith("127.0.0.1")
    assert request.headers["webhook-id"] == format_id("evt", sent.owed.event_id)
    assert "cookie" not in request.headers


def test_an_answer_is_kept_in_part() -> None:
    answer = Answer(
        503,
        headers={
            "Retry-After": "7",
            "X-Request-Id": "r-1",
            "Server": "s" * 500,
            "X-Private": "no",
            "webhook-delivery": " Disable ",
        },
        body=b"x" * 5000,
    )
    result = send_to(answer).result
    assert (result.outcome, result.status) == (Outcome.RATE_LIMITED, 503)
    assert result.answer_body == b"x" * 4096
    assert result.answer_headers is not None
    assert result.answer_headers["server"] == "s" * 200
    assert "x-private" not in result.answer_headers
    assert (result.request_id, result.retry_after) == ("r-1", "7")
    assert result.delivery_control == "disable"


def test_an_attempt_tells_where_it_went_and_what_took_how_long() -> None:
    result = send_to(Answer(delay=timedelta(milliseconds=80))).result
    assert result.address == "127.0.0.1"
    assert result.dns_ms is not None
    assert result.connect_ms is not None
    assert result.tls_ms is None
    assert result.first_byte_ms is not None
    assert 80 <= result.first_byte_ms <= result.duration / timedelta(milliseconds=1) + 1


def test_a_connection_is_kept_open_for_the_next_delivery() -> None:
    async def play() -> None:
        async with Receiver() as receiver, open_sender() as sender:
            for _ in range(3):
                await sender.send(owed_to(receiver.url), a_receiver())
            assert len({request.connection for request in receiver.requests}) == 1
            result = await sender.send(owed_to(receiver.url), a_receiver())
            assert (result.address, result.connect_ms) == ("127.0.0.1", None)

    asyncio.run(play())


def test_a_connection_that_the_receiver_was_tired_of_costs_no_attempt() -> None:
    async def play() -> None:
        async with (
            Receiver(Answer(), Answer(cut="head"), Answer(201)) as receiver,
            open_sender() as sender,
        ):
            await sender.send(owed_to(receiver.url), a_receiver())
            result = await sender.send(owed_to(receiver.url), a_receiver())
            assert (result.outcome, result.status) == (Outcome.SUCCESS, 201)
            first, second = receiver.requests[1:]
            assert first.headers == second.headers

    asyncio.run(play())


def test_a_receiver_that_closes_every_connection_is_asked_once() -> None:
    async def play() -> None:
        async with (
            Receiver(otherwise=Answer(cut="head")) as receiver,
            open_sender() as sender,
        ):
            result = await sender.send(owed_to(receiver.url), a_receiver())
            assert result.outcome in {Outcome.DISCONNECTED, Outcome.CONNECTION_RESET}
            assert len(receiver.requests) == 1

    asyncio.run(play())
