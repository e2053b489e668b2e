"""What an operator says of a model's servers at run time, over what the settings say."""

from typing import Annotated, Self

from pydantic import ConfigDict, Field, model_validator

from schemas.model_catalog import Price
from schemas.routing import Strategy
from schemas.server_tags import Tags
from schemas.shape import Shape

ModelName = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^\x00]*$")]
StandIns = Annotated[tuple[ModelName, ...], Field(max_length=16)]
Percent = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
_ServerName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
_WHOLE = 100.0


class Capabilities(Shape):
    """What servers can do; a job that needs more is not given to them. Absent: anything.

    Attributes:
        max_images: Pictures that one job may ask for.
        edits: Whether they edit pictures.
        vision: Whether they look at pictures in messages.
        max_context_tokens: The longest input, by genq's estimate of four characters a token.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_images: Annotated[int, Field(ge=1, le=1_000, strict=True)] | None = None
    edits: bool | None = None
    vision: bool | None = None
    max_context_tokens: Annotated[int, Field(ge=1, le=10**9, strict=True)] | None = None

    def over(self, ground: "Capabilities") -> "Capabilities":
        """Return what these say, and where they say nothing what ``ground`` says."""
        said = {name: value for name, value in self if value is not None}
        return ground.model_copy(update=said)


class RouteServer(Shape):
    """What is different about one server, for the calls of this model.

    Attributes:
        weight: Its share, if the strategy is ``weighted``; absent: as in the settings, as are
            price and tags.
        enabled: Whether it gets calls.
        draining: It gets no new call and ends what it has; to be taken away soon.
        canary: Percent of the model's calls that it gets, exactly; the servers without it get
            the rest. It gets more only if none of them can be used.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    weight: Annotated[float, Field(ge=0, le=1_000_000, allow_inf_nan=False)] | None = None
    enabled: bool = True
    draining: bool = False
    canary: Percent = 0.0
    price: Price | None = None
    tags: Tags | None = None
    capabilities: Capabilities = Capabilities()


class RouteFallbacks(Shape):
    """The models that stand in, in their order, by what went wrong; absent: the settings'.

    All but ``context_too_long`` try the model's other servers first.

    Attributes:
        context_too_long: Larger models, at once.
        content_policy: Always empty: what one model refuses is not carried to another.
        server_error: It is away, answers badly, refuses genq's key, or broke the call off.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    context_too_long: StandIns | None = None
    content_policy: Annotated[tuple[ModelName, ...], Field(max_length=0)] = ()
    rate_limited: StandIns | None = None
    timeout: StandIns | None = None
    server_error: StandIns | None = None

    def names(self) -> frozenset[str]:
        """Return every model that stands in."""
        lists = (self.context_too_long, self.rate_limited, self.timeout, self.server_error)
        return frozenset(name for names in lists for name in names or ())


class RouteDocument(Shape):
    """How calls of one model find their server. What is absent is as in the settings.

    Attributes:
        servers: By name; a server that is not named is used as the settings say.
        capabilities: Of all its servers; each may say otherwise.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    strategy: Strategy | None = None
    servers: Annotated[dict[_ServerName, RouteServer], Field(max_length=256)] = Field(
        default_factory=dict[str, RouteServer]
    )
    fallbacks: RouteFallbacks = RouteFallbacks()
    capabilities: Capabilities = Capabilities()

    @model_validator(mode="after")
    def _shares(self) -> Self:
        shared = sum(server.canary for server in self.servers.values())
        if shared > _WHOLE:
            raise ValueError(f"servers: canary shares add up to {shared:g} %: at most 100")
        return self
