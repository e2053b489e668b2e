"""The shapes of reviews, appeals and reports, for the OpenAPI document."""

from typing import Final

from pydantic import BaseModel

from schemas.review import AppealRequest, ReportRequest, ReviewChoice, ReviewDecision
from schemas.review_views import (
    AppealPage,
    AppealView,
    ReportView,
    ReviewPage,
    ReviewStatsView,
    ReviewView,
)

REVIEW_REQUESTS: Final[tuple[type[BaseModel], ...]] = (
    ReviewChoice,
    ReviewDecision,
    AppealRequest,
    ReportRequest,
)
REVIEW_VIEWS: Final[tuple[type[BaseModel], ...]] = (
    ReviewView,
    ReviewPage,
    ReviewStatsView,
    AppealView,
    AppealPage,
    ReportView,
)
