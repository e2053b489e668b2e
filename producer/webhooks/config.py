"""From what an owner asks for to what is stored: checked, and its secrets sealed."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

import orjson
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import load_pem_x509_certificates

from infra.http.outbound_policy import policy_of
from infra.sealing import Sealer
from infra.settings import Settings
from schemas.errors import FieldError, InputError, OutboundRefusedError
from schemas.webhook_auth import EndpointAuth
from schemas.webhook_endpoint import EndpointConfig, auth_place, headers_place
from schemas.webhook_errors import SealedValueError
from schemas.webhook_options import EndpointOptions
from schemas.webhook_requests import EndpointChange, EndpointRequest
from schemas.webhooks import AuthKind, Ordering, Payload, Signatures

# Sealed and checked apart: headers, auth.
_MEMBERS: Final = frozenset(EndpointOptions.model_fields) - {"headers", "auth"}
_WORDS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "payload": lambda word: Payload[word.upper()],
    "ordering": lambda word: Ordering[word.upper()],
    "signatures": lambda words: Signatures(sum(Signatures[one.upper()] for one in words)),
}
# These say who sends with the header that others might set themselves.
_IN_AUTHORIZATION: Final = frozenset({AuthKind.BASIC, AuthKind.BEARER, AuthKind.OAUTH2})
_KEYS: Final = (RSAPrivateKey, EllipticCurvePrivateKey, Ed25519PrivateKey)
# Each handshake signs with it, beside everybody else's deliveries: 7 ms with so many.
_LONGEST_KEY_BITS: Final = 4096


class Configurer:
    """Makes configurations of endpoints.

    Args:
        settings: Which URLs may be registered.
        sealer: Seals headers and credentials.
    """

    def __init__(self, settings: Settings, sealer: Sealer) -> None:
        self._policy = policy_of(settings)
        self._needs_tls = settings.production and not settings.webhook_allow_http
        self._sealer = sealer

    def made(self, wanted: EndpointRequest, endpoint_id: UUID) -> EndpointConfig:
        """Return what a new endpoint is stored as.

        Raises:
            InputError: A URL leads where none may, or credentials are not what they should be.
        """
        bare = EndpointConfig(wanted.name, wanted.url, wanted.event_types)
        config = self._with_options(bare, wanted.genq, endpoint_id)
        self._check(config, wanted.url, wanted.genq, endpoint_id)
        return config

    def changed(
        self, config: EndpointConfig, change: EndpointChange, endpoint_id: UUID
    ) -> EndpointConfig:
        """Return what an endpoint is stored as after a change; equal if nothing changes.

        Raises:
            InputError: As ``made``.
            SealedValueError: What was stored cannot be read, and has to be for the change.
        """
        given = change.model_dump(include={"name", "url", "event_types"}, exclude_none=True)
        changed = replace(config, **given)
        # Lists come as tuples from both sides, so that equal ones compare as equal.
        if change.genq is not None:
            changed = self._with_options(changed, change.genq, endpoint_id)
        self._check(changed, change.url, change.genq, endpoint_id)
        return changed

    def header_names(self, config: EndpointConfig, endpoint_id: UUID) -> list[str] | None:
        """Return the names of an endpoint's own headers; ``None``: they cannot be read."""
        try:
            return list(self._opened(config.headers, headers_place(endpoint_id)))
        except SealedValueError:
            return None

    def _with_options(
        self, config: EndpointConfig, options: EndpointOptions, endpoint_id: UUID
    ) -> EndpointConfig:
        given = options.model_fields_set
        values: dict[str, Any] = {}
        for name in given & _MEMBERS:
            value = getattr(options, name)
            made = _WORDS.get(name)
            if value is None:
                values[name] = EndpointConfig.__dataclass_fields__[name].default
            else:
                values[name] = value if made is None else made(value)
        if "headers" in given:
            place = headers_place(endpoint_id)
            values["headers"] = self._sealed(config.headers, options.headers or {}, place)
        if "auth" in given:
            auth = options.auth or EndpointAuth(kind=AuthKind.NONE)
            values["auth_kind"] = auth.kind
            place = auth_place(endpoint_id)
            values["auth"] = self._sealed(config.auth, auth.credentials, place)
        return replace(config, **values)

    def _sealed(self, old: bytes | None, new: Mapping[str, str], place: str) -> bytes | None:
        """Seal ``new``, unless it is what is sealed already."""
        if not new:
            return None
        try:
            if self._opened(old, place) == new:
                return old
        except SealedValueError:
            # It is set anew, which is what the error itself would ask for.
            pass
        return self._sealer.seal(orjson.dumps(dict(new)), place=place)

    def _opened(self, sealed: bytes | None, place: str) -> dict[str, str]:
        return {} if sealed is None else orjson.loads(self._sealer.open(sealed, place=place))

    def _check(
        self,
        config: EndpointConfig,
        url: str | None,
        options: EndpointOptions | None,
        endpoint_id: UUID,
    ) -> None:
        auth = None if options is None else options.auth
        faults = [
            *self._faults_of_url("/url", url),
            *self._faults_of_url("/genq/auth/token_url", auth and auth.token_url),
            *_faults_of_certificate(auth),
        ]
        touched = options is not None and options.model_fields_set & {"headers", "auth"}
        if touched and config.auth_kind in _IN_AUTHORIZATION:
            names = self._opened(config.headers, headers_place(endpoint_id))
            if any(name.lower() == "authorization" for name in names):
                told = f"genq.auth {config.auth_kind.value} makes the header Authorization"
                faults.append(FieldError("/genq/headers", f"{told}: give one of them"))
        if faults:
            raise InputError("the endpoint is not acceptable", fields=faults)

    def _faults_of_url(self, pointer: str, url: str | None) -> Iterator[FieldError]:
        if url is None:
            return
        try:
            self._policy.check_url(url)
        except OutboundRefusedError as error:
            yield FieldError(pointer, error.message)
        else:
            if self._needs_tls and not url.lower().startswith("https:"):
                yield FieldError(
                    pointer,
                    "the URL must begin with https://; the operator may allow others: "
                    "GENQ_WEBHOOK_ALLOW_HTTP",
                )


def _faults_of_certificate(auth: EndpointAuth | None) -> Iterator[FieldError]:
    if auth is None or auth.certificate is None or auth.key is None:
        return
    certificate, key = None, None
    try:
        certificate = load_pem_x509_certificates(auth.certificate.encode())[0].public_key()
    except (ValueError, UnsupportedAlgorithm):
        yield FieldError("/genq/auth/certificate", "is not a certificate in PEM")
    try:
        # Unchecked: to find out whether the factors of a long key are prime takes minutes.
        key = load_pem_private_key(
            auth.key.encode(), password=None, unsafe_skip_rsa_key_validation=True
        )
    except (ValueError, TypeError, UnsupportedAlgorithm):
        yield FieldError("/genq/auth/key", "is not a private key in PEM without a password")
    else:
        if not isinstance(key, _KEYS) or getattr(key, "key_size", 0) > _LONGEST_KEY_BITS:
            yield FieldError(
                "/genq/auth/key",
                f"must be RSA of at most {_LONGEST_KEY_BITS} bits, EC, or Ed25519",
            )
        elif certificate and certificate != key.public_key():
            yield FieldError("/genq/auth/key", "is not the key of the certificate")
