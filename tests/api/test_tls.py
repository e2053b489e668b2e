"""The API can speak https by itself, with a certificate that it is given."""

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httpx2
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from infra.settings import Settings
from tests.api.process import ended, environment, started, url_of


def write_certificate(folder: Path) -> dict[str, str]:
    """Make a certificate for 127.0.0.1; return the settings that name it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    here = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2020, 1, 1, tzinfo=UTC) + timedelta(days=36_500))
        .add_extension(here, critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    pkcs8 = serialization.PrivateFormat.PKCS8
    plain = serialization.NoEncryption()
    (folder / "cert.pem").write_bytes(certificate.public_bytes(pem))
    (folder / "key.pem").write_bytes(key.private_bytes(pem, pkcs8, plain))
    return {
        "GENQ_API_TLS_CERT": str(folder / "cert.pem"),
        "GENQ_API_TLS_KEY": str(folder / "key.pem"),
    }


def test_with_a_certificate_it_speaks_https_and_tells_browsers_to_stay(
    settings: Settings, tmp_path: Path
) -> None:
    async def scenario() -> None:
        env = environment(settings) | write_certificate(tmp_path)
        async with started(env=env, folder=tmp_path) as process:
            url = await url_of(process)
            trust = ssl.create_default_context(cafile=tmp_path / "cert.pem")
            async with httpx2.AsyncClient(verify=trust) as http:
                answer = await http.get(f"{url}/v1/jobs")

            assert url.startswith("https://127.0.0.1:")
            assert answer.status_code == 401
            assert answer.json()["type"].startswith(f"{url}/errors#")
            assert answer.headers["strict-transport-security"].startswith("max-age=")
            process.terminate()
            assert (await ended(process))[0] == 0

    asyncio.run(scenario())


def test_half_of_it_and_what_is_none_are_said_and_exit_8(
    settings: Settings, tmp_path: Path
) -> None:
    async def scenario() -> None:
        named = write_certificate(tmp_path)
        (tmp_path / "none.pem").write_text("no certificate")
        changes: list[tuple[dict[str, Any], str]] = [
            ({"GENQ_API_TLS_CERT": named["GENQ_API_TLS_CERT"]}, "go together"),
            (named | {"GENQ_API_TLS_CERT": str(tmp_path / "none.pem")}, "cannot be used"),
            (named | {"GENQ_API_TLS_KEY": "/nowhere.pem"}, "cannot be used"),
        ]
        for change, message in changes:
            env = environment(settings) | change
            async with started(env=env, folder=tmp_path) as process:
                code, _, errors = await ended(process)

            assert code == 8, errors
            assert message in errors
            assert "Traceback" not in errors

    asyncio.run(scenario())
