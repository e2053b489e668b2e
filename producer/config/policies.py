"""Settings that are valid and may still be unwise: judged without asking any server."""

import stat
from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from infra.embedded.data_folder import DataFolder
from infra.production import STRONG_PEPPER, leftovers, weakness_of, whole_worlds
from infra.settings import Origin, Settings
from producer.doctor.finding import Finding, fine, warning, wrong

_FILES: Final = frozenset({"secret file", ".env", "TOML file"})


def judge(settings: Settings, origins: Mapping[str, Origin]) -> list[Finding]:
    """Return what is to be said of settings that are complete."""
    return [
        _production(settings),
        _public_url(settings.public_url),
        _outbound(settings),
        _pepper(settings.key_pepper.get_secret_value()),
        *permissions(origins),
    ]


def permissions(origins: Mapping[str, Origin]) -> list[Finding]:
    """Look who else may read the files that hold secrets."""
    files = {origin.place for origin in origins.values() if origin.kind in _FILES}
    for folder in {o.place for o in origins.values() if o.kind == "genq up"}:
        kept = DataFolder(Path(folder).expanduser())
        files |= {str(kept.credentials_file), str(kept.state_file)}
    open_to: dict[str, str] = {}
    for name in sorted(files):
        try:
            mode = Path(name).stat().st_mode
        except OSError:
            continue
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            open_to[name] = stat.filemode(mode)
    if not open_to:
        return [fine("permissions", "no file with settings can be read by others")]
    return [
        warning(
            "permissions",
            "other users of this machine may read files with secrets",
            "the pepper and the passwords in them are all that guards keys and jobs",
            f"chmod 600 {' '.join(open_to)}",
            tuple(f"{mode} {name}" for name, mode in open_to.items()),
        )
    ]


def _production(settings: Settings) -> Finding:
    if settings.production:
        return fine("production", "nothing is left from development")
    left = leftovers(settings)
    if not left:
        return fine("production", "GENQ_PRODUCTION=true could be set: nothing is in its way")
    return fine(
        "production",
        f"off; with GENQ_PRODUCTION=true these would be refused: {_names(left)}",
    )


def _names(left: Sequence[str]) -> str:
    return ", ".join(dict.fromkeys(one.partition(":")[0] for one in left))


def _public_url(url: str) -> Finding:
    parts = urlsplit(url)
    action = "set GENQ_PUBLIC_URL to what clients type, such as https://genq.example.com"
    why = "links to jobs and images in answers and webhooks begin with it"
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return wrong("public_url", f"{url!r} is no http:// or https:// URL", why, action)
    if parts.query or parts.fragment or parts.username or parts.password:
        return wrong("public_url", "it has a user, a query or a fragment", why, action)
    if _is_loopback(parts.hostname):
        return fine("public_url", f"{url}: clients on this machine only")
    if parts.scheme == "http":
        return warning(
            "public_url", f"{url} is not encrypted", "keys and results travel in clear", action
        )
    return fine("public_url", url)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _outbound(settings: Settings) -> Finding:
    allowed = settings.outbound_allow
    if not allowed and not settings.outbound_allow_names:
        return fine("webhook_egress", "webhooks reach public addresses only")
    shown = ", ".join(map(str, (*allowed, *settings.outbound_allow_names)))
    if whole_worlds(allowed):
        return wrong(
            "webhook_egress",
            f"webhooks may reach {shown}: everything inside",
            "whoever may submit a job can make genq call your own servers",
            "name the networks of your receivers in GENQ_OUTBOUND_ALLOW",
        )
    if any(one.is_link_local for one in allowed):
        return warning(
            "webhook_egress",
            f"webhooks may reach {shown}, link-local addresses among them",
            "clouds give out their machines' credentials there",
            "leave them out of GENQ_OUTBOUND_ALLOW",
        )
    return fine("webhook_egress", f"webhooks reach public addresses, and {shown}")


def _pepper(pepper: str) -> Finding:
    why = "who has a copy of the database could find out API keys by trying"
    action = "GENQ_KEY_PEPPER=$(openssl rand -hex 32); every API key must be made anew then"
    weakness = weakness_of(pepper)
    if weakness.startswith("was made by genq up"):
        return fine("key_pepper", f"it {weakness}")
    if weakness:
        return wrong("key_pepper", f"it {weakness}", why, action)
    if len(pepper) < STRONG_PEPPER:
        return warning("key_pepper", f"it has only {len(pepper)} characters", why, action)
    return fine("key_pepper", f"{len(pepper)} characters")
