"""Content Credentials: signs and reads manifests. The one place that knows c2pa-python.

Its handles belong to the process that made them: they are made when they are first used, and
anew in a child. Nothing here opens a socket: no manifests from elsewhere, no OCSP.
"""

import io
import json
import os
import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from infra.provenance.certificates import SigningIdentity
from infra.provenance.png_chunks import chunks_of

_NO_NETWORK: Final = {"remote_manifest_fetch": False, "ocsp_fetch": False}
_NOT_FOUND: Final = "ManifestNotFound"
_PNG_CHUNK: Final = b"caBX"
# The label of a box ends with a zero; where a manifest is referred to, its name does not.
_NAMES: Final = re.compile(rb"(urn:c2pa:[0-9a-f-]{36})\x00")


class CredentialsError(Exception):
    """A manifest could not be written, or not be read."""


@dataclass(frozen=True, slots=True)
class Signed:
    """A picture that carries a manifest, and the manifest's own name."""

    data: bytes
    manifest_id: str | None


@dataclass(frozen=True, slots=True)
class Found:
    """What a file's manifest says.

    Attributes:
        state: ``Valid``, ``Trusted`` or ``Invalid``.
        active: The newest manifest, as C2PA's reader gives it.
        active_id: Its name.
        problems: Codes of failures, but for a signer whom nobody trusts.
    """

    state: str
    active_id: str | None
    active: Mapping[str, Any]
    problems: Sequence[str]


@dataclass(frozen=True, slots=True)
class Part:
    """A picture that is built in: what it is, and how the manifest names it."""

    data: bytes
    media_type: str
    definition: Mapping[str, Any]


class _Handles:
    """What belongs to one process."""

    def __init__(self, identity: SigningIdentity) -> None:
        import c2pa  # noqa: PLC0415 - most processes sign nothing; it takes 70 ms and 20 MB

        self.pid = os.getpid()
        self.c2pa = c2pa
        self.signing = c2pa.Context.from_json(
            json.dumps(
                {
                    "builder": {"thumbnail": {"enabled": False}},
                    "verify": {**_NO_NETWORK, "verify_after_sign": False},
                }
            )
        )
        verify: dict[str, Any] = {"verify": _NO_NETWORK}
        if identity.anchors:
            verify["trust"] = {"user_anchors": identity.anchors}
        self.reading = c2pa.Context.from_json(json.dumps(verify))
        self.signer = c2pa.Signer.from_info(
            c2pa.C2paSignerInfo(
                c2pa.C2paSigningAlg[identity.algorithm], identity.chain, identity.key, None
            )
        )


class Credentials:
    """Signs and reads. Safe for threads, and across a fork.

    Args:
        identity: Who signs.
    """

    def __init__(self, identity: SigningIdentity) -> None:
        self.identity = identity
        self._lock = threading.Lock()
        self._own: _Handles | None = None

    def sign(
        self,
        data: bytes,
        media_type: str,
        definition: Mapping[str, Any],
        parts: Sequence[Part] = (),
    ) -> Signed:
        """Return a picture with a manifest.

        Raises:
            CredentialsError: It is damaged, of a type that carries none, or the certificate
                has expired.
        """
        own = self._handles()
        made = io.BytesIO()
        try:
            builder = own.c2pa.Builder(_written(definition), context=own.signing)
            with builder:
                for part in parts:
                    builder.add_ingredient_from_stream(  # pyright: ignore[reportUnknownMemberType] - a dict of anything would do as well
                        _written(part.definition), part.media_type, io.BytesIO(part.data)
                    )
                written = builder.sign(own.signer, media_type, io.BytesIO(data), made)
        except Exception as error:
            # Whatever it is: who signs goes on without.
            raise CredentialsError(str(error)) from error
        return Signed(made.getvalue(), _name_in(written))

    def read(self, data: bytes, media_type: str) -> Found | None:
        """Return what a file's manifest says, ``None`` if it has none.

        Raises:
            CredentialsError: There is one that nobody can read.
        """
        own = self._handles()
        try:
            with own.c2pa.Reader(media_type, io.BytesIO(data), context=own.reading) as reader:
                told: dict[str, Any] = json.loads(reader.json())
        except own.c2pa.C2paError as error:
            if _NOT_FOUND in type(error).__name__ or str(error).startswith(_NOT_FOUND):
                return None
            raise CredentialsError(str(error)) from error
        active_id = told.get("active_manifest")
        return Found(
            str(told.get("validation_state", "Invalid")),
            active_id,
            told.get("manifests", {}).get(active_id, {}),
            [one["code"] for one in told.get("validation_status", ()) if "code" in one],
        )

    def _handles(self) -> _Handles:
        own = self._own
        if own is None or own.pid != os.getpid():
            with self._lock:
                own = self._own
                if own is None or own.pid != os.getpid():
                    own = self._own = _Handles(self.identity)
        return own


def _written(definition: Mapping[str, Any]) -> str:
    return orjson.dumps(definition).decode()


def may_have_manifest(data: bytes) -> bool:
    """Tell whether a file may carry a manifest: all of them have boxes of this name."""
    chunks = chunks_of(data)
    if chunks is not None:
        # To read names of parts is a tenth of the work of a search.
        return any(chunk.name == _PNG_CHUNK for chunk in chunks)
    return b"jumb" in data


def _name_in(store: bytes) -> str | None:
    """Return the name of the newest manifest of a store: the box that comes last."""
    names = _NAMES.findall(store)
    return names[-1].decode() if names else None
