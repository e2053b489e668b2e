"""What a server tells of the cache, as typed values."""

from genq.cache_models import CacheState, JobCache
from genq.json_fields import Fields


def read_job_cache(fields: Fields | None) -> JobCache | None:
    """Return the cache's part in a decoded job, if it has one."""
    return None if fields is None else JobCache(fields.text("status"), fields.maybe_text("of"))


def read_cache(found: object) -> CacheState:
    """Return the state in a decoded answer."""
    fields = Fields(found, "cache")
    return CacheState(
        enabled=fields.found.get("enabled") is True,
        entries=fields.number("entries"),
        bytes=fields.number("bytes"),
        hits=fields.number("hits"),
    )
