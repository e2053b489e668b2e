"""What stands where: the top level, the READMEs, and no trace of a developer's machine."""

import re
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.source import PACKAGES, ROOT, project_entries, project_files, refuse

# Fixed by the user of this project.
FIXED = ("pyproject.toml", "README.md", "worker", "producer", "schemas", "migrations", "infra")
OURS = ("genq", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md", "Makefile", ".ci", ".gitignore")
TOP_LEVEL = {*FIXED, *OURS, "tests", "uv.lock"}
PROMISES = {
    "unit",
    "conformance",
    "contract",
    "lifecycle",
    "api",
    "facade",
    "faults",
    "docs",
    "architecture",
}
TEST_FOLDERS = {*PROMISES, "fixtures", "bench", "chaos", "eval_safety"}
ONE_SCREEN = 60
# Folders of a person or of a build machine. /home/user and /Users/you are examples to readers.
MACHINE = re.compile(r"(?<![\w.])/(?:root|work|home/(?!user\b)\w+|Users/(?!you\b)\w+)/")


def screen_lines(readme: str) -> int:
    """Tables are looked things up in, not read: they do not count."""
    return sum(not line.startswith("|") for line in readme.splitlines())


def paths_of_a_machine(root: Path) -> Iterator[str]:
    for file in project_files(root):
        try:
            lines = file.read_text().splitlines()
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(lines, 1):
            if MACHINE.search(line):
                yield f"{file.relative_to(root)}:{number}: {line.strip()[:80]}"


def test_the_top_level_holds_only_what_belongs_there() -> None:
    assert {entry.name for entry in project_entries()} - TOP_LEVEL == set()


def test_tests_lie_in_the_folders_that_say_what_they_may_use() -> None:
    folders = {path.name for path in (ROOT / "tests").iterdir() if path.is_dir()}
    assert folders - TEST_FOLDERS - {"__pycache__"} == set()


def test_every_package_explains_itself_on_one_screen() -> None:
    missing = [
        name for name in (*PACKAGES, "tests") if not (ROOT / name / "README.md").exists()
    ]
    assert missing == []
    lengths = {
        str(file.relative_to(ROOT)): screen_lines(file.read_text())
        for name in (*PACKAGES, "tests")
        for file in (ROOT / name).rglob("README.md")
    }
    assert {name: lines for name, lines in lengths.items() if lines > ONE_SCREEN} == {}


def test_nothing_names_a_path_of_a_developers_machine() -> None:
    refuse(paths_of_a_machine(ROOT))


def test_ignored_files_do_not_count_and_others_do(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("*.pyc\n.venv/\n")
    (tmp_path / ".venv").mkdir()
    (tmp_path / "stray.txt").touch()
    (tmp_path / "x.pyc").touch()

    assert [entry.name for entry in project_entries(tmp_path)] == [".gitignore", "stray.txt"]


def test_a_path_of_a_machine_is_found(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("ignored\n")
    for name in ("kept.py", "ignored"):
        (tmp_path / name).write_text(
            "\n".join(["/ho" + "me/ada/x", "/ro" + "ot/y", "/rooted/"])
        )

    assert list(paths_of_a_machine(tmp_path)) == [
        "kept.py:1: /ho" + "me/ada/x",
        "kept.py:2: /ro" + "ot/y",
    ]


def test_a_table_does_not_make_a_readme_long() -> None:
    assert screen_lines("# a\n\n| b |\n| c |\n") == 2
