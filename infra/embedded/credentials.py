"""The secrets of an embedded installation: made once, kept in its folder."""

import base64
import json
import secrets
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Final, cast

from infra.api_keys import new_api_key
from infra.embedded.data_folder import write_private
from infra.production import DEVELOPMENT
from schemas.errors import SettingsError

_SECRET_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a start needs to be the same installation as the one before.

    Attributes:
        api_key: The key that `genq up` prints.
        key_pepper: Keys the digests of API keys.
        webhook_secret: Signs the webhooks of the embedded tenant, ``whsec_…``.
        valkey_password: Other users of the machine reach the same loopback.
    """

    api_key: str
    key_pepper: str
    webhook_secret: str
    valkey_password: str


def read_or_make_credentials(path: Path) -> Credentials:
    """Return the folder's secrets, made and stored if there are none.

    Raises:
        SettingsError: The file is damaged.
    """
    found: dict[str, str] | None
    try:
        found = _checked(json.loads(path.read_text()))
    except FileNotFoundError:
        made = _make()
        _write(path, made)
        return made
    except ValueError:
        found = None
    if found is None:
        raise SettingsError(
            f"{path} is damaged; restore it, or delete it to be given a new API key"
        )
    return Credentials(**found)


def renew_api_key(path: Path, credentials: Credentials) -> Credentials:
    """Return the secrets with another API key, and store them."""
    renewed = replace(credentials, api_key=new_api_key())
    _write(path, renewed)
    return renewed


def _write(path: Path, credentials: Credentials) -> None:
    write_private(path, json.dumps(asdict(credentials), indent=1) + "\n")


def _checked(found: object) -> dict[str, str] | None:
    names = {field.name for field in fields(Credentials)}
    stored = cast("dict[str, object]", found) if isinstance(found, dict) else {}
    texts = {n: v for n, v in stored.items() if n in names and isinstance(v, str)}
    return texts if texts.keys() == names else None


def _make() -> Credentials:
    return Credentials(
        api_key=new_api_key(),
        # Marked, so that production refuses them.
        key_pepper=DEVELOPMENT + secrets.token_hex(_SECRET_BYTES),
        webhook_secret="whsec_" + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode(),
        valkey_password=DEVELOPMENT + secrets.token_hex(_SECRET_BYTES),
    )
