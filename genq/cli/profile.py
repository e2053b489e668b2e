"""Which server, which key: flags, then the environment, then the profile that `genq up` wrote.

A profile is one small TOML file in the user's configuration folder, so that two `genq up` never
write to the same one; ``GENQ_PROFILE`` chooses it.
"""

import difflib
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from platformdirs import user_config_path, user_data_path

from genq.cli import environment
from genq.errors import ConfigurationError

DEFAULT_PROFILE: Final = "default"


@dataclass(frozen=True, slots=True)
class Profile:
    """What `genq up` remembers for later commands; empty text where it does not know."""

    url: str = ""
    api_key: str = ""
    webhook_secret: str = ""
    data_dir: str = ""


@dataclass(frozen=True, slots=True)
class Connection:
    """A server and the key to it."""

    url: str
    api_key: str


def profile_name() -> str:
    """Return the name of the profile in use.

    Raises:
        ConfigurationError: It could not name a file and a folder.
    """
    name = environment.given(environment.PROFILE) or DEFAULT_PROFILE
    if not name.replace("-", "").replace("_", "").isalnum():
        raise ConfigurationError(
            f"{environment.PROFILE}={name!r}: a profile's name is letters, digits, - and _"
        )
    return name


def profile_path() -> Path:
    """Return where the profile in use is kept."""
    folder = user_config_path("genq", appauthor=False) / "profiles"
    return folder / f"{profile_name()}.toml"


def default_data_dir() -> Path:
    """Return where `genq up` keeps the servers' data unless told otherwise."""
    return user_data_path("genq", appauthor=False) / profile_name()


def connection(url: str | None, api_key: str | None) -> Connection:
    """Return the server and key to use; what is given wins.

    Raises:
        ConfigurationError: Nothing says where the server is, or there is no key for it.
    """
    wanted_url = wanted(url)
    wanted_key = api_key or environment.given(environment.API_KEY)
    if wanted_url and wanted_key:
        return Connection(wanted_url, wanted_key)
    profile = read_profile()
    if not wanted_url and not profile.url:
        raise ConfigurationError(
            f"no genq server is known: run `genq up`, or "
            f"set {environment.URL} and {environment.API_KEY}"
        )
    # A key is a secret between its server and us: it is never shown to another server.
    same = not wanted_url or wanted_url.rstrip("/") == profile.url.rstrip("/")
    key = wanted_key or (profile.api_key if same else "")
    if not key:
        raise ConfigurationError(
            f"no API key is known for {wanted_url or profile.url}: pass --api-key, "
            f"or set {environment.API_KEY}"
        )
    return Connection(wanted_url or profile.url, key)


def wanted(url: str | None) -> str | None:
    """Return the server that is named, by a flag or by ``GENQ_URL``; else ``None``.

    Raises:
        ConfigurationError: It is no URL; the message tells where it stands.
    """
    found = url or environment.given(environment.URL)
    parts = urlsplit(found or "")
    if found is not None and (parts.scheme not in {"http", "https"} or not parts.hostname):
        where = "--url" if url else environment.URL
        raise ConfigurationError(
            f"{where}: {found!r} is not a URL; give such as http://127.0.0.1:8080"
        )
    return found


def webhook_secret() -> str | None:
    """Return the signing secret of webhooks that is in use, if one is known.

    Raises:
        ConfigurationError: The profile cannot be read.
    """
    return (
        environment.given(environment.WEBHOOK_SECRET) or read_profile().webhook_secret or None
    )


def read_profile() -> Profile:
    """Return the profile in use; an empty one if nothing was ever written.

    Raises:
        ConfigurationError: The file cannot be read, or ``GENQ_PROFILE`` names no profile.
    """
    name = profile_name()
    path = profile_path()
    if name != DEFAULT_PROFILE and not path.exists():
        known = [file.stem for file in path.parent.glob("*.toml")]
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {close[0]}?" if close else "`genq up` writes it"
        raise ConfigurationError(f"there is no profile {name} in {path.parent}; {hint}")
    return load_profile(path)


def load_profile(path: Path) -> Profile:
    """Return the profile in the file at ``path``; an empty one if there is no file.

    Raises:
        ConfigurationError: The file cannot be read.
    """
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Profile()
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror}") from None
    except ValueError as error:
        raise ConfigurationError(
            f"{path}: not valid TOML: {error}; mend it, or delete it and run `genq up`"
        ) from None
    names = [one.name for one in fields(Profile)]
    return Profile(**{name: v for name in names if isinstance(v := found.get(name), str)})
