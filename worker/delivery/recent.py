"""The attempts of the last five minutes, as two counts for each half minute. In memory."""

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

_BUCKET_SECONDS: Final = 30
_BUCKETS: Final = 10
# With fewer attempts before them, two failures in a row are taken for a sign.
_ENOUGH: Final = 10
_FEWEST: Final = 2
# What happens by chance less often than once in a thousand times; at most twenty in a row.
_RARE: Final = 0.001
_MOST_USUAL: Final = 0.7


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

    def surprising(self, failures: int) -> int:
        """Return how many failures in a row mean more than the receiver's usual ones.

        Who refuses every other event fails twice in a row all the time; who never fails, never.

        Args:
            failures: In a row, up to now.
        """
        tried, failed = self.tried - failures, self.failed - failures
        share = failed / tried if tried >= _ENOUGH else 0.0
        if share <= 0.0:
            return _FEWEST
        usual = math.log(_RARE) / math.log(min(share, _MOST_USUAL))
        return max(_FEWEST, math.ceil(usual))

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
