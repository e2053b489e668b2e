"""Deterministic text: a short pleasant paragraph about the words of the question."""

import re
from random import Random
from typing import Final

from infra.simulator.painting.dice import dice

_WORD: Final = re.compile(r"[^\W\d_][\w'-]*|[^\w\s'-]")
# What a token is here: up to six letters with the space before them, or one other sign.
_PIECE: Final = re.compile(r"\s*\w{1,6}|\s*[^\w\s]|\s+")
_CHARACTERS_PER_TOKEN: Final = 4
_READ_CHARACTERS: Final = 20_000
_MAX_TOPICS: Final = 6
_MAX_TOPIC_WORDS: Final = 3

_UNSAID: Final = (
    "a about above after again against all also am an and any are around as at back be "
    "because been before being below between both but by can could did do does doing down "
    "each every few for from further get give go had has have having he her here hers him "
    "his how i if in into is it its just let like lot made make makes many may me more most "
    "much must my myself name no nor not now of off on once one only onto or other our ours "
    "out over own per please put same say says she should show so some such tell than that "
    "the their theirs them then there these they this those through to too under until up "
    "upon us use used using very want was we well were what when where which while who whom "
    "whose why will with within without would you your yours answer compare compose create "
    "describe discuss draft explain find generate help list long paragraph poem question "
    "sentence sentences short story summarise summarize translate word words write "
)
_SMALL_WORDS: Final = frozenset(_UNSAID.split())
# They keep a lonely topic company.
_COMPANY: Final = ("an open window", "a slow walk", "good company", "the first light of day")
_OPENINGS: Final = (
    "Here is a thought about {a}.",
    "Let us begin with {a}, since the rest follows from there.",
    "It is worth taking a moment for {a}.",
    "There is more to {a} than one sees at first.",
    "Few things reward a second look like {a}.",
)
_MIDDLES: Final = (
    "Put {a} next to {b}, and the details begin to matter: the light, the pace, the pauses.",
    "Between {b} and {c} there is room for more than one quiet thought.",
    "Leave out {c}, and the picture still stands, but it no longer smiles.",
    "One could draw {b} with a single line and be understood.",
    "On a quiet morning one hears what {a} and {b} have in common.",
    "For {c}, as for {a}, a little patience goes a long way.",
    "Nobody has ever regretted an hour spent on {b}.",
    "Whoever knows {b} well speaks of it slowly and comes back to {a} in the end.",
)
_CLOSINGS: Final = (
    "That is enough about {a} for today; the rest will still be there tomorrow.",
    "Perhaps that is all one needs to know about {a} for now.",
    "With {a}, the best part is usually the next one.",
    "The rest is best found out by trying.",
)


def topics_of(text: str) -> list[str]:
    """Return what a text is about: runs of words that carry it, in order, not repeated."""
    found: dict[str, str] = {}
    run: list[str] = []
    for word in [*_WORD.findall(text[:_READ_CHARACTERS]), "."]:
        if word[0].isalpha() and word.lower() not in _SMALL_WORDS:
            run.append(word)
        elif run:
            topic = " ".join(run[:_MAX_TOPIC_WORDS])
            found.setdefault(topic.lower(), topic)
            run = []
        if len(found) == _MAX_TOPICS:
            break
    return list(found.values())


def paragraph(question: str, *seeds: str | int) -> str:
    """Return four to six sentences that refer to a question; the same seeds, the same text."""
    random = dice(question, *seeds)
    topics = topics_of(question) or ["this"]
    middles = random.sample(_MIDDLES, random.randint(2, 4))
    sentences = [random.choice(_OPENINGS), *middles, random.choice(_CLOSINGS)]
    return " ".join(_fill(sentence, topics, random) for sentence in sentences)


def _fill(sentence: str, topics: list[str], random: Random) -> str:
    others = topics[1:] + list(_COMPANY)[: max(0, 3 - len(topics))]
    second, third = random.sample(others, 2)
    text = sentence.format(a=topics[0], b=second, c=third)
    return text[0].upper() + text[1:]


def pieces(text: str) -> list[str]:
    """Return the tokens of a text; joined, they are the text."""
    return _PIECE.findall(text)


def count_tokens(text: str) -> int:
    """Return about how many tokens a prompt has, without reading it letter by letter."""
    return -(-len(text) // _CHARACTERS_PER_TOKEN)
