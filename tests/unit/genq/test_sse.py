"""A stream of events is taken apart as browsers do it, however its bytes are cut."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genq import sse
from genq.errors import UnexpectedAnswerError
from genq.sse import EventParser, SentEvent

STREAM = (
    "\ufeffretry: 2500\n\n"
    ": keep-alive\n\n"
    'event: progress\nid: 1.p1\ndata: {"a": "é"}\n\n'
    "data: one\r\ndata:two\r\n\r\n"
    "id: 9\r\r"
    "event: lost\n\n"
    "data\n\n"
    "unknown: x\ndata: last\nid\n\n"
).encode()
EVENTS = [
    SentEvent("progress", '{"a": "é"}', "1.p1"),
    SentEvent("message", "one\ntwo", "1.p1"),
    SentEvent("message", "", "9"),
    SentEvent("message", "last", ""),
]


@given(st.lists(st.integers(0, len(STREAM)), max_size=20))
def test_events_are_the_same_wherever_the_bytes_are_cut(cuts: list[int]) -> None:
    parser = EventParser()
    edges = [0, *sorted(cuts), len(STREAM)]
    found = [
        event for begin, end in pairwise(edges) for event in parser.feed(STREAM[begin:end])
    ]

    assert found == EVENTS
    assert parser.retry == 2.5


def test_an_event_that_broke_off_does_not_move_the_place_to_go_on_from() -> None:
    parser = EventParser("0")

    parser.feed(b"id: 1\ndata: x\n\nid: 2\ndata: half")

    assert parser.last_id == "1"


def test_what_has_no_end_is_refused() -> None:
    parser = EventParser()

    parser.feed(b"x" * sse.MAX_EVENT_CHARACTERS)
    with pytest.raises(UnexpectedAnswerError, match="no end"):
        parser.feed(b"x")


def test_an_id_with_a_null_is_ignored() -> None:
    assert EventParser("7").feed(b"id: a\0b\ndata: x\n\n") == [SentEvent("message", "x", "7")]
