"""Bindings: which tenant a place or a person in a chat belongs to, and by which rules."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from schemas.chat import Place, Platform
from schemas.lanes import Lane
from schemas.shape import Shape

MOST_CHANNELS: Final = 200
MOST_JOBS: Final = 1_000

ChannelId = Annotated[str, Field(max_length=64, pattern=r"^-?[0-9A-Za-z]+$")]
ModelName = Annotated[str, Field(min_length=1, max_length=200)]


class ChatRules(Shape):
    """What holds in a bound place, or for a bound person; what is left out, as settings say.

    Attributes:
        lanes: Which may be asked for; ``None``: those of the tenant's plan. The first one is
            taken where none is asked for.
        models: Per command (``imagine``, ``ask``) the model that is taken where none is named.
        press_by: Who may press the buttons under a result.
        channels: The only ones in which the bot serves; ``None``: all.
        channels_denied: In which it does not.
        max_jobs: Unfinished jobs of one person.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    lanes: Annotated[tuple[Lane, ...], Field(min_length=1, max_length=len(Lane))] | None = None
    models: Annotated[
        Mapping[Annotated[str, Field(pattern=r"^[a-z]{1,32}$")], ModelName],
        Field(max_length=32),
    ] = {}
    press_by: Literal["owner", "anyone"] | None = None
    channels: Annotated[tuple[ChannelId, ...], Field(max_length=MOST_CHANNELS)] | None = None
    channels_denied: Annotated[tuple[ChannelId, ...], Field(max_length=MOST_CHANNELS)] = ()
    max_jobs: Annotated[int, Field(ge=1, le=MOST_JOBS, strict=True)] | None = None

    def serves(self, place: Place) -> bool:
        """Return whether the bot serves there; a thread is served as its channel is."""
        where = {place.channel, place.thread, place.parent} - {None}
        if where & set(self.channels_denied):
            return False
        return self.channels is None or bool(where & set(self.channels))


@dataclass(frozen=True, slots=True)
class ChatBinding:
    """A place or a person, and the tenant whose jobs are made there.

    Attributes:
        place_id: A guild, a workspace, a chat; empty: the person wherever they are.
        user_id: Empty: everybody in the place.
        tenant: The tenant's name.
        paused_at: From then on nothing is made or sent there, until it is resumed.
    """

    id: UUID
    platform: Platform
    place_id: str
    user_id: str
    tenant_id: int
    tenant: str
    rules: ChatRules
    created_at: datetime
    updated_at: datetime
    paused_at: datetime | None = None
    paused_reason: str | None = None
