"""What travels: sailing boat, ship, car, bicycle, train, robot's cousin the submarine."""

from random import Random

from infra.simulator.painting.subjects.pen import Pen, Tones


def boat(pen: Pen, tones: Tones, random: Random) -> None:
    """A sailing boat with two sails; colour words paint its sails."""
    del random
    pen.box(49.2, 4, 51, 86, (96, 66, 44))
    pen.shape("52,6! 66,26 78,52 83,76! 52,78!", tones.base)
    pen.shape("52,6! 60,28 66,54 67,77! 52,78!", tones.light)
    pen.shape("48,14! 40,40 28,62 17,77! 48,78!", tones.second)
    pen.shape("48,14! 45,44 40,64 36,77.5! 48,78!", (*tones.white, 120))
    pen.polygon(((51, 4), (62, 7), (51, 10)), tones.dark)
    pen.shape("8,82! 40,85 92,81! 84,97 72,101 30,101 18,97", (124, 78, 46))
    pen.shape("8,82! 40,85 92,81! 90.5,86! 40,89.5 10,86.5!", tones.white)
    pen.shape("14,93 50,96 86,92 78,101 70,101 30,101 20,100", (84, 52, 36))


def ship(pen: Pen, tones: Tones, random: Random) -> None:
    """A steamer under smoke."""
    for step in range(5):
        pen.disc(
            60 + step * 8 + random.uniform(-2, 2),
            22 - step * 5,
            4 + step * 2.2,
            (*tones.white, 150 - step * 26),
        )
    pen.box(54, 26, 64, 58, tones.base)
    pen.box(54, 30, 64, 36, tones.white)
    pen.box(38, 28, 46, 58, tones.base)
    pen.box(38, 32, 46, 38, tones.white)
    pen.box(24, 56, 80, 68, tones.white)
    pen.box(30, 48, 72, 57, tones.white)
    for x in range(28, 78, 7):
        pen.box(x, 60, x + 4, 64, tones.lamp if tones.lit else tones.ink)
    pen.shape("-4,67! 50,70 104,66! 96,88 88,100! 14,100! 4,86", tones.dark)
    pen.shape("7,92! 93,92! 88,100! 14,100!", tones.base)
    for x in range(14, 92, 9):
        pen.disc(x, 78, 1.6, tones.lamp if tones.lit else tones.white)


def car(pen: Pen, tones: Tones, random: Random) -> None:
    """A round little car."""
    del random
    pen.shape("18,66! 26,50 38,42 62,42 74,50 82,66!", tones.base)
    pen.shape("27,64! 32,52 40,47 48,47! 48,64!", (190, 224, 240))
    pen.shape("52,47! 60,47 68,52 73,64! 52,64!", (160, 200, 224))
    pen.shape("2,80 4,70 18,64 50,62 82,64 96,70 98,82 94,90! 6,90!", tones.base)
    pen.shape("3,80 50,82 98,80 96,90! 4,90!", tones.dark)
    pen.disc(94, 74, 3.2, tones.lamp)
    for x in (24, 76):
        pen.disc(x, 89, 11, tones.ink)
        pen.disc(x, 89, 5.6, tones.white)
        pen.disc(x, 89, 2.2, tones.ink)


def bicycle(pen: Pen, tones: Tones, random: Random) -> None:
    """A bicycle that leans on nothing."""
    del random
    for x in (22, 78):
        pen.disc(x, 78, 22, tones.ink)
        pen.disc(x, 78, 19.4, (0, 0, 0, 0))
        for path in (
            f"{x - 19},78 {x + 19},78",
            f"{x},59 {x},97",
            f"{x - 13},65 {x + 13},91",
            f"{x + 13},65 {x - 13},91",
        ):
            pen.line(path, 0.4, (*tones.ink, 150))
    for path in (
        "22,78 46,78",
        "46,78 38,48",
        "22,78 38,52",
        "46,78 70,50",
        "39,52 70,50",
        "78,78 69,42",
    ):
        pen.line(path, 2.6, tones.base)
    pen.line("69,42 78,38 82,44", 2.0, tones.ink)
    pen.shape("29,45 38,43 46,46 38,50", tones.ink)
    pen.disc(46, 78, 4, tones.dark)


def train(pen: Pen, tones: Tones, random: Random) -> None:
    """A steam engine."""
    for step in range(5):
        pen.disc(
            22 + step * 9 + random.uniform(-2, 2),
            22 - step * 6,
            5 + step * 2.4,
            (*tones.white, 170 - step * 28),
        )
    pen.polygon(((15, 28), (29, 28), (26, 46), (18, 46)), tones.ink)
    pen.shape("8,46! 62,46! 62,76! 8,76! 5,62", tones.base)
    pen.box(8, 62, 62, 76, tones.dark)
    for x in (30, 46):
        pen.box(x, 45, x + 2, 76, tones.second)
    pen.shape("36,46! 37,38 45,38 46,46!", tones.second)
    pen.box(62, 28, 94, 80, tones.base)
    pen.box(58, 24, 98, 30, tones.dark)
    pen.box(68, 36, 88, 54, tones.lamp if tones.lit else (190, 224, 240))
    pen.box(4, 76, 96, 82, tones.ink)
    pen.polygon(((8, 78), (-6, 96), (10, 96)), tones.second)
    for x, radius in ((20, 9), (40, 9), (74, 14)):
        pen.disc(x, 99 - radius, radius, tones.ink)
        pen.disc(x, 99 - radius, radius * 0.7, tones.base)
        pen.disc(x, 99 - radius, radius * 0.2, tones.ink)


def submarine(pen: Pen, tones: Tones, random: Random) -> None:
    """A submarine that looks around."""
    del random
    pen.line("52,40 52,18 62,18", 3.0, tones.dark)
    pen.shape("38,50! 42,36! 60,36! 66,50!", tones.base)
    pen.shape("90,56! 104,44! 104,82! 90,70!", tones.dark)
    pen.shape("2,62 14,48 50,44 84,50 96,62 84,76 50,82 14,76", tones.base)
    pen.shape("3,66 50,70 95,66 84,76 50,82 14,76", tones.dark)
    for x in (26, 44, 62):
        pen.disc(x, 60, 5.6, tones.white)
        pen.disc(x, 60, 4.0, tones.lamp)
