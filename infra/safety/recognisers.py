"""What personal data looks like: a shape, a proof, and the words that stand around it."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from infra.safety import personal_numbers as numbers

CERTAIN: Final = 0.95
LIKELY: Final = 0.85
POSSIBLE: Final = 0.6

_BEFORE: Final = 40
_AFTER: Final = 16
_STARTS: Final = r"(?<![\w.+/=&#@%$€£~-])"
_ENDS: Final = r"(?![\w@%€]|[-.,/:]\d)"


@dataclass(frozen=True, slots=True)
class Recogniser:
    """One kind of personal data.

    Attributes:
        name: What evidence calls it.
        category: Of its findings.
        score: How sure it is.
        sign: A character or word that the text has to have; empty where digits are enough.
        fewest: Digits that the text has to have.
        shape: What it looks like.
        proof: What has to hold of it.
        context: What has to stand near, if anything.
        never: What may not stand right before it: then it is something else.
        needs: A part of it or of its context, where that is looked for faster than all of it.
    """

    name: str
    category: str
    score: float
    sign: str
    fewest: int
    shape: re.Pattern[str]
    proof: Callable[[str], bool] | None = None
    context: re.Pattern[str] | None = None
    never: re.Pattern[str] | None = None
    needs: re.Pattern[str] | None = None

    def may_be_in(self, text: str, digits: int) -> bool:
        """Tell whether a text with so many digits is worth a closer look."""
        if digits < self.fewest or self.sign not in text:
            return False
        return self.needs is None or self.needs.search(text) is not None

    def holds(self, text: str, start: int, end: int) -> bool:
        """Tell whether what has the shape is what it looks like."""
        if self.never and self.never.search(text, max(0, start - _BEFORE), start):
            return False
        if self.proof and not self.proof(text[start:end]):
            return False
        if self.context is None:
            return True
        around = f"{text[max(0, start - _BEFORE) : start]} {text[end : end + _AFTER]}"
        return self.context.search(around) is not None


NOT_A_PERSON: Final = re.compile(
    r"(?i)\b(?:order|invoice|parcel|tracking|shipment|ticket|sku|part|serial|model|isbn|issn|ean"
    r"|upc|barcode|product|article|item|batch|case|seed|job|build|commit|revision|version|ref"
    r"|reference|transaction|confirmation|timestamp|epoch|unix|imei|id|doi|arxiv|pmid|licen[cs]e"
    r"|postcode|zip|pi|port|pid|bestellnummer|auftrag\w*|rechnung\w*|commande|pedido|factura)"
    r"s?(?: ?(?:no|nr|num|number|code|id|key)\b)?[.:#= -]{0,4}(?:is |was |of |with )?"
    r"[a-z]{0,4}-?#?$"
)
_VERSION: Final = re.compile(
    r"(?i)(?:\bv|\bversions?|\brelease|\bfirmware|\bbuild|\bsdk|\bdriver|\bupgrade to"
    r"|\bupdate to|\bsection|\bchapter|\bclause|\bparagraph|§|\bpatch|\bkernel|\bchrome"
    r"|\bpython|\bnode|\boid|\bfigure|\btable) ?[:=]? ?$"
)
_ADDRESS: Final = re.compile(
    r"(?i)\bip\b|ipv4|\baddress|\bhost|\bserver|\bping|\bconnect|\brouter|\bdns|\bvisitor|\blog"
)

RECOGNISERS: Final[Sequence[Recogniser]] = (
    Recogniser(
        "email",
        "pii.email",
        CERTAIN,
        "@",
        0,
        re.compile(
            r"(?<![\w.+%/@-])[\w.+%'-]{1,64}@(?:[\w-]{1,63}\.){1,6}"
            r"(?!(?:png|jpe?g|gif|svg|webp|pdf|css|js|html?|txt|mp4)\b)[^\W\d_]{2,24}"
            r"(?![\w@]|:(?!\s|$))"
        ),
    ),
    Recogniser(
        "email_in_words",
        "pii.email",
        LIKELY,
        "dot",
        0,
        re.compile(
            r"(?i)\b[\w.+-]{2,40} ?(?:\(at\)|\[at\]|\{at\}| at ) ?[\w-]{2,40}"
            r" ?(?:\(dot\)|\[dot\]|\{dot\}| dot ) ?(?:com|org|net|edu|gov|de|fr|es|uk|io|co)\b"
        ),
    ),
    Recogniser(
        "iban",
        "pii.iban",
        CERTAIN,
        "",
        2,
        re.compile(
            r"(?<!\w)[A-Za-z]{2}\d{2}(?: ?[A-Za-z0-9]{4}){2,7}(?: ?[A-Za-z0-9]{1,3})?(?!\w)"
        ),
        numbers.is_iban,
        needs=re.compile(r"[A-Za-z]{2}\d{2}"),
    ),
    Recogniser(
        "card",
        "pii.card",
        CERTAIN,
        "",
        13,
        re.compile(rf"{_STARTS}\d(?:[ -]?\d){{12,18}}{_ENDS}"),
        numbers.is_card,
        never=NOT_A_PERSON,
    ),
    Recogniser(
        "us_social_security",
        "pii.gov_id",
        LIKELY,
        "",
        9,
        re.compile(rf"{_STARTS}\d{{3}}-\d{{2}}-\d{{4}}{_ENDS}"),
        numbers.is_social_security,
        never=NOT_A_PERSON,
    ),
    Recogniser(
        "us_social_security_plain",
        "pii.gov_id",
        LIKELY,
        "",
        9,
        re.compile(rf"{_STARTS}\d{{3}}[ .]?\d{{2}}[ .]?\d{{4}}{_ENDS}"),
        numbers.is_social_security,
        re.compile(r"(?i)\bssn\b|social[ -]security|\bsocial\b"),
    ),
    Recogniser(
        "nhs",
        "pii.gov_id",
        LIKELY,
        "",
        10,
        re.compile(rf"{_STARTS}\d{{3}}[ -]?\d{{3}}[ -]?\d{{4}}{_ENDS}"),
        numbers.is_nhs,
        re.compile(r"(?i)\bnhs\b|\bpatient|health (?:service )?number"),
    ),
    Recogniser(
        "uk_national_insurance",
        "pii.gov_id",
        LIKELY,
        "",
        6,
        re.compile(
            r"(?<!\w)(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]"
            r" ?\d{2} ?\d{2} ?\d{2} ?[A-D](?!\w)"
        ),
    ),
    Recogniser(
        "spanish_identity",
        "pii.gov_id",
        LIKELY,
        "",
        8,
        re.compile(rf"{_STARTS}\d{{8}}[ -]?[A-HJ-NP-TV-Za-hj-np-tv-z](?!\w)"),
        numbers.is_dni,
        re.compile(r"(?i)\bdni\b|\bnif\b|identi"),
    ),
    Recogniser(
        "german_tax",
        "pii.gov_id",
        LIKELY,
        "",
        11,
        re.compile(rf"{_STARTS}\d{{2}} ?\d{{3}} ?\d{{3}} ?\d{{3}}{_ENDS}"),
        numbers.is_steuer_id,
        re.compile(r"(?i)steuer|\btax\b|identifikationsnummer"),
    ),
    Recogniser(
        "passport",
        "pii.gov_id",
        LIKELY,
        "",
        1,
        re.compile(r"(?<![\w-])(?=[A-Za-z]{0,3}\d)[A-Za-z0-9]{7,9}(?![\w-])"),
        context=re.compile(
            r"(?i)\b(?:passport|reisepass|passeport|pasaporte)"
            r"(?: (?:no|nr|num|number|#))?[.:#]? ?(?:is |no |ist )?\s{0,3}(?=\s)"
        ),
        never=re.compile(r"(?i)\b(?:photo|picture|size) \S*$"),
        # All of the words have it.
        needs=re.compile(r"[Pp][Aa][Ss]"),
    ),
    Recogniser(
        "ipv4",
        "pii.ip",
        LIKELY,
        ".",
        4,
        re.compile(r"(?<![\w.-])(?:\d{1,3}\.){3}\d{1,3}(?![\w-]|\.\d)"),
        lambda text: numbers.is_ip4(text) and not numbers.looks_like_a_version(text),
        never=_VERSION,
    ),
    Recogniser(
        "ipv4_named",
        "pii.ip",
        LIKELY,
        ".",
        4,
        re.compile(r"(?<![\w.-])(?:\d{1,3}\.){3}\d{1,3}(?![\w-]|\.\d)"),
        numbers.is_ip4,
        _ADDRESS,
        never=_VERSION,
    ),
    Recogniser(
        "ipv6",
        "pii.ip",
        LIKELY,
        ":",
        1,
        re.compile(
            r"(?i)(?<![\w:.])(?=[0-9a-f:]{0,39}\d)[0-9a-f]{1,4}(?::{1,2}[0-9a-f]{1,4}){2,7}(?![\w:])"
        ),
        numbers.is_ip6,
    ),
)
"""In the order of how special they are: what one has taken, the next ones leave alone."""
