"""Adapters to model servers that other distributions bring, found by their entry points."""

from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points

from schemas.errors import SettingsError
from schemas.model_catalog import ModelServer
from schemas.protocols import ENTRY_POINTS, Protocol


def installed_adapter(server: ModelServer) -> EntryPoint:
    """Return where the adapter of ``server`` is; nothing of it is imported yet.

    Raises:
        SettingsError: None is installed by this name, or several are.
    """
    points = entry_points(group=ENTRY_POINTS)
    found = [point for point in points if point.name == server.protocol]
    if len(found) == 1:
        return found[0]
    if found:
        raise SettingsError(
            f"model_servers: {server.name}: several distributions bring the adapter "
            f"{server.protocol}: {_told(found)}; keep one"
        )
    raise SettingsError(
        f"model_servers: {server.name}: protocol {server.protocol} is neither "
        f"{', '.join(Protocol)} nor installed; installed adapters: {_told(list(points))}. "
        f'Install the distribution that brings it (entry points "{ENTRY_POINTS}") wherever '
        "genq runs"
    )


def _told(points: Sequence[EntryPoint]) -> str:
    told = sorted(f"{p.name} (of {p.dist.name if p.dist else p.value})" for p in points)
    return ", ".join(told) or "none"
