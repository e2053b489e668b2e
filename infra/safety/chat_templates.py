"""Prompts in the form that instruct models are given them in: turns between marks.

Who asks for a plain completion writes such marks itself, which is the normal way to prompt an
instruct model. Anywhere else they are an attempt to speak as somebody else: in a conversation
the model server sets them, and documents have none.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

_SYSTEM: Final = frozenset({"system", "developer"})
_ASSISTANT: Final = frozenset({"assistant", "model", "response", "gpt"})
_USER: Final = frozenset({"user", "human", "instruction"})
_MOST: Final = 4_000
"""Marks of one prompt: a conversation may have a thousand turns."""
_ROLE: Final = r"(?P<role>system|developer|user|human|assistant|model|tool|function)"


@dataclass(frozen=True, slots=True)
class _Form:
    """One way to write turns.

    Attributes:
        marks: A mark that begins a turn has a group ``role``; others have a group that is
            called by the letter that stands for them.
        order: What marks and texts follow each other, a letter each: ``B`` begins it all,
            ``S``, ``U``, ``A`` and ``O`` a turn of the system, the user, the model, or somebody
            else, ``E`` ends one, ``t`` is a text.
    """

    marks: re.Pattern[str]
    order: re.Pattern[str]


# A system's turn comes first, and once: a second one is what a user would add.
_CLOSED: Final = re.compile(r"B?(?:St?E)?(?:[UAO]t?E)*(?:[UA]t?)?")
_OPEN: Final = re.compile(r"B?(?:St?E?)?(?:Ut?E?At?E?)*(?:Ut?E?)?")
_HEADED: Final = re.compile(r"(?:St?)?(?:Ut?(?:Ot?)?At?)*(?:Ut?(?:Ot?)?)?")
_FORMS: Final = (
    # ChatML.
    _Form(re.compile(rf"<\|im_start\|>{_ROLE}(?=\s)|(?P<E><\|im_end\|>)"), _CLOSED),
    # Llama 3.
    _Form(
        re.compile(
            rf"(?P<B><\|begin_of_text\|>)|<\|start_header_id\|>{_ROLE}<\|end_header_id\|>"
            r"|(?P<E><\|eot_id\|>)"
        ),
        _CLOSED,
    ),
    # Gemma.
    _Form(
        re.compile(rf"(?P<B><bos>)|<start_of_turn>{_ROLE}(?=\s)|(?P<E><end_of_turn>)"), _CLOSED
    ),
    # Zephyr, Phi.
    _Form(
        re.compile(rf"(?P<B><s>)|<\|{_ROLE}\|>|(?P<E></s>|<\|end\|>|<\|endoftext\|>)"), _OPEN
    ),
    # Llama 2, Mistral: the end of a user's turn begins the model's.
    _Form(
        re.compile(
            r"(?P<B><s>)|(?P<U>\[INST\])|(?P<A>\[/INST\])|(?P<S><<SYS>>)|(?P<X><</SYS>>)"
            r"|(?P<E></s>)"
        ),
        re.compile(r"B?U(?:St?X)?tAt?(?:E?B?UtAt?)*E?"),
    ),
    # Alpaca, Orca, Vicuna: the marks are headings.
    _Form(
        re.compile(
            r"^### ?(?P<role>System|Instruction|User|Human|Input|Assistant|Response):",
            re.MULTILINE,
        ),
        _HEADED,
    ),
    _Form(re.compile(r"^(?P<role>SYSTEM|USER|ASSISTANT):(?=\s|$)", re.MULTILINE), _HEADED),
)


def without_marks(prompt: str) -> str | None:
    """Return a prompt with empty lines in the place of the marks around its turns.

    Places stay what they are: it is as long as it was. Marks of another form are left in it.
    Who wrote the marks nobody can tell: words of a stranger that a tenant puts into a template
    of its own may have some too, as ``<<SYS>>`` behind the first ``[INST]``.

    Returns:
        ``None``: it is no template, or not one that is well formed.
    """
    begin = len(prompt) - len(prompt.lstrip())
    for form in _FORMS:
        # Most prompts begin with words, and nothing more is looked for.
        if form.marks.match(prompt, begin) is None:
            continue
        marks = list(islice(form.marks.finditer(prompt), _MOST + 1))
        if len(marks) <= _MOST and form.order.fullmatch(_letters(prompt, marks)):
            return form.marks.sub(_blank, prompt) if _asks(marks) else None
    return None


def _letters(prompt: str, marks: Sequence[re.Match[str]]) -> str:
    return "".join(_each(prompt, marks))


def _each(prompt: str, marks: Sequence[re.Match[str]]) -> Iterator[str]:
    end = 0
    for mark in marks:
        if prompt[end : mark.start()].strip():
            yield "t"
        yield _letter(mark)
        end = mark.end()
    if prompt[end:].strip():
        yield "t"


def _letter(mark: re.Match[str]) -> str:
    if mark.lastgroup != "role":
        return mark.lastgroup or ""
    role = mark["role"].lower()
    if role in _SYSTEM:
        return "S"
    if role in _USER:
        return "U"
    return "A" if role in _ASSISTANT else "O"


def _asks(marks: Sequence[re.Match[str]]) -> bool:
    """Tell whether somebody other than the system has a turn."""
    return any(_letter(mark) == "U" for mark in marks)


def _blank(mark: re.Match[str]) -> str:
    return "\n" * len(mark.group())
