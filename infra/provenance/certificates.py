"""Who signs manifests: the operator's certificate, or one for development.

The development certificate is derived from the installation's pepper: all processes have the
same one, and nothing has to be kept or handed round. It proves that pictures came from this
installation, to whoever has its root; nobody else trusts it, and its name says so.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from infra.settings import Settings
from schemas.errors import SettingsError

_ORGANISATION: Final = "genq development certificate (untrusted)"
# Dates of their own, so that every process derives the same bytes. Manifests carry no time
# stamp of a third party: what is signed can be verified as long as the certificate holds.
_FROM: Final = datetime(2026, 1, 1, tzinfo=UTC)
_UNTIL: Final = datetime(2046, 1, 1, tzinfo=UTC)
_CURVE: Final = ec.SECP256R1()
# Of P-256: FIPS 186-5. A key is a number from 1 to one less.
_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@dataclass(frozen=True, slots=True)
class SigningIdentity:
    """A certificate and its key.

    Attributes:
        algorithm: As C2PA names it: ``ES256``.
        chain: PEM, leaf first, without the root.
        key: PEM, PKCS #8.
        anchors: PEM roots that are trusted when manifests are read; ``None``: nobody is.
        serial: Of the leaf, in decimal.
        development: Nobody else trusts it.
    """

    algorithm: str
    chain: bytes
    key: bytes
    anchors: str | None
    serial: str
    subject: str
    expires_at: datetime
    development: bool


def identity_of(settings: Settings) -> SigningIdentity:
    """Return who signs an installation's manifests.

    Raises:
        SettingsError: The certificate or its key cannot be used.
    """
    roots = settings.c2pa_trust_anchors
    anchors = roots.get_secret_value() if roots else None
    if settings.c2pa_certificate is None or settings.c2pa_key is None:
        return _development(settings.key_pepper.get_secret_value(), anchors)
    return _of_operator(
        settings.c2pa_certificate.get_secret_value().encode(),
        settings.c2pa_key.get_secret_value().encode(),
        anchors,
    )


def development_root(settings: Settings) -> bytes:
    """Return the root of the development certificate as PEM, for whoever wants to trust it."""
    return _root(_Keys(settings.key_pepper.get_secret_value())).public_bytes(Encoding.PEM)


def _of_operator(chain: bytes, key: bytes, anchors: str | None) -> SigningIdentity:
    try:
        certificates = x509.load_pem_x509_certificates(chain)
        private = load_pem_private_key(key, None)
    except (ValueError, TypeError) as error:
        raise SettingsError(
            "GENQ_C2PA_CERTIFICATE must be PEM certificates, leaf first, and GENQ_C2PA_KEY "
            f"the PEM key of the leaf without a password: {error}"
        ) from None
    leaf = certificates[0]
    if _public(private.public_key()) != _public(leaf.public_key()):
        raise SettingsError("GENQ_C2PA_KEY is not the key of GENQ_C2PA_CERTIFICATE's leaf")
    return SigningIdentity(
        algorithm=_algorithm(private),
        chain=b"".join(one.public_bytes(Encoding.PEM) for one in certificates),
        key=_pem(private),
        anchors=anchors,
        serial=str(leaf.serial_number),
        subject=leaf.subject.rfc4514_string(),
        expires_at=leaf.not_valid_after_utc,
        development=False,
    )


class _Keys:
    """The two keys of an installation's development certificate."""

    def __init__(self, pepper: str) -> None:
        self.root = _derive(pepper, b"genq c2pa development root")
        self.leaf = _derive(pepper, b"genq c2pa development leaf")


def _development(pepper: str, anchors: str | None) -> SigningIdentity:
    keys = _Keys(pepper)
    issuer, public = _root(keys).subject, keys.leaf.public_key()
    usage = _usage(digital_signature=True)
    leaf = (
        _begun(_name("genq"), issuer, public)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False
        )
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(keys.root.public_key()),
            critical=False,
        )
        .sign(keys.root, hashes.SHA256(), ecdsa_deterministic=True)
    )
    return SigningIdentity(
        algorithm="ES256",
        chain=leaf.public_bytes(Encoding.PEM),
        key=_pem(keys.leaf),
        anchors=anchors,
        serial=str(leaf.serial_number),
        subject=leaf.subject.rfc4514_string(),
        expires_at=_UNTIL,
        development=True,
    )


def _root(keys: _Keys) -> x509.Certificate:
    name = _name("genq development root")
    return (
        _begun(name, name, keys.root.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(sign_certificates=True), critical=True)
        .sign(keys.root, hashes.SHA256(), ecdsa_deterministic=True)
    )


def _begun(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    identifier = x509.SubjectKeyIdentifier.from_public_key(key)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(int.from_bytes(identifier.digest) >> 1)
        .not_valid_before(_FROM)
        .not_valid_after(_UNTIL)
        .add_extension(identifier, critical=False)
    )


def _usage(
    *, digital_signature: bool = False, sign_certificates: bool = False
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, _ORGANISATION),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def _derive(pepper: str, info: bytes) -> ec.EllipticCurvePrivateKey:
    # Twice the curve's size: what the remainder favours is beyond all measuring.
    secret = HKDF(hashes.SHA256(), 64, salt=None, info=info).derive(pepper.encode())
    return ec.derive_private_key(1 + int.from_bytes(secret) % (_ORDER - 1), _CURVE)


def _algorithm(key: PrivateKeyTypes) -> str:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        names = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
        if key.curve.name in names:
            return names[key.curve.name]
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "ED25519"
    if isinstance(key, rsa.RSAPrivateKey):
        return "PS256"
    raise SettingsError(
        "GENQ_C2PA_KEY must be an EC key on P-256, P-384 or P-521, an Ed25519 or an RSA key"
    )


def _pem(key: PrivateKeyTypes) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _public(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
