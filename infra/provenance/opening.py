"""Makes what signs and marks, by the settings. Costs nothing until the first picture."""

from infra.provenance.certificates import identity_of
from infra.provenance.credentials import Credentials
from infra.provenance.marking import Marker
from infra.settings import Settings


def open_credentials(settings: Settings) -> Credentials:
    """Return who signs and reads manifests.

    Raises:
        SettingsError: The certificate or its key cannot be used.
    """
    return Credentials(identity_of(settings))


def open_marker(settings: Settings) -> Marker | None:
    """Return what marks results; ``None`` if the installation marks none.

    Raises:
        SettingsError: The certificate or its key cannot be used.
    """
    return Marker(open_credentials(settings)) if settings.provenance else None
