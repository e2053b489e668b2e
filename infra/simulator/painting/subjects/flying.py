"""Subjects of the air: kite, balloon, rocket, aeroplane, birds, butterfly, dragon."""

import math
from random import Random

from infra.simulator.painting.subjects.pen import Pen, Tones


def kite(pen: Pen, tones: Tones, random: Random) -> None:
    """A diamond of four panels with a tail of bows."""
    sway = random.uniform(6, 11)
    tail = [
        (50 + step * 2.2 + sway * math.sin(step * 1.15), 78 + step * 6.2) for step in range(8)
    ]
    pen.line(" ".join(f"{x:.1f},{y:.1f}" for x, y in tail), 0.9, tones.ink)
    for number, (x, y) in enumerate(tail[1:]):
        ink = tones.base if number % 2 else tones.second
        pen.polygon(((x, y), (x - 4.6, y - 2.6), (x - 4.2, y + 2.6)), ink)
        pen.polygon(((x, y), (x + 4.6, y - 2.2), (x + 4.2, y + 3)), ink)
    top, right, bottom, left, middle = (50, 4), (80, 36), (50, 80), (20, 36), (50, 36)
    pen.polygon((top, middle, left), tones.light)
    pen.polygon((top, right, middle), tones.base)
    pen.polygon((left, middle, bottom), tones.base)
    pen.polygon((middle, right, bottom), tones.dark)
    pen.polygon(((50, 4), (56.5, 11), (50, 20), (43.5, 11)), tones.second)
    pen.line("50,4 50,80", 1.0, tones.ink)
    pen.line("20,36 50,34 80,36", 1.0, tones.ink)


def balloon(pen: Pen, tones: Tones, random: Random) -> None:
    """A hot-air balloon in stripes."""
    del random
    pen.line("40,70 45,84", 0.8, tones.ink)
    pen.line("60,70 55,84", 0.8, tones.ink)
    pen.line("47,74 48,84", 0.6, tones.ink)
    pen.line("53,74 52,84", 0.6, tones.ink)
    stripes = (tones.base, tones.second, tones.light, tones.second, tones.base, tones.second)
    edges = (-1.0, -0.78, -0.38, 0.05, 0.46, 0.8, 1.0)
    for left, right, ink in zip(edges, edges[1:], stripes, strict=False):
        pen.polygon([*_gore(left), *_gore(right)[::-1]], ink)
    shadow = (*tones.dark, 95)
    pen.polygon([*_gore(0.36), *_gore(1.0)[::-1]], shadow)
    pen.shape("41,66 50,69 59,66 57,73 50,75 43,73", tones.dark)
    pen.shape("43.5,84! 56.5,84! 55.5,95 44.5,95", (122, 82, 48))
    pen.box(43, 83.2, 57, 86, (92, 60, 36))
    if tones.lit:
        pen.disc(50, 78, 2.6, tones.lamp)


def _gore(side: float) -> list[tuple[float, float]]:
    points: list[tuple[float, float]] = []
    for step in range(19):
        turn = math.pi * step / 18
        y = 35 - 33 * math.cos(turn)
        swell = math.sin(turn) ** 0.72 if turn < math.pi / 2 else math.sin(turn) ** 0.92
        points.append((50 + side * (33 * swell + 8 * (step / 18) ** 3), y))
    return points


def rocket(pen: Pen, tones: Tones, random: Random) -> None:
    """A rocket on its flame."""
    del random
    pen.shape(
        "41,78! 34,92 43,98 46,112 50,124! 54,112 57,98 66,92 59,78!", (255, 140, 50, 235)
    )
    pen.shape("44,78! 41,90 47,98 50,112! 53,98 59,90 56,78!", (255, 236, 150))
    pen.shape("36,52! 20,70 19,88! 37,74!", tones.base)
    pen.shape("64,52! 80,70 81,88! 63,74!", tones.dark)
    pen.shape("50,-4! 64,16 67,42 61,78! 39,78! 33,42 36,16", tones.white)
    pen.shape("50,-4! 64,16 67,42 61,78! 53,78! 58,42 57,16", (*tones.ink, 46))
    pen.shape("50,-4! 58.5,7 62.5,17! 50,20 37.5,17! 41.5,7", tones.base)
    pen.shape("50,-4! 58.5,7 62.5,17! 56,19! 55,8", tones.dark)
    pen.disc(50, 36, 8.4, tones.base)
    pen.disc(50, 36, 6.0, tones.second)
    pen.shape("46,34 49,31 52,31! 47,38!", (255, 255, 255, 150))
    pen.shape("38.4,68! 61.8,68! 61,78! 39,78!", tones.dark)
    pen.shape("50,56! 53,66 53,88! 47,88! 47,66", tones.base)


def aeroplane(pen: Pen, tones: Tones, random: Random) -> None:
    """A small propeller plane, seen from the side."""
    del random
    pen.shape("10,44! 4,24! 14,24! 26,42!", tones.dark)
    pen.shape("6,46 30,41 62,38 84,44 88,52 82,60 56,64 26,56", tones.base)
    pen.shape("6,47 30,50 60,53 88,52 82,60 56,64 26,56", tones.dark)
    pen.shape("54,39! 60,31 70,31 78,41!", tones.second)
    pen.shape("40,52! 62,52! 52,78 36,80!", tones.light)
    pen.box(9, 44, 22, 47, tones.light)
    pen.oval(92, 51, 1.4, 15, (*tones.white, 130))
    pen.disc(90, 51, 3, tones.ink)
    pen.line("66,62 68,72", 1.6, tones.ink)
    pen.disc(68, 74, 3.6, tones.ink)


def gull(pen: Pen, tones: Tones, random: Random) -> None:
    """A large bird with spread wings."""
    del random
    pen.shape("46,52! 30,30 2,26! 20,40 38,60 48,62", tones.light)
    pen.shape("54,52! 70,28 98,20! 80,40 64,60 52,62", tones.base)
    pen.shape("2,26! 14,28 20,34! 12,32", tones.ink)
    pen.shape("98,20! 86,24 80,31! 88,28", tones.ink)
    pen.shape("44,46 50,42 56,46 57,58 52,74! 50,70 48,74! 43,58", tones.white)
    pen.disc(50, 43, 5, tones.white)
    pen.polygon(((48, 39), (52, 39), (50, 33)), (244, 170, 60))


def butterfly(pen: Pen, tones: Tones, random: Random) -> None:
    """A butterfly with open wings."""
    del random
    for side in (1, -1):

        def x(value: float, side: int = side) -> float:
            return 50 + side * value

        upper = f"{x(2)},46! {x(14)},22 {x(40)},10 {x(46)},26 {x(34)},48 {x(10)},54"
        lower = f"{x(2)},52! {x(20)},54 {x(36)},66 {x(28)},86 {x(14)},82 {x(5)},64"
        pen.shape(upper, tones.ink)
        pen.shape(lower, tones.ink)
        pen.shape(
            f"{x(4)},46! {x(15)},26 {x(38)},15 {x(41)},27 {x(31)},44 {x(10)},51",
            tones.base if side > 0 else tones.light,
        )
        pen.shape(
            f"{x(4)},54! {x(19)},57 {x(32)},67 {x(26)},81 {x(15)},78 {x(7)},64",
            tones.dark if side > 0 else tones.base,
        )
        pen.disc(x(31), 26, 4.2, tones.second)
        pen.disc(x(22), 70, 3.4, tones.second)
    pen.shape("50,36 53,46 51.5,74 50,80 48.5,74 47,46", tones.ink)
    pen.line("49,38 44,26 40,22", 0.9, tones.ink)
    pen.line("51,38 56,26 60,22", 0.9, tones.ink)


def dragon(pen: Pen, tones: Tones, random: Random) -> None:
    """A dragon on the wing."""
    del random
    pen.shape("58,52! 66,20 98,-4! 90,22 102,34! 86,38 88,54! 74,52 66,62!", tones.dark)
    pen.shape("46,54! 40,18 14,-10! 16,18 2,28! 16,36 10,52! 26,50 36,62!", tones.base)
    pen.line("46,54 40,18 14,-10", 1.6, tones.light)
    pen.line("44,54 28,34 2,28", 1.0, tones.light)
    pen.line("42,56 28,44 10,52", 1.0, tones.light)
    pen.shape(
        "24,60! 30,50 44,48 58,52 72,66 80,84 96,88! 84,94 70,84 58,70 44,66 34,68", tones.base
    )
    pen.shape("34,66 46,62 58,68 70,82 84,92 70,84 58,72 44,68", tones.second)
    pen.polygon(((96, 88), (108, 82), (104, 94)), tones.dark)
    pen.shape("30,54 24,46 12,48 2,58! 8,62 2,66! 16,68 28,66", tones.base)
    pen.polygon(((22, 47), (34, 34), (28, 49)), tones.dark)
    pen.disc(17, 54, 1.7, tones.lamp)
    pen.shape("2,60! -14,54! -10,62 -26,66! -8,68 -14,76! 2,66!", (255, 166, 60, 220))
