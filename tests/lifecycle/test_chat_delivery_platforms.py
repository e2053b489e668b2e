"""The same journey on every platform: waiting, under way, the pictures; and one message."""

from datetime import timedelta
from pathlib import Path

import pytest

from infra.settings import Settings
from schemas.chat import MessageState, Platform
from schemas.claim import Claim
from tests.fixtures.chat_platforms import PlayedPlatforms
from tests.fixtures.chat_play import open_chat_play


@pytest.mark.parametrize("platform", [Platform.SLACK, Platform.TELEGRAM])
def test_the_first_message_is_posted_edited_and_ends_with_the_pictures(
    settings: Settings, tmp_path: Path, chat_platforms: PlayedPlatforms, platform: Platform
) -> None:
    with open_chat_play(settings, tmp_path, chat_platforms, platform) as play:
        play.imagine("a red kite")
        assert play.messages == []
        play.deliver()
        [message] = play.messages
        assert message.labels == ["Cancel"]
        play.pass_time(seconds=10)

        async def paint(claim: Claim) -> None:
            for step in (1, 2, 3):
                await play.passing(timedelta(seconds=5))
                await play.progress(claim, step, fraction=step / 4)
                await play.delivering()

        play.during = paint
        play.finish()
        [message] = [one for one in play.messages if not one.deleted]
        told = [form.text for form in message.forms]
        for percent in ("25", "50", "75"):
            assert any(percent in text for text in told), told
        assert message.labels == ["U1", "U2", "U3", "U4", "🔄", "V1", "V2", "V3", "V4"]
        assert len(message.pictures) == 1
        row = play.message()
        assert (row.state, row.posting_at, play.owed()) == (MessageState.FINAL, None, 0)
