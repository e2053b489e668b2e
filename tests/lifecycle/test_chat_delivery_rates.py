"""Many results into one channel that takes five in five seconds: all, in order, in time.

With ``JOBS = 200`` it is the same, and takes a quarter of a minute of a core.
"""

from pathlib import Path

from infra.settings import Settings
from infra.simulator.chat.messages import Form, Message
from tests.fixtures.chat_platforms import CHANNEL, PlayedPlatforms
from tests.fixtures.chat_play import ChatPlay, open_chat_play

JOBS = 100
# Five in five seconds.
LEAST_SECONDS = JOBS / 5 * 5 - 5

# The jobs of a play that ended, as often as it is asked for: each was cancelled, each has a
# message that still says that it waits, and the events of its way.
_CLONE = """
WITH first AS MATERIALIZED (SELECT * FROM chat_message ORDER BY id LIMIT 1),
n AS MATERIALIZED (
  SELECT n, uuidv7() AS job_id, uuidv7() AS message_id FROM generate_series(1, :jobs) n),
jobs AS (
  INSERT INTO job (id, tenant_id, kind, model, lane, priority, created_at, end_user, attempts,
    final_state, finished_at)
  SELECT n.job_id, j.tenant_id, j.kind, j.model, j.lane, j.priority, now(), j.end_user, 1, 13,
    now() FROM n, job j WHERE j.id = (SELECT job_id FROM first)),
messages AS (
  INSERT INTO chat_message (id, job_id, tenant_id, platform, place_id, user_id, command, ref)
  SELECT n.message_id, n.job_id, f.tenant_id, f.platform, f.place_id, f.user_id, f.command,
    jsonb_build_object('channel', CAST(:channel AS text), 'rung', 1,
      'message', CAST(7000000 + n.n AS text))
  FROM n, first f)
INSERT INTO delivery (id, event_id, job_id, tenant_id, url, origin, kind, seq, next_at)
SELECT uuidv7(), uuidv7(), n.job_id, f.tenant_id,
  'chat-discord://' || CAST(:channel AS text) || '/' || n.message_id,
  'chat-discord://' || CAST(:channel AS text),
  k.kind, k.seq, now() - interval '1 hour' + n.n * interval '1 millisecond'
FROM n, first f, (VALUES (3, 2001), (1, 9000)) k(kind, seq)
"""


def _make(play: ChatPlay, platforms: PlayedPlatforms) -> list[Message]:
    play.imagine()
    play.finish()
    play.genq.sql(_CLONE, jobs=JOBS, channel=CHANNEL)
    play.genq.sql("UPDATE webhook_lane SET next_due_at = now(), blocked_until = NULL")
    board = platforms.discord.board
    return [
        board.post(
            Message(str(7000000 + n), CHANNEL, "bot", [Form(play.clock.monotonic(), "waiting")])
        )
        for n in range(1, JOBS + 1)
    ]


def test_a_hundred_results_reach_one_channel_in_order_and_in_time(
    settings: Settings, tmp_path: Path, chat_platforms: PlayedPlatforms
) -> None:
    with open_chat_play(settings, tmp_path, chat_platforms) as play:
        messages = _make(play, chat_platforms)
        before = len(play.ledger.requests)
        passed = play.settle()
        requests = play.ledger.requests[before:]
        paths = [one.request.path.rpartition("/")[2] for one in requests]
        assert paths == [one.id for one in messages]
        assert {one.status for one in requests} == {200}
        assert all(one.edits == 1 for one in messages)
        assert play.owed() == 0
        assert passed.total_seconds() <= 1.2 * LEAST_SECONDS
