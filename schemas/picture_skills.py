"""What a model of pictures can do beyond what its kind says, as an operator tells it."""

from typing import Annotated

from pydantic import ConfigDict, Field

from schemas.shape import Shape

_Name = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]{0,63}$")]

TARGET_SIZE = "size"
"""Of ``PictureSkills.upscales``: the wanted size is asked, not a factor."""
FIDELITY = "input_fidelity"
"""Of ``PictureSkills.varies_by``: OpenAI's parameter, high or low; any other is a number."""


class PictureSkills(Shape):
    """What actions on pictures may count on.

    Attributes:
        upscales: It enlarges the picture that it is given, and this parameter says how: a name
            such as ``scale`` gets the factor, ``size`` the size that is wanted. ``None``: it
            is no upscaler.
        varies_by: The parameter that says how far a variation may go: ``input_fidelity`` gets
            ``high`` or ``low``; any other, such as ``prompt_strength``, 0.35 or 0.75.
            ``None``: words of the prompt alone say it.
        seeds: Its servers take ``seed``: genq chooses one, and keeps it, for a job that has
            none, so that the job can be repeated exactly.
        masks: Whether it edits only what a mask leaves open. ``None``: it does if its server
            speaks OpenAI's API.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    upscales: _Name | None = None
    varies_by: _Name | None = None
    seeds: bool = False
    masks: bool | None = None
