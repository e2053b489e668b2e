"""What a member of JSON is called says whether a model reads words or a picture there."""

import re
from typing import Final

# Members of messages that are words to whoever reads them, links or not.
WORDS: Final = frozenset({"content", "prompt", "text", "arguments", "refusal", "name"})
# Whose text is something else: here, or where it says.
MEDIA: Final = frozenset(
    {
        "url", "image_url", "video_url", "audio_url", "file_url", "file_id", "file_data",
        "image", "images", "init_image", "init_images", "input_image", "mask", "mask_image",
        "video", "audio", "file", "image_embeds", "audio_embeds", "video_embeds", "embeds",
    }
)  # fmt: skip
# ``prompt_2``, ``clip_text``, ``image_caption``.
_WORDING: Final = re.compile(r"prompt|text(?!ure)|caption|content")
_PICTURE: Final = re.compile(r"image|img|picture|photo")
# A picture that takes the place of a prompt.
_PICTURE_PROMPT: Final = re.compile(r"(?:image|img|picture|photo)_?prompt")
# ``init_image``, ``photo_2``, ``image_data``; an ``image_description`` is none.
_IS_PICTURE: Final = re.compile(
    r"(?:image|img|picture|photo)s?(?:[_-]?(?:\d+|b64|base64|data|bytes|ur[il]|prompt))*$"
)


def is_wording(name: str) -> bool:
    """Tell whether a member, in small letters, is words, whatever they begin with."""
    if name in WORDS:
        return True
    if _PICTURE_PROMPT.search(name):
        return False
    # What it is comes last: a ``content_image`` is an image, an ``image_caption`` is none.
    return _last(_WORDING, name) > _last(_PICTURE, name)


def is_medium(name: str) -> bool:
    """Tell whether a member, in small letters, is no words to anybody."""
    return name in MEDIA or _IS_PICTURE.search(name) is not None


def _last(pattern: re.Pattern[str], name: str) -> int:
    return max((match.start() for match in pattern.finditer(name)), default=-1)
