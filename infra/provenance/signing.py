"""Signs pictures that come without a manifest of their own: nearly all of them.

The first picture of a kind is signed by C2PA's library. What it wrote becomes a template, if
that library's own reader calls valid, and reads as meant, what is made of it; all further
pictures of the kind are signed with it. Whatever a template is not fit for the library signs.
"""

import hashlib
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final

import structlog
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from infra.provenance.credentials import Credentials, CredentialsError, Signed
from infra.provenance.embedding import Gap
from infra.provenance.manifests import Facts, definition
from infra.provenance.templates import SIGNATURE_BYTES, Sign, Template, Told
from schemas.job import iso_ms

_ALGORITHM: Final = "ES256"
_SOUND: Final = frozenset({"Valid", "Trusted"})
_MOST: Final = 256
"""Models, and shapes of files, that are known at once."""
_LATER: Final = timedelta(seconds=1)

_Kind = tuple[str, str, str, int, str, int]

_log: Final = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _File:
    data: bytes
    media_type: str
    gap: Gap
    digest: bytes


class Signing:
    """Signs. Safe for threads, and across a fork.

    Args:
        credentials: Who signs.
    """

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self._sign = _signer_of(credentials)
        self._lock = threading.Lock()
        self._templates: dict[_Kind, Template | None] = {}

    def sign(self, data: bytes, media_type: str, facts: Facts) -> Signed:
        """Return a picture with a manifest.

        Args:
            data: A file without one.
            media_type: What it is.
            facts: What the manifest says.

        Raises:
            CredentialsError: It is damaged, of a type that carries none, or the certificate
                has expired.
        """
        gap = Gap.of(data, media_type)
        # The library knows best how to say that a certificate has expired.
        valid = facts.made_at < self._credentials.identity.expires_at
        if gap is None or self._sign is None or not valid:
            return self._whole(data, media_type, facts)
        file = _File(data, media_type, gap, hashlib.sha256(data).digest())
        kind = (*_lasting(facts), len(facts.unique_id), media_type, gap.at)
        if kind not in self._templates:
            signed = self._whole(data, media_type, facts)
            self._learn(kind, self._template(signed, file, facts, self._sign))
            return signed
        template = self._templates.get(kind)
        made = template and _made(template, file, facts, self._sign)
        return made or self._whole(data, media_type, facts)

    def _whole(self, data: bytes, media_type: str, facts: Facts) -> Signed:
        told = definition(facts, parent=False, ingredients=0)
        return self._credentials.sign(data, media_type, told)

    def _learn(self, kind: _Kind, template: Template | None) -> None:
        with self._lock:
            if len(self._templates) >= _MOST:
                self._templates.clear()
            self._templates[kind] = template
        if template is None:
            _log.warning("manifest_template_unfit", media_type=kind[-2], model=kind[2])

    def _template(
        self, signed: Signed, file: _File, facts: Facts, sign: Sign
    ) -> Template | None:
        """Return a template of what the library has signed, if it holds for another result."""
        store = file.gap.store_in(signed.data, file.data)
        if file.gap.filled(file.data, store) != signed.data:
            return None
        template = Template.cut(store, _told(file, facts))
        if template is None:
            return None
        another = replace(
            facts, made_at=facts.made_at + _LATER, unique_id="~" * len(facts.unique_id)
        )
        made = _made(template, file, another, sign)
        return template if made and self._reads_as(made, file.media_type, another) else None

    def _reads_as(self, made: Signed, media_type: str, facts: Facts) -> bool:
        """Tell whether C2PA's own reader finds a manifest that says just this."""
        try:
            found = self._credentials.read(made.data, media_type)
        except CredentialsError:
            return False
        if found is None or found.state not in _SOUND or found.active_id != made.manifest_id:
            return False
        wanted, said = definition(facts, parent=False, ingredients=0), found.active
        given: Mapping[str, Any] = {one["label"]: one["data"] for one in said["assertions"]}
        return said.get("title") == wanted["title"] and all(
            given.get(one["label"]) == one["data"] for one in wanted["assertions"]
        )


def _told(file: _File, facts: Facts) -> Told:
    return Told(file.digest, iso_ms(facts.made_at), facts.unique_id)


def _made(template: Template, file: _File, facts: Facts, sign: Sign) -> Signed | None:
    store, name = template.filled(_told(file, facts), sign)
    made = file.gap.filled(file.data, store)
    return Signed(made, name) if made is not None else None


def _lasting(facts: Facts) -> tuple[str, str, str]:
    return facts.provider, facts.version, facts.model


def _signer_of(credentials: Credentials) -> Sign | None:
    """Return what signs claims; ``None`` for keys that templates are not made for."""
    if credentials.identity.algorithm != _ALGORITHM:
        return None
    key = load_pem_private_key(credentials.identity.key, None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        return None
    how, half = ec.ECDSA(hashes.SHA256()), SIGNATURE_BYTES // 2

    def sign(claim: bytes) -> bytes:
        r, s = decode_dss_signature(key.sign(claim, how))
        return r.to_bytes(half) + s.to_bytes(half)

    return sign
