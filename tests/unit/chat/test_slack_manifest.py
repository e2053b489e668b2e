"""The manifest sets up an app that all of the adapter works with."""

import json
import re

import pytest
import yaml

from infra.chat.slack_manifest import COMMANDS, manifest_of


def test_every_command_and_every_button_comes_to_the_door() -> None:
    manifest = manifest_of("https://genq.example/")

    commands = manifest["features"]["slash_commands"]
    assert [one["command"] for one in commands] == list(COMMANDS)
    urls = {one["url"] for one in commands}
    assert urls | {manifest["settings"]["interactivity"]["request_url"]} == {
        "https://genq.example/chat/slack"
    }
    assert all(re.fullmatch(r"/[a-z]{1,31}", one["command"]) for one in commands)
    assert all(one["description"] and one.get("usage_hint", "x") for one in commands)


def test_the_bot_may_do_what_the_adapter_does() -> None:
    scopes = set(manifest_of("https://genq.example")["oauth_config"]["scopes"]["bot"])

    assert {"commands", "chat:write", "files:write", "im:write"} <= scopes


def test_it_can_be_written_as_json_and_as_yaml() -> None:
    manifest = manifest_of("https://genq.example/below", name="painter")

    assert json.loads(json.dumps(manifest)) == manifest
    assert yaml.safe_load(yaml.safe_dump(manifest)) == manifest
    assert manifest["features"]["bot_user"]["display_name"] == "painter"


@pytest.mark.parametrize(
    ("url", "name"),
    [
        *(("http://genq.example", "x"), ("https://", "x"), ("https://a.example?x=1", "x")),
        *(("https://a.example", " "), ("https://a.example", "x" * 36)),
    ],
)
def test_what_slack_would_not_take_is_refused(url: str, name: str) -> None:
    with pytest.raises(ValueError, match=r"^(public_url|name): "):
        manifest_of(url, name=name)
