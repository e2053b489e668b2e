"""Model servers and the models they offer, as configured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Final, Self, cast

from pydantic import ConfigDict, Field, SecretStr, field_validator, model_validator

from schemas.comfy_workflow import COMFY_CONCURRENCY, ComfyWorkflow
from schemas.flag_map import FlagMap, Sizes
from schemas.generation import Kind
from schemas.http_call import HttpCall
from schemas.limits import RateLimits
from schemas.picture_skills import PictureSkills
from schemas.protocols import KINDS_OF, AnyProtocol, Protocol
from schemas.server_tags import Tags
from schemas.shape import Shape

Dollars = Annotated[float, Field(ge=0, le=1_000_000, allow_inf_nan=False)]


class Price(Shape):
    """What a model costs, in dollars: the sum of the parts that are given.

    Attributes:
        per_megapixel: Of each image, by its size; 1,048,576 pixels are one.
        per_million_tokens: Of what is asked and what is answered.
        per_million_characters: Of what is spoken.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    per_image: Dollars = 0.0
    per_megapixel: Dollars = 0.0
    per_million_tokens: Dollars = 0.0
    per_million_characters: Dollars = 0.0


class ModelSpec(Shape):
    """A model that callers may name.

    Attributes:
        fallbacks: Models that stand in for it, in this order, when its servers fail in a way
            that another model could mend.
        price: What budgets of money count; without it the model is free.
        streams_progress: Its servers stream answers piece by piece, as OpenAI's API does:
            pictures with partial ones before them, texts token by token. Watchers then see
            progress; the server's account may be charged for partial pictures. Of Cog: the
            model has opted in to streams; its log then tells progress.
        inputs: Of Cog: the model's own names for genq's parameters, such as
            ``{"n": "num_images", "images": "image_input"}``.
        flags: What its server calls flags of prompts, such as ``{"no": "negative_prompt"}``:
            these are members of ``extra_body`` then. A flag that is not named is refused.
        sizes: What it can make; ``--ar`` of a prompt chooses the nearest.
        skills: What actions on pictures may count on.
        workflow: Of ComfyUI: what it runs.
        call: Of HTTP: what is asked, and where the answer stands.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(min_length=1, max_length=128)]
    kind: Kind
    fallbacks: tuple[Annotated[str, Field(min_length=1, max_length=128)], ...] = ()
    price: Price | None = None
    streams_progress: bool = False
    inputs: tuple[tuple[str, str], ...] = ()
    flags: FlagMap = ()
    sizes: Sizes = ()
    skills: PictureSkills = PictureSkills()
    call: HttpCall | None = None
    workflow: ComfyWorkflow | None = None

    @field_validator("inputs", mode="before")
    @classmethod
    def _pairs(cls, inputs: object) -> object:
        # What servers are known by must not change: a table becomes pairs.
        if isinstance(inputs, Mapping):
            return tuple(cast("Mapping[object, object]", inputs).items())
        return inputs


class ModelServer(Shape):
    """An HTTP server that runs models.

    Attributes:
        name: How logs and metrics call it.
        base_url: Of OpenAI's API up to and including ``/v1``; of others the root.
        protocol: What it speaks, or the name of an installed adapter, which then says itself
            what kinds it runs.
        api_key: Sent as the bearer token.
        models: What it offers; the first of a kind is that kind's default.
        concurrency: The most calls in flight from one worker process; of ComfyUI, which runs
            one at a time, 2 unless told.
        weight: Its share of the calls of a model whose route is ``weighted``, beside the
            others' weights; 0: none, unless the others cannot be used.
        limits: What the account at this server may use.
        tags: What jobs may insist on, such as ``private``; a route may say otherwise.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
    base_url: Annotated[str, Field(pattern=r"^https?://")]
    protocol: AnyProtocol = Protocol.OPENAI
    api_key: SecretStr = SecretStr("none")
    models: Annotated[tuple[ModelSpec, ...], Field(min_length=1)]
    concurrency: Annotated[int, Field(ge=1, le=10_000)] = 256
    weight: Annotated[float, Field(ge=0, le=1_000_000, allow_inf_nan=False)] = 1.0
    limits: RateLimits = RateLimits()
    tags: Tags = ()

    @model_validator(mode="after")
    def _kinds_of_its_protocol(self) -> Self:
        kinds = KINDS_OF[self.protocol] if isinstance(self.protocol, Protocol) else Kind
        for spec in self.models:
            if spec.kind not in kinds:
                known = ", ".join(sorted(kinds))
                raise ValueError(
                    f"{spec.name}: a {self.protocol} server runs {known}, not {spec.kind}"
                )
        return self

    @model_validator(mode="after")
    def _calls_that_are_described(self) -> Self:
        for spec in self.models:
            described = self.protocol is Protocol.HTTP
            if described and spec.call is None:
                raise ValueError(f"{spec.name}: needs a call: it is of an http server")
            if spec.call is not None and not described:
                raise ValueError(
                    f"{spec.name}: has a call: that is for protocol http, and not for "
                    f"{self.protocol}"
                )
            if spec.call is not None:
                try:
                    spec.call.hold_to(spec.kind)
                except ValueError as error:
                    raise ValueError(f"{spec.name}: {error}") from None
        return self

    @model_validator(mode="before")
    @classmethod
    def _few_at_a_time(cls, given: object) -> object:
        if not isinstance(given, Mapping):
            return given
        told = cast("Mapping[str, object]", given)
        few = told.get("protocol") == Protocol.COMFYUI
        return {"concurrency": COMFY_CONCURRENCY, **told} if few else told

    @model_validator(mode="after")
    def _workflows_of_comfyui(self) -> Self:
        for spec in self.models:
            if (spec.workflow is not None) != (self.protocol is Protocol.COMFYUI):
                needs = "needs" if spec.workflow is None else "does not run"
                raise ValueError(f"{spec.name}: a {self.protocol} server {needs} a workflow")
            if spec.workflow is not None and spec.inputs:
                raise ValueError(f"{spec.name}: write its inputs into workflow")
        return self


OWN_MODEL: Final = "genq-lanczos"
"""Enlarges pictures; genq's workers run it themselves, so that it is always there."""
OWN_SERVER: Final = ModelServer(
    name="genq-own-pictures",
    base_url="http://genq.invalid",
    models=(ModelSpec(name=OWN_MODEL, kind=Kind.IMAGE_EDIT),),
    # It takes processor time and memory of the worker.
    concurrency=2,
)


def default_model(servers: Sequence[ModelServer], kind: Kind) -> str | None:
    """Return the first configured model of ``kind``."""
    return next((m.name for s in servers for m in s.models if m.kind is kind), None)


def servers_of(servers: Sequence[ModelServer], model: str, kind: Kind) -> list[ModelServer]:
    """Return the servers that offer ``model`` for ``kind``, in configured order."""
    if model == OWN_MODEL and kind is Kind.IMAGE_EDIT:
        return [OWN_SERVER]
    return [
        server
        for server in servers
        if any(spec.name == model and spec.kind is kind for spec in server.models)
    ]


def picture_models(servers: Sequence[ModelServer]) -> frozenset[str]:
    """Return the models that make pictures, and do not chat."""
    specs = [spec for server in servers for spec in server.models]
    chats = {spec.name for spec in specs if spec.kind is Kind.CHAT}
    return frozenset(s.name for s in specs if s.kind is Kind.IMAGE and s.name not in chats)


def prices_of(servers: Sequence[ModelServer], model: str, kind: Kind) -> list[Price]:
    """Return the prices at which ``model`` is offered for ``kind``; none if it is free."""
    return [
        spec.price
        for server in servers
        for spec in server.models
        if spec.name == model and spec.kind is kind and spec.price is not None
    ]


@dataclass(frozen=True, slots=True)
class Offer:
    """A model, and the servers that offer it, in configured order."""

    model: str
    servers: tuple[ModelServer, ...]


def offers_of(servers: Sequence[ModelServer], model: str, kind: Kind) -> tuple[Offer, ...]:
    """Return who can do the work: the model itself first, then what stands in for it.

    Each model comes once; the fallbacks of a fallback are not followed. A model that several
    servers offer has the fallbacks that any of them names.
    """
    specs = [
        s for server in servers for s in server.models if (s.name, s.kind) == (model, kind)
    ]
    names = [model, *(name for spec in specs for name in spec.fallbacks)]
    offers = [
        Offer(name, tuple(servers_of(servers, name, kind))) for name in dict.fromkeys(names)
    ]
    return tuple(offer for offer in offers if offer.servers)


def missing_fallbacks(servers: Sequence[ModelServer]) -> list[str]:
    """Return ``model -> fallback`` for fallbacks of a kind that no server offers."""
    return [
        f"{spec.name} -> {name}"
        for server in servers
        for spec in server.models
        for name in spec.fallbacks
        if not servers_of(servers, name, spec.kind)
    ]
