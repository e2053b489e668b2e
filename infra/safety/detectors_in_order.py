"""All detectors of a process, by turn."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain

from infra.safety.detector import ListDetector, LocalDetector, RemoteDetector
from schemas.safety import Medium, Subject


@dataclass(frozen=True, slots=True)
class Detectors:
    """All that may look at a subject, in this order.

    Attributes:
        floors: Patterns of what is never allowed.
        lists: Fingerprints of known pictures.
        rules: Personal data, secrets, code, words.
        models: Classifiers of this process.
        remote: Others' classifiers.
    """

    floors: Sequence[LocalDetector] = ()
    lists: Sequence[ListDetector] = ()
    rules: Sequence[LocalDetector] = ()
    models: Sequence[LocalDetector] = ()
    remote: Sequence[RemoteDetector] = ()
    _local: Sequence[LocalDetector] = field(init=False, repr=False)
    _at_submit: Sequence[LocalDetector] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Put them in their order once."""
        local = tuple(chain(self.floors, self.lists, self.rules, self.models))
        at_submit = tuple(chain(self.floors, self.lists, self.models))
        object.__setattr__(self, "_local", local)
        object.__setattr__(self, "_at_submit", at_submit)

    def local(self) -> Sequence[LocalDetector]:
        """Return those of this process."""
        return self._local

    def at_submit(self) -> Sequence[LocalDetector]:
        """Return those that can tell what is never allowed."""
        return self._at_submit

    def unpack(self, subject: Subject) -> bool:
        """Tell whether somebody unpacks the picture that a subject is."""
        return any(one.unpacks(subject) for one in self.lists)

    @property
    def see_pictures(self) -> bool:
        """Whether anybody looks at pictures."""
        return any(Medium.IMAGE in one.media for one in (*self._local, *self.remote))
