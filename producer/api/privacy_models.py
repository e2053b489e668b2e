"""The shapes of people's data in requests and answers, for the OpenAPI document."""

from typing import Final

from pydantic import BaseModel

from schemas.privacy import (
    ErasureList,
    ErasureRequest,
    ErasureView,
    HoldRequest,
    LegalHoldList,
    LegalHoldView,
    RetentionRequest,
    RetentionRuleList,
    RetentionRuleView,
)

PRIVACY_REQUESTS: Final[tuple[type[BaseModel], ...]] = (
    RetentionRequest,
    ErasureRequest,
    HoldRequest,
)
PRIVACY_VIEWS: Final[tuple[type[BaseModel], ...]] = (
    RetentionRuleView,
    RetentionRuleList,
    ErasureView,
    ErasureList,
    LegalHoldView,
    LegalHoldList,
)
