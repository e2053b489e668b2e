"""Each setting as it may be shown: its value without secrets, and where it comes from."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from pydantic import SecretStr

from infra.setting_faults import variable
from infra.settings import Origin, Settings

MASK: Final = "***"


@dataclass(frozen=True, slots=True)
class Value:
    """One setting.

    Attributes:
        shown: Its value as JSON can hold it; what is secret in it is ``***``.
        changed: Whether it differs from the default.
    """

    name: str
    shown: Any
    origin: Origin
    changed: bool

    def text(self) -> str:
        """Return the value for a person."""
        if isinstance(self.shown, str):
            return self.shown
        if self.name == variable("model_servers"):
            return "; ".join(_server_text(server) for server in self.shown) or "none"
        return json.dumps(self.shown, ensure_ascii=False)

    def source(self) -> str:
        """Return where it comes from, for a person."""
        if self.origin.kind == "environment":
            return "environment"
        place = f" {self.origin.place}" if self.origin.place not in {"", ".env"} else ""
        return f"{self.origin.kind}{place}"

    def facts(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "name": self.name,
            "value": self.shown,
            "source": self.origin.kind,
            "place": self.origin.place or None,
            "default": not self.changed,
        }


def _server_text(server: Mapping[str, Any]) -> str:
    models = ", ".join(str(model["name"]) for model in server["models"])
    return f"{server['name']} at {server['base_url']}: {models}"


def values_of(settings: Settings, origins: Mapping[str, Origin]) -> list[Value]:
    """Return every setting, in the order of declaration."""
    found: list[Value] = []
    dumped = settings.model_dump(mode="json", exclude_none=True)
    for field, about in Settings.model_fields.items():
        value = getattr(settings, field)
        default = about.get_default(call_default_factory=True, validated_data={})
        shown = _shown(settings, field, dumped)
        found.append(Value(variable(field), shown, origins[field], value != default))
    return found


def _shown(settings: Settings, field: str, dumped: Mapping[str, Any]) -> Any:
    value = getattr(settings, field)
    if isinstance(value, SecretStr):
        return masked(value.get_secret_value())
    if isinstance(value, timedelta):
        seconds = value.total_seconds()
        return int(seconds) if seconds.is_integer() else seconds
    # pydantic hides the secrets that are inside of others.
    return dumped.get(field)


def masked(secret: str) -> str:
    """Show of a URL what is no secret, all but its password and parameters; else ``***``."""
    try:
        parts = urlsplit(secret)
        host, port = parts.hostname, parts.port
    except ValueError:
        return MASK
    if not parts.scheme or "://" not in secret:
        return MASK
    user = f"{parts.username or ''}:{MASK}@" if parts.password else ""
    if parts.username and not parts.password:
        user = f"{parts.username}@"
    place = f"{user}{host or ''}{f':{port}' if port else ''}"
    # libpq takes passwords as parameters, too; a folder of sockets is none.
    query = "&".join(
        pair if pair.startswith("host=") else f"{pair.partition('=')[0]}={MASK}"
        for pair in parts.query.split("&")
        if pair
    )
    return urlunsplit((parts.scheme, place, parts.path, query, ""))
