"""Flags at the end of prompts: what they say, what is text, what is refused."""

import string
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.aspect import size_of
from schemas.flag_rules import LANES, NAMES, RULES, FlagValue
from schemas.prompt_flags import MOST_FLAGS, ReadPrompt, read_prompt, write_prompt

FLAGGED: dict[str, tuple[str, dict[str, FlagValue]]] = {
    "a kite --ar 16:9 --seed 7 --n 4": ("a kite", {"ar": "16:9", "seed": 7, "n": 4}),
    "a kite --AR=16:9 --Q high": ("a kite", {"ar": "16:9", "quality": "high"}),
    "a kite —ar 3:2 \u2013seed 1": ("a kite", {"ar": "3:2", "seed": 1}),
    "a kite --no text, two words --fast": ("a kite", {"no": "text, two words", "fast": True}),
    'a kite --no "a --ar" --raw': ("a kite", {"no": "a --ar", "raw": True}),
    "a kite --no “a --ar” --tile": ("a kite", {"no": "a --ar", "tile": True}),
    "a kite --niji --v 6.1": ("a kite", {"niji": True, "version": "6.1"}),
    "a kite --niji 6 --iw .5 --s 250": ("a kite", {"niji": "6", "iw": 0.5, "stylize": 250}),
    "a kite\n--repeat 2\n--format JPG": ("a kite", {"n": 2, "format": "jpeg"}),
    'a sign "use --ar" --ar 1:1': ('a sign "use --ar"', {"ar": "1:1"}),
    '5" by 7" photo --ar 2:3 --no "x"': ('5" by 7" photo', {"ar": "2:3", "no": "x"}),
}


@pytest.mark.parametrize("prompt", FLAGGED)
def test_flags_end_a_prompt_and_say_what_they_say(prompt: str) -> None:
    read = read_prompt(prompt)

    assert not read.faults
    assert (read.text, dict(read.flags)) == FLAGGED[prompt]


@pytest.mark.parametrize(
    "prompt",
    [
        "a well--known kite",
        "a -- b",
        "a kite --",
        "--- a",
        "a yes —red thing",
        " a \n",
        "a --2 b",
    ],
)
def test_dashes_that_begin_no_flag_are_text(prompt: str) -> None:
    assert read_prompt(prompt) == ReadPrompt(prompt, {}, {}, ())


WRONG: dict[str, tuple[int, str]] = {
    "a --arr 3:2": (3, "unknown flag; did you mean --ar?"),
    "a --xyzzy": (
        3,
        (
            "unknown flag; there are --ar, --size, --seed, --n, --turbo, --fast, --relax, "
            "--batch, --model, --format, --quality, --style"
        ),
    ),
    "a --ar16:9": (3, "no flag: write its name, a space, and its value"),
    "a --ar 9:1": (3, "--ar must be a ratio from 1:4 to 4:1, such as 16:9"),
    "a --seed": (3, "--seed needs a value: 0 to 2^63 - 1"),
    "a --seed -1": (3, "--seed must be 0 to 2^63 - 1"),
    "a --seed 9223372036854775808": (3, "--seed must be 0 to 2^63 - 1"),
    "a --n 11": (3, "--n must be 1 to 10"),
    "a --seed 1 red": (3, "--seed takes one value"),
    "a --tile red": (3, "--tile takes no value"),
    "a --ar 1:1 --ar 1:1": (12, "--ar stands at character 3 already: keep one"),
    "a --fast --relax": (10, "--relax does not go with --fast at character 3: keep one"),
    "a --ar 1:1 --size 64x64": (12, "--size does not go with --ar at character 3"),
    "--ar 1:1": (1, "nothing stands before the flags: say what to make"),
}


@pytest.mark.parametrize("prompt", WRONG)
def test_what_is_wrong_is_told_with_its_character_and_without_the_prompt(prompt: str) -> None:
    (fault,) = read_prompt(prompt).faults

    at, message = WRONG[prompt]
    assert fault.at == at
    assert fault.message.startswith(message)
    assert "xyzzy" not in str(fault)


def _values(name: str) -> st.SearchStrategy[Any]:
    words = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=20)
    told = words.map(str.strip).filter(bool)
    whole = {"seed": 2**63 - 1, "n": 10, "stylize": 1000, "chaos": 100}
    if name in whole:
        return st.integers(1 if name == "n" else 0, whole[name])
    return {
        "ar": st.sampled_from(["1:1", "16:9", "1:4"]),
        "size": st.sampled_from(["1024x768", "64x64"]),
        "iw": st.sampled_from([0.0, 0.5, 3.0]),
        "format": st.sampled_from(["png", "jpeg", "webp"]),
        "niji": st.just(value=True) | told,
        **dict.fromkeys((*LANES, "tile", "raw"), st.just(value=True)),
    }.get(name, told)


@st.composite
def _flags(draw: st.DrawFn) -> dict[str, FlagValue]:
    lane, size = draw(st.sampled_from(LANES)), draw(st.sampled_from(["ar", "size"]))
    free = [name for name in RULES if name not in (*LANES, "ar", "size")]
    names = draw(st.permutations([lane, size, *free]))
    return {name: draw(_values(name)) for name in names[: draw(st.integers(0, len(names)))]}


def _is_plain(text: str) -> bool:
    read = read_prompt(f"a{text}")
    return not read.flags and not read.faults


@given(st.text(string.ascii_letters + " -,—").filter(_is_plain), _flags())
def test_what_is_written_is_read_again(text: str, flags: dict[str, FlagValue]) -> None:
    text = f"a{text}".rstrip()
    read = read_prompt(write_prompt(text, flags) if flags else text)

    assert not read.faults
    assert dict(read.flags) == flags
    assert read.text == text


@given(st.text())
@example('a "—ar" --')
@example("a “ --ar 1:1 ”")
def test_any_text_is_read_and_without_flags_it_stays_as_it_is(text: str) -> None:
    read = read_prompt(text)

    if not read.flags and not read.faults:
        assert read.text == text
    assert text.startswith(read.text)
    assert len(read.flags) <= len(RULES)


def test_a_prompt_of_flags_alone_takes_no_time() -> None:
    faults = read_prompt("x" + " --a" * 100_000).faults

    assert len(faults) == MOST_FLAGS + 1


def test_a_ratio_becomes_the_nearest_size_or_one_of_about_a_megapixel() -> None:
    own = ["1024x1024", "1536x1024", "1024x1536"]
    assert {r: size_of(r, own) for r in ("16:9", "1:1", "4:5", "2:3")} == {
        "16:9": "1536x1024", "1:1": "1024x1024", "4:5": "1024x1536", "2:3": "1024x1536",
    }  # fmt: skip
    for ratio in ("1:1", "16:9", "9:16", "3:2", "21:9", "4:1", "1:4", "5:7"):
        width, height = (int(side) for side in size_of(ratio).split("x"))
        assert width % 64 == height % 64 == 0
        assert 0.9 < width * height / (1 << 20) < 1.15
        across, down = (int(part) for part in ratio.split(":"))
        assert width / height == pytest.approx(across / down, rel=0.04)


def test_every_name_leads_to_one_flag() -> None:
    assert set(NAMES.values()) == set(RULES)
    assert len(NAMES) == sum(1 + len(rule.aliases) for rule in RULES.values())
