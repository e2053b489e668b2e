"""`genq erase`, `export`, `retention` and `hold`, as who runs genq uses them."""

from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from infra.settings import Settings
from producer.privacy.command import main
from tests.fixtures.harness import Harness

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def genq_cli(
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    told = {
        "DATABASE_URL": settings.database_url.get_secret_value(),
        "BROKER_URL": settings.broker_url.get_secret_value(),
        "OBJECT_STORE": f"file://{tmp_path}/objects",
        "KEY_PEPPER": settings.key_pepper.get_secret_value(),
    }
    for name, value in told.items():
        monkeypatch.setenv(f"GENQ_{name}", value)

    def run(*words: str) -> tuple[int, str, str]:
        code = main(words)
        found = capsys.readouterr()
        return code, found.out, found.err

    return run


def test_a_person_is_exported_held_released_and_erased(
    genq: Harness, genq_cli: Run, tmp_path: Path
) -> None:
    job_id = genq.submit("a portrait of me", end_user="ada")
    file = tmp_path / "ada.ndjson"
    assert genq_cli("export", "ada", "--tenant=acme", f"--output={file}")[0] == 0
    (job,) = map(orjson.loads, file.read_bytes().splitlines())
    assert (job["id"], job["input"]["prompt"]) == (job_id, "a portrait of me")
    # Nothing is written over.
    assert genq_cli("export", "ada", "--tenant=acme", f"--output={file}")[0] == 1

    placed = genq_cli(
        "hold-place", "--tenant=acme", "--end-user=ada", "--reason=case 1", "--json"
    )
    hold = orjson.loads(placed[1])["id"]
    code, _, told = genq_cli("erase", "ada", "--tenant=acme")
    assert code == 9
    assert hold in told
    assert hold in genq_cli("hold-ls")[1]
    assert genq_cli("hold-release", hold)[0] == 0
    assert genq_cli("hold-release", hold)[0] == 3

    assert genq_cli("erase", "ada", "--tenant=acme")[0] == 0
    assert "portrait" not in genq_cli("export", "ada", "--tenant=acme")[1]


def test_rules_are_set_shown_and_taken_away_and_mistakes_are_told(
    genq: Harness, genq_cli: Run
) -> None:
    genq.tenant("acme")
    hours = ("--prompt-hours=0", "--result-hours=24")
    assert genq_cli("retention-set", "--tenant=acme", "--lane=batch", *hours)[0] == 0
    listed = orjson.loads(genq_cli("retention-ls", "--tenant=acme", "--json")[1])
    assert (listed["lane"], listed["kind"], listed["result_hours"]) == ("batch", None, 24)
    assert genq_cli("retention-rm", "--tenant=acme")[0] == 3
    assert genq_cli("retention-rm", "--tenant=acme", "--lane=batch")[0] == 0

    code, _, told = genq_cli("retention-ls", "--tenant=acne")
    assert (code, "acne" in told) == (3, True)
    wrong = genq_cli("retention-set", "--tenant=acme", "--prompt-hours=-1", "--result-hours=1")
    assert (wrong[0], "prompt_hours" in wrong[2]) == (2, True)
    assert genq_cli("hold-release", "hold_x")[0] == 2
