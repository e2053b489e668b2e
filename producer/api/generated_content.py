"""The headers under which what models made is sent: shown, never run, and said to be made."""

from typing import Final

# Whatever it contains.
SAFETY: Final = {
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; sandbox",
}
MADE: Final = {"x-genq-ai-generated": "true"}
