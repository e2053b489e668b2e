"""The shapes of safety in requests and answers, for the OpenAPI document."""

from typing import Final

from pydantic import BaseModel

from producer.api.review_models import REVIEW_REQUESTS, REVIEW_VIEWS
from schemas.hash_list import (
    HashEntriesRequest,
    HashEntriesView,
    HashEntryPage,
    HashListRequest,
    HashListsView,
    HashListView,
)
from schemas.policy_document import PolicyDocument
from schemas.policy_views import EffectivePolicyView, PolicyPage, PolicyView
from schemas.provenance import VerificationView, VerifyRequest
from schemas.sanction_views import LiftRequest, LiftView, SanctionList
from schemas.simulation import SimulationRequest, SimulationView

SAFETY_REQUESTS: Final[tuple[type[BaseModel], ...]] = (
    VerifyRequest,
    HashListRequest,
    HashEntriesRequest,
    PolicyDocument,
    SimulationRequest,
    LiftRequest,
    *REVIEW_REQUESTS,
)
SAFETY_VIEWS: Final[tuple[type[BaseModel], ...]] = (
    VerificationView,
    HashListView,
    HashListsView,
    HashEntriesView,
    HashEntryPage,
    PolicyView,
    PolicyPage,
    EffectivePolicyView,
    SimulationView,
    SanctionList,
    LiftView,
    *REVIEW_VIEWS,
)
