"""`genq submit --flags-help`: the flags that a prompt of pictures may end in."""

import re
from typing import Final

import typer

from genq.cli.screen import print_data

PICTURES: Final = frozenset({"image", "image_edit"})
# A dash of two, or a long one as phones write it, before a letter at the beginning of a word.
_LOOKS_FLAGGED: Final = re.compile("(?:^|\\s)(?:--|[—\u2013])[A-Za-z]")

PAGE: Final = """\
A prompt may end in flags:  genq submit "a red kite --ar 16:9 --seed 7 --no text, people"

  --ar W:H          the nearest of the model's sizes, else about one megapixel: 1:1 is
                    1024x1024, 16:9 1344x768, 3:2 1280x832, 4:3 1216x896, 21:9 1664x704
                    (also --aspect)
  --size WxH        the size itself
  --seed NUMBER     the same seed draws the same image
  --n COUNT         1 to 10 pictures (also --repeat)
  --turbo --fast --relax --batch
                    the lane, if the tenant may have it
  --model NAME      which model
  --format FORMAT   png, jpeg or webp
  --quality WORD    as the model server calls it: low, medium, high (also --q)
  --style WORD      as the model server calls it; not of edits

Only where the model's settings map them (flags of the model):

  --no WORDS        what shall not be there, up to the next flag. Models of Cog get it as
                    negative_prompt, workflows of ComfyUI if they have such an input; OpenAI's
                    API has no such thing
  --stylize NUMBER  0 to 1000 (also --s)
  --chaos NUMBER    0 to 100 (also --c)
  --iw NUMBER       0 to 3
  --tile, --raw     switches
  --niji [WORD]     a drawn look
  --version WORD    (also --v)

Flags end the prompt: what follows the first one are flags. "well--known" and "a -- b" are text,
and so is what stands in quotes: a sign "use --ar" --ar 1:1. A long dash (—ar), as phones write
it, is understood. --name=value is --name value. Values with spaces go in quotes. A flag that is
unknown, doubled or said by another option too is refused, with its character.

The model gets the prompt without the flags; the job shows what was typed as prompt_as_typed.
--no-prompt-flags sends a prompt as it is. Over HTTP: {"prompt_flags": true} beside "input", or
in "genq" of OpenAI's routes; without it a prompt is never changed.
"""


def looks_flagged(kind: str, prompt: str) -> bool:
    """Return whether a prompt of pictures seems to hold flags; the server reads them."""
    return kind in PICTURES and _LOOKS_FLAGGED.search(prompt) is not None


def show_flags(value: bool) -> None:
    """Print the page and leave, if that was asked for."""
    if value:
        print_data(PAGE.rstrip())
        raise typer.Exit
