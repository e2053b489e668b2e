"""Makes a process's moderator: the classifier and the rules are read once."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final, cast

from sqlalchemy.ext.asyncio import AsyncEngine

from infra.clock import Clock, SystemClock
from infra.safety.detector import ListDetector, LocalDetector, RemoteDetector
from infra.safety.detectors.floor import open_floor_detector
from infra.safety.detectors.hash_list import HashListDetector
from infra.safety.detectors.injection import open_injection_detector
from infra.safety.detectors.malicious_code import open_malicious_code_filter
from infra.safety.detectors.personal_data import PersonalDataFilter
from infra.safety.detectors.profanity import open_profanity_filter
from infra.safety.detectors.secrets import SecretsDetector
from infra.safety.detectors.toxicity import ToxicityFilter
from infra.safety.detectors_in_order import Detectors
from infra.safety.hash_lists import HashLists, ListedPolicies
from infra.safety.language import LanguageDetector
from infra.safety.lexicon import read_lexicon
from infra.safety.moderation import Moderation
from infra.safety.moderator import Moderator
from infra.safety.own_categories import OwnCategories
from infra.safety.policies import Policies
from infra.safety.reading import Reader
from infra.safety.second_opinion import open_classifier
from infra.settings import Settings


def open_moderator(
    settings: Settings, clock: Clock | None = None, *, lists: Sequence[ListDetector] = ()
) -> Moderator:
    """Return what judges, ready for any number of subjects. The first takes about 0.2 s.

    Args:
        settings: Whether others are asked.
        clock: Measures how long looks take.
        lists: Who knows block lists.

    Raises:
        DamagedDataError: The classifier's files are not those that were shipped.
    """
    clock = clock or SystemClock()
    return Moderator(
        Detectors(
            floors=(_floors(),),
            lists=lists,
            rules=_rules(),
            models=(ToxicityFilter(_classifier(settings.safety_minilm)),),
            remote=_remote(settings, clock),
        ),
        clock,
        reader=Reader(None, _lexicon()),
        foreign=Reader(_languages(), _lexicon()),
        own=OwnCategories(_classifier(settings.safety_minilm)),
    )


def open_moderation(
    settings: Settings, engine: AsyncEngine, clock: Clock, policies: Policies | None = None
) -> Moderation:
    """Return what judges jobs by the policies that are stored; see ``open_moderator``."""
    lists = HashLists(engine, clock)
    moderator = open_moderator(settings, clock, lists=(HashListDetector(lists),))
    listed = ListedPolicies(policies or Policies(engine, clock), lists)
    return Moderation(moderator, listed, _classifier(settings.safety_minilm).vector)


# Files of the package: they never change while a process runs, and nor does what is read.
_classifier: Final = lru_cache(maxsize=1)(open_classifier)
_languages: Final = lru_cache(maxsize=1)(LanguageDetector)
_lexicon: Final = lru_cache(maxsize=1)(read_lexicon)


def asks_others(settings: Settings) -> bool:
    """Tell whether texts and pictures leave this machine to be judged."""
    return bool(_key_of(settings) or settings.openai_moderation_url)


def _key_of(settings: Settings) -> str:
    key = settings.openai_moderation_key
    return key.get_secret_value() if key else ""


def _remote(settings: Settings, clock: Clock) -> Sequence[RemoteDetector]:
    if not asks_others(settings):
        return ()
    # The SDK takes most of a second to import, and most installations ask nobody.
    from infra.safety.detectors.openai_moderation import (  # noqa: PLC0415 - see above
        OpenAIModeration,
    )

    return (
        OpenAIModeration(
            url=settings.openai_moderation_url,
            key=_key_of(settings),
            model=settings.openai_moderation_model,
            clock=clock,
        ),
    )


@lru_cache(maxsize=1)
def _rules() -> Sequence[LocalDetector]:
    rules = (
        PersonalDataFilter(),
        SecretsDetector(),
        open_malicious_code_filter(),
        open_injection_detector(),
        open_profanity_filter(),
    )
    return cast("Sequence[LocalDetector]", rules)


@lru_cache(maxsize=1)
def _floors() -> LocalDetector:
    # Names that are Final are class variables to the type checker, and no properties.
    return cast("LocalDetector", open_floor_detector())
