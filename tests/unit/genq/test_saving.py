"""-o says where images go: a file, a folder, or the pattern of several files."""

from pathlib import Path

import pytest

from genq.cli.saving import paths_of
from genq.files import write_whole
from genq.models import Artifact
from tests.fixtures.api_stub import Home


def images(count: int, content_type: str = "image/png") -> tuple[Artifact, ...]:
    return tuple(Artifact(n, f"http://x/{n}", content_type, 1, "00") for n in range(count))


@pytest.mark.parametrize(
    ("count", "output", "expected"),
    [
        (1, None, ["job_1.png"]),
        (2, None, ["job_1-0.png", "job_1-1.png"]),
        (1, "kite.png", ["kite.png"]),
        (1, "kite", ["kite"]),
        (2, "kite.png", ["kite-0.png", "kite-1.png"]),
        (2, "a/kite.png", ["a/kite-0.png", "a/kite-1.png"]),
        (2, "kites", ["kites/job_1-0.png", "kites/job_1-1.png"]),
        (1, "kites/", ["kites/job_1.png"]),
        (1, "folder", ["folder/job_1.png"]),
        (2, "folder", ["folder/job_1-0.png", "folder/job_1-1.png"]),
    ],
)
def test_images_are_named(
    home: Home, count: int, output: str | None, expected: list[str]
) -> None:
    Path("folder").mkdir()

    paths = paths_of("job_1", images(count), output)

    assert paths == [Path(name) for name in expected]


@pytest.mark.parametrize(
    ("content_type", "name"),
    [("image/jpeg", "job_1.jpg"), ("image/webp; q=1", "job_1.webp"), ("x/y", "job_1.bin")],
)
def test_the_suffix_follows_the_content(home: Home, content_type: str, name: str) -> None:
    assert paths_of("job_1", images(1, content_type), None) == [Path(name)]


def test_a_file_is_written_whole_into_a_new_folder(tmp_path: Path) -> None:
    path = write_whole(tmp_path / "new" / "a.png", b"abc")

    assert path.read_bytes() == b"abc"
    assert path.stat().st_mode & 0o777 == 0o644
    assert [one.name for one in path.parent.iterdir()] == ["a.png"]


def test_a_file_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "a.png").mkdir()

    with pytest.raises(OSError, match="directory"):
        write_whole(tmp_path / "a.png", b"abc")
    assert [one.name for one in tmp_path.iterdir()] == ["a.png"]
