"""What bytes are taken for which sound."""

import pytest

from schemas.errors import ModelBadAnswerError
from tests.fixtures.sounds import AAC, FLAC, MP3, OPUS, PCM, tone
from worker.providers.audio import MAX_AUDIO_BYTES, may_be_audio, read_audio

UNKNOWN = tone()[:4] + b"\xff\xff\xff\xff" + tone()[8:]


@pytest.mark.parametrize(
    ("data", "wanted", "found"),
    [
        (MP3, "mp3", "audio/mpeg"),
        (b"ID3\x04".ljust(20, b"\0"), "mp3", "audio/mpeg"),
        (OPUS, "opus", "audio/opus"),
        (AAC, "aac", "audio/aac"),
        (FLAC, "flac", "audio/flac"),
        (tone(), "wav", "audio/wav"),
        (UNKNOWN, "wav", "audio/wav"),
        (PCM, "pcm", "audio/pcm"),
        # What came counts, not what was asked for.
        (tone(), "mp3", "audio/wav"),
        (tone(), "pcm", "audio/wav"),
    ],
)
def test_a_sound_is_what_its_bytes_say(data: bytes, wanted: str, found: str) -> None:
    read = read_audio(data, wanted=wanted, server="voices")

    assert (read.data, read.content_type) == (data, found)


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        (b"", "mp3"),
        (b"", "pcm"),
        (b"\0\0\0", "pcm"),
        (b"\0" * 100, "mp3"),
        (b"<html>", "mp3"),
        (b"OggS".ljust(60, b"\0"), "opus"),
        (tone()[:-1], "wav"),
        (b"\xff\xfb", "mp3"),
        (b"\xff\xfb\xf0\x00", "mp3"),
    ],
)
def test_what_is_no_sound_is_a_bad_answer(data: bytes, wanted: str) -> None:
    with pytest.raises(ModelBadAnswerError, match="voices"):
        read_audio(data, wanted=wanted, server="voices")


def test_a_sound_has_a_largest_size() -> None:
    with pytest.raises(ModelBadAnswerError, match="ask for less text"):
        read_audio(bytes(MAX_AUDIO_BYTES + 1), wanted="pcm", server="voices")


def test_pages_and_json_are_no_sound_whatever_they_hold() -> None:
    assert all(map(may_be_audio, ("", "audio/mpeg", "Audio/X", "application/octet-stream")))
    assert not any(map(may_be_audio, ("text/html", "application/json", "image/png")))
