"""The folders of a ComfyUI server: pictures that were sent to it, and pictures that it made."""

import base64
from collections import OrderedDict
from io import BytesIO
from typing import Final, NamedTuple

from PIL import Image

from infra.simulator.gallery import Gallery, Picture

_MOST_FILES: Final = 10_000
_MOST_BYTES: Final = 256 * 1024 * 1024
_FOLDERS: Final = ("input", "output", "temp")


class Place(NamedTuple):
    """Where a file is."""

    folder: str
    subfolder: str
    name: str


class ComfyFiles:
    """Keeps the last files; painted ones are painted again where that is needed.

    Args:
        gallery: Paints.
    """

    def __init__(self, gallery: Gallery) -> None:
        self._gallery = gallery
        self._made: OrderedDict[Place, Picture] = OrderedDict()
        self._sent: OrderedDict[Place, bytes] = OrderedDict()
        self._sent_bytes = 0
        self._counter = 0

    def store(self, place: Place, data: bytes) -> None:
        """Keep a file that was sent."""
        self._sent_bytes += len(data) - len(self._sent.pop(place, b""))
        self._sent[place] = data
        while self._sent_bytes > _MOST_BYTES:
            _, dropped = self._sent.popitem(last=False)
            self._sent_bytes -= len(dropped)

    def save(self, folder: str, prefix: str, picture: Picture) -> Place:
        """Keep a picture that was made, under a name of its own."""
        self._counter += 1
        subfolder, _, stem = prefix.rpartition("/")
        place = Place(folder, subfolder, f"{stem}_{self._counter:05d}_.png")
        self._made[place] = picture
        if len(self._made) > _MOST_FILES:
            self._made.popitem(last=False)
        return place

    def forget(self) -> None:
        """Lose what was made, as where somebody tidies up."""
        self._made.clear()

    async def read(self, place: Place) -> bytes | None:
        """Return a file."""
        if place in self._sent:
            return self._sent[place]
        picture = self._made.get(place)
        if picture is None:
            return None
        return base64.b64decode(await self._gallery.base64(picture))

    def named(self, text: str) -> bytes | None:
        """Return the sent file that a node names: ``sub/name.png [temp]``."""
        path, _, annotation = text.rpartition(" [")
        folder = annotation.removesuffix("]") if path else "input"
        subfolder, _, name = (path or text).rpartition("/")
        return self._sent.get(Place(folder, subfolder, name)) if folder in _FOLDERS else None

    def has(self, text: str) -> bool:
        """Return whether a node can load what it names."""
        return self.named(text) is not None


def sides_of(data: bytes) -> tuple[int, int] | None:
    """Return width and height of a picture; ``None``: it is none."""
    try:
        with Image.open(BytesIO(data)) as image:
            return image.size
    except Exception:  # noqa: BLE001 - foreign bytes bring out more than Pillow's own errors
        return None
