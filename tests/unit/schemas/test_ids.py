"""Public ids carry their key, sort as it sorts, and nothing else passes for one."""

from typing import Final, get_args
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.new_ids import new_key
from schemas.ids import ALPHABET, SUFFIX_LENGTH, InvalidIdError, Prefix, format_id, parse_id

PREFIXES: Final[tuple[Prefix, ...]] = get_args(Prefix)
KEY: Final = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
GOOD: Final = "01h455vb4pex5vsknk084sn02q"

prefixes = st.sampled_from(PREFIXES)
keys = st.uuids()


@given(prefixes, keys)
def test_an_id_reads_back_as_its_key(prefix: Prefix, key: UUID) -> None:
    assert parse_id(prefix, format_id(prefix, key)) == key


@given(prefixes, keys, keys)
def test_ids_of_one_prefix_sort_as_their_keys_sort(
    prefix: Prefix, one: UUID, two: UUID
) -> None:
    assert (format_id(prefix, one) < format_id(prefix, two)) == (one < two)


@given(st.text(ALPHABET, min_size=SUFFIX_LENGTH, max_size=SUFFIX_LENGTH))
def test_a_suffix_has_one_spelling(suffix: str) -> None:
    if suffix[0] > "7":
        with pytest.raises(InvalidIdError, match="past 7"):
            parse_id("job", f"job_{suffix}")
    else:
        assert format_id("job", parse_id("job", f"job_{suffix}")) == f"job_{suffix}"


@given(prefixes, st.text())
def test_any_text_is_an_id_or_refused_as_one(prefix: Prefix, text: str) -> None:
    try:
        key = parse_id(prefix, text)
    except InvalidIdError:
        return
    assert format_id(prefix, key) == text


def test_an_id_is_written_as_the_typeid_specification_writes_it() -> None:
    assert format_id("job", KEY) == f"job_{GOOD}"
    assert format_id("job", UUID(int=0)) == "job_" + "0" * 26
    assert format_id("job", UUID(int=2**128 - 1)) == "job_7" + "z" * 25


def test_a_file_joins_its_prefix_as_openai_does() -> None:
    assert format_id("file", KEY) == f"file-{GOOD}"
    assert parse_id("file", f"file-{GOOD}") == KEY


@pytest.mark.parametrize(
    "text",
    [
        "",
        "job",
        "job_",
        GOOD,
        f"_{GOOD}",
        f"job-{GOOD}",
        f"JOB_{GOOD}",
        f"evt_{GOOD}",
        f"job_job_{GOOD}",
        f"job_{GOOD[:-1]}",
        f"job_{GOOD}0",
        f" job_{GOOD}",
        f"job_{GOOD}\n",
        f"job_{GOOD.upper()}",
        f"job_{GOOD[:-1]}i",
        f"job_{GOOD[:-1]}l",
        f"job_{GOOD[:-1]}o",
        f"job_{GOOD[:-1]}u",
        f"job_{GOOD[:-1]}-",
        f"job_{GOOD[:-1]}\u0660",
        "job_8" + "0" * 25,
        "job_z" + "z" * 25,
        f"job_{KEY}",
        KEY.hex,
    ],
)
def test_a_malformed_id_is_refused(text: str) -> None:
    with pytest.raises(InvalidIdError):
        parse_id("job", text)


def test_the_refusal_says_what_was_expected() -> None:
    with pytest.raises(InvalidIdError, match="expected job_ and 26 characters"):
        parse_id("job", "42")
    with pytest.raises(InvalidIdError, match="'u' does not occur"):
        parse_id("job", f"job_{GOOD[:-1]}u")


def test_new_keys_are_uuid_version_7_in_order_of_making() -> None:
    made = [new_key() for _ in range(2_000)]

    assert {(key.version, key.variant) for key in made} == {(7, UUID(int=KEY.int).variant)}
    assert made == sorted(made)
    assert len(set(made)) == len(made)
