"""Pictures: reproducible, different where they should be, and of what the prompt says."""

import io
import time
from collections.abc import Callable
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageStat

from infra.simulator.gallery import Picture
from infra.simulator.painting.files import SOFTWARE, encode
from infra.simulator.painting.painting import paint
from infra.simulator.painting.places.atlas import PLACES
from infra.simulator.painting.subjects.cast import CAST
from infra.simulator.painting.wish import PLACE_WORDS, SUBJECT_WORDS

SIDE = 128
# About the CPU time of one picture here, times ten: a noisy machine must not fail the test.
GENEROUS_SECONDS = 0.6


def picture(
    prompt: str, seed: int = 1, index: int = 0, size: tuple[int, int] = (SIDE, SIDE)
) -> Image.Image:
    return paint(prompt, seed, index, *size)


def pixels(image: Image.Image) -> list[tuple[int, int, int]]:
    raw = image.convert("RGB").tobytes()
    return [(raw[n], raw[n + 1], raw[n + 2]) for n in range(0, len(raw), 3)]


def share(image: Image.Image, wanted: Callable[[int, int, int], bool]) -> float:
    found = pixels(image)
    return sum(wanted(*pixel) for pixel in found) / len(found)


def is_red(red: int, green: int, blue: int) -> bool:
    return red > 1.9 * green and red > 1.9 * blue and red > 90


def is_purple(red: int, green: int, blue: int) -> bool:
    return red > 1.25 * green and blue > 1.6 * green and blue > 80


def is_green(red: int, green: int, blue: int) -> bool:
    return green > 1.2 * red and green > 1.15 * blue and green > 60


def is_yellow(red: int, green: int, blue: int) -> bool:
    return min(red, green) > 2.2 * blue and red > 120 and abs(red - green) < 90


def difference(one: Image.Image, two: Image.Image) -> float:
    """The mean difference of two pictures, 0 to 255."""
    return sum(ImageStat.Stat(ImageChops.difference(one, two)).mean) / 3


def test_the_same_words_and_numbers_give_the_same_bytes() -> None:
    first, second = (
        encode(picture("a red kite over the sea", 7, 2), "png", 90) for _ in range(2)
    )
    assert first == second


def test_a_picture_has_the_size_asked_for_and_says_what_made_it() -> None:
    file = encode(picture("a fox", size=(192, 100)), "png", 90)
    with Image.open(io.BytesIO(file)) as image:
        image.load()
        assert (image.format, image.mode, image.size) == ("PNG", "RGB", (192, 100))
        assert image.info["Software"] == SOFTWARE


@pytest.mark.parametrize("output_format", ["jpeg", "webp"])
def test_other_formats_carry_the_mark_too(output_format: str) -> None:
    file = encode(picture("a fox"), output_format, 80)
    with Image.open(io.BytesIO(file)) as image:
        assert image.format == output_format.upper()
        assert image.getexif()[0x0131] == SOFTWARE


def test_seeds_give_clearly_different_pictures() -> None:
    drawn = [picture("a red kite over the sea", seed) for seed in range(1, 6)]
    apart = [difference(one, two) for one, two in combinations(drawn, 2)]
    assert min(apart) > 8
    assert sum(apart) / len(apart) > 20


def test_the_pictures_of_one_call_differ_from_each_other() -> None:
    drawn = [picture("mountains", 1, index) for index in range(4)]
    assert min(difference(one, two) for one, two in combinations(drawn, 2)) > 5


@pytest.mark.parametrize("seed", range(4))
def test_a_red_kite_over_the_sea_is_red_and_a_blue_one_is_not(seed: int) -> None:
    by_day = "a {} kite over the sea at noon"
    red = share(picture(by_day.format("red"), seed), is_red)
    blue = share(picture(by_day.format("green"), seed), is_red)
    assert red > 0.015
    assert blue < red / 8


@pytest.mark.parametrize(
    ("prompt", "wanted"),
    [
        ("a red car in the desert at noon", is_red),
        ("a purple car in the desert at noon", is_purple),
        ("a green dragon in the desert at noon", is_green),
        ("a yellow submarine", is_yellow),
        ("a red hot air balloon in the snow at noon", is_red),
    ],
)
def test_a_colour_word_colours_its_subject(prompt: str, wanted: Callable[..., bool]) -> None:
    subject = prompt.split(" ", 2)[2]
    for seed in range(3):
        coloured = share(picture(prompt, seed), wanted)
        assert coloured > 0.012
        assert coloured > share(picture(f"a white {subject}", seed), wanted) + 0.008


def test_a_colour_word_before_a_place_colours_the_place() -> None:
    green = picture("a lighthouse by a green sea at noon", 3)
    usual = picture("a lighthouse by a sea at noon", 3)
    lower = (0, SIDE * 2 // 3, SIDE, SIDE)
    assert share(green.crop(lower), is_green) > share(usual.crop(lower), is_green) + 0.2


def test_night_is_darker_than_day() -> None:
    def brightness(prompt: str) -> float:
        drawn = picture(prompt, 5).convert("L")
        return ImageStat.Stat(drawn).mean[0]

    assert brightness("a house at night") < 0.6 * brightness("a house at noon")


def test_a_monochrome_picture_has_no_colour() -> None:
    drawn = picture("a black and white photo of a red boat")
    assert all(red == green == blue for red, green, blue in pixels(drawn))


@pytest.mark.parametrize("name", sorted({*SUBJECT_WORDS.values()}))
def test_every_subject_that_words_name_can_be_painted(name: str) -> None:
    assert name in CAST
    word = next(word for word, meaning in SUBJECT_WORDS.items() if meaning == name)
    assert picture(f"seven {word} at night", size=(64, 64)).size == (64, 64)


@pytest.mark.parametrize("name", sorted({*PLACE_WORDS.values()}))
def test_every_place_that_words_name_can_be_painted(name: str) -> None:
    assert name in PLACES
    word = next(word for word, meaning in PLACE_WORDS.items() if meaning == name)
    for seed in range(3):
        assert picture(f"two foxes, a boat and a kite, {word}", seed, size=(96, 64))


def test_every_subject_is_at_home_in_places_that_exist() -> None:
    assert {place for subject in CAST.values() for place in subject.places} <= set(PLACES)


@pytest.mark.parametrize(
    "weather",
    ["thunderstorm", "rainbow", "aurora", "fireworks", "blizzard", "fog", "overcast", "clear"],
)
@pytest.mark.parametrize("style", ["", "pixel art", "sepia", "poster"])
def test_weather_and_style_paint(weather: str, style: str) -> None:
    assert picture(f"{style} a boat on a lake, {weather}", size=(80, 80)).mode == "RGB"


@pytest.mark.parametrize("size", [(64, 64), (64, 1024), (1024, 64), (333, 77)])
def test_odd_sizes_paint(size: tuple[int, int]) -> None:
    for place in ("sea", "forest", "space", "city", "underwater"):
        assert picture(f"a boat and a fox, {place}", size=size).size == size


@settings(max_examples=25, deadline=None)
@given(prompt=st.text(max_size=200), seed=st.integers(-(2**63), 2**63 - 1))
def test_any_prompt_and_seed_paint(prompt: str, seed: int) -> None:
    assert picture(prompt, seed, size=(64, 64)).size == (64, 64)


def test_a_picture_costs_little() -> None:
    picture("a red kite over the sea")
    start = time.process_time()
    file = encode(picture("a red kite over the sea", 2, size=(512, 512)), "png", 90)
    assert time.process_time() - start < GENEROUS_SECONDS
    assert 40_000 < len(file) < 220_000


def test_a_token_stands_for_exactly_one_picture() -> None:
    one = Picture("a fox", 1, 0, 64, 64, "png", 90)
    other = Picture("a fox", 1, 1, 64, 64, "png", 90)
    assert one.token() == Picture("a fox", 1, 0, 64, 64, "png", 90).token()
    assert one.token() != other.token()
    assert one.token().endswith(".png")
