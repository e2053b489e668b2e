"""Bindings of chats, and bots, as operators look at them and change them. It is audited."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from infra.audit_actor import record
from infra.doorbells import DELIVER, Doorbells
from infra.postgres import chat_bindings as stored
from infra.postgres.chat_bots import ChatBot, chat_bots, resume_bot
from infra.postgres.engine import transaction, whole_transactions
from infra.postgres.pauses import find_tenant
from producer.operator.targets import unknown_tenant
from schemas.audit import INSTALLATION
from schemas.chat import Platform
from schemas.chat_binding import ChatBinding, ChatRules
from schemas.chat_binding_views import binding_id
from schemas.errors import NotFoundError


@dataclass(frozen=True, slots=True)
class Bound:
    """Who is bound: everybody in a place, one person in it, or one person anywhere.

    Attributes:
        place_id: Empty: anywhere.
        user_id: Empty: everybody.
    """

    platform: Platform
    place_id: str
    user_id: str

    @property
    def named(self) -> str:
        """Return it in words."""
        whom = f"user {self.user_id}" if self.user_id else ""
        where = f"{self.platform} {self.place_id}" if self.place_id else str(self.platform)
        return f"{whom} on {where}" if whom else where


Change = Callable[[ChatBinding | None], ChatRules]
"""Of the binding that was there, if there was one, makes the rules of the new one."""


class BindingDesk:
    """Looks at and changes bindings.

    Args:
        engine: PostgreSQL.
        doorbells: How deliverers hear that something may go on.
    """

    def __init__(self, engine: AsyncEngine, doorbells: Doorbells) -> None:
        self._engine = engine
        self._doorbells = doorbells

    async def page(
        self,
        *,
        limit: int,
        platform: Platform | None = None,
        tenant: str | None = None,
        before: UUID | None = None,
    ) -> Sequence[ChatBinding]:
        """Return bindings, newest first.

        Raises:
            NotFoundError: There is no such tenant.
        """
        async with transaction(self._engine) as connection:
            tenant_id = None if tenant is None else await _tenant(connection, tenant)
            return await stored.list_bindings(
                connection, limit=limit, tenant_id=tenant_id, platform=platform, before=before
            )

    async def get(self, key: UUID) -> ChatBinding:
        """Return one binding.

        Raises:
            NotFoundError: There is none of this id.
        """
        async with transaction(self._engine) as connection:
            return await _there(connection, key)

    async def find(self, bound: Bound) -> ChatBinding:
        """Return the binding of just this place or person.

        Raises:
            NotFoundError: There is none.
        """
        async with transaction(self._engine) as connection:
            found = await exact_binding(connection, bound)
        if found is None:
            raise NotFoundError(f"{bound.named} is not bound; see: genq bot bindings")
        return found

    async def put(self, bound: Bound, tenant: str | None, change: Change) -> ChatBinding:
        """Bind a place or a person; a binding that is there is changed, and goes on.

        Args:
            bound: What is bound.
            tenant: To whom; ``None``: to whom it is bound already.
            change: Makes the rules.

        Raises:
            NotFoundError: There is no such tenant, or no binding whose tenant could stay.
        """
        async with transaction(whole_transactions(self._engine)) as connection:
            await _lock(connection, bound)
            if tenant is not None:
                tenant_id = await _tenant(connection, tenant)
                return await bind(connection, bound, tenant_id, change)
            before = await exact_binding(connection, bound)
            if before is None:
                raise NotFoundError(
                    f"{bound.named} is not bound yet: say to whom, --tenant NAME"
                )
            return await bind(connection, bound, before.tenant_id, change)

    async def revise(self, bound: Bound, change: Change) -> ChatBinding | None:
        """Change rules alone: whose it is, and whether it is paused, stays as it is.

        Returns:
            ``None``: somebody else changed it meanwhile, and nothing is changed.

        Raises:
            NotFoundError: It is not bound.
        """
        async with transaction(whole_transactions(self._engine)) as connection:
            await _lock(connection, bound)
            before = await exact_binding(connection, bound)
            if before is None:
                raise NotFoundError(f"{bound.named} is not bound")
            made = await stored.revise_binding(connection, before, change(before))
            if made is not None:
                await _record(connection, made, "chat.bound")
        return made

    async def delete(self, key: UUID) -> ChatBinding:
        """Unbind; what was made there stays its tenant's.

        Raises:
            NotFoundError: There is none of this id.
        """
        async with transaction(whole_transactions(self._engine)) as connection:
            gone = await _there(connection, key)
            if await stored.delete_binding(connection, key):
                await _record(connection, gone, "chat.unbound")
        return gone

    async def resume(self, key: UUID) -> ChatBinding:
        """Serve there again; to resume it twice is to resume it once.

        Raises:
            NotFoundError: There is none of this id.
        """
        async with transaction(whole_transactions(self._engine)) as connection:
            found = await _there(connection, key)
            if await stored.resume_binding(connection, key):
                await _record(connection, found, "chat.resumed")
            found = await _there(connection, key)
        await self._doorbells.ring(DELIVER)
        return found

    async def bots(self) -> Mapping[Platform, ChatBot]:
        """Return the bots of which there is something to say."""
        async with transaction(self._engine) as connection:
            return await chat_bots(connection)

    async def resume_bot(self, platform: Platform) -> bool:
        """Let a bot that was stopped or paused speak again; return whether it could not."""
        async with transaction(whole_transactions(self._engine)) as connection:
            resumed = await resume_bot(connection, platform)
            if resumed:
                await record(
                    connection, INSTALLATION, "chat_bot.resumed", f"chat bot {platform}", {}
                )
        await self._doorbells.ring(DELIVER)
        return resumed


async def bind(
    connection: AsyncConnection, bound: Bound, tenant_id: int, change: Change
) -> ChatBinding:
    """Bind a place or a person in the caller's transaction, and record it.

    Both tenants read of it in their audit logs, if it was another's.
    """
    await _lock(connection, bound)
    before = await exact_binding(connection, bound)
    made = await stored.put_binding(
        connection,
        platform=bound.platform,
        place_id=bound.place_id,
        user_id=bound.user_id,
        tenant_id=tenant_id,
        rules=change(before),
    )
    if before is not None and before.tenant_id != tenant_id:
        await _record(connection, before, "chat.unbound")
    await _record(connection, made, "chat.bound")
    return made


async def exact_binding(connection: AsyncConnection, bound: Bound) -> ChatBinding | None:
    """Return the binding of just this place or person, and not what else holds for them."""
    found = await stored.find_binding(connection, bound.platform, bound.place_id, bound.user_id)
    if found is None or (found.place_id, found.user_id) != (bound.place_id, bound.user_id):
        return None
    return found


def bound_by(binding: ChatBinding) -> Bound:
    """Return what a binding binds."""
    return Bound(binding.platform, binding.place_id, binding.user_id)


async def _lock(connection: AsyncConnection, bound: Bound) -> None:
    # Rules are read, changed, written: of two who do so at once the second reads the first's.
    await stored.lock_binding(connection, bound.platform, bound.place_id, bound.user_id)


async def _tenant(connection: AsyncConnection, name: str) -> int:
    found = await find_tenant(connection, name)
    if found is None:
        raise await unknown_tenant(connection, name)
    return found.id


async def _there(connection: AsyncConnection, key: UUID) -> ChatBinding:
    found = await stored.get_binding(connection, key)
    if found is None:
        raise NotFoundError(f"there is no chat binding {binding_id(key)}")
    return found


async def _record(connection: AsyncConnection, binding: ChatBinding, action: str) -> None:
    # Who a person is stands in the binding, where an erasure finds it; here for ever.
    detail = {
        "platform": binding.platform.value,
        "place": binding.place_id or None,
        "one_person": bool(binding.user_id),
    }
    of = f"chat binding {binding_id(binding.id)}"
    await record(connection, binding.tenant_id, action, of, detail)
