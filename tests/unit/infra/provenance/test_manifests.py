"""What genq signs, C2PA's own reader calls valid; a changed file it does not."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from PIL import Image
from pydantic import SecretStr

from infra.provenance.certificates import development_root, identity_of
from infra.provenance.credentials import Credentials, CredentialsError, may_have_manifest
from infra.provenance.manifests import ASSERTION, Facts, Ingredient
from infra.provenance.marking import Marker
from infra.provenance.xmp import says_ai, with_xmp
from infra.settings import Settings
from schemas.errors import SettingsError
from schemas.policy_duties import Marking
from schemas.provenance import AI_SOURCE
from tests.fixtures.pictures import encoded, scene

KINDS = ("PNG", "JPEG", "WEBP")
ALL = Marking()
FACTS = Facts(
    provider="Acme Pictures",
    version="1.2.3",
    model="painter-1",
    made_at=datetime(2026, 11, 21, 20, 30, tzinfo=UTC),
    unique_id="job_01kb0000000000000000000000.0",
)


@pytest.fixture(scope="module")
def plain() -> Settings:
    given = {
        "database_url": "postgresql://x/x",
        "broker_url": "redis://x",
        "object_store": "file:///x",
        "key_pepper": "a pepper of enough characters",
    }
    return Settings.model_validate(given)


@pytest.fixture(scope="module")
def credentials(plain: Settings) -> Credentials:
    return Credentials(identity_of(plain))


def _marked(
    credentials: Credentials,
    data: bytes,
    kind: str,
    *,
    how: Marking = ALL,
    inputs: Sequence[Ingredient] = (),
) -> bytes:
    media_type = f"image/{kind.lower()}"
    marker = Marker(credentials)
    return marker.mark_picture(data, media_type, FACTS, index=0, how=how, inputs=inputs).data


@pytest.mark.parametrize("kind", KINDS)
def test_a_marked_picture_reads_back_as_valid_with_all_it_has_to_say(
    credentials: Credentials, kind: str
) -> None:
    data = encoded(scene(1, 256), kind)
    marked = Marker(credentials).mark_picture(
        data, f"image/{kind.lower()}", FACTS, index=0, how=ALL
    )
    found = credentials.read(marked.data, f"image/{kind.lower()}")
    assert found
    assert found.state == "Valid"
    assert marked.mark
    assert marked.mark.manifest_id == found.active_id
    actions, told = (one["data"] for one in found.active["assertions"])
    assert actions["actions"][0]["action"] == "c2pa.created"
    assert actions["actions"][0]["digitalSourceType"] == AI_SOURCE
    assert told == {
        "provider": "Acme Pictures",
        "system": "genq, painter-1",
        "system_version": "1.2.3",
        "made_at": "2026-11-21T20:30:00.000Z",
        "unique_id": FACTS.unique_id,
    }
    assert found.active["assertions"][1]["label"] == ASSERTION
    assert "untrusted" in found.active["signature_info"]["issuer"]
    assert says_ai(marked.data)
    assert len(marked.data) - len(data) < 6_000


@pytest.mark.parametrize("kind", KINDS)
def test_one_bit_that_was_changed_is_noticed(credentials: Credentials, kind: str) -> None:
    marked = bytearray(_marked(credentials, encoded(scene(1, 256), kind), kind))
    marked[-40] ^= 1
    found = credentials.read(bytes(marked), f"image/{kind.lower()}")
    assert found
    assert found.state == "Invalid"
    assert any("mismatch" in problem for problem in found.problems)


@pytest.mark.parametrize("kind", KINDS)
def test_no_pixel_is_changed(credentials: Credentials, kind: str) -> None:
    data = encoded(scene(1, 64).convert("RGBA" if kind == "WEBP" else "RGB"), kind)
    before = Image.open(io.BytesIO(data)).tobytes()
    after = Image.open(io.BytesIO(_marked(credentials, data, kind)))
    assert after.tobytes() == before
    again = with_xmp(with_xmp(data, f"image/{kind.lower()}"), f"image/{kind.lower()}")
    assert again == with_xmp(data, f"image/{kind.lower()}")


def test_the_policy_decides_which_marks_are_set(credentials: Credentials) -> None:
    data = encoded(scene(1, 64))
    assert _marked(credentials, data, "PNG", how=Marking(c2pa=False, xmp=False)) == data
    only_xmp = _marked(credentials, data, "PNG", how=Marking(c2pa=False))
    assert says_ai(only_xmp)
    assert not may_have_manifest(only_xmp)
    only_c2pa = _marked(credentials, data, "PNG", how=Marking(xmp=False))
    assert b"ns.adobe.com" not in only_c2pa
    assert may_have_manifest(only_c2pa)


def test_what_its_maker_said_stays_inside_of_what_genq_says(credentials: Credentials) -> None:
    """A picture that came with a manifest keeps it: two of them, the older within the newer."""
    made = _marked(credentials, encoded(scene(1, 64)), "PNG")
    first = credentials.read(made, "image/png")
    again = credentials.read(_marked(credentials, made, "PNG"), "image/png")
    assert first
    assert again
    assert again.state == "Valid"
    assert again.active_id != first.active_id
    (parent,) = again.active["ingredients"]
    assert parent["relationship"] == "parentOf"
    assert parent["active_manifest"] == first.active_id


def test_pictures_that_went_in_become_ingredients(credentials: Credentials) -> None:
    parent = _marked(credentials, encoded(scene(1, 64), "JPEG"), "JPEG")
    inputs = [Ingredient(parent, "image/jpeg"), Ingredient(parent, "image/jpeg")]
    found = credentials.read(
        _marked(credentials, encoded(scene(2, 64)), "PNG", inputs=inputs), "image/png"
    )
    assert found
    assert found.state == "Valid"
    assert [one["relationship"] for one in found.active["ingredients"]] == ["inputTo"] * 2
    action = found.active["assertions"][0]["data"]["actions"][0]
    assert len(action["parameters"]["ingredients"]) == 2


def test_a_strangers_broken_manifest_does_not_cost_a_job_its_own(
    credentials: Credentials,
) -> None:
    broken = Ingredient(b"\x89PNG\r\n\x1a\n jumb nonsense", "image/png")
    data = _marked(credentials, encoded(scene(2, 64)), "PNG", inputs=[broken])
    found = credentials.read(data, "image/png")
    assert found
    assert found.state == "Valid"


def test_a_damaged_manifest_of_a_pictures_maker_makes_no_second_store(
    credentials: Credentials,
) -> None:
    marker = Marker(credentials)

    def marked(data: bytes) -> bytes:
        return marker.mark_picture(data, "image/jpeg", FACTS, index=0, how=ALL).data

    plain_file = encoded(scene(3, 64), "JPEG")
    marked(plain_file)  # From here on there is a template.
    # Its maker's box has another number than those that are written here.
    store = b"\x00\x00\x00\x40jumb\x00\x00\x00\x38jumdc2pa" + bytes(48)
    piece = b"JP\x03\x22\x00\x00\x00\x01" + store
    segment = b"\xff\xeb" + (2 + len(piece)).to_bytes(2) + piece
    data = marked(plain_file[:20] + segment + plain_file[20:])
    try:
        found = credentials.read(data, "image/jpeg")
    except CredentialsError as error:
        pytest.fail(f"the reader says: {error}")
    assert found
    assert found.state == "Valid"


def test_whoever_has_the_root_can_trust_the_development_certificate(plain: Settings) -> None:
    root = development_root(plain).decode()
    trusting = plain.model_copy(update={"c2pa_trust_anchors": SecretStr(root)})
    credentials = Credentials(identity_of(trusting))
    data = _marked(credentials, encoded(scene(1, 64)), "PNG")
    found = credentials.read(data, "image/png")
    assert found
    assert found.state == "Trusted"
    # All processes of an installation sign alike, and no other installation does.
    assert identity_of(plain) == identity_of(plain)
    other = plain.model_copy(update={"key_pepper": SecretStr("another pepper!!")})
    assert identity_of(other).serial != identity_of(plain).serial


def test_an_operators_certificate_is_used_and_a_wrong_one_is_refused(plain: Settings) -> None:
    own = identity_of(plain)

    def settings(chain: str, key: str) -> Settings:
        given = {"c2pa_certificate": SecretStr(chain), "c2pa_key": SecretStr(key)}
        return plain.model_copy(update=given)

    given = identity_of(settings(own.chain.decode(), own.key.decode()))
    assert given == replace(own, development=False)
    other = identity_of(plain.model_copy(update={"key_pepper": SecretStr("another pepper!!")}))
    with pytest.raises(SettingsError, match="is not the key of"):
        identity_of(settings(own.chain.decode(), other.key.decode()))
    with pytest.raises(SettingsError, match="GENQ_C2PA_CERTIFICATE must be PEM"):
        identity_of(settings("nonsense", own.key.decode()))


def test_a_forked_child_signs_as_its_parent_did(credentials: Credentials) -> None:
    """The library's handles do not outlive a fork: the child makes its own."""
    data = encoded(scene(1, 64))
    _marked(credentials, data, "PNG")
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            found = credentials.read(_marked(credentials, data, "PNG"), "image/png")
            os.write(writable, (found.state if found else "none").encode())
        finally:
            os._exit(0)
    os.close(writable)
    with os.fdopen(readable) as told:
        assert told.read() == "Valid"
    os.waitpid(child, 0)


def test_a_fresh_process_marks_checks_and_verifies_without_any_socket() -> None:
    program = """
import json, sys
asked = []
sys.addaudithook(lambda event, given: asked.append(event) if "socket." in event else None)
from tests.fixtures.pictures import encoded, scene
from tests.unit.infra.provenance.test_manifests import FACTS, ALL
from infra.provenance.certificates import _development
from infra.provenance.credentials import Credentials
from infra.provenance.marking import Marker
from infra.provenance.verifying import credentials_view, read_facts
from schemas.policy_limits import Limits
credentials = Credentials(_development("a pepper of enough characters", None))
made = Marker(credentials).mark_picture(
    encoded(scene(1, 64)), "image/png", FACTS, index=0, how=ALL)
facts = read_facts(made.data, credentials, Limits())
print(json.dumps([credentials_view(facts)["state"], facts.own, facts.xmp, asked]))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert json.loads(done.stdout) == ["valid", True, True, []]
