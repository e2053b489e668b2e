"""Takes the proof of a webhook apart: which of id, time and signature is wrong, and why."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

TOLERANCE_SECONDS: Final = 300.0
_SPANS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


@dataclass(frozen=True, slots=True)
class Finding:
    """One part of the proof: whether it holds, and what there is to say."""

    part: str
    ok: bool
    said: str


@dataclass(frozen=True, slots=True)
class Proof:
    """What a webhook brought along: its own headers, and the body as it came."""

    event_id: str
    timestamp: str
    signatures: str
    body: bytes


def proof_of(body: bytes, headers: Mapping[str, str]) -> Proof:
    """Return what is to be looked at; header names may be in any case."""
    found = {name.lower(): value.strip() for name, value in headers.items()}
    names = ("webhook-id", "webhook-timestamp", "webhook-signature")
    return Proof(*(found.get(name, "") for name in names), body=body)


def examine(
    proof: Proof, secrets: Sequence[str], now: float, tolerance: float = TOLERANCE_SECONDS
) -> list[Finding]:
    """Return what holds and what does not: id, time, signature.

    Args:
        proof: What came.
        secrets: ``whsec_…``; one of them should have signed.
        now: Seconds since the epoch.
        tolerance: Seconds that the time may be off, either way.
    """
    return [
        _id(proof),
        Finding("time", *_time(proof.timestamp, now, tolerance)),
        Finding("signature", *_signature(proof, secrets)),
    ]


def _id(proof: Proof) -> Finding:
    if not proof.event_id:
        return Finding("id", ok=False, said="there is no webhook-id header")
    inside = _id_inside(proof.body)
    if inside and inside != proof.event_id:
        said = f"the header says {proof.event_id}, the body {inside}"
        return Finding("id", ok=False, said=said)
    return Finding("id", ok=True, said=proof.event_id)


def _id_inside(body: bytes) -> str:
    try:
        found: object = json.loads(body)
    except ValueError:
        return ""
    inside: object = found.get("id") if isinstance(found, dict) else None  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType] - whatever was sent
    return inside if isinstance(inside, str) else ""


def _time(timestamp: str, now: float, tolerance: float) -> tuple[bool, str]:
    if not timestamp:
        return False, "there is no webhook-timestamp header"
    if not (timestamp.isascii() and timestamp.isdigit()):
        return False, f"{timestamp!r} is no number of seconds since 1970"
    age = now - int(timestamp)
    said = f"{_span(age)} old" if age >= 0 else f"{_span(-age)} in the future"
    if abs(age) <= tolerance:
        return True, said
    return False, f"{said}; up to {_span(tolerance)} is allowed (is your clock right?)"


def _signature(proof: Proof, secrets: Sequence[str]) -> tuple[bool, str]:
    if not proof.signatures:
        return False, "there is no webhook-signature header"
    tokens = proof.signatures.split()
    given = [token.removeprefix("v1,") for token in tokens if token.startswith("v1,")]
    if not given:
        kinds = sorted({token.partition(",")[0] for token in tokens})
        return False, f"only {', '.join(kinds)} there; this checks v1"
    keys = [_key_of(secret) for secret in secrets]
    if None in keys:
        which = keys.index(None) + 1
        return False, f"secret {which} of {len(keys)} is not whsec_ and base64"
    for body, remark in _readings(proof.body):
        for number, key in enumerate(keys, 1):
            if key is not None and _signed(key, proof, body) in given:
                of = f"secret {number} of {len(keys)}" if len(keys) > 1 else "the secret"
                return (True, f"v1, by {of}") if not remark else (False, f"{remark}; {of} fits")
    whom = "this secret" if len(keys) == 1 else "these secrets"
    why = "it was signed by another, or its body, id or time was changed"
    return False, f"none was made by {whom}: {why}"


def _readings(body: bytes) -> list[tuple[bytes, str]]:
    """Return the body as it came, and as it may have been before a tool changed it."""
    readings = [(body, "")]
    bare = body.rstrip(b"\r\n")
    if bare != body:
        readings.append((bare, "the body has a newline at its end that was not signed"))
    try:
        found: object = json.loads(body)
    except ValueError:
        return readings
    compact = json.dumps(found, ensure_ascii=False, separators=(",", ":")).encode()
    readings.append((compact, "the body was parsed and written anew; keep the bytes"))
    return readings


def _signed(key: bytes, proof: Proof, body: bytes) -> str:
    text = f"{proof.event_id}.{proof.timestamp}.".encode() + body
    return base64.b64encode(hmac.digest(key, text, hashlib.sha256)).decode()


def _key_of(secret: str) -> bytes | None:
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True) or None
    except ValueError:
        return None


def _span(seconds: float) -> str:
    whole = round(seconds)
    words = ""
    for size, unit in _SPANS:
        if whole >= size and len(words.split()) < 4:  # noqa: PLR2004 - two units say enough
            words += f"{whole // size} {unit} "
            whole %= size
    return words.strip() or "0 s"
