"""What grows: tree, pine, palm, flower, mushroom, cactus."""

from math import cos, sin, tau
from random import Random

from infra.simulator.painting.subjects.pen import Pen, Tones


def tree(pen: Pen, tones: Tones, random: Random) -> None:
    """A big old tree."""
    bark, shade = (104, 72, 50), (72, 48, 38)
    pen.shape(
        "42,100! 46,86 46,60 36,46! 40,44! 49,56 52,40! 56,40! 55,58 64,46! 67,48! 57,64 "
        "56,86 62,100!",
        bark,
    )
    pen.shape("52,100! 53,80 52,60 57,64 56,86 62,100!", shade)
    crowns = (
        (26, 44, 20),
        (74, 44, 20),
        (36, 26, 21),
        (64, 26, 21),
        (50, 16, 20),
        (50, 42, 22),
    )
    for shift, ink in ((3, tones.dark), (0, tones.base)):
        for x, y, radius in crowns:
            pen.disc(x + shift, y + shift * 1.4, radius, ink)
    for x, y, radius in crowns[:5]:
        pen.disc(x - 5, y - 5, radius * 0.58, tones.light)
    for _ in range(24):
        x, y = random.uniform(18, 82), random.uniform(8, 54)
        pen.disc(
            x,
            y,
            random.uniform(1.0, 2.2),
            random.choice((tones.second, tones.dark, tones.dark)),
        )


def pine(pen: Pen, tones: Tones, random: Random) -> None:
    """A tall fir."""
    del random
    pen.box(46, 88, 54, 100, (92, 64, 46))
    for top, bottom, wide in ((58, 92, 34), (40, 72, 28), (22, 53, 22), (2, 34, 15)):
        pen.shape(
            f"50,{top}! {50 + wide * 0.5},{(top + bottom) / 2} {50 + wide},{bottom}! "
            f"50,{bottom - 4} {50 - wide},{bottom}! {50 - wide * 0.5},{(top + bottom) / 2}",
            tones.base,
        )
        pen.shape(
            f"50,{top}! {50 + wide * 0.5},{(top + bottom) / 2} {50 + wide},{bottom}! "
            f"56,{bottom - 3}",
            tones.dark,
        )


def palm(pen: Pen, tones: Tones, random: Random) -> None:
    """A leaning palm."""
    del random
    pen.shape("34,100! 40,74 48,50 56,30! 61,33! 54,54 48,76 46,100!", (140, 102, 66))
    for y in range(40, 98, 8):
        x = 57 - (y - 32) * 0.28
        pen.line(f"{x - 4:.1f},{y} {x + 4:.1f},{y + 1}", 0.9, (104, 72, 48))
    leaves = (
        "58,32! 44,14 22,12 6,26! 26,22 44,28",
        "58,32! 46,26 26,34 16,54! 32,42 48,38",
        "58,32! 70,10 92,10 106,28! 88,20 70,26",
        "58,32! 76,26 92,36 98,56! 84,42 70,38",
        "58,32! 50,8 38,-4 22,-4! 42,6 52,22",
        "58,32! 66,8 80,-4 96,-2! 76,8 66,22",
    )
    for number, leaf in enumerate(leaves):
        pen.shape(
            leaf,
            (tones.base, tones.dark, tones.base, tones.dark, tones.light, tones.light)[number],
        )
    for x, y in ((56, 35), (61, 36), (58, 39)):
        pen.disc(x, y, 3, (110, 66, 40))


def flower(pen: Pen, tones: Tones, random: Random) -> None:
    """A flower with leaves."""
    green, shade = (70, 140, 74), (48, 108, 62)
    pen.line("50,100 47,76 51,44", 2.4, green)
    pen.shape("48,82! 30,74 20,58! 38,62 49,76", green)
    pen.shape("49,90! 66,84 78,68! 60,70 50,84", shade)
    petals = random.choice((8, 10, 13))
    for ring, (reach, wide, ink) in enumerate(((24, 8.4, tones.dark), (21, 7.2, tones.base))):
        for number in range(petals):
            turn = tau * (number + ring / 2) / petals
            cx, cy = cos(turn), sin(turn)
            points = " ".join(
                f"{50 + cx * along - cy * across:.1f},{30 + cy * along + cx * across:.1f}"
                for along, across in (
                    (5, 0),
                    (reach * 0.6, wide / 2),
                    (reach, wide * 0.35),
                    (reach * 1.12, 0),
                    (reach, -wide * 0.35),
                    (reach * 0.6, -wide / 2),
                )
            )
            pen.shape(points, ink if number % 2 else tones.light if ring else ink)
    pen.disc(50, 30, 8.6, tones.second)
    pen.disc(48.4, 28.4, 5.2, (*tones.white, 60))


def mushroom(pen: Pen, tones: Tones, random: Random) -> None:
    """A spotted toadstool."""
    del random
    pen.shape("40,52! 60,52! 60,76 66,100! 34,100! 40,76", tones.white)
    pen.shape("52,52! 60,52! 60,76 66,100! 54,100!", (*tones.ink, 44))
    pen.shape("38,58 50,66 62,58 58,54 42,54", (230, 214, 190))
    pen.shape("4,54! 10,30 30,12 50,8 70,12 90,30 96,54! 74,60 50,61 26,60", tones.base)
    pen.shape("70,12 90,30 96,54! 74,60 60,60.5! 78,44 78,26", tones.dark)
    for x, y, wide in ((32, 28, 6.5), (56, 20, 5.5), (52, 42, 7.5), (74, 38, 5.5), (22, 46, 5)):
        pen.oval(x, y, wide, wide * 0.86, tones.white)


def cactus(pen: Pen, tones: Tones, random: Random) -> None:
    """A saguaro."""
    del random
    for path, ink in (
        ("50,100 50,60 50,14", tones.base),
        ("50,68 30,66 26,54 26,38", tones.base),
        ("50,58 68,56 73,44 73,24", tones.dark),
    ):
        pen.line(path, 13 if path.endswith("14") else 9.5, ink)
    pen.line("53.5,100 53.5,60 53.5,14", 4.5, tones.dark)
    for x in (46, 50):
        pen.line(f"{x},98 {x},12", 0.6, tones.light)
    pen.line("25,64 25,38", 0.6, tones.light)
    for x, y in ((50, 6), (26, 32), (73, 18)):
        pen.disc(x, y, 3.4, tones.second)
