"""The light of each hour: sky, haze, sun, and how much of a thing's own colour is left."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from infra.simulator.painting.colour import Colour, hexa, mix, multiply


class Hour(StrEnum):
    """A time of day, or the weather that decides the light."""

    DAWN = "dawn"
    DAY = "day"
    SUNSET = "sunset"
    DUSK = "dusk"
    NIGHT = "night"
    STORM = "storm"
    FOG = "fog"


@dataclass(frozen=True, slots=True)
class Light:
    """How a scene is lit.

    Attributes:
        sky: Colours from the zenith down to the horizon.
        haze: What distance fades into.
        orb: The colour of the sun or the moon.
        shade: The colour of unlit things.
        gloom: Share of ``shade`` in everything, 0 (noon) to 1.
        cloud: The lit side of clouds.
        stars: How many stars, 0 to 1.
    """

    sky: tuple[Colour, ...]
    haze: Colour
    orb: Colour
    shade: Colour
    gloom: float
    cloud: Colour
    stars: float = 0.0

    def on(self, colour: Colour, distance: float = 0.0) -> Colour:
        """Return ``colour`` as it looks in this light, ``distance`` from 0 (near) to 1."""
        warm = mix(colour, multiply(colour, self.orb), 0.35)
        return mix(mix(warm, self.shade, self.gloom), self.haze, distance)

    def on_subject(self, colour: Colour) -> Colour:
        """Return the colour of what the picture is about: it must stay recognisable."""
        warm = mix(colour, multiply(colour, self.orb), 0.15)
        return mix(warm, self.shade, self.gloom * 0.38)


def _light(sky: str, rest: str, gloom: float, stars: float = 0.0) -> Light:
    haze, orb, shade, cloud = (hexa(text) for text in rest.split())
    return Light(
        tuple(hexa(text) for text in sky.split()), haze, orb, shade, gloom, cloud, stars
    )


# Each: sky from top to horizon; haze, orb, shade, cloud; gloom; stars.
LIGHTS: Final[Mapping[Hour, tuple[Light, ...]]] = MappingProxyType(
    {
        Hour.DAWN: (
            _light(
                "#41538f #8f7fb5 #f0a9a0 #ffe0b0", "#f3c3ae #fff0c4 #3d3f70 #ffdccb", 0.24, 0.08
            ),
            _light("#4f7fb8 #9fb7d8 #f6cdb9 #fff1cf", "#eccfc4 #fff4cc #41548a #fff0e0", 0.20),
            _light(
                "#5a4f94 #c084b0 #ffa98f #ffe3a6", "#eeb0a4 #fff1b8 #46356c #ffd2c4", 0.26, 0.1
            ),
        ),
        Hour.DAY: (
            _light("#2273c4 #62aee6 #b6def2 #e8f5f4", "#cfe7f0 #fffbe6 #2c5a8c #ffffff", 0.06),
            _light("#2a93b8 #7accd6 #cdeee2 #fbf6dd", "#d8ede2 #fffbe0 #216a80 #ffffff", 0.07),
            _light("#3566b4 #7fa9e0 #c9dcf2 #fdeedd", "#d9e2f0 #fff6dd #364f8a #fffaf2", 0.09),
        ),
        Hour.SUNSET: (
            _light("#3a2d63 #9a3f68 #f0693f #ffc65c", "#f08a58 #ffe9a8 #2b1c46 #ff9d6b", 0.46),
            _light("#254072 #8c5a8a #f58a66 #ffe096", "#eb9c7c #fff0b8 #26284f #ffb48c", 0.42),
            _light("#5b1f45 #c43a4f #ff7d3c #ffdd7a", "#f27c4a #ffedb0 #38142f #ff8c5a", 0.48),
            _light("#1f4a66 #6d8c93 #efb27a #ffe7ae", "#dfb083 #fff2c6 #1d3746 #ffd3a0", 0.38),
        ),
        Hour.DUSK: (
            _light(
                "#161b42 #3d3b7c #8d5f9a #e8a392", "#9a6f9c #fff0d8 #141838 #b07fb0", 0.58, 0.4
            ),
            _light(
                "#0f2742 #28577a #6b8fa0 #f1c3a0", "#7d93a0 #fff2da #0e2036 #94a7b5", 0.56, 0.4
            ),
        ),
        Hour.NIGHT: (
            _light(
                "#050a20 #0d1d4a #1f3d7a #4a70a8", "#35588f #f4f1dc #060b22 #33508a", 0.70, 1.0
            ),
            _light(
                "#0b0824 #1e1a52 #3d3077 #75589c", "#53468c #fdeedd #0b0823 #4c3f86", 0.70, 1.0
            ),
            _light(
                "#031018 #07303c #15596a #46938f", "#2b6f76 #f1f7e6 #03141b #236169", 0.70, 1.0
            ),
        ),
        Hour.STORM: (
            _light("#232c3a #42505f #76848c #b4bab2", "#8b969a #e7e7dd #1b232e #98a2a8", 0.46),
            _light("#2b2738 #514b62 #857c8c #c9b9a8", "#978d96 #f0e4d0 #201c2b #a39aa6", 0.46),
        ),
        Hour.FOG: (
            _light("#9fb1bb #bccacf #d6dfdd #e8ebe3", "#d5dedc #ffffff #5f7683 #f4f7f4", 0.22),
            _light("#b3a9b4 #cfc4c8 #e6dad4 #f4e9dc", "#e4d8d4 #fff6ea #7a6d80 #faf3ee", 0.22),
        ),
    }
)
