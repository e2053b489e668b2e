"""Which addresses and URLs the policy on outbound calls permits, however they are written."""

import json
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_network
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.http.outbound import OutboundPolicy
from schemas.errors import OutboundRefusedError

VECTORS: Final[Mapping[str, Any]] = json.loads(
    (Path(__file__).parent / "ssrf-vectors.json").read_text()
)
BLOCKED: Final = [str(row["address"]) for row in VECTORS["blocked"]]
ALLOWED: Final = [str(row["address"]) for row in VECTORS["allowed"]]
REFUSED_URLS: Final = [str(url) for url in VECTORS["urls_refused_at_registration"]]


@pytest.mark.parametrize("address", BLOCKED)
def test_a_special_address_is_not_permitted(address: str) -> None:
    assert not OutboundPolicy().permits(address)


@pytest.mark.parametrize("address", ALLOWED)
def test_a_public_address_is_permitted(address: str) -> None:
    assert OutboundPolicy().permits(address)


@pytest.mark.parametrize(
    "text",
    [
        *("", "example.com", "localhost", "2130706433", "0x7f.0.0.1", "0177.0.0.1", "127.1"),
        *("1.1.1.01", " 1.1.1.1", "1.1.1.1\n", "1.1.1.1:80", "[2606:4700::1111]", "1.1.1.1/32"),
        *("2606:4700::1111%eth0", "fe80::1%lo", "①.1.1.1"),
    ],
    ids=ascii,
)
def test_what_is_not_plainly_an_address_is_not_permitted(text: str) -> None:
    assert not OutboundPolicy([ip_network("0.0.0.0/0"), ip_network("::/0")]).permits(text)


@given(st.ip_addresses(v=4))
def test_a_mapped_address_is_judged_as_the_address_it_maps(inner: IPv4Address) -> None:
    policy = OutboundPolicy([ip_network("10.0.0.0/8")])

    assert policy.permits(f"::ffff:{inner}") == policy.permits(str(inner))


@given(st.ip_addresses(v=4))
def test_gateways_into_ipv4_are_closed_and_open_only_to_what_is_permitted_behind(
    inner: IPv4Address,
) -> None:
    nat64 = str(IPv6Address(int(IPv6Address("64:ff9b::")) + int(inner)))
    listed = OutboundPolicy([IPv6Network("64:ff9b::/96")])

    assert not OutboundPolicy().permits(nat64)
    assert listed.permits(nat64) == listed.permits(str(inner))


@given(st.ip_addresses(v=4, network="224.0.0.0/3"))
def test_no_multicast_or_reserved_address_is_permitted(address: IPv4Address) -> None:
    assert not OutboundPolicy().permits(str(address))


@given(st.ip_addresses(v=6).filter(lambda a: a not in IPv6Network("2000::/3")))
def test_outside_the_range_in_use_only_mapped_addresses_are_permitted(
    address: IPv6Address,
) -> None:
    assert address.ipv4_mapped is not None or not OutboundPolicy().permits(str(address))


@pytest.mark.parametrize("url", REFUSED_URLS, ids=ascii)
def test_a_url_that_shows_its_fault_is_refused_early(url: str) -> None:
    with pytest.raises(OutboundRefusedError):
        OutboundPolicy().check_url(url)


@pytest.mark.parametrize(
    "url",
    [
        *("https://user@example.com/", "https://:@example.com/", "//example.com/", "/path", ""),
        *("http://%31%32%37.0.0.1/", "http://127.0.0.1./", "http://0x7f000001/", "http:///x"),
        *("http://a..b/", "http://1.2.3.4.5/", "http://example.com:0/", "http://ex ample.com/"),
        *("http://example.com:99999/", "javascript:alert(1)", "http://[::1%25lo]/"),
        *("http://example.com\\@evil.example/", "https://example.com/" + "a" * 2048),
        *(
            "gopher://127.0.0.1:6379/",
            "http://[64:ff9b::a9fe:a9fe]/",
            "http://[2002:7f00:1::]/",
        ),
    ],
    ids=lambda url: ascii(url)[:40],
)
def test_other_faults_are_refused_early(url: str) -> None:
    with pytest.raises(OutboundRefusedError):
        OutboundPolicy().check_url(url)


@pytest.mark.parametrize(
    "url",
    [
        *(
            "https://example.com/hook?a=1#part",
            "http://example.com",
            "https://example.com:8443/",
        ),
        *("https://bücher.example/hook", "https://under_score.example./", "http://1.1.1.1/"),
        *("http://[2606:4700::1111]:8080/", "HTTPS://EXAMPLE.COM/"),
    ],
    ids=ascii,
)
def test_an_ordinary_url_passes(url: str) -> None:
    OutboundPolicy().check_url(url)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9000/", "http://localhost:9000/", "http://[::ffff:7f00:1]:9000/"]
)
def test_a_listed_network_may_be_named_in_a_url(url: str) -> None:
    OutboundPolicy([ip_network("127.0.0.0/8")]).check_url(url)
    with pytest.raises(OutboundRefusedError, match="GENQ_OUTBOUND_ALLOW"):
        OutboundPolicy([ip_network("10.0.0.0/8")]).check_url(url)
