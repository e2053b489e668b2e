"""People's data in the SDK: ``client.privacy`` of ``Genq`` and ``AsyncGenq``."""

from typing import Final

from genq.async_transport import AsyncTransport
from genq.calls import Call, Exchange, found_in, good, place, query_of, sending
from genq.decoding import decode, read_job
from genq.json_fields import Fields
from genq.models import Job
from genq.privacy_models import Erasure, RetentionRule, read_erasure, read_rule
from genq.transport import Transport

_RULES: Final = "/v1/privacy/retention"
_ERASURES: Final = "/v1/privacy/erasures"
_EXPORT: Final = "/v1/privacy/export"


class Privacy:
    """What is kept of people, and for how long. The key needs the scope ``privacy``."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def erase(self, end_user: str) -> Erasure:
        """Erase a person: from the answer on nothing that was stored of them opens.

        Args:
            end_user: As jobs name them.

        Raises:
            ConflictError: A legal hold keeps all of it.
        """
        return self._transport.run(_erase(end_user))

    def get_erasure(self, erasure_id: str) -> Erasure:
        """Return an erasure, and how far it is.

        Raises:
            NotFoundError: There is no such erasure.
        """
        return self._transport.run(_erasure(erasure_id))

    def list_erasures(self) -> tuple[Erasure, ...]:
        """Return the newest erasures."""
        return self._transport.run(_erasures())

    def export(self, end_user: str) -> tuple[Job, ...]:
        """Return every job that names a person, oldest first; none after an erasure."""
        return self._transport.run(_export(end_user))

    def retention(self) -> tuple[RetentionRule, ...]:
        """Return the rules; the most particular one counts, first by lane, then by kind."""
        return self._transport.run(_rules())

    def set_retention(
        self,
        *,
        prompt_hours: int,
        result_hours: int,
        lane: str | None = None,
        kind: str | None = None,
    ) -> RetentionRule:
        """Set for how many hours after a job's end its content is kept.

        Args:
            prompt_hours: Of inputs; 0: they go once all deliveries have ended.
            result_hours: Of outputs.
            lane: Of one lane alone.
            kind: Of one kind alone.
        """
        return self._transport.run(_set_rule(prompt_hours, result_hours, lane, kind))

    def remove_retention(self, *, lane: str | None = None, kind: str | None = None) -> None:
        """Take a rule away.

        Raises:
            NotFoundError: There is no rule of exactly this lane and kind.
        """
        self._transport.run(_remove_rule(lane, kind))


class AsyncPrivacy:
    """The same for ``AsyncGenq``; arguments and errors are those of ``Privacy``."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def erase(self, end_user: str) -> Erasure:
        """Erase a person: from the answer on nothing that was stored of them opens."""
        return await self._transport.run(_erase(end_user))

    async def get_erasure(self, erasure_id: str) -> Erasure:
        """Return an erasure, and how far it is."""
        return await self._transport.run(_erasure(erasure_id))

    async def list_erasures(self) -> tuple[Erasure, ...]:
        """Return the newest erasures."""
        return await self._transport.run(_erasures())

    async def export(self, end_user: str) -> tuple[Job, ...]:
        """Return every job that names a person, oldest first; none after an erasure."""
        return await self._transport.run(_export(end_user))

    async def retention(self) -> tuple[RetentionRule, ...]:
        """Return the rules; the most particular one counts, first by lane, then by kind."""
        return await self._transport.run(_rules())

    async def set_retention(
        self,
        *,
        prompt_hours: int,
        result_hours: int,
        lane: str | None = None,
        kind: str | None = None,
    ) -> RetentionRule:
        """Set for how many hours after a job's end its content is kept."""
        return await self._transport.run(_set_rule(prompt_hours, result_hours, lane, kind))

    async def remove_retention(
        self, *, lane: str | None = None, kind: str | None = None
    ) -> None:
        """Take a rule away."""
        await self._transport.run(_remove_rule(lane, kind))


def _erase(end_user: str) -> Exchange[Erasure]:
    call = sending("POST", _ERASURES, {"end_user": end_user}, "the erasure")
    return read_erasure(found_in((yield call)))


def _erasure(erasure_id: str) -> Exchange[Erasure]:
    return read_erasure(found_in((yield Call("GET", place("ers_", erasure_id, _ERASURES)))))


def _erasures() -> Exchange[tuple[Erasure, ...]]:
    fields = Fields(found_in((yield Call("GET", _ERASURES))), "list")
    return tuple(read_erasure(part.found) for part in fields.parts("data"))


def _export(end_user: str) -> Exchange[tuple[Job, ...]]:
    query = query_of({"end_user": end_user})
    answer = good((yield Call("GET", _EXPORT, query=query)))
    return tuple(read_job(decode(line)) for line in answer.body.splitlines())


def _rules() -> Exchange[tuple[RetentionRule, ...]]:
    fields = Fields(found_in((yield Call("GET", _RULES))), "list")
    return tuple(read_rule(part.found) for part in fields.parts("data"))


def _set_rule(
    prompt_hours: int, result_hours: int, lane: str | None, kind: str | None
) -> Exchange[RetentionRule]:
    body = {
        "lane": lane,
        "kind": kind,
        "prompt_hours": prompt_hours,
        "result_hours": result_hours,
    }
    return read_rule(found_in((yield sending("PUT", _RULES, body, "the rule"))))


def _remove_rule(lane: str | None, kind: str | None) -> Exchange[None]:
    query = query_of({"lane": lane, "kind": kind})
    good((yield Call("DELETE", _RULES, query=query)))
