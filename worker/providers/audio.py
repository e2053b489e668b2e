"""Are these bytes a sound? Read from the header alone: nothing is ever decoded."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, get_args

from schemas.errors import ModelBadAnswerError
from schemas.speech_input import AUDIO_TYPES, AudioFormat

# Twenty minutes of what takes most room (24,000 samples of 16 bits a second): the longest text
# at the lowest speed.
MAX_AUDIO_BYTES: Final = 64 * 1024 * 1024
PCM: Final = "pcm"

_TYPES: Final[Mapping[str, str]] = MappingProxyType(
    dict(zip(get_args(AudioFormat), AUDIO_TYPES, strict=True))
)
# What servers call sounds, and bytes of which they say nothing.
_SAID: Final = ("audio/", "application/octet-stream", "application/ogg", "video/ogg")
# Who sends a WAV file before it knows how long that will be writes one of these.
_UNKNOWN_LENGTHS: Final = frozenset({0, 0x7FFFFFFF, 0xFFFFFFFF})
_SYNC: Final = 0xFFE0


@dataclass(frozen=True, slots=True)
class Audio:
    """One spoken file, as encoded by the model server.

    Attributes:
        data: The whole file.
        content_type: What the bytes are, whatever the server called them.
    """

    data: bytes = field(repr=False)
    content_type: str


def read_audio(data: bytes, *, wanted: str, server: str) -> Audio:
    """Return ``data`` with its type.

    Args:
        data: What claims to be an MP3, Opus (Ogg), AAC (ADTS), FLAC, WAV or PCM file.
        wanted: The format that was asked for: PCM has nothing to be known by, so only what was
            asked for as PCM is taken for it.
        server: The model server it came from, for the error.

    Raises:
        ModelBadAnswerError: It is none of these, cut off, or larger than ``MAX_AUDIO_BYTES``.
    """
    if len(data) > MAX_AUDIO_BYTES:
        raise ModelBadAnswerError(
            f"model server {server} gave {len(data)} bytes of audio; at most {MAX_AUDIO_BYTES} "
            "are accepted: ask for less text, a higher speed or a smaller format"
        )
    found = _container(data) or (_samples(data) if wanted == PCM else _stream(data))
    if found is None:
        raise ModelBadAnswerError(
            f"model server {server} gave {len(data)} bytes that are no {wanted} file, or a "
            "damaged one: submit the job again later"
        )
    return Audio(data, _TYPES[found])


def may_be_audio(content_type: str) -> bool:
    """Tell whether a server may have meant a sound by this media type; "" says nothing."""
    return not content_type or content_type.lower().startswith(_SAID)


def _container(data: bytes) -> str | None:
    """Return the format of a file that names itself."""
    if data.startswith(b"RIFF") and data[8:12] == b"WAVE":
        told = int.from_bytes(data[4:8], "little")
        return "wav" if told in _UNKNOWN_LENGTHS or told + 8 <= len(data) else None
    if data.startswith(b"fLaC"):
        return "flac"
    if data.startswith(b"OggS"):
        return "opus" if data[28:36] == b"OpusHead" else None
    return "mp3" if data.startswith(b"ID3") and len(data) > 10 else None  # noqa: PLR2004 - its header


def _stream(data: bytes) -> str | None:
    """Return the format of frames without a file around them."""
    head = int.from_bytes(data[:2], "big")
    if len(data) < 4 or head & _SYNC != _SYNC:  # noqa: PLR2004 - a frame's header
        return None
    layer = head >> 1 & 3
    if layer == 0 and head & 0xFFF0 == 0xFFF0:  # noqa: PLR2004 - ADTS has a bit more to know it by
        return "aac"
    # Layer III, a bit rate that there is, and a sample rate that there is.
    rate, samples = data[2] >> 4, data[2] >> 2 & 3
    return "mp3" if layer == 1 and rate not in {0, 15} and samples != 3 else None  # noqa: PLR2004 - as above


def _samples(data: bytes) -> str | None:
    """Return PCM for what may be samples of 16 bits."""
    return PCM if data and len(data) % 2 == 0 else None
