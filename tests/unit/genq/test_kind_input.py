"""One text on the command line becomes a job of every kind; what cannot be is named."""

import json
from pathlib import Path
from typing import Any

import pytest
import typer

from genq.cli.kind_input import kind_input, read_pictures
from genq.generating import ImageOptions
from genq.models import KINDS, Output
from genq.pictures import form_of
from schemas.embedding_vectors import packed_floats
from schemas.generation import INPUTS, Kind
from schemas.image_edit_input import ImageEditInput
from schemas.job_form import JobForm
from tests.fixtures.model_server import png


@pytest.mark.parametrize("kind", KINDS)
def test_a_text_is_a_job_of_every_kind(kind: str, tmp_path: Path) -> None:
    picture = tmp_path / "kite.png"
    picture.write_bytes(png())
    named = ["file-01kbtk3j8vfp6ahs8xjwyd6xkd", "https://example.com/a.png"]
    given: dict[str, Any] = {"images": read_pictures(named)} if kind == "image_edit" else {}
    # The service takes it.
    INPUTS[Kind(kind)].model_validate(kind_input(kind, "a kite", given))
    # Files are sent beside it, as they are.
    found = read_pictures([str(picture), *named])
    assert found == [picture, *named]
    form = form_of({"kind": kind, "n": None}, found, picture)
    assert form is not None
    with form.opened() as parts:
        assert [name for name, _ in parts] == ["job", *["image[]"] * 3, "mask"]
        assert parts[0][1] == (None, json.dumps({"kind": kind}).encode())
        assert (parts[1][1][0], parts[1][1][1].read()) == ("kite.png", png())
        assert [part[1] for part in parts[2:4]] == [(None, one) for one in named]


def test_pictures_are_sent_under_the_names_of_the_document() -> None:
    form = form_of({"kind": "image_edit"}, ["file-1"], "file-2")
    assert form is not None
    with form.opened() as parts:
        assert {name for name, _ in parts} == {"job", "image[]", "mask"}
        assert {name for name, _ in parts} <= set(JobForm.model_json_schema()["properties"])
    assert {"images", "mask"} <= set(ImageOptions.__annotations__)
    assert {"images", "mask"} <= set(ImageEditInput.model_fields)


@pytest.mark.parametrize(
    ("kind", "given", "why"),
    [
        ("chat", {"size": "64x64"}, "only image and image_edit jobs"),
        ("embedding", {"n": 2}, "only image and chat and completion and image_edit jobs"),
        ("image", {"images": ["job_1/0"]}, "only chat and image_edit jobs"),
        ("image_edit", {}, "with --image"),
        ("imagine", {}, "did you mean image"),
    ],
)
def test_what_a_kind_does_not_have_is_refused(
    kind: str, given: dict[str, Any], why: str
) -> None:
    with pytest.raises(typer.BadParameter, match=why):
        kind_input(kind, "a kite", given)


def test_a_file_that_is_no_picture_is_refused(tmp_path: Path) -> None:
    words = tmp_path / "kite.png"
    words.write_text("a kite")
    with pytest.raises(typer.BadParameter, match="is no PNG, JPEG or WebP"):
        read_pictures([str(words)])
    with pytest.raises(typer.BadParameter, match="cannot be read: No such file"):
        read_pictures([str(tmp_path / "sea.png")])


def test_vectors_are_numbers_again() -> None:
    numbers = [[0.5, -1.0], [2.0, 0.25]]
    output = Output(embeddings=tuple(map(packed_floats, numbers)))
    assert output.vectors == numbers
