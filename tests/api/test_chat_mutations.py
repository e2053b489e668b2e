"""Ten thousand changed requests at the doors of chats: no fault of ours, and nobody gets in."""

import asyncio
import hashlib
import hmac
import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Final, cast
from urllib.parse import parse_qsl, urlencode

import orjson
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from infra.settings import Settings
from schemas.chat import Platform
from tests.api.chat_doors import Doors, chat_doors
from tests.api.test_chat_vectors import BOTS, DISCORD, SLACK, TELEGRAM, VECTORS, Then, body_of

EACH: Final = 1_667
SEED: Final = 9
# Of the signed ones: what is still a command costs a look into PostgreSQL.
MEANT: Final = 0.3
KEY: Final = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
ODD: Final[tuple[Any, ...]] = (
    *(
        None,
        True,
        0,
        -1,
        2**63,
        1e308,
        "",
        " ",
        "0",
        "-1",
        "a" * 5_000,
        [],
        {},
        [[]],
        {"a": {}},
    ),
    *("\0", "\ud800", "\u202e", "/", "/imagine", "null", "g1:u:2:", "g1:z:9:" + "0" * 26),
    *({"id": "1"}, [{"type": 3}], [None], "https://evil.example/x", "<!channel>", "\x7f\r\n"),
)
Headers = dict[str, str]


@dataclass(frozen=True)
class Door:
    """One platform's: how it signs, and whether something is signed by its own definition."""

    platform: Platform
    sign: Callable[[bytes], Headers]
    signed: Callable[[Mapping[str, str], bytes], bool]

    @property
    def bodies(self) -> list[bytes]:
        requests = VECTORS[self.platform]["requests"]
        return [
            body_of(self.platform, one).encode()
            for one in requests
            if one["expect_status"] == 200
        ]


def discord_signs(body: bytes) -> Headers:
    stamp = str(DISCORD["clock"])
    signature = KEY.sign(stamp.encode() + body).hex()
    return {"x-signature-ed25519": signature, "x-signature-timestamp": stamp}


def is_discords(headers: Mapping[str, str], body: bytes) -> bool:
    try:
        signature = bytes.fromhex(headers.get("x-signature-ed25519", ""))
        stamp = headers.get("x-signature-timestamp", "")
        KEY.public_key().verify(signature, stamp.encode() + body)
        if abs(int(stamp) - DISCORD["clock"]) > 300:
            return False
    except (InvalidSignature, ValueError):
        return False
    return True


def slack_signs(body: bytes, stamp: str = str(SLACK["clock"])) -> Headers:
    digest = hmac.new(
        SLACK["signing_secret"].encode(), f"v0:{stamp}:".encode() + body, hashlib.sha256
    )
    return {
        "x-slack-request-timestamp": stamp,
        "x-slack-signature": f"v0={digest.hexdigest()}",
    }


def is_slacks(headers: Mapping[str, str], body: bytes) -> bool:
    stamp = headers.get("x-slack-request-timestamp", "")
    if not (stamp.isascii() and stamp.isdigit()) or abs(int(stamp) - SLACK["clock"]) > 300:
        return False
    return headers.get("x-slack-signature") == slack_signs(body, stamp)["x-slack-signature"]


def telegram_signs(body: bytes) -> Headers:
    del body
    return {"x-telegram-bot-api-secret-token": TELEGRAM["secret_token"]}


def is_telegrams(headers: Mapping[str, str], body: bytes) -> bool:
    return {**headers, **telegram_signs(body)} == headers


def _names(told: Any) -> list[Any]:
    """Return what a value is asked for: keys or places; none of a plain one."""
    if isinstance(told, dict):
        return list(cast("dict[str, Any]", told))
    return list(range(len(cast("list[Any]", told)))) if isinstance(told, list) else []


DOORS: Final = (
    Door(Platform.DISCORD, discord_signs, is_discords),
    Door(Platform.SLACK, slack_signs, is_slacks),
    Door(Platform.TELEGRAM, telegram_signs, is_telegrams),
)


class Changes:
    """Draws changes from a seed."""

    def __init__(self, seed: int) -> None:
        self._random: Final = Random(seed)

    def of_bytes(self, body: bytes) -> bytes:
        """Put in, take out, overwrite, cut short or double."""
        random = self._random
        at = random.randrange(len(body) + 1)
        match random.randrange(5):
            case 0:
                return body[:at]
            case 1:
                return body + body
            case 2:
                return random.randbytes(random.randrange(200))
            case _:
                more = random.randbytes(random.randrange(6))
                return body[:at] + more + body[at + random.randrange(6) :]

    def of_meaning(self, body: bytes) -> bytes:
        """Change one value of what the body says, or leave it out; it stays well-formed."""
        if body[:1] == b"{":
            return self._json(orjson.loads(body))
        form = dict(parse_qsl(body.decode(), keep_blank_values=True))
        if "payload" in form:
            form["payload"] = self._json(json.loads(form["payload"])).decode("utf-8", "replace")
        else:
            name = self._random.choice([*form, "payload", "ssl_check", "odd"])
            form[name] = str(self._random.choice(ODD))
        return urlencode(form, errors="replace").encode()

    def _json(self, told: Any) -> bytes:
        at: Any = told
        while True:
            name = self._random.choice(_names(at))
            inner: Any = at[name]
            if not _names(inner) or self._random.random() < 0.2:
                break
            at = inner
        if self._random.random() < 0.3:
            del at[name]
        else:
            at[name] = self._random.choice(ODD)
        # Half surrogates are escapes in it, as anybody may write them.
        return json.dumps(told).encode()

    def of_headers(self, headers: Headers) -> Headers:
        """Change, cut, drop or empty one of them."""
        random = self._random
        name = random.choice(list(headers))
        value = headers[name]
        at = random.randrange(len(value))
        match random.randrange(6):
            case 0:
                return {other: told for other, told in headers.items() if other != name}
            case 1:
                return {**headers, name: ""}
            case 2:
                return {
                    **headers,
                    name: value[:at] + chr(random.randrange(256)) + value[at + 1 :],
                }
            case 3:
                return {**headers, name: value[:at]}
            case 4:
                return {**headers, name: value + value}
            case _:
                return {**headers, name: random.choice(("abc", "1e9", "\xb2", " 1", "9" * 400))}

    def draw(self, door: Door) -> tuple[Headers, bytes]:
        """Return a request with a signature that is of something else, most likely."""
        body = self._random.choice(door.bodies)
        headers = door.sign(body)
        if door.platform is not Platform.TELEGRAM and self._random.random() < 0.5:
            return headers, self.of_bytes(body)
        return self.of_headers(headers), body

    def draw_signed(self, door: Door) -> tuple[Headers, bytes]:
        """Return a changed body, signed as it is."""
        body = self._random.choice(door.bodies)
        change = self.of_meaning if self._random.random() < MEANT else self.of_bytes
        changed = change(body)
        return door.sign(changed), changed


async def told(doors: Doors, door: Door, headers: Mapping[str, str], body: bytes) -> int:
    sent = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    return await doors.post(f"/chat/{door.platform}", sent, body)


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.platform.value)
def test_of_ten_thousand_changed_requests_none_is_a_fault_of_ours_and_none_gets_in_unsigned(
    settings: Settings, door: Door
) -> None:
    changes, seen = Changes(SEED), Counter[tuple[bool, int]]()
    public_key = KEY.public_key().public_bytes_raw().hex()

    async def play() -> None:
        bots = {**BOTS, "discord_public_key": public_key}
        async with chat_doors(settings, Then(door.platform), **bots) as doors:
            for number in range(2 * EACH):
                draw = changes.draw_signed if number % 2 else changes.draw
                headers, body = draw(door)
                status = await told(doors, door, headers, body)
                signed = door.signed(headers, body)
                seen[signed, status] += 1
                # Discord's may only begin as an object does: see verify_signature.
                odd = door.platform is Platform.DISCORD and body[:1] != b"{"
                allowed = {200, 400} if signed and not odd else {401}
                assert status in allowed, (SEED, number, headers, body)

    asyncio.run(play())
    # Of each verdict there are many: the changes are neither too wild nor too tame.
    assert min(seen[False, 401], seen[True, 200], seen[True, 400]) > EACH // 10, seen
