"""What is to be seen in a picture, measured and not understood: size, colours, light."""

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Final

from PIL import Image

from infra.simulator.painting.files import SOFTWARE
from infra.simulator.painting.pixels import MEAN, scaled
from infra.simulator.refusal import bad_value
from infra.simulator.sources import size_of, unpacked

_DATA: Final = re.compile(r"data:image/[a-z+.-]{1,20};base64,")
_LINKS: Final = ("http://", "https://")
UNSEEN: Final = "(A picture behind a link was not looked at: the simulator fetches nothing.)"
_EXIF_SOFTWARE: Final = 0x0131
_SMALL: Final = (64, 64)
_COLOURS: Final = 5
_LEAST_SHARE: Final = 0.04
_DARK, _BRIGHT = 85, 170
_SQUARE: Final = 1.05
_PIXELS_PER_TOKEN: Final = 1024
_MOST_TOKENS: Final = 1536
_NAMES: Final = {
    "black": (15, 15, 18), "dark grey": (70, 70, 74), "grey": (128, 128, 130),
    "light grey": (190, 190, 192), "white": (245, 245, 242), "red": (200, 40, 40),
    "orange": (230, 130, 40), "yellow": (240, 215, 70), "olive": (125, 125, 50),
    "green": (50, 150, 60), "dark green": (25, 75, 45), "teal": (40, 130, 130),
    "sky blue": (135, 190, 230), "blue": (45, 95, 200), "dark blue": (25, 40, 95),
    "purple": (120, 60, 160), "pink": (235, 150, 175), "brown": (115, 75, 45),
    "beige": (220, 200, 165),
}  # fmt: skip
_PROMPTS: Final = (
    "{light} {shape} picture in {a} and {b}, wide view",
    "{a} over {b}, {light} light, simple shapes",
    "study in {a} with touches of {b} and {c}, {shape} format",
    "{light} scene, {b} in front of {a}, flat colours",
)


@dataclass(frozen=True, slots=True)
class Sight:
    """What was measured.

    Attributes:
        colours: The commonest, by name, each with its share, 0 to 1; the largest first.
        clear: The share of pixels through which one sees.
        ours: Whether the file says that this simulator painted it.
    """

    file_format: str
    width: int
    height: int
    colours: Sequence[tuple[str, float]]
    light: str
    clear: float
    ours: bool

    @property
    def shape(self) -> str:
        """Wide, tall or square."""
        if max(self.width, self.height) <= _SQUARE * min(self.width, self.height):
            return "square"
        return "wide" if self.width > self.height else "tall"

    @property
    def tokens(self) -> int:
        """About how many tokens a model would count."""
        return min(-(-self.width * self.height // _PIXELS_PER_TOKEN), _MOST_TOKENS)


def data_in(url: str, param: str) -> bytes | None:
    """Return what a data URL holds; ``None``: it is a link, and nothing is fetched.

    Raises:
        RefusalError: 400; it holds no picture.
    """
    if url.startswith(_LINKS):
        return None
    head = _DATA.match(url)
    if head is None:
        raise bad_value(param, f"'{param}' must be a link, or data:image/png;base64,….")
    try:
        data = base64.b64decode(url[head.end() :], validate=True)
    except binascii.Error:
        raise bad_value(param, f"'{param}' is not base64.") from None
    size_of(data, param)
    return data


def look(data: bytes) -> Sight:
    """Return what is to be seen in a picture.

    Raises:
        RefusalError: 400; it is no picture, damaged, or too large.
    """
    width, height = size_of(data, "image_url")
    with Image.open(BytesIO(data)) as file:
        name, text = file.format or "", str(file.info.get("Software", ""))
        ours = SOFTWARE in (text, str(file.getexif().get(_EXIF_SOFTWARE, "")))
    image = unpacked(data, "image_url")
    small = scaled(image.convert("RGBA"), _SMALL, MEAN)
    alpha = small.getchannel("A").histogram()
    plain = Image.new("RGB", small.size, "white")
    plain.paste(small, mask=small.getchannel("A"))
    grey = plain.convert("L").histogram()
    mean = sum(value * count for value, count in enumerate(grey)) / sum(grey)
    light = "dark" if mean < _DARK else "bright" if mean > _BRIGHT else "soft"
    clear = sum(count for value, count in enumerate(alpha) if value < 128) / sum(alpha)  # noqa: PLR2004 - half of a byte
    return Sight(name, width, height, _colours(plain), light, clear, ours)


def described(sights: Sequence[Sight]) -> str:
    """Return sentences about pictures, one paragraph each."""
    told = [_paragraph(sight) for sight in sights]
    if len(told) > 1:
        told = [f"Picture {number}: {one}" for number, one in enumerate(told, start=1)]
    last = "This is a simulator: it measures pixels and recognises nothing in them."
    return "\n\n".join([*told, last])


def four_prompts(sight: Sight) -> str:
    """Return four prompts, a line each, numbered, that would lead somewhere near."""
    names = [name for name, _ in sight.colours]
    a, b, c = (names * 3)[:3] if len(names) < 3 else names[:3]  # noqa: PLR2004 - a, b, c
    lines = [
        one.format(a=a, b=b, c=c, light=sight.light, shape=sight.shape) for one in _PROMPTS
    ]
    return "\n".join(f"{number}. {line}" for number, line in enumerate(lines, start=1))


def _paragraph(sight: Sight) -> str:
    colours = ", ".join(f"{name} ({share:.0%})" for name, share in sight.colours)
    size = f"{sight.width} x {sight.height}"
    sentences = [
        f"A {sight.shape} {sight.file_format} picture of {size} pixels.",
        f"It is {sight.light}; its main colours are {colours}.",
    ]
    if sight.clear > 0:
        sentences.append(f"One sees through {sight.clear:.0%} of it.")
    sentences.append(
        "Its file says that this simulator painted it."
        if sight.ours
        else "Its file does not say that this simulator painted it."
    )
    return " ".join(sentences)


def _colours(image: Image.Image) -> list[tuple[str, float]]:
    counts: dict[str, int] = {}
    total = image.width * image.height
    data = image.tobytes()
    for place in range(0, len(data), 3):
        name = _name_of(data[place], data[place + 1], data[place + 2])
        counts[name] = counts.get(name, 0) + 1
    ranked = sorted(counts.items(), key=lambda one: (-one[1], one[0]))[:_COLOURS]
    shares = [(name, count / total) for name, count in ranked]
    return [one for one in shares if one[1] >= _LEAST_SHARE] or shares[:1]


def _name_of(red: int, green: int, blue: int) -> str:
    def distance(name: str) -> int:
        r, g, b = _NAMES[name]
        # The eye's share of each channel, roughly.
        return 3 * (red - r) ** 2 + 4 * (green - g) ** 2 + 2 * (blue - b) ** 2

    return min(_NAMES, key=distance)
