"""Text is cut as BERT's own tokenizer cuts it."""

import time

import pytest

from infra.safety.package_data import PACKAGE_DATA
from infra.safety.token_table import load_table
from infra.safety.wordpiece import LONGEST_WORD, WordPiece, words

_PIECES = [
    "[UNK]",
    "un",
    "##aff",
    "##able",
    "run",
    "##ning",
    "!",
    "中",
    "cafe",
    "$",
    "a",
    "##b",
]


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("unaffable", ["un", "##aff", "##able"]),
        ("Running!", ["run", "##ning", "!"]),
        ("CAFÉ", ["cafe"]),
        ("cafe\u0301", ["cafe"]),
        ("a中a", ["a", "中", "a"]),
        ("$a", ["$", "a"]),
        ("unx", ["[UNK]"]),
        ("a\u200bb", ["a", "##b"]),
        ("a\x00b", ["a", "##b"]),
        ("", []),
        ("b" * (LONGEST_WORD + 1), ["[UNK]"]),
    ],
)
def test_the_longest_piece_from_the_left_wins(text: str, pieces: list[str]) -> None:
    assert WordPiece(_PIECES).ids(text) == [_PIECES.index(piece) for piece in pieces]


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        # What the library "tokenizers" says, in the numbers of the original vocabulary.
        ("hello, world!", [7592, 1010, 2088, 999]),
        ("Übermut", [19169, 28120]),
        ("h4rdc0re", [1044, 2549, 4103, 2278, 2692, 2890]),
    ],
)
def test_ids_are_those_of_the_original_in_its_order(text: str, ids: list[int]) -> None:
    table = load_table(PACKAGE_DATA)
    # The rows that stand for nothing were left out: 99 after [PAD], 895 after [MASK].
    assert [number + 994 for number in table.wordpiece.ids(text)] == ids


def test_the_same_word_again_gives_the_same_ids() -> None:
    wordpiece = WordPiece(_PIECES)

    assert wordpiece.ids("unaffable running") == wordpiece.ids("unaffable running")


def test_long_nonsense_takes_no_time() -> None:
    wordpiece = WordPiece(["[UNK]", *(("##" + "a" * n) for n in range(1, 18)), "a"])
    text = " ".join("a" * LONGEST_WORD for _ in range(100))

    begun = time.process_time()
    assert len(wordpiece.ids(text)) > 100
    assert time.process_time() - begun < 0.5


def test_ascii_is_cut_the_same_on_the_short_way() -> None:
    text = "It's 5:00 o'clock_now, e-mail a@b.c (or not)!"

    # The letter with an accent sends it the long way round.
    assert words(text) == words(text + " é")[:-1]
