"""Buildings: house, lighthouse, castle, windmill, tent, barn, temple, bridge."""

from math import cos, radians, sin
from random import Random

from infra.simulator.painting.subjects.pen import Pen, Tones

_STONE = (198, 190, 178)


def _window(pen: Pen, tones: Tones, x: float, y: float, wide: float, tall: float) -> None:  # noqa: PLR0917 - place and size
    pen.box(
        x - wide * 0.14, y - wide * 0.14, x + wide * 1.14, y + tall + wide * 0.14, tones.white
    )
    pen.box(x, y, x + wide, y + tall, tones.lamp if tones.lit else tones.ink)
    pen.box(x + wide * 0.45, y, x + wide * 0.55, y + tall, tones.white)
    pen.box(x, y + tall * 0.45, x + wide, y + tall * 0.55, tones.white)


def house(pen: Pen, tones: Tones, random: Random) -> None:
    """A cottage: the colour is its walls' or, if it has no other, its roof's."""
    for step in range(4):
        pen.disc(
            70 + step * 4 + random.uniform(-2, 2),
            10 - step * 9,
            3.5 + step * 1.5,
            (*tones.white, 150 - step * 32),
        )
    pen.box(65, 14, 74, 40, tones.dark)
    pen.box(63.5, 12, 75.5, 17, tones.ink)
    pen.box(16, 54, 60, 100, tones.base)
    pen.box(60, 54, 88, 100, tones.dark)
    pen.polygon(((16, 55), (38, 24), (60, 55)), tones.base)
    pen.polygon(((38, 20), (78, 20), (94, 58), (60, 58)), tones.second)
    pen.polygon(((38, 17), (41, 24), (14, 61), (9, 58)), tones.second)
    pen.polygon(((38, 17), (36, 23), (60, 61), (64, 58)), (*tones.ink, 90))
    pen.box(31, 72, 45, 100, tones.ink)
    pen.box(32.5, 74, 43.5, 100, tones.second)
    pen.disc(41, 87, 1.1, tones.lamp)
    _window(pen, tones, 34, 46, 8, 10)
    _window(pen, tones, 69, 69, 11, 13)


def lighthouse(pen: Pen, tones: Tones, random: Random) -> None:
    """A banded lighthouse on its rock."""
    del random
    pen.shape("18,100! 26,90 38,88 50,86 64,88 76,91 86,100!", (86, 84, 92))
    pen.shape("52,86 66,88 76,91 86,100! 56,100!", (62, 60, 72))
    for band in range(5):
        top, bottom = 22 + band * 13.6, 22 + (band + 1) * 13.6
        ink = tones.base if band % 2 == 0 else tones.white
        a, b = 41 - (top - 22) * 0.1, 41 - (bottom - 22) * 0.1
        pen.polygon(((a, top), (100 - a, top), (100 - b, bottom), (b, bottom)), ink)
    pen.polygon(((53, 22), (59, 22), (65.8, 90), (54, 90)), (*tones.ink, 64))
    pen.box(37, 19, 63, 22.5, tones.ink)
    pen.box(43, 8, 57, 19, tones.lamp if tones.lit else tones.second)
    for x in (43, 49.2, 55.6):
        pen.box(x, 8, x + 1.4, 19, tones.ink)
    pen.shape("40,8.5! 50,-3 60,8.5!", tones.base)
    pen.box(49.3, -8, 50.7, 0, tones.ink)
    pen.shape("46,90! 46,80 50,77 54,80 54,90!", tones.ink)
    for y in (40, 62):
        pen.shape(
            f"48,{y + 6}! 48,{y + 1} 50,{y - 1} 52,{y + 1} 52,{y + 6}!",
            tones.lamp if tones.lit else tones.ink,
        )


def castle(pen: Pen, tones: Tones, random: Random) -> None:
    """A castle with pointed roofs and flags."""
    del random
    for x, wide, top in ((8, 15, 38), (77, 15, 38), (26, 13, 24), (61, 13, 24), (42, 16, 8)):
        pen.box(x, top, x + wide, 100, tones.light)
        pen.box(x + wide * 0.6, top, x + wide, 100, tones.base)
        pen.polygon(
            ((x - 2.5, top + 1), (x + wide / 2, top - wide * 1.25), (x + wide + 2.5, top + 1)),
            tones.second,
        )
        pen.polygon(
            (
                (x + wide / 2, top - wide * 1.25),
                (x + wide + 2.5, top + 1),
                (x + wide * 0.58, top + 1),
            ),
            (*tones.ink, 60),
        )
        tip = top - wide * 1.25
        pen.box(x + wide / 2 - 0.4, tip - 8, x + wide / 2 + 0.4, tip, tones.ink)
        pen.polygon(
            ((x + wide / 2, tip - 8), (x + wide / 2 + 8, tip - 5.5), (x + wide / 2, tip - 3)),
            tones.dark,
        )
        middle = x + wide / 2
        pen.shape(
            f"{middle - 2},{top + 17}! {middle - 2},{top + 11} {middle},{top + 9} "
            f"{middle + 2},{top + 11} {middle + 2},{top + 17}!",
            tones.lamp if tones.lit else tones.ink,
        )
    pen.box(15, 60, 85, 100, tones.base)
    for x in range(15, 84, 10):
        pen.box(x, 55, x + 5, 61, tones.base)
    pen.box(62, 61, 85, 100, (*tones.dark, 80))
    pen.shape("42,100! 42,82 50,73 58,82 58,100!", tones.ink)


def windmill(pen: Pen, tones: Tones, random: Random) -> None:
    """A windmill; the sails stand as the wind left them."""
    pen.polygon(((36, 44), (64, 44), (72, 100), (28, 100)), tones.white)
    pen.polygon(((54, 44), (64, 44), (72, 100), (56, 100)), (*tones.ink, 50))
    pen.shape("33,45! 37,33 50,27 63,33 67,45!", tones.base)
    pen.shape("43,100! 43,86 50,81 57,86 57,100!", tones.ink)
    _window(pen, tones, 46, 58, 8, 9)
    turn = random.randint(0, 80)
    for quarter in range(4):
        angle = radians(turn + 90 * quarter)
        ax, ay, bx, by = cos(angle), sin(angle), -sin(angle), cos(angle)
        far, wide = 52, 11
        pen.polygon(
            (
                (50 + ax * 12, 40 + ay * 12),
                (50 + ax * far, 40 + ay * far),
                (50 + ax * far + bx * wide, 40 + ay * far + by * wide),
                (50 + ax * 12 + bx * wide, 40 + ay * 12 + by * wide),
            ),
            (*tones.second, 235),
        )
        pen.line(f"50,40 {50 + ax * far:.1f},{40 + ay * far:.1f}", 1.5, tones.ink)
    pen.disc(50, 40, 3, tones.ink)


def tent(pen: Pen, tones: Tones, random: Random) -> None:
    """A tent with a fire in front."""
    del random
    pen.polygon(((40, 46), (92, 56), (98, 100), (62, 100)), tones.dark)
    pen.polygon(((40, 46), (8, 100), (66, 100)), tones.base)
    pen.polygon(((40, 52), (28, 100), (52, 100)), tones.lamp if tones.lit else tones.ink)
    pen.polygon(((40, 52), (28, 100), (35, 100)), tones.light)
    pen.line("40,46 38,40", 1.2, tones.ink)
    pen.line("8,100 0,103", 0.8, tones.ink)


def barn(pen: Pen, tones: Tones, random: Random) -> None:
    """A barn with a white-edged door."""
    del random
    pen.box(56, 50, 98, 100, tones.dark)
    pen.polygon(((34, 18), (76, 18), (86, 32), (100, 52), (58, 52), (46, 32)), tones.second)
    pen.polygon(
        ((6, 100), (6, 52), (16, 32), (32, 19), (48, 32), (58, 52), (58, 100)), tones.base
    )
    for start, end in (
        ("6,52", "16,32"),
        ("16,32", "32,19"),
        ("32,19", "48,32"),
        ("48,32", "58,52"),
    ):
        pen.line(f"{start} {end}", 2.2, tones.white)
    pen.box(19, 66, 45, 100, tones.white)
    pen.box(21, 68, 43, 100, tones.base)
    pen.line("21,68 43,100", 1.8, tones.white)
    pen.line("43,68 21,100", 1.8, tones.white)
    _window(pen, tones, 27, 40, 10, 10)


def bridge(pen: Pen, tones: Tones, random: Random) -> None:
    """A suspension bridge."""
    del random
    for x in (18, 76):
        pen.box(x, 30, x + 2.4, 100, tones.base)
        pen.box(x + 4.4, 30, x + 6.8, 100, tones.dark)
        for y in (34, 48, 62):
            pen.box(x, y, x + 6.8, y + 2, tones.base)
    pen.box(-30, 78, 130, 82, tones.base)
    pen.box(-30, 81, 130, 83, tones.dark)
    pen.line("-30,76 0,58 21,31", 1.2, tones.base)
    pen.line("21,31 36,64 50,74 64,64 79,31", 1.2, tones.base)
    pen.line("79,31 100,58 130,76", 1.2, tones.base)
    for x in range(26, 76, 4):
        reach = abs(x - 50) / 29
        pen.line(f"{x},78 {x},{74 - 43 * reach**2:.1f}", 0.4, tones.base)
