"""The data folder: taken if it is new or genq's, refused in plain words otherwise."""

import os
import stat
from pathlib import Path

import pytest

from infra.embedded.credentials import read_or_make_credentials
from infra.embedded.data_folder import hold, open_folder, write_private
from infra.embedded.footprints import own_footprint
from infra.embedded.log_files import LogReader, last_lines, trim
from infra.embedded.run_state import RunState
from schemas.errors import SettingsError

not_root = pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_folder_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    folder = open_folder(tmp_path / "a folder" / "deep" / "inside")

    assert mode_of(folder.root) == 0o700
    assert mode_of(folder.logs) == 0o700
    assert open_folder(folder.root) == folder


def test_an_empty_volume_is_taken(tmp_path: Path) -> None:
    (tmp_path / "lost+found").mkdir()

    assert open_folder(tmp_path).root == tmp_path


def test_a_folder_with_something_else_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()

    with pytest.raises(SettingsError, match="not empty and not a genq data folder"):
        open_folder(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(SettingsError, match="is not a folder"):
        open_folder(tmp_path / "file")
    with pytest.raises(SettingsError, match="is not a folder"):
        open_folder(tmp_path / "file" / "below")


@not_root
def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)

    with pytest.raises(SettingsError, match="cannot be written"):
        open_folder(tmp_path)


def test_a_folder_of_a_newer_genq_is_refused(tmp_path: Path) -> None:
    (tmp_path / "genq.json").write_text('{"format": 2}')

    with pytest.raises(SettingsError, match="newer genq"):
        open_folder(tmp_path)


def test_a_damaged_marker_is_explained(tmp_path: Path) -> None:
    (tmp_path / "genq.json").write_text("{")

    with pytest.raises(SettingsError, match=r"genq\.json is damaged"):
        open_folder(tmp_path)


def test_a_folder_has_one_supervisor_and_the_second_learns_which(tmp_path: Path) -> None:
    folder = open_folder(tmp_path)
    with hold(folder):
        RunState(own_footprint(), "http://127.0.0.1:1").write(folder.state_file)
        with pytest.raises(SettingsError) as refused, hold(folder):
            pass
    with hold(folder):
        pass

    assert f"pid {os.getpid()}" in refused.value.message
    assert "http://127.0.0.1:1" in refused.value.message


def test_credentials_stay_the_same_and_private(tmp_path: Path) -> None:
    path = tmp_path / "credentials.json"
    made = read_or_make_credentials(path)

    assert read_or_make_credentials(path) == made
    assert mode_of(path) == 0o600
    assert made.api_key.startswith("gq_")
    assert made.webhook_secret.startswith("whsec_")


@pytest.mark.parametrize("content", ["", "[]", '{"api_key": "gq_x"}', '{"api_key": 1}'])
def test_damaged_credentials_are_not_replaced_silently(tmp_path: Path, content: str) -> None:
    path = tmp_path / "credentials.json"
    path.write_text(content)

    with pytest.raises(SettingsError, match="is damaged"):
        read_or_make_credentials(path)
    assert path.read_text() == content


def test_a_state_survives_the_disk_and_a_damaged_one_is_none(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    state = RunState(own_footprint(), "http://x", {"GENQ_A": "b"}, {"api": own_footprint()})
    state.write(path)

    assert RunState.read(path) == state
    assert mode_of(path) == 0o600
    for damaged in ("", "[]", "{}", '{"supervisor": {"pid": 1}}'):
        path.write_text(damaged)
        assert RunState.read(path) is None
    assert RunState.read(tmp_path / "none") is None


def test_a_file_is_replaced_whole_and_leaves_no_draft(tmp_path: Path) -> None:
    path = tmp_path / "x"
    write_private(path, "one")
    write_private(path, "two")

    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("x", "two")]


def test_a_log_is_read_line_by_line_even_after_it_was_emptied(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    reader = LogReader(log)
    assert reader.new_lines() == []
    log.write_text("one\ntwo\nthr")
    assert reader.new_lines() == ["one", "two"]
    log.write_text("one\ntwo\nthree\n")
    assert reader.new_lines() == ["three"]

    trim(log, largest=5)

    assert log.read_text() == ""
    assert (tmp_path / "x.log.1").read_text() == "one\ntwo\nthree\n"
    assert reader.new_lines() == []
    log.write_text("four\n")
    assert reader.new_lines() == ["four"]


def test_the_last_lines_of_a_log_skip_empty_ones(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    log.write_text("one\n\ntwo\n \nthree\n")

    assert last_lines(log, 2) == ["two", "three"]
    assert last_lines(tmp_path / "none", 2) == []
