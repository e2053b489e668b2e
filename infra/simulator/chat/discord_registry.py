"""The application itself: its commands, and where Discord sends its interactions."""

from collections.abc import Callable, Iterator
from typing import Any, Final

from infra.simulator.chat import discord_errors as errors
from infra.simulator.chat.discord_errors import refused
from infra.simulator.chat.discord_rules import read_written
from infra.simulator.chat.discord_world import APPLICATION, DiscordWorld
from infra.simulator.chat.ledger import Logged
from infra.simulator.chat.wire import Answer, Request, list_of, said

Act = Callable[..., Answer]
Route = tuple[str, str, Act, bool]

_ME: Final = "/applications/@me"
_COMMANDS: Final = "/applications/{application_id}/commands"
_COMMAND: Final = f"{_COMMANDS}/{{command_id}}"
_OF_GUILD: Final = "/applications/{application_id}/guilds/{guild_id}/commands"


class DiscordRegistry:
    """Registers commands. Those of a guild and those of all stand in one list here."""

    def __init__(self, world: DiscordWorld) -> None:
        self._world: Final = world
        self._application: dict[str, Any] = {"id": APPLICATION, "name": "genq"}

    def routes(self) -> Iterator[Route]:
        """Yield method, path, what answers, and whether the bot's token is needed."""
        yield "GET", _ME, self._show, True
        yield "PATCH", _ME, self._change, True
        for path in (_COMMANDS, _OF_GUILD):
            yield "GET", path, self._list, True
            yield "PUT", path, self._put(path), True
            yield "POST", path, self._post(path), True
        yield "GET", _COMMAND, self._one, True
        yield "PATCH", _COMMAND, self._patch, True
        yield "DELETE", _COMMAND, self._delete, True

    def _show(self, request: Request, entry: Logged) -> Answer:
        del request, entry
        return said(self._application)

    def _change(self, request: Request, entry: Logged) -> Answer:
        told = entry.told = read_written(request, "PATCH", _ME).told
        self._application |= told
        return said(self._application)

    def _list(
        self, request: Request, entry: Logged, application_id: str, guild_id: str | None = None
    ) -> Answer:
        del request, entry, application_id, guild_id
        return said(self._world.commands)

    def _put(self, template: str) -> Act:
        def put(
            request: Request, entry: Logged, application_id: str, guild_id: str | None = None
        ) -> Answer:
            del application_id, guild_id
            # The body is an array here.
            told = list_of(read_written(request, "PUT", template).told) or []
            entry.told = told
            self._world.commands = [self._numbered(one) for one in told]
            return said(self._world.commands)

        return put

    def _post(self, template: str) -> Act:
        def post(
            request: Request, entry: Logged, application_id: str, guild_id: str | None = None
        ) -> Answer:
            del application_id, guild_id
            told = entry.told = read_written(request, "POST", template).told
            others = [one for one in self._world.commands if one["name"] != told["name"]]
            made = self._numbered(told)
            self._world.commands = [*others, made]
            return said(made, 201)

        return post

    def _one(
        self, request: Request, entry: Logged, application_id: str, command_id: str
    ) -> Answer:
        del request, entry, application_id
        return said(self._found(command_id))

    def _patch(
        self, request: Request, entry: Logged, application_id: str, command_id: str
    ) -> Answer:
        del application_id
        told = entry.told = read_written(request, "PATCH", _COMMAND).told
        found = self._found(command_id)
        found |= told
        return said(found)

    def _delete(
        self, request: Request, entry: Logged, application_id: str, command_id: str
    ) -> Answer:
        del request, entry, application_id
        self._world.commands.remove(self._found(command_id))
        return Answer(204)

    def _found(self, command_id: str) -> dict[str, Any]:
        found = next((one for one in self._world.commands if one["id"] == command_id), None)
        if found is None:
            raise refused(errors.UNKNOWN_COMMAND)
        return found

    def _numbered(self, command: dict[str, Any]) -> dict[str, Any]:
        return {**command, "id": self._world.next_id(), "application_id": APPLICATION}
