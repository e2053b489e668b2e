"""What texts of JSON carry that is no words: pictures, other files, and where they lie."""

import base64
import binascii
import re
from typing import Final

from infra.safety.picture_ends import is_complete
from infra.safety.pictures import media_type_of
from schemas.safety import Picture

_INLINE: Final = "data:image/"
_INLINE_PICTURE: Final = re.compile(
    r"data:image/[^,;\s]{1,64}(?:;[^,;\s]{1,64}){0,4},[A-Za-z0-9+/=\r\n]*", re.IGNORECASE
)
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_\r\n-]++={0,2}")
_DATA: Final = re.compile(r"\s*data:[^,\s]{0,128},", re.IGNORECASE)
_HEX: Final = re.compile(r"[0-9A-Fa-f]+")
# ``//host/path`` is one too: whoever fetches it adds the scheme.
_LINK: Final = re.compile(r"\s*(?:[a-z][a-z0-9+.-]{0,31}:)?//\S+\s*", re.IGNORECASE)
_FILE: Final = re.compile(r"file[-_][0-9A-Za-z_-]{8,128}")
_HEAD: Final = 16
"""Characters of base64 that tell a picture: twelve bytes."""
_SHORTEST: Final = 64
_SHORTEST_FILE: Final = 128
"""Shorter ones are digests and names more often than files."""
_GIF: Final = b"GIF8"
_URL_SAFE: Final = str.maketrans("-_", "+/")


def is_picture(text: str) -> bool:
    """Tell whether a text is a picture by how it begins: a data URL, or base64 alone.

    Whether anything else is in it ``picture_of`` sees: such a picture is an empty one.
    """
    return text[: len(_INLINE)].lower() == _INLINE or _is_bare(text)


def is_whole_picture(text: str) -> bool:
    """Tell whether a text that is a picture has nothing in it that could be words."""
    if _is_bare(text):
        return _BASE64.fullmatch(text.rstrip()) is not None
    return _INLINE_PICTURE.fullmatch(text) is not None


def is_nothing_else(text: str) -> bool:
    """Tell whether a text that is a picture is a file that some picture begins and ends.

    Programs that open pictures do not look behind the end of one, where words may stand.
    """
    return is_whole_picture(text) and is_complete(picture_of(text).data)


def picture_of(text: str) -> Picture:
    """Return the picture that a text is; of one with anything else in it, an empty one."""
    if _is_bare(text):
        data = _decoded(text)
        return Picture(data, media_type_of(data))
    kind, _, body = text.partition(",")
    media_type = kind.removeprefix("data:").partition(";")[0]
    try:
        # Whoever reads less strictly does not see what stands behind the picture.
        data = base64.b64decode("".join(body.splitlines()), validate=True)
    except (binascii.Error, ValueError):
        data = b""
    return Picture(data, media_type)


def is_link(text: str) -> bool:
    """Tell whether a text says where something lies that a model server would fetch."""
    return _LINK.fullmatch(text) is not None or _FILE.fullmatch(text) is not None


def is_file(text: str) -> bool:
    """Tell whether a text is a file in base64, or in a data URL of whatever kind."""
    if _DATA.match(text):
        return True
    short = len(text) < _SHORTEST_FILE
    return not short and _HEX.fullmatch(text) is None and bool(_decoded(text))


def is_binary(text: str) -> bool:
    """Tell whether a text is nothing but the bytes of a file that is no text itself."""
    head = _DATA.match(text)
    if head is None and len(text) < _SHORTEST_FILE:
        return False
    if head is not None and not head.group().lower().endswith(";base64,"):
        # By RFC 2397 what follows is text as it stands.
        return False
    data = _decoded(text[head.end() :] if head else text)
    try:
        data.decode()
    except UnicodeDecodeError:
        return True
    return b"\x00" in data


def _is_bare(text: str) -> bool:
    # Most texts have no such beginning: this costs nothing for them.
    if not text.startswith(_BEGINNINGS) or len(text) < _SHORTEST:
        return False
    head = _decoded(text[:_HEAD])
    return media_type_of(head) is not None or head.startswith(_GIF)


# PNG, JPEG in both alphabets, RIFF, GIF.
_BEGINNINGS: Final = ("iVBORw0KGgo", "/9j/", "_9j_", "UklGR", "R0lGOD")


def _decoded(text: str) -> bytes:
    """Return the bytes that base64 of either alphabet stands for; of all else none."""
    if _BASE64.fullmatch(text.rstrip()) is None:
        return b""
    body = "".join(text.split()).rstrip("=").translate(_URL_SAFE)
    try:
        return base64.b64decode(body + "=" * (-len(body) % 4), validate=True)
    except (binascii.Error, ValueError):
        return b""
