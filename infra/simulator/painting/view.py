"""What every painter of a scene is handed: the canvas, the light, the dice and the horizon."""

from dataclasses import dataclass
from random import Random

from infra.simulator.painting.canvas import Canvas, Point
from infra.simulator.painting.colour import Colour
from infra.simulator.painting.hours import Hour, Light


@dataclass(slots=True)
class View:
    """One scene while it is painted.

    Attributes:
        canvas: The picture.
        random: Decides everything the prompt leaves open; the order of its use is the picture.
        hour: The time of day.
        light: The hour's light.
        horizon: Where the sky ends, in pixels from the top.
        sun: Where the sun or the moon stands.
        clear: The x range, in pixels, that belongs to the subject: no tree may hide it.
        tints: Colours that the prompt gave to parts of the landscape, by part.
    """

    canvas: Canvas
    random: Random
    hour: Hour
    light: Light
    horizon: float
    sun: Point
    clear: Point
    tints: dict[str, Colour]

    @property
    def unit(self) -> int:
        """The shorter side of the canvas, in pixels."""
        return self.canvas.unit

    @property
    def width(self) -> int:
        """Pixels across."""
        return self.canvas.width

    @property
    def height(self) -> int:
        """Pixels down."""
        return self.canvas.height

    @property
    def on_the_right(self) -> bool:
        """Whether the subject is in the right half."""
        return self.clear[0] + self.clear[1] > self.width

    def many(self, count: float) -> int:
        """Return how many things fill this picture if ``count`` fill a square one."""
        return round(count * self.width / self.unit)

    def anywhere(self) -> float:
        """Return a random x."""
        return self.random.random() * self.width

    def colour(self, part: str, usual: Colour) -> Colour:
        """Return the colour of a part of the landscape: the prompt's, or the usual one."""
        return self.tints.get(part, usual)

    def chance(self, share: float) -> bool:
        """Return true in ``share`` of all pictures."""
        return self.random.random() < share
