"""What a detector is: whoever finds something in a text or a picture."""

from collections.abc import Sequence
from typing import Protocol

from infra.safety.reading import Reading
from schemas.safety import Finding, Medium, Stage, Subject


class Detector(Protocol):
    """What every detector says of itself."""

    @property
    def name(self) -> str:
        """How verdicts and policies call it."""
        ...

    @property
    def version(self) -> str:
        """Another one whenever it may find something else."""
        ...

    @property
    def stages(self) -> frozenset[Stage]:
        """Which subjects it is for."""
        ...

    @property
    def media(self) -> frozenset[Medium]:
        """Which subjects it is for."""
        ...


class LocalDetector(Detector, Protocol):
    """One that runs in this process: nothing but arithmetic, no files, no sockets."""

    def check(self, reading: Reading) -> Sequence[Finding]:
        """Return what was found; whatever the text, it is no error."""
        ...


class ListDetector(LocalDetector, Protocol):
    """One that knows pictures by what they look like."""

    def unpacks(self, subject: Subject) -> bool:
        """Tell whether to look at a subject takes so long that others should not wait."""
        ...


class RemoteDetector(Detector, Protocol):
    """One that asks somebody else."""

    @property
    def available(self) -> bool:
        """Whether asking makes sense now: it failed too often of late, if not."""
        ...

    async def check(self, reading: Reading, *, seconds: float) -> Sequence[Finding]:
        """Return what was found.

        Args:
            reading: What is judged.
            seconds: How long the answer may take.

        Raises:
            TimeoutError: It took longer.
            Exception: There is no answer, or one that nobody understands.
        """
        ...

    async def close(self) -> None:
        """Close its connections."""
        ...


def applies(detector: Detector, reading: Reading) -> bool:
    """Tell whether a detector is for such a subject."""
    subject = reading.subject
    return subject.stage in detector.stages and subject.medium in detector.media
