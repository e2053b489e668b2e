"""API keys: unguessable, recognisable, and never stored."""

import hashlib
import hmac
import re

from hypothesis import given
from hypothesis import strategies as st

from infra.api_keys import digest_of, new_api_key, prefix_of


def test_a_new_key_has_256_random_bits_behind_its_prefix() -> None:
    keys = {new_api_key() for _ in range(100)}

    assert len(keys) == 100
    assert all(re.fullmatch(r"gq_[A-Za-z0-9_-]{43}", key) for key in keys)


def test_a_digest_is_hmac_sha256_under_the_pepper() -> None:
    digest = digest_of("gq_key", "pepper")

    assert digest == hmac.new(b"pepper", b"gq_key", hashlib.sha256).digest()
    assert len(digest) == 32


@given(st.text(), st.text(), st.text(max_size=40))
def test_another_key_has_another_digest(one: str, two: str, pepper: str) -> None:
    assert (digest_of(one, pepper) == digest_of(two, pepper)) == (one == two)


def test_another_pepper_gives_another_digest() -> None:
    assert digest_of("gq_key", "one") != digest_of("gq_key", "two")


def test_what_is_shown_of_a_key_tells_five_of_its_characters() -> None:
    key = new_api_key()

    assert prefix_of(key) == key[:8]
    assert prefix_of("") == ""
