"""`genq demo` starts `genq up`: it waits for it, explains its failures, and stops it."""

import sys
from pathlib import Path

import pytest

from genq.cli.profile import Profile
from genq.cli.stack import Stack, StackFailedError

PROFILE = 'url = "http://x:1"\napi_key = "gq_k"\nwebhook_secret = "whsec_s"\n'
OBEDIENT = """
import signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
print('{"url": "http://x:1"}', flush=True)
print('more output', flush=True)
signal.pause()
"""


def stack_of(folder: Path, program: str) -> Stack:
    return Stack(folder, [sys.executable, "-c", program], folder / "profile.toml")


def test_it_waits_for_the_ready_line_and_stops_the_child(tmp_path: Path) -> None:
    (tmp_path / "profile.toml").write_text(PROFILE)

    with stack_of(tmp_path, OBEDIENT) as up:
        assert up.ready == Profile("http://x:1", "gq_k", "whsec_s")

    up.stop()


def test_a_start_that_fails_is_told_with_the_last_log_lines(tmp_path: Path) -> None:
    program = "import sys; print('no space left', file=sys.stderr); sys.exit(8)"

    with pytest.raises(StackFailedError) as failed, stack_of(tmp_path, program):
        pass

    message = str(failed.value)
    assert "ended with exit code 8 before it was ready" in message
    assert f"the log is {tmp_path / 'genq-up.log'}" in message
    assert message.endswith("\n  no space left")


def test_a_child_without_a_profile_is_told_and_stopped(tmp_path: Path) -> None:
    with (
        pytest.raises(StackFailedError, match="has not written"),
        stack_of(tmp_path, OBEDIENT),
    ):
        pass
