"""Reading a prompt: what it fixes, and what it leaves to chance."""

import pytest

from infra.simulator.painting.colour import COLOUR_WORDS
from infra.simulator.painting.hours import Hour
from infra.simulator.painting.wish import MAX_COPIES, MAX_SUBJECTS, SNOW, Actor, read_prompt

RED, BLUE, GREEN = (COLOUR_WORDS[word] for word in ("red", "blue", "green"))


def test_a_colour_goes_to_the_next_thing() -> None:
    wish = read_prompt("A red kite over the blue sea")
    assert wish.actors == (Actor("kite", RED),)
    assert wish.place == "sea"
    assert wish.tints == {"water": BLUE}


def test_a_colour_without_a_thing_is_kept_for_the_main_one() -> None:
    assert read_prompt("something green").colour == GREEN
    assert read_prompt("a kite, red").colour == RED


@pytest.mark.parametrize(
    ("prompt", "name", "count"),
    [
        ("two foxes", "fox", 2),
        ("hot air balloons", "balloon", 3),
        ("a wolf", "wolf", 1),
        ("three wolves", "wolf", 3),
        ("a dozen kites", "kite", MAX_COPIES),
        ("a flock of gulls", "gull", 5),
        ("five ponies and a puppy", "dog", 5),
    ],
)
def test_numbers_and_plurals_are_counted(prompt: str, name: str, count: int) -> None:
    actor = read_prompt(prompt).actors[0]
    assert (actor.name, actor.count) == (name, count)


def test_only_the_first_subjects_are_painted() -> None:
    assert len(read_prompt("a fox, a cat, a dog, an owl and a bear").actors) == MAX_SUBJECTS


@pytest.mark.parametrize(
    ("prompt", "hour"),
    [
        ("a boat at dawn", Hour.DAWN),
        ("a boat in the golden hour", Hour.SUNSET),
        ("stars over a boat", Hour.NIGHT),
        ("a boat in the rain", Hour.STORM),
        ("a boat", None),
    ],
)
def test_the_hour_is_read(prompt: str, hour: Hour | None) -> None:
    assert read_prompt(prompt).hour == hour


def test_stars_are_a_sky_and_a_star_is_a_thing() -> None:
    assert read_prompt("a field of stars").actors == ()
    assert read_prompt("a star").actors == (Actor("star"),)


def test_names_that_contain_colours_are_not_colours() -> None:
    assert read_prompt("the golden gate bridge").actors == (Actor("bridge"),)


def test_a_palm_tree_is_one_thing() -> None:
    assert [actor.name for actor in read_prompt("a palm tree").actors] == ["palm"]


def test_a_snowy_place_stays_that_place_under_snow() -> None:
    wish = read_prompt("a fox in a snowy forest")
    assert wish.place == "forest"
    assert wish.tints["ground"] == SNOW
    assert "snowfall" in wish.weather


def test_a_field_of_lavender_is_a_garden_in_that_colour() -> None:
    wish = read_prompt("a field of lavender with a windmill")
    assert wish.place == "garden"
    assert wish.tints["grass"] == COLOUR_WORDS["lavender"]
    assert wish.actors == (Actor("windmill"),)


@pytest.mark.parametrize("prompt", ["", "…", "日本の秋", "42", "the quick brown"])
def test_prompts_that_name_nothing_are_fine(prompt: str) -> None:
    assert read_prompt(prompt).actors == ()
