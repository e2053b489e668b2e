"""What `genq webhook reseal` does, and who may seal at all."""

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.sealing import sealer_for
from infra.settings import Settings
from producer.operator.reach import NO_PEPPER
from producer.operator.screen import Screen
from producer.operator.who import operator
from producer.webhooks.reseal import reseal
from schemas.errors import SettingsError
from schemas.webhook_errors import SealedValueError

_log = structlog.get_logger()


def require_sealer(settings: Settings) -> None:
    """Refuse to seal what nobody else could open.

    Raises:
        SettingsError: The shell names neither what seals secrets nor what that is made from.
    """
    if settings.secrets_key is None and settings.key_pepper.get_secret_value() == NO_PEPPER:
        raise SettingsError(
            "to seal secrets, set GENQ_SECRETS_KEY, or GENQ_KEY_PEPPER, to that of the "
            "installation: nobody could open what is sealed with another one"
        )


async def run_reseal(settings: Settings, engine: AsyncEngine, screen: Screen) -> None:
    """Seal all that is stored with the newest key.

    Raises:
        SealedValueError: No configured key opens some of it; the rest is done.
        SettingsError: Nothing is configured to seal with.
    """
    require_sealer(settings)
    done = await reseal(engine, sealer_for(settings))
    facts = {"looked": done.looked, "sealed": done.sealed, "unreadable": done.unreadable}
    _log.info("secrets_resealed", operator=operator(), **facts)
    screen.say(f"{done.sealed} of {done.looked} stored secrets sealed anew", facts)
    if done.unreadable:
        raise SealedValueError(
            f"{done.unreadable} of {done.looked} stored secrets were sealed with keys that are "
            "not configured: add these to GENQ_SECRETS_KEY, after the newest"
        )
    screen.remark("all are sealed with the newest key: older ones are of no use any more")
