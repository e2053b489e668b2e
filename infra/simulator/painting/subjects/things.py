"""Things and figures: robot, figure, astronaut, umbrella, heart, star, teapot, snowman."""

from math import cos, pi, sin
from random import Random

from infra.simulator.painting.subjects.pen import Pen, Tones

_SKIN = (224, 172, 136)


def robot(pen: Pen, tones: Tones, random: Random) -> None:
    """A friendly robot."""
    del random
    pen.line("50,16 50,4", 1.4, tones.ink)
    pen.disc(50, 3, 3.4, tones.lamp)
    for x in (36, 54):
        pen.box(x, 78, x + 10, 96, tones.dark)
        pen.box(x - 2, 94, x + 12, 100, tones.ink)
    pen.line("27,50 16,62 20,76", 5, tones.dark)
    pen.line("73,50 86,44 90,28", 5, tones.dark)
    pen.disc(20, 78, 4.6, tones.base)
    pen.disc(90, 26, 4.6, tones.base)
    pen.shape("26,46! 74,46! 72,80! 28,80!", tones.base)
    pen.shape("60,46! 74,46! 72,80! 60,80!", tones.dark)
    pen.box(36, 54, 58, 70, tones.ink)
    pen.line("38,62 43,62 46,57 50,67 53,62 56,62", 1.2, (120, 240, 170))
    pen.shape("28,16! 72,16! 74,42! 26,42!", tones.light)
    pen.shape("62,16! 72,16! 74,42! 62,42!", tones.base)
    pen.shape("32,21! 68,21! 69,37! 31,37!", tones.ink)
    for x in (42, 58):
        pen.disc(x, 28, 4.4, (120, 232, 255))
        pen.disc(x, 28, 2.0, (255, 255, 255))
    pen.line("44,34 50,35.6 56,34", 1.0, (120, 232, 255))


def figure(pen: Pen, tones: Tones, random: Random) -> None:
    """A wanderer seen from behind, coat and scarf in the wind."""
    del random
    pen.shape("43,78! 49,78! 48,100! 41,100!", tones.ink)
    pen.shape("51,78! 57,78! 59,100! 52,100!", tones.ink)
    pen.shape("40,34 60,34 64,60 66,84! 34,84! 36,60", tones.base)
    pen.shape("53,34 60,34 64,60 66,84! 54,84!", tones.dark)
    pen.line("40,38 34,54 33,66", 5.4, tones.base)
    pen.line("60,38 66,54 67,66", 5.4, tones.dark)
    pen.disc(50, 22, 9, _SKIN)
    pen.shape("40,22 43,12 50,10 57,12 60,22 57,29 43,29", (74, 50, 40))
    pen.shape("41,30! 59,30! 61,37! 39,37!", tones.second)
    pen.shape("58,31! 72,30 86,36 96,32! 88,42 72,38 58,37!", tones.second)


def astronaut(pen: Pen, tones: Tones, random: Random) -> None:
    """An astronaut who waves."""
    del random
    pen.box(30, 42, 70, 74, tones.dark)
    pen.shape("38,72! 49,72! 48,100! 35,100!", tones.white)
    pen.shape("51,72! 62,72! 65,100! 52,100!", tones.white)
    pen.box(34, 94, 48.5, 100, tones.base)
    pen.box(51.5, 94, 66, 100, tones.base)
    pen.line("36,48 24,58 22,70", 9, tones.white)
    pen.line("64,48 78,40 82,24", 9, tones.white)
    pen.disc(82, 21, 5.5, tones.base)
    pen.disc(22, 73, 5.5, tones.base)
    pen.shape("34,42 66,42 66,76! 34,76!", tones.white)
    pen.shape("56,42 66,42 66,76! 56,76!", (*tones.ink, 36))
    pen.box(42, 54, 58, 66, tones.second)
    pen.disc(50, 24, 20, tones.white)
    pen.shape("36,24 40,14 50,11 60,14 64,24 60,34 50,37 40,34", (28, 34, 66))
    pen.shape("40,22 43,16 50,14 47,20 42,26", (255, 255, 255, 120))


def umbrella(pen: Pen, tones: Tones, random: Random) -> None:
    """An open umbrella."""
    del random
    pen.line("50,10 50,90 56,97 63,92", 2.0, tones.ink)
    pen.shape(
        "2,54! 10,26 30,10 50,6 70,10 90,26 98,54! 82,48 66,54! 50,48 34,54! 18,48", tones.base
    )
    pen.shape("50,6! 38,22 34,54! 50,48 66,54! 62,22", tones.second)
    pen.shape("50,6! 70,10 90,26 98,54! 82,48 66,54! 66,30 60,16", tones.dark)
    pen.line("50,6 50,0", 1.6, tones.ink)


def heart(pen: Pen, tones: Tones, random: Random) -> None:
    """A heart."""
    del random
    pen.shape(
        "50,94! 22,66 4,42 8,18 28,8 44,16 50,28! 56,16 72,8 92,18 96,42 78,66", tones.base
    )
    pen.shape("50,94! 78,66 96,42 92,18 84,12! 86,36 70,62", tones.dark)
    pen.shape("16,36 18,22 30,17 24,26 20,38", tones.light)


def star(pen: Pen, tones: Tones, random: Random) -> None:
    """A five-pointed star."""
    del random
    tips = [
        (
            50 + 48 * cos(-pi / 2 + pi * n / 5) * (1 if n % 2 == 0 else 0.42),
            52 + 48 * sin(-pi / 2 + pi * n / 5) * (1 if n % 2 == 0 else 0.42),
        )
        for n in range(10)
    ]
    for n in range(10):
        pen.polygon(
            (tips[n], tips[(n + 1) % 10], (50, 52)), tones.light if n % 2 else tones.base
        )


def teapot(pen: Pen, tones: Tones, random: Random) -> None:
    """A teapot that steams."""
    for x in (12, 18):
        sway = random.uniform(-3, 3)
        pen.line(f"{x},36 {x - 4 + sway:.1f},26 {x + 3},16 {x - 2},4", 1.6, (*tones.white, 140))
    pen.line("76,54 96,50 98,72 78,84", 5, tones.dark)
    pen.shape("30,70! 18,62 14,44! 22,42! 28,54 36,58", tones.base)
    pen.shape("24,72 30,50 50,44 70,50 78,72 70,94 60,98! 40,98! 30,94", tones.base)
    pen.shape("62,48 72,54 78,72 70,94 60,98! 54,98! 66,74", tones.dark)
    pen.shape("34,46! 40,38 50,36 60,38 66,46! 50,49", tones.light)
    pen.disc(50, 33, 4, tones.second)
    pen.shape("26.5,66! 50,70 76.5,66! 77.5,74! 50,78 25.5,74!", tones.second)


def snowman(pen: Pen, tones: Tones, random: Random) -> None:
    """A snowman in a coloured scarf."""
    del random
    for x, y, radius in ((50, 80, 21), (50, 50, 16), (50, 26, 12)):
        pen.disc(x, y, radius, tones.white)
        pen.shape(
            f"{x + radius * 0.2},{y - radius * 0.9} {x + radius * 0.95},{y} "
            f"{x + radius * 0.3},{y + radius * 0.92} {x + radius * 0.62},{y}",
            (*tones.ink, 40),
        )
    pen.line("36,50 18,40 12,30", 1.6, (96, 66, 44))
    pen.line("64,50 82,40 88,30", 1.6, (96, 66, 44))
    pen.box(36, 12, 64, 16, tones.ink)
    pen.box(41, -4, 59, 13, tones.ink)
    pen.box(41, 8, 59, 12, tones.base)
    pen.shape("38,35! 50,39 62,35! 62,41! 50,45 38,41!", tones.base)
    pen.shape("56,40! 64,40! 66,60! 58,60!", tones.dark)
    pen.polygon(((50, 26), (50, 30), (36, 30)), (240, 140, 50))
    for x in (46, 55):
        pen.disc(x, 23, 1.6, tones.ink)
    for y in (48, 55, 74):
        pen.disc(50, y, 1.6, tones.ink)
