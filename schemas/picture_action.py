"""What is to be done to the pictures of a job, as callers ask for it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field

from schemas.image_edit_input import PictureReference
from schemas.lanes import LOWEST_PRIORITY, Lane
from schemas.lineage import Action
from schemas.parameters import PicturePrompt, Pictures, PictureSeed
from schemas.shape import Shape
from schemas.webhook_target import Channels, WebhookTarget
from schemas.when import SecondsFromNow, When

FEWEST_BLENDED: Final = 2
MOST_BLENDED: Final = 5

Strength = Literal["subtle", "strong"]
Direction = Literal["left", "right", "up", "down"]

OF_ACTIONS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "upscale": frozenset({"index", "factor", "model"}),
        "vary": frozenset({"index", "strength", "prompt", "seed", "n", "model"}),
        "reroll": frozenset({"seed", "model"}),
        "remix": frozenset({"prompt", "seed", "model"}),
        "blend": frozenset({"index", "images", "prompt", "seed", "n", "model"}),
        "describe": frozenset({"index", "model"}),
        "zoom": frozenset({"index", "factor", "prompt", "seed", "n", "model"}),
        "pan": frozenset({"index", "direction", "prompt", "seed", "n", "model"}),
        "replay": frozenset(),
    }
)
"""The parameters that each action has; those of the new job itself are every action's."""
OWN: Final = frozenset[str]().union(*OF_ACTIONS.values())
"""The parameters of actions, which are not those of the new job."""


class PictureActionRequest(Shape):
    """The body of ``POST /v1/jobs/{job_id}/actions``: what to do, and with which picture.

    ``index`` is that of the artifact, from 0; it may be left out if the job has one picture.
    ``factor``: 2 or 4 to ``upscale``; 1.5 or 2 to ``zoom`` out. ``images``: what ``blend`` adds
    to the picture, so that there are 2 to 5. ``lane``, ``priority`` and ``end_user`` are those
    of the job that is acted on, unless told; what all the jobs of its pictures require of a
    model server, it requires, too; nothing else of how they were asked for is taken over.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    action: Action
    index: Annotated[int, Field(ge=0, strict=True)] | None = None
    prompt: PicturePrompt | None = None
    strength: Strength = "subtle"
    images: Annotated[list[PictureReference], Field(max_length=MOST_BLENDED)] = Field(
        default_factory=list[PictureReference]
    )
    direction: Direction | None = None
    factor: Annotated[float, Field(allow_inf_nan=False)] | None = None
    seed: PictureSeed | None = None
    n: Pictures | None = None
    model: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    lane: Lane | None = None
    priority: Annotated[int, Field(ge=0, le=LOWEST_PRIORITY, strict=True)] | None = None
    webhook: WebhookTarget | None = None
    channels: Channels = ()
    metadata: dict[str, str] = Field(default_factory=dict[str, str])
    tags: tuple[str, ...] = ()
    end_user: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    run_at: When | None = None
    start_timeout: SecondsFromNow | None = None
    deadline: When | None = None

    @property
    def of_the_job(self) -> dict[str, Any]:
        """What was told of the new job itself, by the names of ``JobRequest``.

        A ``lane`` or ``priority`` of null is none that was told; every job has them.
        """
        told = self.model_fields_set - OWN - {"action"}
        own = {name: getattr(self, name) for name in told}
        always = {name for name in ("lane", "priority") if own.get(name) is None}
        return {name: value for name, value in own.items() if name not in always}

    @property
    def out_of_place(self) -> list[str]:
        """What was told that means nothing to the action."""
        return sorted(self.model_fields_set & OWN - OF_ACTIONS[self.action])
