"""The life of a policy: written, approved by another, activated. Every step is audited."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from infra.audit_actor import actor, record
from infra.postgres import policies as stored
from infra.postgres.engine import transaction
from infra.postgres.policies import INSTALLATION, StoredPolicy
from infra.safety.policy_file import (
    DocumentFault,
    FaultyDocumentError,
    Lines,
    default_policy,
    policy_from,
    read_policy,
    whole_policy,
)
from producer.safety.owner import PolicyOwner
from schemas.errors import FieldError, NotFoundError
from schemas.policy import Policy, resolve
from schemas.policy_changes import grave_changes
from schemas.policy_document import PolicyDocument
from schemas.policy_errors import ApprovalNeededError, InvalidPolicyError
from schemas.policy_faults import document_faults

_ALONE: Final = "GENQ_SAFETY_SINGLE_OPERATOR=true lets one person do it"


class PolicyBook:
    """The policies of one owner.

    Args:
        engine: PostgreSQL, with whole transactions.
        owner: Whose policies.
        alone: Whether one person may change what otherwise takes two.
    """

    def __init__(self, engine: AsyncEngine, owner: PolicyOwner, *, alone: bool) -> None:
        self._engine = engine
        self._owner = owner
        self._alone = alone

    async def create(self, written: object) -> StoredPolicy:
        """Store a new version; nothing goes by it yet.

        Args:
            written: Parsed JSON, or the text of YAML.

        Raises:
            InvalidPolicyError: It is no policy, or loosens what it may not.
        """
        async with transaction(self._engine) as connection:
            document = await self._checked(connection, written)
            await stored.lock_policies(connection, self._owner.tenant_id)
            made = await stored.add_policy(
                connection,
                self._owner.tenant_id,
                document=document.facts(),
                digest=document.digest(),
                by=actor(),
            )
            await self._record(connection, "policy.created", made)
            return made

    async def check(self, written: object) -> PolicyDocument:
        """Return what a document says, as ``create`` would store it.

        Raises:
            InvalidPolicyError: It is no policy, or loosens what it may not.
        """
        async with transaction(self._engine) as connection:
            return await self._checked(connection, written)

    async def approve(self, version: int) -> StoredPolicy:
        """Say, as a second person, that a version may count; to say it twice is to say it once.

        Raises:
            NotFoundError: There is no such version.
            ApprovalNeededError: Whoever wrote it cannot be the second person.
        """
        async with transaction(self._engine) as connection:
            await stored.lock_policies(connection, self._owner.tenant_id)
            found = await self._find(connection, version)
            if found.created_by == actor():
                raise ApprovalNeededError(
                    f"version {version} is of {found.created_by}, who asks: another person has "
                    "to approve it"
                )
            if found.approved_by is not None:
                return found
            done = await stored.approve_policy(
                connection, self._owner.tenant_id, version, by=actor()
            )
            await self._record(connection, "policy.approved", done)
            return done

    async def activate(self, version: int) -> StoredPolicy:
        """Let a version count in place of the one that does; within two seconds everywhere.

        Raises:
            NotFoundError: There is no such version.
            InvalidPolicyError: It loosens what the installation by now forbids to loosen.
            ApprovalNeededError: It changes levels or floors, and nobody else approved it.
        """
        async with transaction(self._engine) as connection:
            await stored.lock_policies(connection, self._owner.tenant_id)
            found = await self._find(connection, version)
            if found.active:
                return found
            document = await self._checked(connection, found.document)
            counts = whole_policy(document) if self._owner.is_installation else document
            grave = grave_changes(counts, await self._before(connection))
            approved = found.approved_by not in {None, found.created_by}
            if grave and not approved and not self._alone:
                raise _needs_approval(found, grave)
            done = await stored.activate_policy(
                connection, self._owner.tenant_id, version, by=actor()
            )
            alone = bool(grave) and not approved
            more = {"changes": grave} if grave else {}
            await self._record(
                connection,
                "policy.activated",
                done,
                **more,
                **({"single_operator": True} if alone else {}),
            )
            return done

    async def get(self, version: int) -> StoredPolicy:
        """Return a version.

        Raises:
            NotFoundError: There is no such version.
        """
        async with transaction(self._engine) as connection:
            return await self._find(connection, version)

    async def page(self, *, before: int | None, limit: int) -> Sequence[StoredPolicy]:
        """Return versions, newest first."""
        async with transaction(self._engine) as connection:
            return await stored.list_policies(
                connection, self._owner.tenant_id, before=before, limit=limit
            )

    async def effective(self) -> Policy:
        """Return what counts for the owner; of the installation, at the standard level."""
        async with transaction(self._engine) as connection:
            installation = await installation_policy(connection)
            own = None if self._owner.is_installation else await self._active(connection)
            return resolve(installation, own, self._owner.level)

    async def _checked(self, connection: AsyncConnection, written: object) -> PolicyDocument:
        # A large one takes a second or two.
        document, lines = await asyncio.to_thread(_read, written)
        alone = self._owner.is_installation
        installation = None if alone else await installation_policy(connection)
        whole = whole_policy(document) if installation is None else document
        faults = document_faults(whole, installation)
        if faults:
            raise invalid_policy(
                [DocumentFault(path, message, lines.of(path)) for path, message in faults]
            )
        return document

    async def _find(self, connection: AsyncConnection, version: int) -> StoredPolicy:
        found = await stored.get_policy(connection, self._owner.tenant_id, version)
        if found is None:
            raise NotFoundError(f"there is no version {version} of this policy")
        return found

    async def _before(self, connection: AsyncConnection) -> PolicyDocument | None:
        """Return what counts now in the place of what is to count."""
        if self._owner.is_installation:
            return await installation_policy(connection)
        return await self._active(connection)

    async def _active(self, connection: AsyncConnection) -> PolicyDocument | None:
        found = await stored.active_policy(connection, self._owner.tenant_id)
        return document_of(found) if found else None

    async def _record(
        self, connection: AsyncConnection, action: str, policy: StoredPolicy, **more: Any
    ) -> None:
        detail = {"version": policy.version, "digest": policy.digest.hex(), **more}
        of = f"policy of {self._owner.name}"
        await record(connection, self._owner.tenant_id, action, of, detail)


async def installation_policy(connection: AsyncConnection) -> PolicyDocument:
    """Return what every tenant's policy follows: what is active, or what comes with genq."""
    found = await stored.active_policy(connection, INSTALLATION)
    return whole_policy(document_of(found)) if found else default_policy()


def document_of(policy: StoredPolicy) -> PolicyDocument:
    """Return the document of a stored version.

    Raises:
        InvalidPolicyError: It is of a newer release.
    """
    return _read({**policy.document, "version": policy.version})[0]


def invalid_policy(faults: Sequence[DocumentFault]) -> InvalidPolicyError:
    """Return the error that tells all that is wrong with a document."""
    first = f"the policy is refused: {faults[0]}"
    more = f"; and {len(faults) - 1} more" if len(faults) > 1 else ""
    fields = [
        FieldError(
            fault.pointer,
            f"line {fault.line}: {fault.message}" if fault.line else fault.message,
        )
        for fault in faults
    ]
    return InvalidPolicyError(first + more, fields=fields)


def _read(written: object) -> tuple[PolicyDocument, Lines]:
    try:
        if isinstance(written, str):
            return read_policy(written)
        return policy_from(written), Lines(None)
    except FaultyDocumentError as error:
        raise invalid_policy(error.faults) from None


def _needs_approval(policy: StoredPolicy, grave: Sequence[str]) -> ApprovalNeededError:
    return ApprovalNeededError(
        f"version {policy.version} changes {', '.join(grave)}: another person than "
        f"{policy.created_by} has to approve it first; {_ALONE}"
    )
