"""Reviewers' notes: they quote what they are about, and are sealed as that is."""

from uuid import UUID

from infra.postgres.review_queue import SaidBefore
from infra.sealing import sealer_for
from infra.settings import Settings
from schemas.webhook_errors import SealedValueError


class ReviewNotes:
    """Seals and opens notes.

    Args:
        settings: The keys.
    """

    def __init__(self, settings: Settings) -> None:
        self._sealer = sealer_for(settings)

    def sealed(self, item_id: UUID, reviewer: str, note: str | None) -> bytes | None:
        """Return a note as it is kept; ``None``: there is nothing to keep."""
        if note is None:
            return None
        return self._sealer.seal(note.encode(), place=_place(item_id, reviewer))

    def words_of(self, item_id: UUID, said: SaidBefore) -> str | None:
        """Return what was written; ``None``: nothing was, it was erased, or its key is gone."""
        if said.sealed is None:
            return said.note
        try:
            return self._sealer.open(said.sealed, place=_place(item_id, said.reviewer)).decode()
        except SealedValueError:
            # The rest of the item can be seen all the same.
            return None


def _place(item_id: UUID, reviewer: str) -> str:
    return f"review_decision|{item_id}|{reviewer}|note"
