"""Discord: the application's endpoint and its commands, and the address that invites it."""

from http import HTTPStatus
from typing import Any, Final

from infra.chat.adapter import ChatCall
from infra.chat.discord_calls import USER_AGENT
from infra.chat.discord_commands import COMMANDS, invitation, register_commands
from infra.settings import Settings
from producer.chat.setup.steps import Steps, Told, wrong
from schemas.chat_errors import ChatSetupRefusedError

_PATH: Final = "/chat/discord"
_ENDPOINT: Final = "interactions_endpoint_url"


class DiscordSetup:
    """Registers one application.

    Args:
        settings: Complete for Discord.
        steps: Makes the calls.
        guild: Commands of this server alone, which it has at once.
        endpoint: Also tell Discord where the API is.
    """

    def __init__(
        self, settings: Settings, steps: Steps, *, guild: str | None, endpoint: bool
    ) -> None:
        token = settings.discord_bot_token
        self._token: Final = token.get_secret_value() if token else ""
        self._application: Final = settings.discord_application_id or ""
        self._key: Final = (settings.discord_public_key or "").lower()
        self._url: Final = settings.discord_url.rstrip("/")
        self._door: Final = f"{settings.public_url.rstrip('/')}{_PATH}"
        self._steps: Final = steps
        self._guild: Final = guild
        self._endpoint: Final = endpoint

    async def run(self) -> None:
        """Check the token, then register; a second time changes nothing.

        Raises:
            SettingsError: The token, the id or the key is wrong; nothing was changed.
            ChatSetupRefusedError: Discord refuses; what was changed before is put back.
            ChatUnreachableError: Discord cannot be reached.
        """
        steps = self._steps
        if steps.dry:
            if self._endpoint:
                steps.would("endpoint", "PATCH /applications/@me", {_ENDPOINT: self._door})
            steps.would("commands", f"PUT {self._where()}", COMMANDS)
        else:
            before = await self._check()
            if self._endpoint:
                await self._tell_endpoint()
            await self._register(before)
        steps.show("invitation", invitation(self._application))
        steps.next("next: open this address to let the bot into a server, then type /imagine")

    async def _check(self) -> str | None:
        """Return the endpoint that Discord knows now."""
        told = await self._steps.ask(self._me("GET"))
        if told.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            raise wrong(
                "discord_bot_token", "Discord does not know this token; nothing was done"
            )
        if told.status != HTTPStatus.OK:
            raise ChatSetupRefusedError(f"Discord: {told.words()}; nothing was done")
        found = str(told.body.get("id"))
        if found != self._application:
            raise wrong(
                "discord_application_id",
                f"{self._application}, but the token is that of application {found}; "
                "nothing was done",
            )
        key = told.body.get("verify_key")
        if key is not None and str(key).lower() != self._key:
            raise wrong("discord_public_key", "it is not this application's; nothing was done")
        name = _printable(told.body.get("name"))
        self._steps.done("token", f"of the application {name} ({found})")
        endpoint = told.body.get(_ENDPOINT)
        return str(endpoint) if endpoint else None

    async def _tell_endpoint(self) -> None:
        told = await self._steps.ask(self._me("PATCH", {_ENDPOINT: self._door}))
        if told.status != HTTPStatus.OK:
            raise ChatSetupRefusedError(
                f"Discord does not take the endpoint {self._door}: {told.words()}. It asks "
                "there before it takes it: genq must run with these settings, and the internet "
                "must reach it at GENQ_PUBLIC_URL. Nothing was done"
            )
        self._steps.done("endpoint", f"{self._door}: Discord takes only what answers it")

    async def _register(self, before: str | None) -> None:
        call = register_commands(self._url, self._application, self._token, self._guild)
        told = await self._steps.ask(call)
        if told.status != HTTPStatus.OK:
            undone = await self._put_back(before)
            raise ChatSetupRefusedError(
                f"Discord does not take the commands: {self._why(told)}; {undone}"
            )
        where = f"of server {self._guild}, at once" if self._guild else "of all servers"
        self._steps.done("commands", f"{len(COMMANDS)} {where}", count=len(COMMANDS))

    def _why(self, told: Told) -> str:
        if self._guild and told.status in {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}:
            return (
                f"{told.words()}. Is the bot in server {self._guild}? Invite it first: "
                f"{invitation(self._application)}"
            )
        return told.words()

    async def _put_back(self, before: str | None) -> str:
        if not self._endpoint or before == self._door:
            return "nothing was done"
        told = await self._steps.ask(self._me("PATCH", {_ENDPOINT: before}))
        good = told.status == HTTPStatus.OK
        return "the endpoint is again what it was" if good else "the endpoint stays"

    def _me(self, method: str, body: dict[str, Any] | None = None) -> ChatCall:
        return ChatCall(
            method,
            f"{self._url}/applications/@me",
            "discord application",
            body=body,
            headers={"Authorization": f"Bot {self._token}", "User-Agent": USER_AGENT},
        )

    def _where(self) -> str:
        guild = f"/guilds/{self._guild}" if self._guild else ""
        return f"/applications/{self._application}{guild}/commands"


def _printable(text: object) -> str:
    return "".join(one for one in str(text)[:80] if one.isprintable())
