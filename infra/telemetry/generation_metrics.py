"""Metrics of generation as a service: under the names that generative-AI teams know.

A series appears when something measures it. Nobody scores content yet, so
``genai_content_quality_score`` has a name and no values. End users are counted, never named.
"""

from typing import Final

from prometheus_client import Counter, Histogram

_SCORE_BUCKETS: Final = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
# As the jobs' own, without what no model is fast enough for.
_DURATION_BUCKETS: Final = (
    0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800,
)  # fmt: skip

GENERATION_REQUESTS: Final = Counter(
    "genai_generation_requests",
    "Jobs that ended, by model, lane, final status and the door they came in by.",
    ["model", "lane", "status", "face"],
)
GENERATION_DURATION_SECONDS: Final = Histogram(
    "genai_generation_duration_seconds",
    "The last attempt of a job that ended, from its start to its end.",
    ["model"],
    buckets=_DURATION_BUCKETS,
)
GENERATION_ERRORS: Final = Counter(
    "genai_errors",
    "Attempts that ended with an error; error_type is its category and code.",
    ["error_type"],
)
SAFETY_VIOLATIONS: Final = Counter(
    "genai_safety_violations",
    "Jobs that were blocked; violation_type is the code of what blocked them.",
    ["violation_type"],
)
CONTENT_QUALITY_SCORE: Final = Histogram(
    "genai_content_quality_score",
    "Scores of generated content from 0 to 1, by dimension; empty while nothing scores.",
    ["dimension"],
    buckets=_SCORE_BUCKETS,
)
