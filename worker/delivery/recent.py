"""The attempts of the last five minutes, as two counts for each half minute. In memory."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

_BUCKET_SECONDS: Final = 30
_BUCKETS: Final = 10


class _Bucket(NamedTuple):
    number: int
    tried: int
    failed: int


@dataclass(frozen=True, slots=True)
class Recent:
    """What the owner of a lane remembers of its attempts; the next one begins with none."""

    buckets: tuple[_Bucket, ...] = ()

    @property
    def tried(self) -> int:
        """How many attempts there were."""
        return sum(bucket.tried for bucket in self.buckets)

    @property
    def failed(self) -> int:
        """How many of them failed."""
        return sum(bucket.failed for bucket in self.buckets)

    def add(self, *, failed: bool, at: datetime) -> "Recent":
        """Return these attempts without those of more than five minutes ago, and one more."""
        number = int(at.timestamp()) // _BUCKET_SECONDS
        kept = self.buckets
        if kept and kept[-1].number >= number:
            # A clock that was set back adds to the newest.
            last = kept[-1]
            newest = _Bucket(last.number, last.tried + 1, last.failed + failed)
            return Recent((*kept[:-1], newest))
        kept = tuple(bucket for bucket in kept if bucket.number > number - _BUCKETS)
        return Recent((*kept, _Bucket(number, 1, int(failed))))
