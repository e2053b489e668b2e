"""TLS contexts of client certificates: one for each owner and revision, and not too many."""

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Callable, Generator

import pytest
import trustme

from infra.http.client_certificates import ClientCertificates, load_certificate


@pytest.fixture(scope="module")
def pair() -> tuple[str, str]:
    leaf = trustme.CA().issue_cert("sender.example")
    return leaf.cert_chain_pems[0].bytes().decode(), leaf.private_key_pem.bytes().decode()


def plain_context() -> ssl.SSLContext:
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@contextlib.contextmanager
def opened(
    fresh: Callable[[], ssl.SSLContext] = plain_context, **sizes: int
) -> Generator[ClientCertificates]:
    with contextlib.closing(ClientCertificates(fresh, **sizes)) as certificates:
        yield certificates


def test_an_owner_keeps_its_context_until_others_were_used_more_recently(
    pair: tuple[str, str],
) -> None:
    async def scenario() -> None:
        with opened(most=2) as certificates:

            async def of(*owner: object) -> ssl.SSLContext:
                return await certificates.context(1, owner, *pair)

            first = await of("a", 1)
            assert await of("a", 2) is not first
            assert await of("a", 1) is first
            await of("b", 1)
            assert await of("a", 1) is first
            await of("c", 1)
            await of("d", 1)
            assert await of("a", 1) is not first

    asyncio.run(scenario())


@pytest.mark.parametrize(("most", "left"), [(4, 2), (8, 3)])
def test_a_tenant_with_many_certificates_pushes_out_its_own_and_nobody_elses(
    pair: tuple[str, str], most: int, left: int
) -> None:
    async def scenario() -> None:
        with opened(most=most, most_of_tenant=3) as certificates:
            first = await certificates.context(1, "only", *pair)
            made = [await certificates.context(2, owner, *pair) for owner in range(9)]
            # Where there is no room for all, whoever has the most has one less.
            third = await certificates.context(3, "only", *pair)
            assert await certificates.context(1, "only", *pair) is first
            assert await certificates.context(3, "only", *pair) is third
            kept = made[-left:]
            assert kept == [
                await certificates.context(2, owner, *pair) for owner in range(9 - left, 9)
            ]
            assert await certificates.context(2, 8 - left, *pair) is not made[8 - left]

    asyncio.run(scenario())


class Slow:
    """Makes contexts when it is let go."""

    def __init__(self) -> None:
        self.threads: list[int] = []
        self.began = threading.Event()
        self.let_go = threading.Event()

    def __call__(self) -> ssl.SSLContext:
        self.threads.append(threading.get_ident())
        self.began.set()
        assert self.let_go.wait(5)
        return plain_context()


def test_contexts_are_made_beside_the_loop_one_at_a_time_and_once_for_all_who_ask(
    pair: tuple[str, str],
) -> None:
    slow = Slow()

    async def scenario() -> None:
        with opened(slow) as certificates:

            def ask(tenant: int, owner: int) -> "asyncio.Task[ssl.SSLContext]":
                return asyncio.create_task(certificates.context(tenant, owner, *pair))

            impatient, same = ask(1, 1), [ask(1, 1) for _ in range(3)]
            busy, other = [ask(1, owner) for owner in range(2, 5)], ask(2, 1)
            assert await asyncio.to_thread(slow.began.wait, 5)
            impatient.cancel()
            assert not any(task.done() for task in same)
            slow.let_go.set()
            await other
            # One tenant's many come one by one, and let others in between.
            assert sum(task.done() for task in busy) <= 1
            (one,) = set(await asyncio.gather(*same))
            await asyncio.gather(*busy)
            assert await ask(1, 1) is one
        assert (len(slow.threads), len(set(slow.threads))) == (5, 1)
        assert threading.get_ident() not in slow.threads

    asyncio.run(scenario())


def test_what_cannot_be_used_is_told_to_each_who_asks_and_kept_for_nobody(
    pair: tuple[str, str],
) -> None:
    async def scenario() -> None:
        with opened() as certificates:
            asked = [certificates.context(1, "a", pair[0], "") for _ in range(2)]
            told = await asyncio.gather(*asked, return_exceptions=True)
            assert [type(one) for one in told] == [ValueError, ValueError]
            await certificates.context(1, "a", *pair)

    asyncio.run(scenario())


def test_what_is_no_pair_is_refused_without_being_repeated(pair: tuple[str, str]) -> None:
    certificate, key = pair
    other = trustme.CA().issue_cert("x").private_key_pem.bytes().decode()
    for one, two in ((key, certificate[:50]), (certificate, other), ("", ""), ("x", key)):
        with pytest.raises(ValueError, match="client certificate") as caught:
            load_certificate(plain_context(), one, two)
        assert "BEGIN" not in str(caught.value)


def test_one_file_with_both_halves_in_any_order_is_taken(pair: tuple[str, str]) -> None:
    certificate, key = pair
    load_certificate(plain_context(), key, certificate)
