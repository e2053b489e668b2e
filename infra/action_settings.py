"""Which models serve actions on pictures."""

from typing import Self

from pydantic import Field, model_validator

from infra.model_settings import ModelSettings
from schemas.generation import Kind
from schemas.model_catalog import OWN_MODEL, OWN_SERVER, servers_of


class ActionSettings(ModelSettings):
    """A part of ``infra.settings.Settings``, in a file of its own."""

    describe_model: str | None = Field(
        None, description="chat model that sees pictures, for the action describe"
    )
    upscale_model: str | None = Field(
        None,
        description="for the action upscale; else the first model with skills.upscales, else "
        "Lanczos's filter in the worker",
    )

    @model_validator(mode="after")
    def _models_of_actions(self) -> Self:
        for server in self.model_servers:
            if server.name == OWN_SERVER.name or any(
                m.name == OWN_MODEL for m in server.models
            ):
                raise ValueError(
                    f"model_servers: {OWN_SERVER.name} and {OWN_MODEL} are genq's own names"
                )
        for name, model, kind in (
            ("describe_model", self.describe_model, Kind.CHAT),
            ("upscale_model", self.upscale_model, Kind.IMAGE_EDIT),
        ):
            if model is not None and not servers_of(self.model_servers, model, kind):
                raise ValueError(f"{name}: no server offers {model} for {kind.value}")
        return self
