"""Where the subjects of a scene are and how large: decided before any of them is painted."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from infra.simulator.painting.land import height_at
from infra.simulator.painting.places.ground import Ground
from infra.simulator.painting.subjects.cast import CAST, Stance, Subject
from infra.simulator.painting.view import View
from infra.simulator.painting.wish import Actor

# Who may pass by, far away, so that an empty place is not empty.
_EXTRAS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "sea": ("boat", "ship", "boat"),
        "lake": ("boat",),
        "beach": ("boat", "ship"),
        "desert": ("cactus", "balloon"),
        "meadow": ("windmill", "balloon", "barn"),
        "garden": ("balloon", "house"),
        "mountains": ("balloon",),
        "village": ("balloon",),
        "snow": ("house",),
    }
)
_ENOUGH_TO_LOOK_AT: Final = 3


@dataclass(frozen=True, slots=True)
class Entry:
    """One copy of a subject in the picture: centre of its foot, and height, in pixels."""

    actor: Actor
    subject: Subject
    x: float
    foot: float
    size: float


def arrange(view: View, actors: tuple[Actor, ...], ground: Ground) -> list[Entry]:
    """Return every copy of every subject, back to front."""
    copies = [actor for actor in actors for _ in range(actor.count)]
    crowd = 1 / (1 + 0.2 * (len(copies) - 1)) if copies else 1.0
    entries: list[Entry] = []
    for number, (actor, x) in enumerate(zip(copies, _across(view, len(copies)), strict=True)):
        main = number == 0
        share = crowd * (1.0 if main else view.random.uniform(0.6, 0.85))
        size = view.unit * CAST[actor.name].size * share * view.random.uniform(0.82, 1.12)
        inside = min(max(x, size * 0.46), view.width - size * 0.46)
        # A bridge spans the picture.
        middle = view.width / 2 if actor.name == "bridge" else inside
        entries.append(_place(view, actor, ground, (middle, size), main=main))
    return sorted(entries, key=lambda entry: entry.foot)


def _across(view: View, count: int) -> list[float]:
    """Return an x for each copy: the first where the eye falls, the others around it."""
    wide, main = view.width, (view.clear[0] + view.clear[1]) / 2
    if count <= 1:
        return [main] * count
    slots = [wide * (0.06 + 0.88 * (n + 0.5) / count) for n in range(count)]
    first = min(slots, key=lambda x: abs(x - main))
    slots.remove(first)
    view.random.shuffle(slots)
    jitter = wide * 0.16 / count
    return [(first + main) / 2, *(x + view.random.uniform(-jitter, jitter) for x in slots)]


def _place(
    view: View, actor: Actor, ground: Ground, where: tuple[float, float], *, main: bool
) -> Entry:
    """Return an entry for ``where``, an x and a size."""
    subject, (x, size) = CAST[actor.name], where
    if subject.stance is Stance.STAND:
        if ground.reach and not main:
            x = _between(ground.reach[0], ground.reach[1], x / view.width)
        foot = _foot_on_land(view, ground, x, main=main) + size * subject.depth
    elif subject.stance is Stance.FLOAT and ground.surface:
        if ground.reach and not main:
            x = _off_shore(view, ground.reach, x)
        foot = _foot_on_water(view, ground, size, main=main) + size * subject.depth
    else:
        top = min(view.horizon, view.height * 0.72)
        share = view.random.uniform(0.42, 0.6) if main else view.random.uniform(0.22, 0.7)
        foot = max(size * 0.62, top * share) + size / 2
    return Entry(actor, subject, x, foot, size)


def _foot_on_land(view: View, ground: Ground, x: float, *, main: bool) -> float:
    nearer = 0.0 if main else view.random.uniform(0.0, 0.05)
    foot = height_at(ground.line, x) + view.unit * (0.012 + nearer)
    return min(foot, view.height * 0.965)


def _foot_on_water(view: View, ground: Ground, size: float, *, main: bool) -> float:
    farther = 0.0 if main else view.random.uniform(0.02, 0.12)
    return max(view.horizon + size * 0.12, ground.water - view.height * farther)


def _off_shore(view: View, reach: tuple[float, float], x: float) -> float:
    """Return where a floating thing goes if the headland is somebody else's."""
    left, right = reach
    shore = (0.0, left) if left > 0 else (right, float(view.width))
    return _between(*shore, 0.15 + 0.7 * x / view.width)


def _between(start: float, end: float, share: float) -> float:
    return start + share * (end - start)


def walk_on(view: View, place: str, actors: tuple[Actor, ...], ground: Ground) -> list[Entry]:
    """Return at most one small extra, far away."""
    taken = {actor.name for actor in actors}
    names = [name for name in _EXTRAS.get(place, ()) if name not in taken]
    crowd = sum(actor.count for actor in actors)
    if not names or crowd >= _ENOUGH_TO_LOOK_AT or view.chance(0.45):
        return []
    random, name = view.random, view.random.choice(names)
    subject, size = CAST[name], view.unit * view.random.uniform(0.09, 0.16)
    inward = 0.12 + random.uniform(-0.06, 0.2)
    x = view.width * (inward if view.on_the_right else 1 - inward)
    if subject.stance is Stance.FLOAT:
        foot = view.horizon + view.unit * random.uniform(0.03, 0.08) + size * subject.depth
    elif subject.stance is Stance.FLY:
        foot = view.horizon * random.uniform(0.35, 0.6) + size
    else:
        foot = height_at(ground.line, x) + size * 0.04
    return [Entry(Actor(name), subject, x, foot, size)]
