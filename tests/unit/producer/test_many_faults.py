"""However many things are wrong with a request, telling them costs little."""

from collections.abc import Callable
from typing import Any

import pytest
from starlette.datastructures import Headers, QueryParams

from infra.http.outbound import OutboundPolicy
from producer.api.bodies import check, refuse_unstorable
from producer.api.feed_query import read_feed_query
from producer.api.job_filters import read_page_query
from producer.check_input import check_input
from producer.input_rules import MOST_FAULTS, check_rules
from schemas.errors import InputError
from schemas.job import JobRequest

MANY = 2_000
LONG = "n" * 10_000
NONSENSE = {f"nam{n}": 0 for n in range(MANY)}
QUERY = QueryParams("&".join(f"nam{n}=" for n in range(MANY)))
METADATA = QueryParams("&".join(f"metadata.nam{n}=" for n in range(MANY)))
PRIVATE = ["http://10.0.0.1/"] * MANY


def images(**more: Any) -> JobRequest:
    return check(JobRequest, {"kind": "image", "input": {"prompt": "a kite", **more}})


def urls() -> None:
    request = images(extra_body={LONG: PRIVATE})
    policy = OutboundPolicy()
    check_rules(request, check_input(request), policy, max_prompt_chars=100)


WRONG: dict[str, Callable[[], Any]] = {
    "U+0000 behind a long name": lambda: refuse_unstorable({LONG: ["\x00"] * MANY}),
    "unknown fields": lambda: check(JobRequest, NONSENSE),
    "an unknown field with a long name": lambda: check(JobRequest, {LONG: 0}),
    "unknown parameters of a model": lambda: check_input(images(**NONSENSE)),
    "private addresses behind a long name": urls,
    "unknown parameters of the feed": lambda: read_feed_query(QUERY, Headers()),
    "unknown parameters of a listing": lambda: read_page_query(QUERY),
    "metadata of a listing": lambda: read_page_query(METADATA),
}


@pytest.mark.parametrize("name", WRONG)
def test_only_the_first_faults_are_looked_for_and_told_in_short(name: str) -> None:
    with pytest.raises(InputError) as refused:
        WRONG[name]()

    faults = refused.value.fields
    assert 0 < len(faults) <= 5 * MOST_FAULTS + 1
    told = sum(len(fault.pointer) + len(fault.message) for fault in faults)
    assert told < 40_000
    assert len(refused.value.message) < 1_000
