"""A bot's settings open no door by accident."""

from typing import Any, Final

import pytest
from pydantic import SecretStr, ValidationError

from infra.chat.slack import SlackAdapter
from infra.setting_faults import explain
from infra.settings import Settings
from schemas.chat_errors import ChatUnauthorizedError
from tests.fixtures import telegram_scenes
from tests.fixtures.slack_scenes import NOW, signed

KEY: Final = "ab" * 32
WHOLE: Final = {
    "discord_application_id": "1",
    "discord_public_key": KEY,
    "discord_bot_token": "a.b.c",
    "slack_signing_secret": "8f742231",
    "slack_bot_token": "xoxb-1",
    "telegram_bot_token": "1:AA",
    "telegram_secret": "S3cret_-",
}
SECRETS: Final = [name for name in WHOLE if not name.startswith("discord_a")][1:]


def read(**changes: Any) -> Settings:
    values: dict[str, Any] = {
        "_env_file": None,
        "database_url": "postgresql://nowhere.invalid/genq",
        "broker_url": "redis://nowhere.invalid",
        "object_store": "file:///nowhere",
        "key_pepper": "only-for-tests-0123456789",
        **WHOLE,
        **changes,
    }
    return Settings(**values)


def refusal(**changes: Any) -> str:
    with pytest.raises(ValidationError) as refused:
        read(**changes)
    return explain(refused.value)


@pytest.mark.parametrize("name", SECRETS)
def test_an_empty_secret_is_refused_and_no_secret_is_told(name: str) -> None:
    for empty in ("", "  \n"):
        assert refusal(**{name: empty}).startswith(f"GENQ_{name.upper()}: it is empty")
    assert "hush" not in refusal(**{name: "hush hush"})


def test_white_space_around_a_token_is_not_of_it() -> None:
    found: SecretStr | None = read(slack_bot_token=" xoxb-1\n").slack_bot_token
    assert found is not None
    assert found.get_secret_value() == "xoxb-1"


@pytest.mark.parametrize("odd", ["a+b", "x" * 257, "ä"])
def test_a_secret_that_telegram_takes_not_is_refused(odd: str) -> None:
    assert refusal(telegram_secret=odd).startswith("GENQ_TELEGRAM_SECRET: ")


@pytest.mark.parametrize("name", ["discord_url", "slack_url", "telegram_url"])
@pytest.mark.parametrize(
    "odd",
    [
        "",
        "discord.com/api",
        "ftp://x.example",
        "https://",
        "https://a:b@x.example",
        "http://x y",
    ],
)
def test_a_platform_is_at_an_http_url_with_a_host(name: str, odd: str) -> None:
    assert refusal(**{name: odd}).startswith(f"GENQ_{name.upper()}: http:// or https://")
    assert read(**{name: "http://127.0.0.1:8080/api"}).discord_application_id == "1"


def test_an_adapter_without_a_secret_lets_nothing_pass() -> None:
    """Even where settings did not look: whoever sends nothing would be let in."""
    empty = telegram_scenes.adapter(telegram_secret=SecretStr(""))
    with pytest.raises(ChatUnauthorizedError):
        empty.verify({}, b"{}", telegram_scenes.NOW)
    bare = Settings.model_construct(
        **{**dict(read()), "slack_signing_secret": SecretStr("")}  # pyright: ignore[reportArgumentType] - any of them
    )
    with pytest.raises(ChatUnauthorizedError):
        SlackAdapter(bare).verify(signed(b"x", secret=""), b"x", NOW)
