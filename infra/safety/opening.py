"""Makes a process's moderator: the classifier and the rules are read once."""

from infra.clock import Clock, SystemClock
from infra.safety.classifier import load_classifier
from infra.safety.detectors.toxicity import ToxicityFilter
from infra.safety.detectors_in_order import Detectors
from infra.safety.language import LanguageDetector
from infra.safety.moderator import Moderator
from infra.safety.own_categories import OwnCategories
from infra.safety.reading import Reader
from infra.settings import Settings


def open_moderator(settings: Settings, clock: Clock | None = None) -> Moderator:
    """Return what judges, ready for any number of subjects. Takes about 0.1 s.

    Raises:
        DamagedDataError: The classifier's files are not those that were shipped.
    """
    del settings
    classifier = load_classifier()
    return Moderator(
        Detectors(models=(ToxicityFilter(classifier),)),
        clock or SystemClock(),
        foreign=Reader(LanguageDetector()),
        own=OwnCategories(classifier),
    )
