"""`genq bot setup` against platforms that judge every request."""

import asyncio
import re

import orjson
import pytest

from infra.chat.discord_commands import COMMANDS
from infra.settings import Settings
from infra.simulator.chat.discord_world import APPLICATION
from producer.chat.setup.command import main, parse, set_up
from producer.operator.screen import Screen
from schemas.chat_errors import ChatSetupRefusedError, ChatUnreachableError
from schemas.errors import SettingsError
from tests.fixtures.chat_platforms import PlatformHttp, PlayedPlatforms, settings_for

DOOR = "https://genq.example/chat"


def base(**more: object) -> Settings:
    told = {
        "database_url": "postgresql://",
        "broker_url": "redis://",
        "object_store": "file:///",
        "key_pepper": "0123456789abcdef",
        "public_url": "https://genq.example/",
        **more,
    }
    return Settings.model_validate(told)


def run(
    platforms: PlayedPlatforms, *words: str, missing: tuple[str, ...] = (), **changed: object
) -> None:
    """Set a bot up as the command does, on settings that are changed so."""
    given = parse(words)
    settings = settings_for(base(), platforms, given.platform.value)
    settings = settings.model_copy(update=changed)
    screen = Screen(as_json=given.json)
    asyncio.run(set_up(given, settings, list(missing), PlatformHttp(platforms), screen))


def lines(platforms: PlayedPlatforms) -> list[str]:
    return [entry.line for entry in platforms.ledger.requests]


def test_discord_gets_endpoint_and_commands_however_often_it_runs(
    chat_platforms: PlayedPlatforms, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        run(chat_platforms, "discord")

        assert len(chat_platforms.discord.world.commands) == len(COMMANDS)
    change = chat_platforms.ledger.matching("PATCH")[-1]
    assert change.told == {"interactions_endpoint_url": f"{DOOR}/discord"}
    said = capsys.readouterr()
    assert f"client_id={APPLICATION}&scope=bot+applications.commands" in said.out
    assert chat_platforms.discord.bot_token not in said.out + said.err


def test_a_server_of_its_own_gets_commands_there_alone(chat_platforms: PlayedPlatforms) -> None:
    run(chat_platforms, "discord", "--guild", "4177", "--commands-only")

    told = lines(chat_platforms)
    assert any(f"/applications/{APPLICATION}/guilds/4177/commands" in one for one in told)
    assert not any(one.startswith("PATCH") for one in told)


def test_telegram_gets_webhook_and_commands(
    chat_platforms: PlayedPlatforms, capsys: pytest.CaptureFixture[str]
) -> None:
    run(chat_platforms, "telegram", "--json")

    found = [orjson.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["step"] for one in found if one["state"] == "done"] == [
        *("token", "setWebhook", "setMyCommands", "seen")
    ]
    assert chat_platforms.ledger.matching("setWebhook")[0].status == 200


def test_slack_gets_its_token_tried_and_a_manifest_to_paste(
    chat_platforms: PlayedPlatforms, capsys: pytest.CaptureFixture[str]
) -> None:
    run(chat_platforms, "slack", "--name", "painter", "--json")

    found = [orjson.loads(line) for line in capsys.readouterr().out.splitlines()]
    manifest = orjson.loads(next(one["value"] for one in found if one["step"] == "manifest"))
    assert manifest["settings"]["interactivity"]["request_url"] == f"{DOOR}/slack"
    assert manifest["display_information"]["name"] == "painter"
    assert len(chat_platforms.ledger.matching("auth.test")) == 1


def test_slack_without_a_token_still_shows_the_manifest_that_brings_one(
    chat_platforms: PlayedPlatforms, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SettingsError, match=r"GENQ_SLACK_BOT_TOKEN: https://api\.slack\.com"):
        run(chat_platforms, "slack", missing=("slack_bot_token",))

    said = capsys.readouterr()
    assert orjson.loads(said.out)["oauth_config"]
    assert "From a manifest" in said.err
    assert lines(chat_platforms) == []


@pytest.mark.parametrize("platform", ["discord", "slack", "telegram"])
def test_a_dry_run_sends_nothing_and_shows_no_secret(
    platform: str, chat_platforms: PlayedPlatforms, capsys: pytest.CaptureFixture[str]
) -> None:
    run(chat_platforms, platform, "--dry-run")

    said = capsys.readouterr().out
    told = chat_platforms.settings(platform)
    assert f"{DOOR}/{platform}" in said
    assert not any(told[name] in said for name in told if name.endswith(("token", "secret")))
    assert lines(chat_platforms) == []


@pytest.mark.parametrize(
    ("platform", "changed", "said"),
    [
        ("discord", {"discord_bot_token": "no"}, "DISCORD_BOT_TOKEN: Discord does not know"),
        ("discord", {"discord_application_id": "7"}, "7, but the token is that of application"),
        ("telegram", {"telegram_bot_token": "1:no"}, "TELEGRAM_BOT_TOKEN: Telegram does not"),
        ("slack", {"slack_bot_token": "xoxb-no"}, "SLACK_BOT_TOKEN: Slack does not take it"),
        (
            "discord",
            {"public_url": "http://genq.example"},
            "PUBLIC_URL: .* no https://",
        ),
    ],
)
def test_a_wrong_setting_is_named_and_nothing_is_changed(
    platform: str, changed: dict[str, str], said: str, chat_platforms: PlayedPlatforms
) -> None:
    read = base(**{**chat_platforms.settings(platform), **changed})

    with pytest.raises(SettingsError, match=said):
        run(chat_platforms, platform, **{name: getattr(read, name) for name in changed})

    asked = (r"GET .*@me$", "getMe", "auth.test")
    assert all(any(re.search(one, line) for one in asked) for line in lines(chat_platforms))
    chat_platforms.ledger.violations.clear()


def test_commands_that_are_refused_leave_the_endpoint_as_it_was(
    chat_platforms: PlayedPlatforms,
) -> None:
    chat_platforms.ledger.fail_next("PUT .*commands", 403, {"message": "Missing Access"})

    with pytest.raises(
        ChatSetupRefusedError, match=r"Is the bot in server 4177\? .* what it was"
    ):
        run(chat_platforms, "discord", "--guild", "4177")

    told = [entry.told for entry in chat_platforms.ledger.matching("PATCH")]
    assert told == [
        {"interactions_endpoint_url": f"{DOOR}/discord"},
        {"interactions_endpoint_url": None},
    ]


def test_an_endpoint_that_discord_does_not_reach_registers_nothing(
    chat_platforms: PlayedPlatforms,
) -> None:
    chat_platforms.ledger.fail_next("PATCH", 400, {"message": "Invalid Form Body"})

    with pytest.raises(ChatSetupRefusedError, match="the internet must reach it"):
        run(chat_platforms, "discord")

    assert chat_platforms.discord.world.commands == []


def test_a_platform_that_breaks_off_is_unreachable(chat_platforms: PlayedPlatforms) -> None:
    chat_platforms.ledger.drop_next("getMe")

    with pytest.raises(ChatUnreachableError):
        run(chat_platforms, "telegram")


def test_what_is_missing_is_told_with_where_one_finds_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GENQ_PUBLIC_URL", "https://genq.example")
    monkeypatch.setenv("GENQ_DISCORD_APPLICATION_ID", "7")

    assert main(["discord"]) == 8

    said = capsys.readouterr().err
    assert "GENQ_DISCORD_PUBLIC_KEY: https://discord.com/developers/applications" in said
    assert "GENQ_DISCORD_BOT_TOKEN: " in said
    assert "GENQ_DISCORD_APPLICATION_ID" not in said
