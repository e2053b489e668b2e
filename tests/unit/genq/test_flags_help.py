"""The page about flags of prompts, and when the command line believes that there are some."""

import re

import pytest

from genq.cli.flags_help import PAGE, looks_flagged
from schemas.aspect import size_of
from schemas.flag_rules import NAMES


def test_the_page_names_every_flag_and_tells_true_sizes() -> None:
    named = set(re.findall(r"--([a-z]+)", PAGE)) - {"no-prompt-flags", "flags", "name"}

    assert named >= set(NAMES)
    sizes = re.findall(r"(\d+:\d+)(?: is)?\s+(\d+x\d+)", PAGE)
    assert len(sizes) == 5
    assert all(size_of(ratio) == size for ratio, size in sizes)


@pytest.mark.parametrize(
    ("kind", "prompt", "flagged"),
    [
        ("image", "a kite --ar 1:1", True),
        ("image_edit", "redder —seed 3", True),
        ("image", "--ar 1:1", True),
        ("image", "a well--known kite -- or two", False),
        ("chat", "what does --ar do?", False),
    ],
)
def test_prompts_of_pictures_that_seem_flagged_are_sent_as_such(
    kind: str, prompt: str, *, flagged: bool
) -> None:
    assert looks_flagged(kind, prompt) is flagged
