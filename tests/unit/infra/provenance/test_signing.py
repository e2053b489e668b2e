"""All but the first picture of a kind are signed by template; readers see no difference."""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from infra.provenance.certificates import SigningIdentity, identity_of
from infra.provenance.credentials import (
    Credentials,
    CredentialsError,
    Found,
    Part,
    Signed,
    may_have_manifest,
)
from infra.provenance.manifests import ASSERTION, Facts
from infra.provenance.png_chunks import HEADER, chunks_of
from infra.provenance.signing import Signing
from infra.provenance.xmp import says_ai, with_xmp
from infra.settings import Settings
from tests.fixtures.pictures import encoded, scene

FACTS = Facts(
    provider="Acme Pictures",
    version="1.2.3",
    model="painter-1",
    made_at=datetime(2026, 11, 21, 20, 30, tzinfo=UTC),
    unique_id="job_01kb0000000000000000000000.0",
)


class Counted(Credentials):
    """Counts what C2PA's library signs."""

    signed = 0

    def sign(
        self,
        data: bytes,
        media_type: str,
        definition: Mapping[str, Any],
        parts: Sequence[Part] = (),
    ) -> Signed:
        self.signed += 1
        return super().sign(data, media_type, definition, parts)


class Distrusting(Counted):
    """Calls no file valid, as if the library had come to write manifests in another way."""

    def read(self, data: bytes, media_type: str) -> Found | None:
        found = super().read(data, media_type)
        return found and replace(found, state="Invalid")


@pytest.fixture(scope="module")
def identity() -> SigningIdentity:
    given = {
        "database_url": "postgresql://x/x",
        "broker_url": "redis://x",
        "object_store": "file:///x",
        "key_pepper": "a pepper of enough characters",
    }
    return identity_of(Settings.model_validate(given))


def _facts(number: int) -> Facts:
    return replace(
        FACTS,
        made_at=FACTS.made_at + timedelta(hours=number),
        unique_id=f"job_01kb{number:022d}.0",
    )


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_what_is_signed_by_template_says_its_own_and_is_valid(
    identity: SigningIdentity, kind: str
) -> None:
    credentials, media_type = Counted(identity), f"image/{kind.lower()}"
    signing = Signing(credentials)
    names: set[str | None] = set()
    instances: set[str] = set()
    salts: set[bytes] = set()
    for number in range(4):
        data = with_xmp(encoded(scene(number, 48 + number), kind), media_type)
        signed = signing.sign(data, media_type, _facts(number))
        found = credentials.read(signed.data, media_type)
        assert found
        assert (found.state, found.active_id) == ("Valid", signed.manifest_id)
        assert found.active["title"] == _facts(number).unique_id
        actions, job = (one["data"] for one in found.active["assertions"])
        assert actions["actions"][0]["when"] == job["made_at"]
        assert job["made_at"] == f"2026-11-21T{20 + number % 4}:30:00.000Z"
        assert job["unique_id"] == _facts(number).unique_id
        assert found.active["assertions"][1]["label"] == ASSERTION
        names.add(signed.manifest_id)
        instances.add(found.active["instance_id"])
        salts |= {part[:16] for part in signed.data.split(b"c2sh")[1:]}
    assert (len(names), len(instances), len(salts)) == (4, 4, 4 * 3)
    assert credentials.signed == 1


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_every_part_of_a_file_that_was_signed_by_template_is_under_seal(
    identity: SigningIdentity, kind: str
) -> None:
    credentials, media_type = Counted(identity), f"image/{kind.lower()}"
    signing, data = Signing(credentials), encoded(scene(1, 48), kind)
    signing.sign(data, media_type, _facts(0))
    whole = signing.sign(data, media_type, _facts(1)).data
    assert credentials.signed == 1
    places = {
        "pixels": len(whole) - 40,
        "what it says": whole.index(b"Acme Pictures"),
        "when": whole.index(b"2026-11-21T21"),
        "title": whole.index(b"dc:title") + 12,
        "salt": whole.index(b"c2sh") + 4,
    }
    for place, at in places.items():
        changed = bytearray(whole)
        changed[at] ^= 1
        if kind == "PNG":
            # A reader may look at a chunk's checksum first.
            start, end = next(c[1:] for c in chunks_of(whole) or () if c.name == b"caBX")
            changed[end : end + 4] = zlib.crc32(changed[start - 4 : end]).to_bytes(4)
        try:
            found = credentials.read(bytes(changed), media_type)
        except CredentialsError:
            continue
        assert found, place
        assert found.state == "Invalid", place


def test_another_model_and_another_number_of_characters_have_templates_of_their_own(
    identity: SigningIdentity,
) -> None:
    credentials = Counted(identity)
    signing, data = Signing(credentials), encoded(scene(1, 48))
    others = [FACTS, replace(FACTS, model="painter-2"), replace(FACTS, unique_id="job_1.10")]
    for facts in (*others, *others):
        found = credentials.read(signing.sign(data, "image/png", facts).data, "image/png")
        assert found
        assert found.state == "Valid"
        said = found.active["assertions"][1]["data"]
        assert (said["system"], said["unique_id"]) == (f"genq, {facts.model}", facts.unique_id)
    assert credentials.signed == len(others)


def test_what_no_template_is_fit_for_the_library_signs(identity: SigningIdentity) -> None:
    """A certificate that has expired, WebP, a damaged file: the library has the last word."""
    expired = Counted(replace(identity, expires_at=FACTS.made_at))
    signing = Signing(expired)
    for _ in range(2):
        signing.sign(encoded(scene(1, 48)), "image/png", FACTS)
    assert expired.signed == 2
    credentials = Counted(identity)
    signing, webp = Signing(credentials), encoded(scene(1, 48), "WEBP")
    for _ in range(2):
        found = credentials.read(signing.sign(webp, "image/webp", FACTS).data, "image/webp")
        assert found
        assert found.state == "Valid"
    with pytest.raises(CredentialsError):
        signing.sign(encoded(scene(1, 48))[:60], "image/png", FACTS)
    assert credentials.signed == 3


def test_a_template_that_does_not_hold_is_never_used(identity: SigningIdentity) -> None:
    credentials = Distrusting(identity)
    signing, data = Signing(credentials), encoded(scene(1, 48))
    for number in range(3):
        signed = signing.sign(data, "image/png", _facts(number))
        found = Credentials(identity).read(signed.data, "image/png")
        assert found
        assert found.state == "Valid"
    assert credentials.signed == 3


def test_parts_of_a_png_file_are_told_apart_and_a_damaged_one_has_none() -> None:
    data = encoded(scene(1, 48))
    chunks = chunks_of(data)
    assert chunks
    assert [chunk.name for chunk in chunks] == [b"IHDR", b"IDAT", b"IEND"]
    for damaged in (b"", data[:7], data[:40], data[:-1], data + b"x", b"GIF89a" + data):
        assert chunks_of(damaged) is None
        assert with_xmp(damaged, "image/png") is not None


def test_only_a_manifest_is_taken_for_one(identity: SigningIdentity) -> None:
    """What a file says in other places, and pixels, may hold the same letters by chance."""
    data = encoded(scene(1, 48))
    body = b"tEXtComment\0jumb, XML:com.adobe.xmp"
    chunk = (len(body) - 4).to_bytes(4) + body + zlib.crc32(body).to_bytes(4)
    talking = data[:HEADER] + chunk + data[HEADER:]
    assert not may_have_manifest(talking)
    assert says_ai(with_xmp(talking, "image/png"))
    signed = Signing(Credentials(identity)).sign(talking, "image/png", FACTS)
    assert may_have_manifest(signed.data)
    # Of a damaged file nobody can tell where its parts are.
    assert may_have_manifest(signed.data[:-1])
