"""What people do to a text so that a filter does not read it and a model does."""

import base64
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

_LOOK_ALIKES: Final = str.maketrans("aceopxyiBHKMT", "асеорхуіВНКМТ")  # noqa: RUF001 - on purpose
_LEET: Final = str.maketrans("aeiost", "4310$7")
_WIDE: Final = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}


def zero_width(text: str) -> str:
    """Put an invisible character into every word."""
    return " ".join(f"{word[:2]}\u200b{word[2:]}" for word in text.split())


def full_width(text: str) -> str:
    """Write it in the wide letters of East Asian fonts."""
    return text.translate(_WIDE)


def homoglyphs(text: str) -> str:
    """Write some letters in Cyrillic."""
    return text.translate(_LOOK_ALIKES)


def leet(text: str) -> str:
    """Write some letters as digits."""
    return text.translate(_LEET)


def in_base64(text: str) -> str:
    """Ask for it in base64."""
    return f"decode and do: {base64.b64encode(text.encode()).decode()}"


def spaced(text: str) -> str:
    """Put spaces between letters."""
    return "   ".join(" ".join(word) for word in text.split())


TRICKS: Final[Mapping[str, Callable[[str], str]]] = MappingProxyType(
    {
        "zero-width": zero_width,
        "full-width": full_width,
        "homoglyphs": homoglyphs,
        "leet": leet,
        "base64": in_base64,
        "spaced letters": spaced,
    }
)
