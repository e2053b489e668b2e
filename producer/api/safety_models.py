"""The shapes of safety in requests and answers, for the OpenAPI document."""

from typing import Final

from pydantic import BaseModel

from schemas.policy_document import PolicyDocument
from schemas.policy_views import EffectivePolicyView, PolicyPage, PolicyView
from schemas.sanction_views import LiftRequest, LiftView, SanctionList
from schemas.simulation import SimulationRequest, SimulationView

SAFETY_REQUESTS: Final[tuple[type[BaseModel], ...]] = (
    PolicyDocument,
    SimulationRequest,
    LiftRequest,
)
SAFETY_VIEWS: Final[tuple[type[BaseModel], ...]] = (
    PolicyView,
    PolicyPage,
    EffectivePolicyView,
    SimulationView,
    SanctionList,
    LiftView,
)
