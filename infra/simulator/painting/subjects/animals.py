"""Animals: fox, cat, dog, rabbit, owl, bear, deer, penguin, whale, fish, elephant."""

from random import Random

from infra.simulator.painting.subjects.pen import Pen, Tones


def fox(pen: Pen, tones: Tones, random: Random) -> None:
    """A sitting fox with a white bib and a thick tail."""
    del random
    pen.shape("60,92! 78,98 98,90 104,70 96,48! 90,58 82,66 72,74 62,84", tones.base)
    pen.shape("96,48! 104,62 103,74 94,72 89,60!", tones.white)
    pen.shape("70,96 84,95 97,88 88,100 70,100", tones.dark)
    pen.shape("38,46 54,42 64,56 72,76 72,100! 34,100! 32,78 33,60", tones.base)
    pen.shape("58,52 68,66 73,82 72,100! 56,100! 52,84 62,72", tones.dark)
    pen.shape("34,52 44,54 45,70 41,86 36,92 33,78", tones.white)
    pen.shape("33,70! 41,72 41,100! 31,100! 32,84", tones.light)
    pen.shape("43,74! 50,76 49,100! 40,100!", tones.base)
    pen.box(31, 95, 40.5, 100, tones.ink)
    pen.box(41, 95, 49, 100, tones.ink)
    pen.shape("24,22! 25,4! 37,15!", tones.dark)
    pen.shape("43,15! 56,2! 58,25!", tones.base)
    pen.shape("47,17! 54,8! 55,22!", tones.ink)
    pen.shape("22,28 28,16 40,13 54,18 60,32 56,44 44,50 30,46 12,44! 16,36", tones.base)
    pen.shape("12,44! 26,36 36,40 44,50 34,50 24,47", tones.white)
    pen.shape("60,32! 62,42 52,50 44,50 52,42", tones.white)
    pen.disc(12.5, 43, 2.7, tones.ink)
    pen.oval(33, 30, 2.3, 2.9, tones.ink)
    pen.disc(32.3, 29, 0.8, tones.white)


def cat(pen: Pen, tones: Tones, random: Random) -> None:
    """A cat that sits and looks at you."""
    del random
    pen.line("62,94 84,94 90,78 82,62 90,52", 6.4, tones.base)
    pen.shape("36,48 64,48 74,74 72,100! 28,100! 26,74", tones.base)
    pen.shape("58,52 68,66 74,84 72,100! 60,100! 64,80", tones.dark)
    pen.shape("43,54 57,54 58,72 50,80 42,72", tones.second)
    pen.shape("38,76! 48,78 48,100! 36,100!", tones.light)
    pen.shape("52,78! 62,76 64,100! 52,100!", tones.light)
    pen.shape("27,30! 26,2! 44,16!", tones.base)
    pen.shape("73,30! 74,2! 56,16!", tones.base)
    pen.shape("30,22! 29,8! 39,16!", (222, 140, 140))
    pen.shape("70,22! 71,8! 61,16!", (222, 140, 140))
    pen.shape("50,12 68,18 75,34 68,50 50,55 32,50 25,34 32,18", tones.base)
    for x in (39, 61):
        pen.oval(x, 33, 5.4, 5.8, (244, 204, 84))
        pen.oval(x, 33, 1.7, 5.2, tones.ink)
        pen.disc(x - 1.8, 31, 1.1, (255, 255, 255))
    pen.shape("46.5,41! 53.5,41! 50,45", (226, 128, 128))
    pen.line("50,45 47,48.5 43,47.5", 0.9, tones.ink)
    pen.line("50,45 53,48.5 57,47.5", 0.9, tones.ink)
    for y in (42, 45):
        pen.line(f"30,{y} 14,{y * 2 - 45}", 0.6, tones.white)
        pen.line(f"70,{y} 86,{y * 2 - 45}", 0.6, tones.white)


def dog(pen: Pen, tones: Tones, random: Random) -> None:
    """A standing dog with a collar."""
    del random
    pen.line("82,54 94,42 96,28", 5.0, tones.base)
    pen.shape("68,60! 84,58 88,74 86,100! 78,100! 76,82", tones.dark)
    pen.shape("34,64! 46,66 46,100! 38,100!", tones.dark)
    pen.shape("26,46 44,44 70,46 86,52 88,68 76,76 50,74 34,78 26,66", tones.base)
    pen.shape("28,60! 38,64 38,100! 29,100!", tones.base)
    pen.shape("72,64! 80,68 78,100! 70,100! 68,82", tones.base)
    pen.shape("20,30 28,16 44,18 48,34 44,56 30,62 24,48", tones.base)
    pen.shape("28,22 40,18 36,36 22,40 4,40 3,32 14,29", tones.light)
    pen.disc(4.5, 33, 3.2, tones.ink)
    pen.shape("36,16! 48,18 52,34 46,46 40,36", tones.dark)
    pen.disc(25, 26, 2.0, tones.ink)
    pen.shape("24.5,52! 46,46! 47,51! 26,57.5!", tones.second)
    pen.disc(28, 58, 2.2, (246, 200, 80))


def rabbit(pen: Pen, tones: Tones, random: Random) -> None:
    """A rabbit, ears up."""
    del random
    pen.disc(80, 86, 8, tones.white)
    pen.shape("40,58 60,54 78,66 82,88 74,100! 34,100! 32,80", tones.base)
    pen.shape("60,72 76,74 80,92 74,100! 52,100! 52,84", tones.dark)
    pen.shape("36,72! 46,76 45,100! 32,100! 34,84", tones.light)
    pen.shape("34,34! 22,14 24,-8 34,-4 42,30!", tones.base)
    pen.shape("34,28! 27,12 27,-2 32,2 38,28!", (232, 160, 160))
    pen.shape("44,32! 44,8 54,-10 61,0 54,34!", tones.dark)
    pen.shape("24,50 28,36 42,30 56,36 60,50 52,62 36,64", tones.base)
    pen.shape("24,52 34,52 40,60 34,64 27,60", tones.white)
    pen.disc(37, 45, 2.6, tones.ink)
    pen.disc(36.2, 44, 0.8, tones.white)
    pen.disc(24.5, 51, 1.7, (220, 120, 120))


def owl(pen: Pen, tones: Tones, random: Random) -> None:
    """An owl on its branch."""
    del random
    pen.line("8,97 50,94 96,96", 4.5, tones.ink)
    pen.shape("50,16 76,30 80,66 66,92 50,98 34,92 20,66 24,30", tones.base)
    pen.shape("22,40 34,54 34,84 26,78 19,62", tones.dark)
    pen.shape("78,40 66,54 66,84 74,78 81,62", tones.dark)
    pen.shape("50,48 64,58 62,84 50,92 38,84 36,58", tones.second)
    for row, y in enumerate((62, 70, 78)):
        for x in (42, 50, 58) if row % 2 else (46, 54):
            pen.shape(f"{x - 3},{y} {x},{y + 5}! {x + 3},{y} {x},{y + 2}", tones.dark)
    pen.shape("24,30! 20,8! 42,20!", tones.base)
    pen.shape("76,30! 80,8! 58,20!", tones.base)
    for x in (38, 62):
        pen.disc(x, 36, 12.5, tones.white)
        pen.disc(x, 36, 8.6, (246, 178, 44))
        pen.disc(x, 36, 5, tones.ink)
        pen.disc(x - 2, 34, 1.6, (255, 255, 255))
    pen.polygon(((46, 42), (54, 42), (50, 54)), (236, 140, 40))
    for x in (41, 45, 55, 59):
        pen.oval(x, 95, 1.8, 3.4, (236, 140, 40))


def bear(pen: Pen, tones: Tones, random: Random) -> None:
    """A bear on all fours."""
    del random
    pen.shape("70,58! 90,58 92,80 90,100! 76,100! 72,80", tones.dark)
    pen.shape("38,66! 52,66 52,100! 39,100!", tones.dark)
    pen.shape("18,44 34,34 54,32 76,36 92,50 93,68 82,82 52,82 32,80 20,66", tones.base)
    pen.shape("24,62! 38,66 38,100! 24,100!", tones.base)
    pen.shape("66,66! 84,68 80,100! 66,100!", tones.base)
    pen.disc(20, 30, 5, tones.dark)
    pen.disc(37, 29, 5, tones.dark)
    pen.shape("16,40 22,29 34,29 41,42 36,56 24,60 12,57 8,49", tones.base)
    pen.shape("8,49 15,44 22,49 21,57 12,58", tones.second)
    pen.disc(8.6, 50, 2.6, tones.ink)
    pen.disc(22, 41, 1.7, tones.ink)


def deer(pen: Pen, tones: Tones, random: Random) -> None:
    """A stag that has heard something."""
    del random
    for path in (
        "36,20 26,12 22,-4",
        "27,12 16,8 12,-2",
        "25,4 30,-4 30,-12",
        "41,20 50,10 52,-8",
        "50,10 60,4 62,-6",
        "51,2 45,-4 44,-14",
    ):
        pen.line(path, 1.7, tones.second)
    for x in (44, 78):
        pen.shape(
            f"{x},66! {x + 7},66 {x + 5},84 {x + 5},100! {x + 2},100! {x + 1},84", tones.dark
        )
    pen.shape("40,52 54,50 76,52 88,60 86,72 74,76 56,74 44,72", tones.base)
    pen.shape("56,74 74,75 85,72 74,79 58,78", tones.light)
    for x in (41, 72):
        pen.shape(
            f"{x},64! {x + 8},68 {x + 5},84 {x + 5},100! {x + 2},100! {x + 1},84", tones.base
        )
    pen.shape("33,26 44,24 48,40 54,56 46,72 40,62 37,46", tones.base)
    pen.shape("37,46 40,62 45,70 48,60 43,46", tones.white)
    pen.shape("42,24! 54,17 50,28!", tones.base)
    pen.shape("20,33 30,21 42,20 45,30 38,38 26,40 20,39", tones.base)
    pen.disc(20.6, 36, 2.0, tones.ink)
    pen.disc(33, 27, 1.7, tones.ink)
    pen.shape("86,58! 94,56 92,66!", tones.white)


def penguin(pen: Pen, tones: Tones, random: Random) -> None:
    """A penguin."""
    del random
    pen.oval(40, 98, 9, 3, (240, 150, 40))
    pen.oval(60, 98, 9, 3, (240, 150, 40))
    pen.shape("26,46! 12,66 16,78 28,66", tones.base)
    pen.shape("74,46! 88,66 84,78 72,66", tones.dark)
    pen.shape("50,2 66,10 72,32 78,66 70,94 50,99 30,94 22,66 28,32 34,10", tones.base)
    pen.shape("50,30 62,38 68,66 62,90 50,95 38,90 32,66 38,38", tones.white)
    pen.shape("50,16 58,12 64,22 60,36 50,40 40,36 36,22 42,12", tones.white)
    pen.disc(43, 22, 2.5, tones.ink)
    pen.disc(57, 22, 2.5, tones.ink)
    pen.shape("44,28! 56,28! 50,36!", (240, 150, 40))
    pen.shape("36,40! 50,46 64,40! 64,46 50,52 36,46", tones.second)


def whale(pen: Pen, tones: Tones, random: Random) -> None:
    """A whale that blows."""
    del random
    for path in ("36,26 34,10 24,2", "36,26 38,8 48,0", "36,26 36,8 36,-4"):
        pen.line(path, 2.2, (*tones.white, 210))
    pen.shape("78,60! 88,46 86,28! 96,38 108,30! 106,48 94,62 88,78", tones.base)
    pen.shape("4,60 14,36 40,28 64,36 82,58 94,66 84,86 56,98 24,96 8,84", tones.base)
    pen.shape("5,70 30,78 60,76 84,84 56,98 24,96 8,84", tones.second)
    for x in (16, 25, 34, 43):
        pen.line(f"{x},78 {x + 4},86 {x + 9},94", 0.8, tones.dark)
    pen.shape("44,78! 60,80 64,100 52,96!", tones.dark)
    pen.disc(22, 62, 2.4, tones.ink)
    pen.disc(21.3, 61.2, 0.8, tones.white)
    pen.line("6,70 16,72 24,70", 0.9, tones.ink)


def fish(pen: Pen, tones: Tones, random: Random) -> None:
    """A fish with stripes."""
    del random
    pen.shape("74,52! 98,32! 92,52 98,76! 74,58!", tones.dark)
    pen.shape("36,34! 50,14 70,24 66,42!", tones.dark)
    pen.shape("42,70! 52,86 62,72!", tones.dark)
    pen.shape("6,54 24,36 50,30 72,42 82,54 70,68 48,76 24,72", tones.base)
    pen.shape("34,33.5! 42,31.5! 44,52 42,75! 34,74! 37,54", tones.second)
    pen.shape("58,34! 65,37.5! 67,54 62,71! 56,74! 60,54", tones.second)
    pen.shape("10,60 40,66 70,62 58,73 44,76 22,71", (*tones.dark, 90))
    pen.disc(20, 50, 4.4, tones.white)
    pen.disc(19.4, 50, 2.4, tones.ink)


def elephant(pen: Pen, tones: Tones, random: Random) -> None:
    """An elephant."""
    del random
    for x in (44, 74):
        pen.box(x, 66, x + 13, 100, tones.dark)
    pen.shape("30,34 50,24 76,26 94,42 95,66 86,80 54,80 36,76", tones.base)
    pen.box(34, 66, 47, 100, tones.base)
    pen.box(66, 66, 79, 100, tones.base)
    pen.line("94,48 99,62 98,72", 1.4, tones.dark)
    pen.shape("10,44 14,26 32,20 44,32 44,54 30,60 20,58 17,74 18,86 10,90 8,72", tones.base)
    pen.shape("17,60! 8,70 4,68! 14,56!", tones.white)
    pen.shape("32,28 48,26 54,44 44,60 34,52", tones.dark)
    pen.disc(22, 36, 1.9, tones.ink)
