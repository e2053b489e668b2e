"""Speech without a voice: a tone for each syllable, a rest for each space.

Nothing is said: who listens hears how long a text is and where its words end, and a program
gets a valid file. WAV and PCM are written sample by sample. MP3 is put together of eight frames
that were encoded once (LAME 3.100: MPEG-2 layer III, 24 kHz, 32 kbit/s, mono, each frame for
itself); where one tone follows another a listener may hear a click. The simulator has no
encoder, so it makes no other format.
"""

import base64
import io
import math
import re
import wave
from collections.abc import Iterator, Mapping
from functools import cache
from types import MappingProxyType
from typing import Final
from zlib import crc32

from infra.simulator.refusal import bad_value
from infra.simulator.reply import Reply
from infra.simulator.wire import SpeechBody, VoiceId

_RATE: Final = 24_000
_FRAME: Final = 576
"""Samples of an MP3 frame; all tones are a whole number of waves in that time."""
_FRAME_BYTES: Final = 96
_LOUD: Final = 9_000
_SYLLABLE: Final = 7
"""Frames at usual speed: 168 ms."""
_REST: Final = 2
_WORDS: Final = re.compile(r"\S+")
_SYLLABLES: Final = re.compile(r"[^aeiouyäöü\W\d_]*[aeiouyäöü]+|\d", re.IGNORECASE)
_FEW_CHARACTERS: Final = 4
_SAMPLE: Final = 2

# Waves in the time of a frame, and the frame; what it lacks to its length is zeros.
_FRAMES: Final[Mapping[int, str]] = MappingProxyType(
    {
        0: "//NExAAAAANIAAAAAExBTUUzLjEwMA==",
        5: (
            "//NExAAKuJIUAL5EYPCP4wDBwZf02iu+gbWvBuj+sE2yS/JskLfpkPJ00JRoTR6U"
            "+in+j00afySYgpqKZlxiYGA="
        ),
        6: (
            "//NExAAKCZ4UAL1ESPhH8QBhAh4RKgMovlgf/wTf+DH/9H9Pgm/8G//qN/6DfT9H"
            "yH0///YmIKaimZcYmBg="
        ),
        8: (
            "//NExAAKOqoUALgEaP4R+2gYUABEGsBhGTg3//1f//V//9B//9G//0b//t//qN//"
            "x1//qN/WmIKaimZcYmBg"
        ),
        9: ("//NExAAI+voUALgFQP8I+MAMb1///LJ7//1t/Ub//1b//1G//+3//x///t/////6jpiCmopmXGJgYA=="),
        10: (
            "//NExAANOs4UAAXKJIRBkwYV/BH6nBhe3p/TjXWFNp16vo2MHfq+vV9G/V9X/v/9"
            "u3f/7/x/fv/b9G/+2g/9B9MkmIKaimZcYmBg"
        ),
        12: (
            "//NExAAJenYUALgPwPhEAxBgad4R+wQYbQ//f/ywW///1dX///7dv///qH////Lf/IfamIKaimZcYmBg"
        ),
        15: (
            "//NExAAKwaoUAL1EoO3nW8I/RIMQHfCLHBlC/8H9X8GN/6/Vvt6v9//t/6DaNOnb"
            "o06NP06fo+hMQU1FMy4xMDA="
        ),
    }
)
_TONES: Final = tuple(waves for waves in _FRAMES if waves)
_SILENT: Final = 0
_TYPES: Final[Mapping[str, str]] = MappingProxyType(
    {"mp3": "audio/mpeg", "wav": "audio/wav", "pcm": "audio/pcm"}
)


def answer_speech(body: SpeechBody) -> Reply:
    """Return the file that a text becomes: the same one for the same words, voice and speed.

    Raises:
        RefusalError: 400; a format that the simulator cannot write, or a stream of events.
    """
    wanted = body.response_format or "mp3"
    if wanted not in _TYPES:
        raise bad_value(
            "response_format",
            f"Unsupported value: 'response_format' does not support '{wanted}' with this "
            f"model. Supported values are: {', '.join(map(repr, _TYPES))}.",
            "unsupported_value",
        )
    if body.stream_format == "sse":
        raise bad_value(
            "stream_format",
            "Unsupported value: 'stream_format' does not support 'sse' with this model.",
            "unsupported_value",
        )
    voice = body.voice.id if isinstance(body.voice, VoiceId) else body.voice
    frames = _tones(body.input, voice, body.speed or 1.0)
    if wanted == "mp3":
        return Reply([_coded(waves) for waves in frames], content_type=_TYPES[wanted])
    samples = b"".join(_samples(waves) for waves in frames)
    if wanted == "wav":
        samples = _file(samples)
    return Reply([samples], content_type=_TYPES[wanted])


def _tones(text: str, voice: str, speed: float) -> Iterator[int]:
    """Yield how many waves each frame has; 0 for silence. At least one frame."""
    carried = 0.0
    for waves, frames in _phrases(text, voice):
        carried += frames / speed
        whole = int(carried)
        carried -= whole
        yield from (waves for _ in range(whole))
    yield _SILENT


def _phrases(text: str, voice: str) -> Iterator[tuple[int, int]]:
    for word in _WORDS.findall(text):
        # Of words without letters that it knows, a few characters are a syllable.
        parts = _SYLLABLES.findall(word) or re.findall(f".{{1,{_FEW_CHARACTERS}}}", word)
        for part in parts:
            drawn = crc32(f"{voice}\0{part.lower()}".encode())
            yield _TONES[drawn % len(_TONES)], _SYLLABLE
        yield _SILENT, _REST


@cache
def _coded(waves: int) -> bytes:
    return base64.b64decode(_FRAMES[waves]).ljust(_FRAME_BYTES, b"\0")


@cache
def _samples(waves: int) -> bytes:
    """Return a frame as samples of 16 bits, lowest byte first."""
    turn = 2 * math.pi * waves / _FRAME
    made = (round(_LOUD * math.sin(turn * n)) for n in range(_FRAME))
    return b"".join(sample.to_bytes(_SAMPLE, "little", signed=True) for sample in made)


def _file(samples: bytes) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(_SAMPLE)
        writer.setframerate(_RATE)
        writer.writeframes(samples)
    return file.getvalue()
