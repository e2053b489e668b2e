"""What a prompt asks for, read from its words: subjects, colours, place, hour, weather."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from types import MappingProxyType
from typing import Final

from infra.simulator.painting.colour import COLOUR_WORDS, Colour
from infra.simulator.painting.hours import Hour

MAX_COPIES: Final = 7
MAX_SUBJECTS: Final = 3
SNOW: Final[Colour] = (238, 243, 250)
# A picture is made of the first words; a novel must not cost a second of reading.
_READ_CHARACTERS: Final = 2000
_WORD: Final = re.compile(r"[a-z]+")


def _table(text: str) -> Mapping[str, str]:
    """Return word -> meaning from lines ``meaning: word word …``."""
    found: dict[str, str] = {}
    for line in text.strip().splitlines():
        meaning, _, words = line.partition(":")
        found |= dict.fromkeys(words.split(), meaning.strip())
    return MappingProxyType(found)


SUBJECT_WORDS: Final = _table(
    """
    kite: kite
    balloon: balloon airship zeppelin
    rocket: rocket spaceship spacecraft shuttle ufo
    aeroplane: aeroplane airplane plane aircraft jet biplane
    gull: gull seagull bird albatross eagle hawk falcon dove swallow crane raven crow
    butterfly: butterfly moth
    dragon: dragon wyvern
    fox: fox vixen
    wolf: wolf coyote husky
    cat: cat kitten kitty tiger lion panther
    dog: dog puppy hound corgi
    rabbit: rabbit bunny hare
    owl: owl
    bear: bear grizzly
    deer: deer stag reindeer elk moose antelope
    penguin: penguin
    whale: whale orca
    fish: fish goldfish koi salmon shark
    elephant: elephant mammoth
    house: house cottage cabin hut home chalet villa farmhouse
    lighthouse: lighthouse beacon
    castle: castle palace fortress citadel
    windmill: windmill mill
    tent: tent camp camping campsite
    barn: barn farm stable
    bridge: bridge
    boat: boat sailboat yacht dinghy sail sails sailing canoe
    ship: ship steamer ferry liner vessel
    car: car taxi automobile van truck
    bicycle: bicycle bike
    train: train locomotive railway
    submarine: submarine
    tree: tree oak maple willow cherry
    pine: pine fir spruce
    palm: palm
    flower: flower rose tulip daisy sunflower blossom poppy lily
    mushroom: mushroom toadstool
    cactus: cactus saguaro
    robot: robot android droid
    figure: person man woman girl boy child traveller traveler wanderer hiker wizard knight
    astronaut: astronaut cosmonaut spaceman
    umbrella: umbrella parasol
    heart: heart
    star: star
    teapot: teapot kettle tea
    snowman: snowman
    """
)
PLACE_WORDS: Final = _table(
    """
    sea: sea ocean coast bay harbour harbor waves cliff cliffs shore seaside horizon
    beach: beach sand island tropical lagoon
    lake: lake pond river fjord
    mountains: mountain mountains alps peak peaks valley alpine summit
    forest: forest wood woods jungle trees grove glade
    desert: desert dune dunes sahara canyon
    city: city skyline town street downtown skyscraper skyscrapers metropolis tokyo york london
    village: village hamlet
    snow: snow snowy winter arctic glacier ice icy frozen tundra
    meadow: meadow field hill hills grass countryside prairie park pasture
    garden: garden flowers tulips poppies blossoms lavender orchard
    space: space galaxy planet mars cosmos nebula lunar orbit asteroid
    underwater: underwater reef coral aquarium seabed
    """
)
HOUR_WORDS: Final = _table(
    """
    dawn: dawn sunrise morning daybreak
    day: day noon midday daylight sunny bright summer spring
    sunset: sunset evening hour autumn sundown
    dusk: dusk twilight gloaming
    night: night midnight moon moonlit moonlight stars starry dark nocturnal aurora fireworks
    storm: storm stormy rain rainy thunder thunderstorm lightning tempest
    fog: fog foggy mist misty haze hazy
    """
)
WEATHER_WORDS: Final = _table(
    """
    rain: rain rainy storm stormy thunderstorm tempest
    lightning: lightning thunder thunderstorm
    snowfall: snow snowy snowfall snowing blizzard
    rainbow: rainbow
    aurora: aurora borealis
    clouds: cloud clouds cloudy overcast
    clear: clear cloudless
    fireworks: fireworks firework
    """
)
STYLE_WORDS: Final = _table(
    """
    pixel: pixel pixelated pixelart
    mono: monochrome noir blackandwhite charcoal
    sepia: sepia vintage daguerreotype
    poster: poster linocut screenprint woodcut
    """
)
_NUMBERS: Final[Mapping[str, int]] = MappingProxyType(
    {"two": 2, "pair": 2, "couple": 2, "three": 3, "several": 3, "four": 4, "some": 3,
     "five": 5, "six": 6, "many": 6, "seven": 7, "dozen": 7, "flock": 5, "fleet": 4}
)  # fmt: skip
# "golden hour" is a time and "golden gate" a name, not the colour of the next thing.
_NOT_COLOURED: Final = frozenset({"hour", "light", "evening", "sunset", "sunrise", "gate"})
# Words that name a colour of their own, if the prompt gives none.
_NATURAL: Final[Mapping[str, str]] = MappingProxyType(
    {"sunflower": "yellow", "sunflowers": "yellow", "rose": "red", "roses": "red",
     "poppy": "red", "daisy": "white", "lily": "white", "cherry": "pink", "goldfish": "orange",
     "raven": "black", "crow": "black", "dove": "white", "gull": "white", "taxi": "yellow",
     "tiger": "orange", "lion": "golden", "panther": "black"}
)  # fmt: skip
# "palm tree" is one thing.
_ONE_THING: Final = frozenset({("palm", "tree"), ("pine", "tree"), ("kite", "bird")})
# The part of the landscape a colour word before a place tints.
_PARTS: Final[Mapping[str, str]] = MappingProxyType(
    {"sea": "water", "beach": "sand", "lake": "water", "mountains": "rock", "forest": "leaf",
     "desert": "sand", "city": "wall", "village": "grass", "snow": "snow", "meadow": "grass",
     "garden": "grass", "space": "planet", "underwater": "water"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Actor:
    """One subject of a picture: its name, the colour asked for, and how many of it."""

    name: str
    colour: Colour | None = None
    count: int = 1


@dataclass(frozen=True, slots=True)
class Wish:
    """What a prompt fixes; everything else is left to chance.

    Attributes:
        actors: The subjects, in the order of the prompt.
        place: A name from `PLACE_WORDS`, or None.
        hour: The hour, or None.
        weather: Names from `WEATHER_WORDS`.
        style: A name from `STYLE_WORDS`, or None.
        tints: Colours of parts of the landscape ("water", "rock", "sky", …).
        colour: A colour word that belongs to no known thing.
    """

    actors: tuple[Actor, ...] = ()
    place: str | None = None
    hour: Hour | None = None
    weather: frozenset[str] = frozenset()
    style: str | None = None
    tints: Mapping[str, Colour] = field(default_factory=dict[str, Colour])
    colour: Colour | None = None


@lru_cache(maxsize=1024)
def read_prompt(prompt: str) -> Wish:
    """Return what ``prompt`` asks for; words nobody knows are left out."""
    words = _WORD.findall(prompt[:_READ_CHARACTERS].lower().replace("-", " "))
    reader = _Reader()
    for word, following in pairwise([*words, ""]):
        reader.take(word, following)
    places, tints = reader.places, reader.tints
    if "snow" in places and (elsewhere := [place for place in places if place != "snow"]):
        places = elsewhere
        tints = {"grass": SNOW, "ground": SNOW, "sand": SNOW} | tints
    if "garden" in places and places[0] == "meadow":
        places = ["garden"]
    return Wish(
        actors=tuple(reader.actors.values()),
        place=places[0] if places else None,
        hour=_hour(words),
        weather=frozenset(WEATHER_WORDS[word] for word in words if word in WEATHER_WORDS),
        style=_style(words),
        tints=MappingProxyType(tints),
        colour=reader.colour,
    )


class _Reader:
    """Takes a prompt word by word; a colour or number waits for the thing it belongs to."""

    def __init__(self) -> None:
        self.actors: dict[str, Actor] = {}
        self.tints: dict[str, Colour] = {}
        self.places: list[str] = []
        self.colour: Colour | None = None
        self._count = 1
        self._last = ""

    def take(self, word: str, following: str) -> None:
        """Read one word, knowing the next."""
        colour = COLOUR_WORDS.get(word)
        if word in PLACE_WORDS and colour and not _is_thing(following):
            self.places.append(PLACE_WORDS[word])
            self.tints[_PARTS[PLACE_WORDS[word]]] = colour
        elif colour and following not in _NOT_COLOURED:
            self.colour = colour
        elif word in _NUMBERS:
            self._count = _NUMBERS[word]
        elif word == "sky" and self.colour:
            self.tints["sky"], self.colour = self.colour, None
        else:
            self._take_thing(word)

    def _take_thing(self, word: str) -> None:
        landscape = word in PLACE_WORDS or word in HOUR_WORDS
        subject = None if landscape else known(word, SUBJECT_WORDS)
        place = None if subject else known(word, PLACE_WORDS)
        same = (self._last, subject) in _ONE_THING
        if (
            subject
            and not same
            and subject not in self.actors
            and len(self.actors) < MAX_SUBJECTS
        ):
            plural = word not in SUBJECT_WORDS and self._count == 1
            colour = self.colour or COLOUR_WORDS.get(_NATURAL.get(word, ""))
            count = min(MAX_COPIES, 3 if plural else self._count)
            self.actors[subject] = Actor(subject, colour, count)
            self.colour, self._count = None, 1
        elif place:
            self.places.append(place)
            if self.colour:
                self.tints[_PARTS[place]] = self.colour
            self.colour = None
        self._last = subject or ""


def _is_thing(word: str) -> bool:
    return bool(known(word, SUBJECT_WORDS) or known(word, PLACE_WORDS) or word == "sky")


def known(word: str, table: Mapping[str, str]) -> str | None:
    """Return the meaning of a word or of its singular."""
    for form in (word, word.removesuffix("s"), word.removesuffix("es")):
        if form in table:
            return table[form]
    if word.endswith("ies"):
        return table.get(word[:-3] + "y")
    return table.get(word[:-3] + "f") if word.endswith("ves") else None


def _hour(words: list[str]) -> Hour | None:
    named = [Hour(HOUR_WORDS[word]) for word in words if word in HOUR_WORDS]
    return named[0] if named else None


def _style(words: list[str]) -> str | None:
    styles = [STYLE_WORDS[word] for word in words if word in STYLE_WORDS]
    if not styles and {"black", "white", "photo"} <= set(words):
        return "mono"
    return styles[0] if styles else None
