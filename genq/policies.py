"""Safety policies in the SDK: ``client.policies`` of ``Genq`` and ``AsyncGenq``."""

import json
from collections.abc import Mapping
from typing import Final

from genq.async_transport import AsyncTransport
from genq.calls import Call, Exchange, found_in, json_bytes, query_of
from genq.errors import ConfigurationError
from genq.pages import AsyncPages, Found, Page
from genq.policy_models import (
    EffectivePolicy,
    Policy,
    Sanction,
    Simulation,
    read_effective,
    read_policies,
    read_policy,
    read_sanctions,
    read_simulation,
)
from genq.transport import Transport

_PATH: Final = "/v1/safety"
_JSON: Final = {"content-type": "application/json"}
_YAML: Final = {"content-type": "application/yaml"}

Document = Mapping[str, object] | str
"""A policy: JSON's types, or YAML as text."""


class Policies:
    """The safety policies of the key's owner."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(self, document: Document) -> Policy:
        """Store a version; nothing goes by it until it is activated.

        Args:
            document: What is to count besides the installation's policy, as a mapping, or as
                the text of YAML.

        Raises:
            InvalidRequestError: It is no policy, or loosens a floor; ``errors`` say where.
        """
        return self._transport.run(_create(document))

    def list(self, *, limit: int | None = None, after: str | None = None) -> Page[Policy]:
        """Return versions, newest first: iterate over the page to get them all."""
        query = {"limit": limit, "after": after}
        return Page(lambda wanted: self._transport.run(_page(wanted)), query)

    def get(self, version: int) -> Policy:
        """Return a version.

        Raises:
            NotFoundError: There is no such version.
        """
        return self._transport.run(_get(version))

    def approve(self, version: int) -> Policy:
        """Approve a version as a second person.

        Raises:
            ConflictError: The key in use has written it.
        """
        return self._transport.run(_move(version, "approve"))

    def activate(self, version: int) -> Policy:
        """Let a version count, everywhere within two seconds.

        Raises:
            ConflictError: It changes levels or floors, and nobody else has approved it.
        """
        return self._transport.run(_move(version, "activate"))

    def effective(self) -> EffectivePolicy:
        """Return what counts in the end."""
        return self._transport.run(_effective())

    def simulate(
        self,
        document: Mapping[str, object] | None = None,
        *,
        version: int | None = None,
        since: str = "7d",
        limit: int | None = None,
    ) -> Simulation:
        """Try a document, or a stored version, on the past; nothing is changed.

        Args:
            document: What to try.
            version: Instead: which version.
            since: How far back, such as ``24h``.
            limit: At most so many jobs, the newest.
        """
        return self._transport.run(_simulate(document, version, since, limit))

    def sanctions(self) -> tuple[Sanction, ...]:
        """Return the end users who were blocked so often that it has consequences."""
        return self._transport.run(_sanctions())


class AsyncPolicies:
    """The same for ``AsyncGenq``; arguments and errors are those of ``Policies``."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def create(self, document: Document) -> Policy:
        """Store a version; nothing goes by it until it is activated."""
        return await self._transport.run(_create(document))

    def list(self, *, limit: int | None = None, after: str | None = None) -> AsyncPages[Policy]:
        """Return versions, newest first: iterate over the page to get them all."""
        query = {"limit": limit, "after": after}
        return AsyncPages(lambda wanted: self._transport.run(_page(wanted)), query)

    async def get(self, version: int) -> Policy:
        """Return a version."""
        return await self._transport.run(_get(version))

    async def approve(self, version: int) -> Policy:
        """Approve a version as a second person."""
        return await self._transport.run(_move(version, "approve"))

    async def activate(self, version: int) -> Policy:
        """Let a version count, everywhere within two seconds."""
        return await self._transport.run(_move(version, "activate"))

    async def effective(self) -> EffectivePolicy:
        """Return what counts in the end."""
        return await self._transport.run(_effective())

    async def simulate(
        self,
        document: Mapping[str, object] | None = None,
        *,
        version: int | None = None,
        since: str = "7d",
        limit: int | None = None,
    ) -> Simulation:
        """Try a document, or a stored version, on the past; nothing is changed."""
        return await self._transport.run(_simulate(document, version, since, limit))

    async def sanctions(self) -> tuple[Sanction, ...]:
        """Return the end users who were blocked so often that it has consequences."""
        return await self._transport.run(_sanctions())


def _create(document: Document) -> Exchange[Policy]:
    if isinstance(document, str):
        call = Call("POST", f"{_PATH}/policies", headers=_YAML, body=document.encode())
        return read_policy(found_in((yield call)))
    try:
        # A null means something: never.
        body = json.dumps(document, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"the policy cannot be written as JSON: {error}") from None
    call = Call("POST", f"{_PATH}/policies", headers=_JSON, body=body)
    return read_policy(found_in((yield call)))


def _page(query: Mapping[str, object]) -> Exchange[Found[Policy]]:
    call = Call("GET", f"{_PATH}/policies", query=query_of(query))
    return read_policies(found_in((yield call)))


def _get(version: int) -> Exchange[Policy]:
    return read_policy(found_in((yield Call("GET", _place(version)))))


def _move(version: int, step: str) -> Exchange[Policy]:
    # To approve or activate twice is to do it once.
    call = Call("POST", f"{_place(version)}/{step}", repeatable=True)
    return read_policy(found_in((yield call)))


def _effective() -> Exchange[EffectivePolicy]:
    return read_effective(found_in((yield Call("GET", f"{_PATH}/policy"))))


def _simulate(
    document: Mapping[str, object] | None, version: int | None, since: str, limit: int | None
) -> Exchange[Simulation]:
    body = {"document": document, "version": version, "since": since, "limit": limit}
    content = json_bytes(body, "the simulation")
    call = Call("POST", f"{_PATH}/simulate", headers=_JSON, body=content, repeatable=True)
    return read_simulation(found_in((yield call)))


def _sanctions() -> Exchange[tuple[Sanction, ...]]:
    return read_sanctions(found_in((yield Call("GET", f"{_PATH}/sanctions"))))


def _place(version: int) -> str:
    return f"{_PATH}/policies/{int(version)}"
