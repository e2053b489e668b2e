"""What an installation that people depend on must not have: the conveniences of development.

``GENQ_PRODUCTION=true`` makes every process look at its start.
"""

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from schemas.model_catalog import ModelServer

if TYPE_CHECKING:
    from infra.settings import Settings

DEVELOPMENT: Final = "genq-dev-"
"""Every secret that `genq up` makes begins so."""

STRONG_PEPPER: Final = 32
"""Characters: 128 bits even if written as hexadecimal digits."""

_FEW_CHARACTERS: Final = 8
_WORDS: Final = ("changeme", "password", "pepper", "secret", "example", "default", "test")
_SIMULATOR: Final = "simulator"
_SIMULATED: Final = "sim-"
# The narrowest networks that are still a whole world.
_WIDEST: Final = {4: 8, 6: 7}


def leftovers(settings: "Settings") -> list[str]:
    """Return what of ``settings`` is fit for development only, each with its variable."""
    found: list[str] = []
    pepper = weakness_of(settings.key_pepper.get_secret_value())
    if pepper:
        found.append(f"GENQ_KEY_PEPPER: it {pepper}; make one: openssl rand -hex 32")
    for name, url in (("BROKER_URL", settings.broker_url), ("VALKEY_URL", settings.valkey_url)):
        if url is not None and DEVELOPMENT in url.get_secret_value():
            found.append(f"GENQ_{name}: its password was made by genq up, for development")
    simulated = [server.name for server in settings.model_servers if is_simulator(server)]
    if simulated and not settings.allow_simulator:
        found.append(
            f"GENQ_MODEL_SERVERS: {', '.join(simulated)} is the simulator, no model;"
            " name real servers, or set GENQ_ALLOW_SIMULATOR=true"
        )
    if urlsplit(settings.public_url).scheme != "https":
        found.append("GENQ_PUBLIC_URL: keys and results would travel in clear; give https://…")
    wide = whole_worlds(settings.outbound_allow)
    if wide:
        found.append(
            f"GENQ_OUTBOUND_ALLOW: {', '.join(map(str, wide))} lets webhooks reach everything"
            " inside; name the networks of the receivers"
        )
    if settings.log_prompts:
        found.append("GENQ_LOG_PROMPTS: what people wrote would be in the log; set it to false")
    return found


def weakness_of(pepper: str) -> str:
    """Return what is weak about a pepper, such as ``was made by genq up``; empty: nothing."""
    if pepper.startswith(DEVELOPMENT):
        return "was made by genq up, for development"
    if len(set(pepper)) < _FEW_CHARACTERS:
        return "repeats few characters and can be guessed"
    word = next((word for word in _WORDS if word in pepper.lower()), None)
    return f"holds the word {word!r} and can be guessed" if word else ""


def is_simulator(server: ModelServer) -> bool:
    """Tell the development simulator by its name or by its models'."""
    return server.name == _SIMULATOR or any(
        model.name.startswith(_SIMULATED) for model in server.models
    )


def whole_worlds(
    networks: Sequence[IPv4Network | IPv6Network],
) -> list[IPv4Network | IPv6Network]:
    """Return the networks that are so wide that they name nobody."""
    return [one for one in networks if one.prefixlen < _WIDEST[one.version]]
