"""Which headers an endpoint's owner may add to what is sent there. One list."""

import re
from typing import Final

MOST_HEADERS: Final = 20
LONGEST_NAME: Final = 128
LONGEST_VALUE: Final = 4096

_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
# Printable ASCII, not led or ended by a space: what every server reads the same way.
_VALUE: Final = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")
_RESERVED: Final = frozenset(
    {
        # Hop by hop, and what frames or routes the request.
        "connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "host",
        "expect", "http2-settings", "via", "forwarded", "max-forwards", "date",
        # What genq says itself.
        "user-agent", "x-genq-flags", "traceparent", "tracestate", "baggage", "idempotency-key",
        # What would change the answer, or keep a state.
        "accept-encoding", "cookie", "cookie2", "set-cookie", "range",
        # What opens the metadata service of a cloud, should a request ever get there.
        "metadata", "metadata-flavor", "x-google-metadata-request",
        "x-aws-ec2-metadata-token", "x-aws-ec2-metadata-token-ttl-seconds",
    }
)  # fmt: skip
_RESERVED_STARTS: Final = (
    "content-", "webhook-", "svix-", "genq-", "proxy-", "sec-", "if-", "x-forwarded-",
    "access-control-",
)  # fmt: skip


def is_reserved(name: str) -> bool:
    """Return whether only genq may set this header, in whatever case it is written."""
    name = name.lower()
    return name in _RESERVED or name.startswith(_RESERVED_STARTS)


def fault_of_header(name: str, value: str) -> str | None:
    """Return what is wrong with a header of an endpoint's owner; ``None``: nothing.

    The text repeats the name if it is harmless, and never the value.
    """
    if len(name) > LONGEST_NAME or _NAME.fullmatch(name) is None:
        return (
            f"a header's name is not 1 to {LONGEST_NAME} of the characters that HTTP allows "
            "in it: letters, digits and hyphens"
        )
    if is_reserved(name):
        return f"the header {name} is genq's to set; leave it out, or choose another name"
    if len(value) > LONGEST_VALUE or _VALUE.fullmatch(value) is None:
        return (
            f"the value of the header {name} is not 1 to {LONGEST_VALUE} printable ASCII "
            "characters without spaces around them"
        )
    return None
