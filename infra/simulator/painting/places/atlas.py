"""All places by name."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from infra.simulator.painting.places.desert import desert
from infra.simulator.painting.places.forest import forest
from infra.simulator.painting.places.ground import Ground
from infra.simulator.painting.places.hills import garden, meadow, mountains, snow, village
from infra.simulator.painting.places.shores import beach, city, lake, sea
from infra.simulator.painting.places.space import space
from infra.simulator.painting.places.underwater import underwater
from infra.simulator.painting.view import View

PLACES: Final[Mapping[str, Callable[[View], Ground]]] = MappingProxyType(
    {
        "meadow": meadow,
        "garden": garden,
        "village": village,
        "mountains": mountains,
        "sea": sea,
        "beach": beach,
        "lake": lake,
        "desert": desert,
        "snow": snow,
        "city": city,
        "forest": forest,
        "space": space,
        "underwater": underwater,
    }
)
# These paint what is above them themselves.
WITHOUT_SKY: Final = frozenset({"forest", "space", "underwater"})
# Here only a headland carries what stands.
BY_WATER: Final = frozenset({"sea", "lake", "city"})
