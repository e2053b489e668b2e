"""`genq bot`: bindings as an operator types them."""

import json
from typing import Any

import pytest

from infra.postgres.chat_bindings import pause_binding
from infra.postgres.chat_bots import stop_bot
from infra.postgres.engine import transaction
from infra.settings import Settings
from producer.bot.command import main
from schemas.chat import Platform
from schemas.ids import parse_id
from tests.api.served import Served, new_key, run
from tests.api.test_chat_bindings import GROUP, GUILD, audited, operator, put
from tests.fixtures.api_stub import Home
from tests.fixtures.operating import operating, shell_of


class Shell:
    """An operator's shell, in this process."""

    def __init__(
        self,
        settings: Settings,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        self._capsys = capsys
        for name, value in shell_of(settings).items():
            monkeypatch.setenv(name, value)

    def bot(self, line: str) -> tuple[int, list[dict[str, Any]], str]:
        """Run a command; return its code, what it printed as data, and its remarks."""
        self._capsys.readouterr()
        try:
            code = main([*line.split(), "--json"])
        except SystemExit as ended:
            code = int(str(ended.code))
        printed = self._capsys.readouterr()
        return code, [json.loads(one) for one in printed.out.splitlines()], printed.err


@pytest.fixture
def shell(
    settings: Settings,
    home: Home,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Shell:
    """An operator's shell on an installation with the tenants acme and other."""

    async def scenario(api: Served) -> None:
        await new_key(api.services, "other")

    run(settings, scenario)
    return Shell(settings, capsys, monkeypatch)


def test_the_real_command_line_passes_on_what_was_typed(settings: Settings, home: Home) -> None:
    async def scenario(api: Served) -> None:
        line = f"bot bind telegram {GROUP} --tenant acme --lanes fast,relax --max-jobs 5 --json"
        line += f" --not-in {GROUP}"
        bound = await operating(line, shell_of(settings))
        assert bound.code == 0, bound.err
        made = json.loads(bound.out)
        assert (made["place"], made["user"], made["tenant"]) == (GROUP, None, "acme")
        assert made["rules"]["lanes"] == ["fast", "relax"]
        assert made["rules"]["max_jobs"] == 5
        assert made["rules"]["channels_denied"] == [GROUP]
        assert "from the next command on" in bound.err
        assert (await audited(api, "acme"))[0] == "chat.bound"

    run(settings, scenario)


def test_of_a_binding_what_is_not_named_stays_unless_its_tenant_changes(shell: Shell) -> None:
    at = f"telegram --place={GROUP}"
    assert shell.bot(f"bind {at} --tenant=acme --lanes=fast,relax --max-jobs=5")[0] == 0
    said = "--press=owner --model=/imagine=sim --channels=1,2"
    code, (changed,), _ = shell.bot(f"bind {at} {said}")
    assert code == 0
    assert changed["rules"] == {
        "lanes": ["fast", "relax"],
        "models": {"imagine": "sim"},
        "press_by": "owner",
        "channels": ["1", "2"],
        "channels_denied": [],
        "max_jobs": 5,
    }
    said = "--lanes=any --max-jobs=none --channels=any --not-in=9"
    rules = shell.bot(f"bind {at} {said}")[1][0]["rules"]
    assert (rules["lanes"], rules["max_jobs"], rules["channels"]) == (None, None, None)
    assert (rules["press_by"], rules["channels_denied"]) == ("owner", ["9"])
    (changed,) = shell.bot(f"bind {at} --tenant=other")[1]
    assert (changed["tenant"], changed["rules"]["press_by"]) == ("other", None)

    assert [one["id"] for one in shell.bot("bindings")[1]] == [changed["id"]]
    assert shell.bot(f"unbind {at}")[1][0]["id"] == changed["id"]
    assert shell.bot("bindings") == (0, [], "")


def test_the_command_line_says_what_is_wrong_and_what_to_do(shell: Shell) -> None:
    for line, code, words in (
        ("bind slack --place=T01 --tenant=othr", 3, "other"),
        ("bind discord --place=5", 3, "--tenant NAME"),
        ("bind discord --place=x --tenant=other", 2, "Copy Server ID"),
        ("bind discord --tenant=other", 2, "which place"),
        ("bind discord --place=5 --max-jobs=many --press=all", 2, "--press: must be"),
        ("bind discord --place=5 --model=imagine", 2, "--model"),
        ("unbind discord --place=5", 3, "not bound"),
        ("resume discord --user=5", 3, "not bound"),
        ("bindings --tenant=nobody", 3, "no tenant"),
        ("resume telegram", 0, "neither stopped nor paused"),
    ):
        ended = shell.bot(line)
        assert ended[0] == code, line
        assert words in ended[2], line


def test_the_command_line_says_which_bots_are_silent_and_how_to_wake_them(
    settings: Settings,
    home: Home,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario(api: Served) -> None:
        await operator(api)
        made = (await put(api, rules={"channels": []})).json()
        async with transaction(api.services.engine) as connection:
            await pause_binding(connection, parse_id("chb", made["id"]), "the bot was removed")
            await stop_bot(connection, Platform.DISCORD, b"digest", "401 Unauthorized")

    run(settings, scenario)
    for name, value in shell_of(settings).items():
        monkeypatch.setenv(name, value)
    assert main(["bindings"]) == 0
    said = capsys.readouterr()
    assert "paused" in said.out
    assert "none" in said.out
    assert f"genq bot resume discord {GUILD}" in said.err
    assert "401 Unauthorized" in said.err
    assert main(["resume", "discord"]) == 0
    assert main(["resume", "discord", f"--place={GUILD}"]) == 0
    capsys.readouterr()
    assert main(["bindings"]) == 0
    assert capsys.readouterr().err == ""
