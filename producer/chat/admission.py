"""Who may ask here at all: of which tenant, and by which rules."""

from dataclasses import dataclass
from typing import Final

from infra.call_gate import CallGate
from infra.chat.adapter import ChatAdapter
from infra.postgres.chat_bindings import find_binding
from infra.postgres.chat_people import place_of_own
from infra.postgres.engine import transaction
from infra.postgres.tenants import Tenant, get_tenant, named_tenant
from producer.chat.asked import Asked, ChatMeans, HeardT, Turn, tell
from schemas.admission_errors import CallRateError
from schemas.chat import Place, Platform
from schemas.chat_binding import ChatBinding, ChatRules
from schemas.chat_inbound import Command, Heard, Press
from schemas.chat_view import Tell, Tone
from schemas.permission_errors import TenantSuspendedError

CALLS_PER_MINUTE: Final = 40
"""Commands and presses of one person."""

_PLACES: Final = {
    Platform.DISCORD: "server",
    Platform.SLACK: "workspace",
    Platform.TELEGRAM: "chat",
}
# The requests of the others do not say it.
_SAY_WHO_MANAGES: Final = frozenset({Platform.DISCORD})


@dataclass(frozen=True, slots=True)
class _Found:
    binding: ChatBinding | None
    tenant: Tenant | None


async def count_person(gate: CallGate, heard: Heard) -> None:
    """Count one request of a person.

    Raises:
        CallRateError: It was one too many.
    """
    turn = await gate.take(f"chat:{heard.platform}:{heard.user.id}", CALLS_PER_MINUTE)
    if not turn.granted:
        raise CallRateError(
            f"you asked for more than {CALLS_PER_MINUTE} things within a minute; the next one "
            f"is free in {turn.wait:.0f} s"
        )


async def admit(
    means: ChatMeans, adapter: ChatAdapter, heard: HeardT, turn: Turn
) -> Asked[HeardT] | Tell:
    """Return the request with its tenant and rules, or why it is not served.

    Raises:
        TenantSuspendedError: The tenant may have nothing.
        DatabaseUnavailableError: PostgreSQL cannot be reached.
    """
    found = await _find(means, heard)
    binding, tenant = found.binding, found.tenant
    if tenant is None:
        return _not_linked(heard.place, heard.platform)
    if binding is not None and binding.paused_at is not None:
        return tell(
            "Paused",
            "The bot is paused here. Whoever operates it resumes it: genq bot resume.",
            Tone.WARNING,
        )
    if tenant.suspended:
        raise TenantSuspendedError(f"tenant {tenant.name} is suspended")
    rules = ChatRules() if binding is None else binding.rules
    if not (heard.place.private or rules.serves(heard.place) or _manages(heard)):
        return tell(
            "Not in this channel",
            "The bot does not serve this channel. Ask in another one, or write to it directly.",
            Tone.WARNING,
        )
    return Asked(heard, tenant, rules, adapter, turn, bound=binding is not None)


def _manages(heard: Heard) -> bool:
    """Return whether this may turn the bot on again where it was turned off."""
    return isinstance(heard, Command) and heard.name == "settings" and heard.user.manages


async def _find(means: ChatMeans, heard: HeardT) -> _Found:
    fallback = means.settings.chat_tenant
    async with transaction(means.engine) as connection:
        place_id = heard.place.id
        if not place_id and isinstance(heard, Press) and heard.action is not None:
            # A result that could not be shown where it was asked for came as a direct message.
            asked, user = heard.action.job_id, heard.user.id
            place_id = await place_of_own(connection, heard.platform, user, asked)
        binding = await find_binding(connection, heard.platform, place_id, heard.user.id)
        if binding is not None:
            return _Found(binding, await get_tenant(connection, binding.tenant_id))
        unbound = await named_tenant(connection, fallback) if fallback else None
    return _Found(None, unbound)


def _not_linked(place: Place, platform: Platform) -> Tell:
    if not place.id:
        return tell(
            "Not linked",
            "You are not linked to an account yet. Send /link, and open the page that it leads "
            "to.",
            Tone.WARNING,
        )
    where = _PLACES[platform]
    how = (
        f"Send /link: whoever manages the {where} links it for all, everybody else links "
        "themselves."
        if platform in _SAY_WHO_MANAGES
        else "Send /link to link yourself; whoever operates the bot links it for all: genq bot "
        "bind."
    )
    told = f"This {where} is not linked to an account yet. {how}"
    return tell("Not linked", told, Tone.WARNING)
