"""Where and when a Discord interaction is from: threads, the size of files, its age."""

import json
from datetime import timedelta
from typing import Any

import pytest

from infra.chat.discord_inbound import interaction_of
from schemas.chat_binding import ChatRules
from schemas.chat_errors import ChatUnauthorizedError
from schemas.chat_inbound import Command
from tests.unit.chat.test_discord_inbound import (
    KEY,
    NOW,
    THEN,
    imagine,
    signed,
    verify_signature,
)

HOME = "1100000000000000003"
THREAD = "1100000000000000777"


def command(**changes: Any) -> Command:
    heard = interaction_of(json.dumps(imagine(**changes)).encode(), NOW)
    assert isinstance(heard, Command)
    return heard


@pytest.mark.parametrize("kind", [10, 11, 12])
def test_a_thread_is_served_as_its_channel_is(kind: int) -> None:
    channel = {"id": THREAD, "type": kind, "parent_id": HOME}
    place = command(channel_id=THREAD, channel=channel).place
    assert (place.channel, place.parent) == (THREAD, HOME)
    assert not ChatRules(channels_denied=(HOME,)).serves(place)
    assert ChatRules(channels=(HOME,)).serves(place)
    assert not ChatRules(channels=("1",)).serves(place)


def test_the_category_of_a_channel_is_not_its_channel() -> None:
    channel = {"id": HOME, "type": 0, "parent_id": "1100000000000000004"}
    assert command(channel=channel).place.parent is None
    assert command().place.parent is None


def test_files_are_at_most_ten_mebibytes_whatever_a_server_takes() -> None:
    most = 10 * 1024 * 1024
    assert [
        command(attachment_size_limit=told).ref.limit for told in (0, 8_000_000, 500 * most)
    ] == [0, 8_000_000, most]


@pytest.mark.parametrize(
    ("seconds", "passes"), [(-301, False), (-300, True), (300, True), (301, False)]
)
def test_a_signature_holds_for_five_minutes_each_way(seconds: int, passes: bool) -> None:
    body = b'{"type":1}'
    now = THEN + timedelta(seconds=seconds)
    if passes:
        verify_signature(KEY.public_key(), signed(body), body, now)
    else:
        with pytest.raises(ChatUnauthorizedError):
            verify_signature(KEY.public_key(), signed(body), body, now)
