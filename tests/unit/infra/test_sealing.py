"""What is sealed opens with its key, in its place, unchanged; or not at all."""

import base64

import pytest

from infra.sealing import Sealer, sealer_of
from schemas.errors import SettingsError
from schemas.webhook_errors import SealedValueError

OLD = bytes(range(32))
NEW = bytes(range(32, 64))
PEPPER = "only-for-tests-0123456789"
PLACE = "endpoint:1:secret"


def test_an_older_key_opens_and_the_newest_seals() -> None:
    old, both = Sealer([OLD]), Sealer([NEW, OLD])
    sealed = old.seal(b"secret", place=PLACE)

    assert both.open(sealed, place=PLACE) == b"secret"
    assert not both.is_newest(sealed)
    again = both.seal(b"secret", place=PLACE)
    assert both.is_newest(again)
    with pytest.raises(SealedValueError, match="not configured"):
        old.open(again, place=PLACE)


def test_the_same_value_is_never_sealed_alike() -> None:
    sealer = Sealer([OLD])

    assert sealer.seal(b"secret", place=PLACE) != sealer.seal(b"secret", place=PLACE)


@pytest.mark.parametrize("at", range(1 + 4 + 12 + 6 + 16))
def test_a_changed_bit_anywhere_opens_nothing(at: int) -> None:
    sealer = Sealer([OLD])
    sealed = bytearray(sealer.seal(b"secret", place=PLACE))
    sealed[at] ^= 1

    with pytest.raises(SealedValueError):
        sealer.open(bytes(sealed), place=PLACE)


@pytest.mark.parametrize("length", [0, 1, 5, 17, 32])
def test_what_was_cut_off_opens_nothing(length: int) -> None:
    sealer = Sealer([OLD])

    with pytest.raises(SealedValueError):
        sealer.open(sealer.seal(b"secret", place=PLACE)[:length], place=PLACE)


def test_what_was_copied_to_another_place_opens_nothing() -> None:
    sealer = Sealer([OLD])
    sealed = sealer.seal(b"secret", place=PLACE)

    with pytest.raises(SealedValueError, match="another row"):
        sealer.open(sealed, place="endpoint:2:secret")


def test_a_key_that_comes_later_opens_what_the_peppers_sealed() -> None:
    before = sealer_of(None, pepper=PEPPER)
    after = sealer_of(base64.b64encode(NEW).decode(), pepper=PEPPER)
    sealed = before.seal(b"secret", place=PLACE)

    assert after.open(sealed, place=PLACE) == b"secret"
    assert not after.is_newest(sealed)
    assert after.is_newest(after.seal(b"secret", place=PLACE))


@pytest.mark.parametrize("written", ["", "x", "AAAA", base64.b64encode(OLD).decode() + ","])
def test_what_is_no_key_is_refused(written: str) -> None:
    with pytest.raises(SettingsError, match="openssl rand"):
        sealer_of(written, pepper=PEPPER)
