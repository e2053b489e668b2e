"""Paints the subjects into the scene, with what ties them to it: shadow, string, reflection."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from PIL import Image, ImageChops, ImageDraw

from infra.simulator.painting.arranging import Entry
from infra.simulator.painting.canvas import Point, fade
from infra.simulator.painting.colour import Colour, darker, hexa, lighter, mix
from infra.simulator.painting.pixels import mapped
from infra.simulator.painting.places.ground import Ground
from infra.simulator.painting.subjects.cast import Stance
from infra.simulator.painting.subjects.pen import GRID, MARGIN, Pen, Tones
from infra.simulator.painting.townscape import LAMP, lamps_burn
from infra.simulator.painting.view import View

# What hangs in the air at an angle.
_TILTING: Final = frozenset({"kite", "rocket", "aeroplane", "gull", "butterfly", "dragon"})
# What shines in the dark, and how high on it (a share of its size).
_SHINING: Final[Mapping[str, float]] = MappingProxyType(
    {"lighthouse": 0.87, "tent": 0.25, "balloon": 0.5, "rocket": 0.0}
)
# Two colours nearer than this look like one.
_ALIKE: Final = 120
_STRING_STEPS: Final = 24
_BEAM_STEPS: Final = 40


def paint_entry(view: View, entry: Entry, ground: Ground) -> None:
    """Draw one copy of a subject."""
    random, name, size = view.random, entry.actor.name, entry.size
    tilt = random.uniform(-0.22, 0.22) if name in _TILTING else 0.0
    pen = Pen(size, tilt=tilt, flip=view.chance(0.5))
    tones = _tones(view, entry)
    _paint_behind(view, entry, tones)
    entry.subject.draw(pen, tones, random)
    corner = (
        entry.x - size * (0.5 + MARGIN / GRID),
        entry.foot - size * (1 + MARGIN / GRID),
    )
    if entry.subject.stance is Stance.FLOAT and ground.surface:
        _float(view, entry, pen.layer, corner)
        return
    if tones.lit and name in _SHINING:
        view.canvas.glow(entry.x, entry.foot - size * _SHINING[name], size * 0.55, LAMP, 0.55)
    view.canvas.lay(pen.layer, *corner)


def _paint_behind(view: View, entry: Entry, tones: Tones) -> None:
    if entry.subject.stance is Stance.STAND:
        _shadow(view, entry)
    if entry.actor.name == "kite":
        _string(view, entry)
    elif entry.actor.name == "lighthouse" and tones.lit:
        _beams(view, entry)
    elif entry.actor.name == "bridge":
        top, bottom = entry.foot - entry.size * 0.22, entry.foot - entry.size * 0.17
        view.canvas.draw.rectangle((0, top, view.width, bottom), fill=tones.base)


def _tones(view: View, entry: Entry) -> Tones:
    lit = view.light.on_subject
    usual, second = view.random.choice(entry.subject.colours)
    base = entry.actor.colour or usual
    if entry.actor.colour and _alike(base, second):
        second = darker(base, 0.5) if _alike(usual, base) else usual
    return Tones(
        base=lit(base),
        light=lit(lighter(base, 0.2)),
        dark=lit(darker(base, 0.28)),
        second=lit(second),
        white=lit((250, 247, 240)),
        ink=lit(hexa("#2a2838")),
        lamp=LAMP,
        lit=lamps_burn(view.hour),
    )


def _alike(one: Colour, two: Colour) -> bool:
    return sum(abs(a - b) for a, b in zip(one, two, strict=True)) < _ALIKE


def _shadow(view: View, entry: Entry) -> None:
    wide, tall = entry.size * 0.4, entry.size * 0.032
    lean = (entry.x - view.sun[0]) / view.width * entry.size * 0.16
    x, y = entry.x + lean, entry.foot - tall * 0.3
    colour = (*mix(view.light.shade, (0, 0, 0), 0.3), 80)
    view.canvas.draw.ellipse((x - wide, y - tall, x + wide, y + tall), fill=colour)


def _string(view: View, entry: Entry) -> None:
    """Draw the line from a kite down to a hand that nobody sees."""
    side = 1 if entry.x < view.width / 2 else -1
    across = side * view.width * view.random.uniform(0.25, 0.45)
    top = entry.foot - entry.size * 0.62
    down = view.height * 1.02 - top
    points: list[Point] = []
    for n in range(_STRING_STEPS + 1):
        t = n / _STRING_STEPS
        points.append((entry.x + across * t**1.6, top + down * t))
    colour = (*mix(view.light.shade, view.light.haze, 0.25), 200)
    thick = max(2, round(view.unit * 0.0028))
    view.canvas.draw.line(points, fill=colour, width=thick, joint="curve")


def _float(view: View, entry: Entry, layer: Image.Image, corner: Point) -> None:
    """Draw a floating thing cut off at its waterline, and its broken image below."""
    left, top = corner
    cut = round(entry.foot - entry.size * entry.subject.depth - top)
    above = layer.crop((0, 0, layer.width, cut))
    reach = round(min(entry.size * 0.75, cut))
    mirror = above.crop((0, cut - reach, layer.width, cut))
    mirror = mirror.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    alpha = mapped(mirror.getchannel("A"), [round(v * 0.42) for v in range(256)])
    mirror.putalpha(ImageChops.multiply(alpha, fade(mirror.size, range(255, -1, -1))))
    step = max(2, round(view.unit * 0.006))
    for y in range(0, reach, step):
        shift = view.random.uniform(-1, 1) * view.unit * 0.008 * (0.3 + y / reach)
        strip = mirror.crop((0, y, mirror.width, y + step))
        view.canvas.lay(strip, left + shift, top + cut + y)
    view.canvas.lay(above, left, top)
    line, wide, thick = top + cut, entry.size * 0.44, max(1.0, view.unit * 0.0022)
    foam = (*view.light.on((255, 255, 255), 0.1), 120)
    box = (entry.x - wide, line - thick, entry.x + wide, line + thick)
    view.canvas.draw.ellipse(box, fill=foam)


def _beams(view: View, entry: Entry) -> None:
    """Send two beams of light out of a lighthouse, fading as they go."""
    mask = Image.new("L", (max(2, view.width // 4), max(2, view.height // 4)))
    draw = ImageDraw.Draw(mask)
    x, y = entry.x / 4, (entry.foot - entry.size * 0.865) / 4
    reach = mask.width * 0.9
    for side, slope in ((-1, -0.1), (1, 0.07)):
        for n in range(_BEAM_STEPS):
            near, far = n / _BEAM_STEPS, (n + 1) / _BEAM_STEPS
            corners = [
                (x + side * reach * t, y + reach * t * (slope + spread))
                for t, spread in ((near, -0.09), (far, -0.09), (far, 0.09), (near, 0.09))
            ]
            draw.polygon(corners, fill=round(115 * (1 - near) ** 1.7))
    view.canvas.stain(mask, LAMP, 0, view.height)
