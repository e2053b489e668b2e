"""Client certificates of endpoints: what is no such pair is refused, at once."""

import base64
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from infra.settings import Settings
from tests.api.served import Served, pointers, run
from tests.api.webhook_endpoints import ENDPOINTS, URL

Signing = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
# The object identifier of P-256, and one of the same length that names no curve.
_P256: Final = bytes.fromhex("06082a8648ce3d030107")
_NO_CURVE: Final = bytes.fromhex("06082a8648ce3d03017f")


def certificate_of(key: Signing) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "genq")])
    at = datetime(2026, 1, 1, tzinfo=UTC)
    wanted = x509.CertificateBuilder(name, name, key.public_key(), 1, at, at + timedelta(1))
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return wanted.sign(key, algorithm).public_bytes(Encoding.DER)


def der(key: Signing | x25519.X25519PrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def pem(label: str, content: bytes) -> str:
    body = base64.encodebytes(content).decode()
    return f"-----BEGIN {label}-----\n{body}-----END {label}-----\n"


def long_key() -> rsa.RSAPrivateKey:
    """A key of 8192 bits, whose factors nobody has time to look for."""
    p, q = (1 << 4095) + 1, (1 << 4095) + 3
    numbers = rsa.RSAPublicNumbers(65_537, p * q)
    return rsa.RSAPrivateNumbers(p, q, 5, 5, 5, 5, numbers).private_key(
        unsafe_skip_rsa_key_validation=True
    )


def test_certificates_and_keys_of_every_kind_are_taken_or_refused_with_a_reason(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        p256, signs = (
            ec.generate_private_key(ec.SECP256R1()),
            ed25519.Ed25519PrivateKey.generate(),
        )
        own, other = certificate_of(p256), certificate_of(signs)
        key, certificate = "/genq/auth/key", "/genq/auth/certificate"
        cases: tuple[tuple[bytes, bytes, dict[str, str]], ...] = (
            (own, der(p256), {}),
            (other, der(signs), {}),
            (own, der(signs), {key: "not the key of the certificate"}),
            (own, der(x25519.X25519PrivateKey.generate()), {key: "RSA"}),
            (own, der(long_key()), {key: "4096 bits"}),
            (own, der(p256).replace(_P256, _NO_CURVE), {key: "PEM"}),
            (own.replace(_P256, _NO_CURVE), der(p256), {certificate: "PEM"}),
        )
        for shown, secret, faults in cases:
            auth: dict[str, Any] = {
                "kind": "mtls",
                "certificate": pem("CERTIFICATE", shown),
                "key": pem("PRIVATE KEY", secret),
            }
            body = {"name": "n", "url": URL, "genq": {"auth": auth}}
            answer = await api.http.post(ENDPOINTS, json=body)
            assert answer.status_code == (400 if faults else 201), (faults, answer.text)
            assert auth["key"].split("\n")[1] not in answer.text
            told = pointers(answer) if faults else {}
            assert told.keys() == faults.keys(), told
            assert all(hint in told[place] for place, hint in faults.items()), told

    run(settings, scenario)
