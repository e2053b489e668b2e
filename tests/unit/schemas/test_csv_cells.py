"""Tables that spreadsheets read, whichever sign they part cells at."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.csv_cells import csv_line


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("ann", "ann"),
        ("a-b=c", "a-b=c"),
        ("=1", "'=1"),
        ("\t=1", "\t'=1"),
        ("\tann", "'\tann"),
        ("x;=1", "x;'=1"),
        ("x\n@sum", "x\n'@sum"),
        ("x\t +1", "x\t '+1"),
        ('x;"=1', "x;\"'=1"),
        ('"=1', "\"'=1"),
        ("＝1", "'＝1"),  # noqa: RUF001 - meant
    ],
)
def test_no_part_of_a_text_is_a_formula(told: str, shown: str) -> None:
    assert next(csv.reader(io.StringIO(csv_line([told, 1]), newline=""))) == [shown, "1"]


@given(st.text(alphabet='=+-@;\t\r\n" ,a'))
def test_cells_are_parted_at_commas_alone_and_none_begins_a_formula(told: str) -> None:
    line = csv_line(["a", told, "b"])
    for sign in ";\t":
        for row in csv.reader(io.StringIO(line, newline=""), delimiter=sign):
            assert not [cell for cell in row if cell.lstrip(' "')[:1] in tuple("=+-@")]
    (row,) = csv.reader(io.StringIO(line, newline=""))
    assert row[0] + row[2] == "ab"
