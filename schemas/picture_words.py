"""What genq says to models of pictures besides its users' own words, and how to take it off."""

from collections.abc import Mapping
from typing import Any, Final, cast

SUBTLE: Final = "Keep the composition, the subject and the colours; change only small details."
STRONG: Final = "Keep the subject; change composition, pose, light and colours freely."
GO_ON: Final = "Go on with the picture around it: the same scene, style and light."
BLEND: Final = "Blend these pictures into one."
ENLARGE: Final = "Enlarge the picture."
DESCRIBE: Final = (
    "Look at this picture, and write four different prompts with which an image model could "
    "make one like it. Answer with four lines and nothing else, which begin with 1., 2., 3. "
    "and 4."
)

_APPENDED: Final = tuple(f"\n\n{words}" for words in (SUBTLE, STRONG, GO_ON))
_WHOLE: Final = frozenset({BLEND, ENLARGE, DESCRIBE})


def own_prompt(given: Mapping[str, Any]) -> str:
    """Return the prompt of an input, without what an earlier action said besides."""
    prompt = str(given.get("prompt", ""))
    for words in _APPENDED:
        prompt = prompt.removesuffix(words)
    return prompt


def users_words(given: Mapping[str, Any]) -> str:
    """Return what a person said, of the input of any job: a prompt, or the last message.

    Empty where all the words are ours, or are gone.
    """
    messages = given.get("messages")
    said = own_prompt(given) if messages is None else _last_words(messages)
    return "" if said in _WHOLE else said


def _last_words(messages: Any) -> str:
    for message in reversed(_objects(messages)):
        content: Any = message.get("content")
        if isinstance(content, str):
            return content
        texts = [part.get("text") for part in _objects(content)]
        if texts:
            return "\n".join(text for text in texts if isinstance(text, str))
    return ""


def _objects(value: Any) -> list[Mapping[str, Any]]:
    members = cast("list[Any]", value) if isinstance(value, list) else []
    return [cast("dict[str, Any]", one) for one in members if isinstance(one, dict)]
