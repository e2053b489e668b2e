"""`genq pause`, `drain`, `workers` as processes: on whose genq they act, and what they say."""

import signal
from pathlib import Path

import pytest

from infra.embedded.footprints import Footprint, own_footprint
from infra.embedded.run_state import RunState
from producer.operator.reach import settings_of
from schemas.errors import SettingsError
from tests.fixtures.api_stub import Home
from tests.fixtures.command import in_a_terminal, start_genq
from tests.fixtures.harness import MODEL, Harness
from tests.fixtures.operating import operate, shell_of


def running_up(folder: Path, environment: dict[str, str], supervisor: Footprint) -> Path:
    """Leave the traces of a `genq up` in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    RunState(supervisor, "http://127.0.0.1:8080", environment).write(folder / "state.json")
    return folder


def test_a_pause_is_told_with_who_did_it_and_resume_ends_it(home: Home, genq: Harness) -> None:
    shell = shell_of(genq.settings)
    genq.submit()

    paused = operate(f"pause model {MODEL} --json", shell)
    listed = operate("pauses", shell)
    resumed = operate(f"resume model {MODEL}", shell)

    assert (paused.code, paused.facts()["waiting"]) == (0, 1)
    (event,) = paused.events()
    assert (event["event"], event["what"], event["name"]) == ("paused", "model", MODEL)
    assert "@" in event["operator"]
    heading, row = listed.out.splitlines()
    assert heading.split() == ["what", "name", "since", "waiting", "in", "flight"]
    assert row.split()[:2] == ["model", MODEL]
    assert (resumed.code, resumed.out) == (0, f"model {MODEL}: resumed\n")
    assert "nothing is paused" in operate("pauses", shell).err


def test_a_drain_ends_with_0_when_drained_and_with_124_when_not(
    home: Home, genq: Harness
) -> None:
    shell = shell_of(genq.settings)
    genq.submit()
    genq.turn()
    genq.claim_one()

    late = operate("drain lane fast --timeout 0.2", shell)
    genq.sql("DELETE FROM live")
    drained = operate("drain lane fast --json", shell)

    assert (late.code, late.out) == (124, "")
    assert "0 released and 1 running" in late.err
    assert "next: genq drain lane fast, or genq resume lane fast" in late.err
    assert (drained.code, drained.facts()["drained"]) == (0, True)


def test_ctrl_c_in_a_drain_tells_that_the_pause_stays(
    home: Home, genq: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in shell_of(genq.settings).items():
        monkeypatch.setenv(name, value)
    genq.submit()
    genq.turn()
    genq.claim_one()
    process = start_genq("drain", "lane", "fast")
    assert process.stderr is not None
    while "1 running" not in (line := process.stderr.readline()):
        assert line, "it ended by itself"

    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=10)

    assert process.returncode == 130
    assert rest.splitlines() == [
        "stopped waiting; lane fast stays paused (1 still runs)",
        "next: genq resume lane fast",
    ]


def test_a_person_at_a_terminal_sees_no_log_lines(
    home: Home, genq: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in shell_of(genq.settings).items():
        monkeypatch.setenv(name, value)

    code, output = in_a_terminal("pause", "lane", "fast")

    assert code == 0
    first, second = output.splitlines()
    assert first.startswith("lane fast: paused since ")
    assert second == "next: genq resume lane fast"


def test_workers_are_shown(home: Home, genq: Harness) -> None:
    table = operate("workers", shell_of(genq.settings)).out

    assert table.splitlines()[0].split()[:4] == ["session", "host", "pid", "slots"]
    assert table.splitlines()[1].split()[1:4] == ["h", "1", "100"]


@pytest.mark.parametrize(
    ("line", "code", "hint"),
    [
        ("pause tenant nobody", 3, "there is no tenant 'nobody'"),
        ("pause model -- -x", 3, "there is no model '-x'; there is test-image"),
        ("pause lan fast", 2, "did you mean lane?"),
        ("drain lane fast --timeout nan", 2, "--timeout"),
    ],
)
def test_a_mistake_is_explained(
    home: Home, genq: Harness, line: str, code: int, hint: str
) -> None:
    ended = operate(line, shell_of(genq.settings))

    assert (ended.code, ended.out) == (code, "")
    assert hint in ended.err


def test_a_database_that_is_away_is_told(home: Home) -> None:
    shell = {
        "GENQ_DATABASE_URL": "postgresql://u@127.0.0.1:1/none",
        "GENQ_BROKER_URL": "redis://127.0.0.1:1",
    }

    ended = operate("workers", shell)

    assert (ended.code, ended.err) == (5, "genq: PostgreSQL cannot be reached\n")


def test_without_settings_the_running_genq_up_of_the_profile_is_meant(
    home: Home, genq: Harness, tmp_path: Path
) -> None:
    folder = running_up(tmp_path / "up", shell_of(genq.settings), own_footprint())
    home.write_profile(f'url = "http://127.0.0.1:8080"\ndata_dir = "{folder}"\n')

    meant = operate("workers --json", {})
    elsewhere = operate("workers", {"GENQ_URL": "https://genq.example.com"})

    assert (meant.code, meant.facts()["slots"]) == (0, 100)
    assert elsewhere.code == 8
    assert "GENQ_DATABASE_URL: is not set" in elsewhere.err
    assert "--data-dir" in elsewhere.err


def test_model_servers_may_stand_in_the_file_that_genq_up_was_started_with(
    home: Home, genq: Harness, tmp_path: Path
) -> None:
    shell = shell_of(genq.settings)
    del shell["GENQ_MODEL_SERVERS"]
    config = tmp_path / "genq.toml"
    config.write_text(
        '[[model_servers]]\nname = "gpu-1"\nbase_url = "http://gpu-1:8000/v1"\n'
        'models = [{ name = "flux-1", kind = "image" }]\n'
    )
    environment = {**shell, "GENQ_CONFIG": str(config)}
    folder = running_up(tmp_path / "up", environment, own_footprint())

    paused = operate(f"pause model flux-1 --data-dir {folder}", {})
    config.unlink()
    broken = operate(f"pause model flux-1 --data-dir {folder}", {})

    assert paused.code == 0
    assert broken.code == 8
    assert str(config) in broken.err


def test_a_genq_up_that_has_stopped_is_not_meant(home: Home, tmp_path: Path) -> None:
    folder = running_up(tmp_path / "up", {}, Footprint(1, "long ago"))

    with pytest.raises(SettingsError, match="genq up does not run on"):
        settings_of(folder, embedded=None)
    with pytest.raises(SettingsError, match="GENQ_DATABASE_URL"):
        settings_of(None, embedded=folder)
