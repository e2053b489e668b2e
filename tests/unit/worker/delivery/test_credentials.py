"""How requests prove who sends them, and what becomes of an attempt when they cannot."""

import asyncio
import base64
import contextlib
import json
import ssl
from collections.abc import AsyncGenerator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from schemas.webhooks import AuthKind
from tests.fixtures.fakes import MovedClock
from tests.fixtures.receiver import Answer, Received, Receiver
from tests.fixtures.sending import a_receiver, open_sender, owed_to
from worker.delivery.schedule import Outcome, Result

HEALTHY = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def a_token(token: str = "t-1", **more: Any) -> Answer:
    body = json.dumps({"access_token": token, "token_type": "Bearer", **more}).encode()
    return Answer(body=body)


def oauth_for(server: Receiver, **more: Any) -> dict[str, Any]:
    auth = {"token_url": server.url, "client_id": "me:1", "client_secret": "s/2", **more}
    return {"auth_kind": AuthKind.OAUTH2, "auth": auth}


def authorizations(requests: Sequence[Received]) -> list[str | None]:
    return [request.headers.get("authorization") for request in requests]


@pytest.mark.parametrize(
    ("kind", "auth", "header"),
    [
        (AuthKind.NONE, {}, None),
        (
            AuthKind.BASIC,
            {"username": "Ü", "password": "p:w"},
            "Basic " + base64.b64encode("Ü:p:w".encode()).decode(),
        ),
        (AuthKind.BEARER, {"token": "abc"}, "Bearer abc"),
    ],
)
def test_a_fixed_credential_is_sent_with_every_request(
    kind: AuthKind, auth: dict[str, str], header: str | None
) -> None:
    async def play() -> None:
        async with Receiver() as receiver, open_sender() as sender:
            to = a_receiver(auth_kind=kind, auth=auth)
            await sender.send(owed_to(receiver.url), to)
            assert authorizations(receiver.requests) == [header]

    asyncio.run(play())


def test_a_credential_goes_before_a_header_of_the_same_name() -> None:
    async def play() -> None:
        async with Receiver() as receiver, open_sender() as sender:
            own = {"AUTHORIZATION": "Basic old"}
            await sender.send(owed_to(receiver.url), a_receiver(headers=own))
            bearer = {"auth_kind": AuthKind.BEARER, "auth": {"token": "new"}}
            await sender.send(owed_to(receiver.url), a_receiver(headers=own, **bearer))
            assert authorizations(receiver.requests) == ["Basic old", "Bearer new"]

    asyncio.run(play())


def test_a_credential_that_is_not_whole_is_our_fault_and_nothing_is_sent() -> None:
    async def play() -> None:
        async with Receiver() as receiver, open_sender() as sender:
            for kind in (AuthKind.BASIC, AuthKind.BEARER, AuthKind.OAUTH2, AuthKind.MTLS):
                to = a_receiver(auth_kind=kind, auth={"username": 7})
                result = await sender.send(owed_to(receiver.url), to)
                assert result.outcome is Outcome.INTERNAL, kind
            assert receiver.requests == []

    asyncio.run(play())


def test_a_token_is_fetched_once_and_used_until_shortly_before_it_expires() -> None:
    async def play() -> None:
        clock = MovedClock()
        async with (
            Receiver(a_token("t-1", expires_in=600), a_token("t-2")) as tokens,
            Receiver() as receiver,
            open_sender(clock=clock) as sender,
        ):
            to = a_receiver(**oauth_for(tokens, scope="a b"))
            await asyncio.gather(*(sender.send(owed_to(receiver.url), to) for _ in range(3)))
            assert authorizations(receiver.requests) == ["Bearer t-1"] * 3
            [asked] = tokens.requests
            assert asked.body == b"grant_type=client_credentials&scope=a+b"
            user = base64.b64decode(asked.headers["authorization"].removeprefix("Basic "))
            assert user == b"me%3A1:s%2F2"
            clock.moved += timedelta(seconds=571)
            await sender.send(owed_to(receiver.url), to)
            assert authorizations(receiver.requests)[3:] == ["Bearer t-2"]

    asyncio.run(play())


def test_a_token_that_is_not_taken_is_renewed_once_within_the_attempt() -> None:
    async def play() -> None:
        async with (
            Receiver(a_token("t-1"), a_token("t-2"), a_token("t-3")) as tokens,
            Receiver(Answer(401), Answer(), otherwise=Answer(401)) as receiver,
            open_sender() as sender,
        ):
            to = a_receiver(**oauth_for(tokens))
            first = await sender.send(owed_to(receiver.url), to)
            assert (first.outcome, first.status) == (Outcome.SUCCESS, 200)
            second = await sender.send(owed_to(receiver.url), to)
            assert (second.outcome, second.status) == (Outcome.HTTP_ERROR, 401)
            sent = ["Bearer t-1", "Bearer t-2", "Bearer t-2", "Bearer t-3"]
            assert authorizations(receiver.requests) == sent

    asyncio.run(play())


def test_a_changed_endpoint_does_not_use_the_token_of_before() -> None:
    async def play() -> None:
        async with (
            Receiver(a_token("t-1"), a_token("t-2")) as tokens,
            Receiver() as receiver,
            open_sender() as sender,
        ):
            for revision in (1, 2, 2):
                to = a_receiver(**oauth_for(tokens), revision=revision)
                await sender.send(owed_to(receiver.url), to)
            assert authorizations(receiver.requests) == [
                "Bearer t-1", "Bearer t-2", "Bearer t-2",
            ]  # fmt: skip

    asyncio.run(play())


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (Answer(400, body=b'{"error":"invalid_client"}'), Outcome.HTTP_ERROR),
        (Answer(410), Outcome.HTTP_ERROR),
        (Answer(307, {"Location": "/x"}), Outcome.HTTP_ERROR),
        (Answer(429, {"Retry-After": "9"}), Outcome.RATE_LIMITED),
        (Answer(502), Outcome.OVERLOAD),
        (Answer(body=b"<html>"), Outcome.PROTOCOL_ERROR),
        (Answer(body=b"[1]"), Outcome.PROTOCOL_ERROR),
        (Answer(body=b"{}"), Outcome.PROTOCOL_ERROR),
        (Answer(body=b'{"access_token":"a\\r\\nHost: b"}'), Outcome.PROTOCOL_ERROR),
        (Answer(body=b'{"access_token":"a","expires_in":"x"}'), Outcome.PROTOCOL_ERROR),
        (Answer(body=b'{"access_token":"a","expires_in":NaN}'), Outcome.PROTOCOL_ERROR),
        (Answer(body=b'{"access_token":"a","expires_in":1%0400d}' % 0), Outcome.PROTOCOL_ERROR),
        (Answer(body=b"[" * 100_000), Outcome.PROTOCOL_ERROR),
        (Answer(cut="head"), Outcome.DISCONNECTED),
        (Answer(hang=True), Outcome.TIMEOUT),
    ],
)
def test_a_token_server_that_gives_none_fails_the_attempt_by_name(
    answer: Answer, outcome: Outcome
) -> None:
    async def play() -> Result:
        async with (
            Receiver(otherwise=answer) as tokens,
            Receiver() as receiver,
            open_sender() as sender,
        ):
            to = a_receiver(**oauth_for(tokens), timeout=timedelta(seconds=0.3))
            result = await sender.send(owed_to(receiver.url), to)
            assert receiver.requests == []
            assert result.address is None
            return result

    result = asyncio.run(play())
    assert result.outcome is outcome
    assert "token server" in str(result.detail)
    assert "s/2" not in str(result.detail)
    assert result.duration < timedelta(seconds=1.3)
    assert result.retry_after == ("9" if outcome is Outcome.RATE_LIMITED else None)


def test_a_token_server_on_an_inner_address_is_not_asked() -> None:
    async def play() -> None:
        async with Receiver() as receiver, open_sender() as sender:
            auth = {"token_url": "http://169.254.169.254/token", "client_id": "a"}
            auth["client_secret"] = "b"
            to = a_receiver(auth_kind=AuthKind.OAUTH2, auth=auth)
            result = await sender.send(owed_to(receiver.url), to)
            assert result.outcome is Outcome.BLOCKED_ADDRESS
            assert receiver.requests == []

    asyncio.run(play())


@contextlib.asynccontextmanager
async def mutual_tls_server(authority: trustme.CA, seen: list[Any]) -> AsyncGenerator[str]:
    """Serve those who show a certificate of ``authority``; tell what they showed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                await reader.readuntil(b"\r\n\r\n")
                seen.append(writer.get_extra_info("peercert")["subjectAltName"])
                writer.write(HEALTHY)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    finally:
        server.close()


def mutual_tls(certificate: trustme.LeafCert, key: bytes | None = None) -> dict[str, Any]:
    chain = b"".join(pem.bytes() for pem in certificate.cert_chain_pems)
    pair = {
        "certificate": chain.decode(),
        "key": (key or certificate.private_key_pem.bytes()).decode(),
    }
    return {"auth_kind": AuthKind.MTLS, "auth": pair}


def open_files() -> list[str]:
    paths: list[str] = []
    for number in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            paths.append(str(number.readlink()))
    return paths


def test_a_client_certificate_is_shown_to_whom_it_is_for_and_leaves_no_file() -> None:
    async def play() -> None:
        authority, seen = trustme.CA(), list[Any]()
        async with (
            mutual_tls_server(authority, seen) as url,
            open_sender(authority=authority) as sender,
        ):
            mine = mutual_tls(authority.issue_cert("sender.example"))
            result = await sender.send(owed_to(url), a_receiver(**mine))
            assert result.outcome is Outcome.SUCCESS, result
            assert result.tls_ms is not None
            assert seen == [(("DNS", "sender.example"),)]
            without = await sender.send(owed_to(url), a_receiver(lane_id=5))
            # Its word on the missing certificate may be lost in the end that follows.
            lost = {Outcome.CONNECTION_RESET, Outcome.DISCONNECTED}
            assert without.outcome in {Outcome.TLS_ERROR, *lost}
            assert len(seen) == 1
            assert not [path for path in open_files() if "certificate" in path]

    asyncio.run(play())


def test_a_changed_certificate_is_not_sent_over_the_connection_of_before() -> None:
    async def play() -> None:
        authority, seen = trustme.CA(), list[Any]()
        async with (
            mutual_tls_server(authority, seen) as url,
            open_sender(authority=authority) as sender,
        ):
            for revision, name in enumerate(("old.example", "new.example")):
                mine = mutual_tls(authority.issue_cert(name))
                await sender.send(owed_to(url), a_receiver(**mine, revision=revision))
            assert seen == [(("DNS", "old.example"),), (("DNS", "new.example"),)]

    asyncio.run(play())


def test_a_certificate_that_cannot_be_used_fails_the_attempt_and_asks_no_terminal() -> None:
    async def play() -> None:
        authority = trustme.CA()
        mine = authority.issue_cert("sender.example")
        locked = load_pem_private_key(mine.private_key_pem.bytes(), None).private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"password")
        )
        other = authority.issue_cert("other.example").private_key_pem.bytes()
        async with Receiver() as receiver, open_sender() as sender:
            for n, key in enumerate((locked, other, b"no key")):
                to = a_receiver(**mutual_tls(mine, key), revision=n)
                result = await sender.send(owed_to(receiver.url), to)
                assert result.outcome is Outcome.TLS_ERROR
                assert "client certificate" in str(result.detail)
                assert "PRIVATE" not in str(result.detail)
            assert receiver.requests == []

    asyncio.run(play())
