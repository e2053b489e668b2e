"""TLS contexts of client certificates: one for each owner and revision, and not too many."""

import ssl

import pytest
import trustme

from infra.http.client_certificates import ClientCertificates, load_certificate


@pytest.fixture(scope="module")
def pair() -> tuple[str, str]:
    leaf = trustme.CA().issue_cert("sender.example")
    return leaf.cert_chain_pems[0].bytes().decode(), leaf.private_key_pem.bytes().decode()


def plain_context() -> ssl.SSLContext:
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def test_an_owner_keeps_its_context_until_others_were_used_more_recently(
    pair: tuple[str, str],
) -> None:
    certificates = ClientCertificates(plain_context, most=2)
    first = certificates.context(("a", 1), *pair)
    assert certificates.context(("a", 2), *pair) is not first
    assert certificates.context(("a", 1), *pair) is first
    certificates.context(("b", 1), *pair)
    assert certificates.context(("a", 1), *pair) is first
    certificates.context(("c", 1), *pair)
    certificates.context(("d", 1), *pair)
    assert certificates.context(("a", 1), *pair) is not first


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
