"""The floors: what no policy loosens, whoever wrote it, and no level switches off."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from schemas.policy_thresholds import Thresholds
from schemas.safety import SEXUAL_MINORS, UNDRESS_REAL_PERSON, WEAPONS_MASS_HARM

FLOOR_THRESHOLDS: Final[Mapping[str, Thresholds]] = MappingProxyType(
    {
        SEXUAL_MINORS: Thresholds(block=0.30),
        UNDRESS_REAL_PERSON: Thresholds(block=0.40),
        WEAPONS_MASS_HARM: Thresholds(review=0.30, block=0.55),
    }
)
"""The least that each of ``schemas.safety.FLOORS`` is held against."""

FLOOR_DETECTORS: Final = frozenset({"FloorDetector", "HashListDetector", "ToxicityFilter"})
"""Detectors that know the floors: no policy switches them off."""
