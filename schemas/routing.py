"""How one of several servers of a model is chosen, as configured."""

from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field

from schemas.shape import Shape


class Strategy(StrEnum):
    """Which of the servers that could take a call gets it.

    Attributes:
        LEAST_LOADED: The one with the smallest share of its places in use.
        ROUND_ROBIN: Each in turn.
        RESPONSE_TIME: The one that will probably answer first, by how long it took of late and
            how many calls it has.
        WEIGHTED: Each by its ``weight``, exactly: calls wait for their server, even while
            another has room.
        CHEAPEST: The one with the lowest price for this job; among equals the least loaded.
    """

    LEAST_LOADED = "least_loaded"
    ROUND_ROBIN = "round_robin"
    RESPONSE_TIME = "response_time"
    WEIGHTED = "weighted"
    CHEAPEST = "cheapest"


class ModelRoute(Shape):
    """How calls of one model find their server."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: Annotated[str, Field(min_length=1, max_length=128)]
    strategy: Strategy
