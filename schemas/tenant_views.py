"""Tenants as operators ask for them, and as they and the tenants themselves see them."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from schemas.api_key import KeyView
from schemas.generation import Kind
from schemas.lanes import Lane
from schemas.shape import Shape
from schemas.tenant_plan import PlanChange, SafetyLevel, fits_as_name


def _fits(name: str) -> str:
    if not fits_as_name(name):
        raise ValueError("must be printable characters without / and spaces around them")
    return name


class TenantRequest(PlanChange):
    """The body of ``POST /v1/admin/tenants``: a name, and how it differs from the default."""

    name: Annotated[str, Field(min_length=1, max_length=128), AfterValidator(_fits)]


class TenantView(Shape):
    """A tenant in answers; its limits are those of a ``PlanChange``.

    Attributes:
        in_flight: Jobs that were released or run now.
        paused_at: Since then none of its jobs is released.
        suspended_at: Since then none of its keys works.
    """

    object: Literal["tenant"]
    name: str
    plan: str | None
    weight: int
    max_inflight: int
    max_inflight_total: int | None
    requests_per_minute: int | None
    images_per_minute: int | None
    tokens_per_minute: int | None
    calls_per_minute: int | None
    allowed_models: list[str] | None
    allowed_kinds: list[Kind] | None
    allowed_lanes: list[Lane] | None
    safety_level: SafetyLevel
    required_tags: list[str] | None
    in_flight: int
    paused_at: str | None
    suspended_at: str | None
    created_at: str


class NewTenantView(TenantView):
    """A tenant that was just made; ``webhook_secret`` is shown this once."""

    webhook_secret: str


class OwnTenantView(TenantView):
    """Who asks: a tenant, and the key that it asks with."""

    key: KeyView


class TenantPage(Shape):
    """One page of tenants, by name. ``next`` goes into ``after``."""

    object: Literal["list"]
    data: list[TenantView]
    has_more: bool
    next: str | None


class WebhookSecretView(Shape):
    """A webhook secret that was just made: it is shown this once."""

    object: Literal["webhook_secret"]
    tenant: str
    webhook_secret: str
