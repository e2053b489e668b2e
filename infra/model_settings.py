"""Model servers, and what decides which of them a call goes to."""

from collections import Counter
from typing import Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings

from infra.installed_adapters import installed_adapter
from schemas.errors import SettingsError
from schemas.model_catalog import ModelServer, missing_fallbacks
from schemas.protocols import Protocol
from schemas.routing import ModelRoute, Strategy


class ModelSettings(BaseSettings):
    """A part of ``infra.settings.Settings``, in a file of its own."""

    model_servers: tuple[ModelServer, ...] = Field((), description="see the TOML example")
    route_strategy: Strategy = Field(
        Strategy.LEAST_LOADED, description="which server of a model gets a call"
    )
    model_routes: tuple[ModelRoute, ...] = Field(
        (), description="models with a strategy of their own; see the TOML example"
    )

    @model_validator(mode="after")
    def _consistent_models(self) -> Self:
        names = [server.name for server in self.model_servers]
        if len(names) != len(set(names)):
            raise ValueError("model_servers: two servers share a name")
        missing = missing_fallbacks(self.model_servers)
        if missing:
            raise ValueError(
                f"model_servers: no server offers this fallback of the same kind: {missing[0]}"
            )
        offered = {spec.name for server in self.model_servers for spec in server.models}
        for model, routes in Counter(route.model for route in self.model_routes).items():
            if routes > 1:
                raise ValueError(f"model_routes: {model} has {routes} routes: keep one")
            if model not in offered:
                raise ValueError(f"model_routes: no server offers {model}")
        return self

    @model_validator(mode="after")
    def _adapters_are_installed(self) -> Self:
        for server in self.model_servers:
            if not isinstance(server.protocol, Protocol):
                try:
                    installed_adapter(server)
                except SettingsError as error:
                    raise ValueError(error.message) from None
        return self

    def strategy_of(self, model: str) -> Strategy:
        """Return how a server of ``model`` is chosen."""
        own = (route.strategy for route in self.model_routes if route.model == model)
        return next(own, self.route_strategy)
