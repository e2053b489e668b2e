import errno
import os
import socket

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey

from infra.http.dial_watch import DialWatch
from infra.http.outbound import RefusedAddressError
from worker.delivery.answer import storable
from worker.delivery.failures import detail_of_failure, outcome_of_failure
from worker.delivery.schedule import Outcome

KEY = ConnectionKey("receiver.example", 443, True, True, None, None, None)


def system_error(number: int) -> OSError:
    return OSError(number, os.strerror(number))


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (aiohttp.ConnectionTimeoutError(), Outcome.CONNECT_TIMEOUT),
        (aiohttp.SocketTimeoutError(), Outcome.TIMEOUT),
        (TimeoutError(), Outcome.TIMEOUT),
        (
            aiohttp.ClientConnectorDNSError(KEY, socket.gaierror(-2, "unknown")),
            Outcome.DNS_ERROR,
        ),
        (aiohttp.ServerDisconnectedError(), Outcome.DISCONNECTED),
        (aiohttp.ClientPayloadError(), Outcome.PROTOCOL_ERROR),
        (aiohttp.ClientError(), Outcome.PROTOCOL_ERROR),
        (aiohttp.InvalidURL("http://"), Outcome.REFUSED),
        (ConnectionResetError(), Outcome.CONNECTION_RESET),
        (aiohttp.ClientOSError(errno.EPIPE, "broken pipe"), Outcome.CONNECTION_RESET),
        (ValueError(), Outcome.INTERNAL),
    ],
)
def test_an_exception_means_what_the_table_says(error: Exception, outcome: Outcome) -> None:
    assert outcome_of_failure(error) is outcome


@pytest.mark.parametrize(
    ("number", "outcome"),
    [
        (errno.ECONNREFUSED, Outcome.CONNECTION_REFUSED),
        (errno.ENETUNREACH, Outcome.NETWORK_UNREACHABLE),
        (errno.EHOSTUNREACH, Outcome.NETWORK_UNREACHABLE),
        (errno.ETIMEDOUT, Outcome.CONNECT_TIMEOUT),
        (errno.EMFILE, Outcome.INTERNAL),
        (errno.ENFILE, Outcome.INTERNAL),
    ],
)
def test_a_failed_dial_means_what_the_system_said(number: int, outcome: Outcome) -> None:
    error = aiohttp.ClientConnectorError(KEY, system_error(number))
    assert outcome_of_failure(error) is outcome
    assert detail_of_failure(error) == os.strerror(number)


def test_an_address_that_the_guard_refused_is_called_blocked_but_not_named() -> None:
    error = aiohttp.ClientConnectorError(KEY, RefusedAddressError("10.9.8.7"))
    assert outcome_of_failure(error) is Outcome.BLOCKED_ADDRESS
    assert "not public" in detail_of_failure(error)
    assert "10.9.8.7" not in detail_of_failure(error)


def test_text_of_a_receiver_is_cut_and_cleaned() -> None:
    assert storable("a\x00b\x1b\udcff\n" + "x" * 500) == "a�b�?�" + "x" * 194


def watch_of(*, dialled: bool = False, secured: bool = False, sent: bool = False) -> DialWatch:
    watch = DialWatch(lambda: 0.0)
    watch.dialled_at = 0.0 if dialled else None
    watch.secured_at = 0.0 if secured else None
    watch.sent_at = 0.0 if sent else None
    return watch


@pytest.mark.parametrize(
    ("watch", "outcome", "word"),
    [
        (watch_of(), Outcome.DNS_ERROR, "name"),
        (watch_of(dialled=True), Outcome.CONNECT_TIMEOUT, "connection"),
        (watch_of(dialled=True, secured=True), Outcome.TIMEOUT, "handshake"),
        (watch_of(dialled=True, secured=True, sent=True), Outcome.TIMEOUT, "answer"),
        (watch_of(sent=True), Outcome.TIMEOUT, "answer"),
    ],
)
@pytest.mark.parametrize("error", [TimeoutError(), aiohttp.ConnectionTimeoutError()])
def test_a_time_out_is_named_after_what_was_waited_for(
    error: Exception, watch: DialWatch, outcome: Outcome, word: str
) -> None:
    assert outcome_of_failure(error, watch) is outcome
    assert word in detail_of_failure(error, watch)


def test_a_connection_that_is_cut_in_the_handshake_is_an_error_of_tls() -> None:
    error = aiohttp.ClientConnectorError(KEY, system_error(errno.ECONNRESET))
    greeting = watch_of(dialled=True, secured=True)
    assert outcome_of_failure(error, greeting) is Outcome.TLS_ERROR
    assert "handshake" in detail_of_failure(error, greeting)
    greeted = watch_of(dialled=True, secured=True, sent=True)
    assert outcome_of_failure(error, greeted) is Outcome.CONNECTION_RESET
