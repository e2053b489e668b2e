"""Numbers that carry their own proof: check digits, lengths, areas."""

import ipaddress
from typing import Final

_IBAN_LENGTHS: Final = {
    "AD": 24, "AE": 23, "AT": 20, "BE": 16, "BG": 22, "BR": 29, "CH": 21, "CY": 28, "CZ": 24,
    "DE": 22, "DK": 18, "EE": 20, "ES": 24, "FI": 18, "FR": 27, "GB": 22, "GR": 27, "HR": 21,
    "HU": 28, "IE": 22, "IL": 23, "IS": 26, "IT": 27, "LI": 21, "LT": 20, "LU": 20, "LV": 21,
    "MC": 27, "MT": 31, "NL": 18, "NO": 15, "PL": 28, "PT": 25, "RO": 24, "RS": 22, "SA": 24,
    "SE": 24, "SI": 19, "SK": 24, "SM": 27, "TR": 26, "UA": 29,
}  # fmt: skip
_DNI_LETTERS: Final = "TRWAGMYFPDXBNJZSQVHLCKE"
_FIRST_INVALID_AREA: Final = 900
_BEAST: Final = 666
_SECTION: Final = 30


def digits_of(text: str) -> str:
    """Return the digits of a text, as ASCII."""
    return "".join(one for one in text if one in "0123456789")


def is_card(text: str) -> bool:
    """Tell whether it is a payment card's number: a known issuer, its length, and Luhn."""
    digits = digits_of(text)
    return len(digits) in _lengths_of_issuer(digits) and passes_luhn(digits)


def _lengths_of_issuer(digits: str) -> tuple[int, ...]:
    first = digits[:1]
    if first == "4":
        return (13, 16, 19)
    if digits[:2] in {"34", "37"}:
        return (15,)
    if "51" <= digits[:2] <= "55" or "2221" <= digits[:4] <= "2720":
        return (16,)
    if digits[:2] in {"30", "36", "38", "39"}:
        return (14, 16)
    # Discover, UnionPay, Maestro, JCB.
    if digits[:2] in {"60", "62", "64", "65", "50", "56", "57", "58", "63", "67", "35"}:
        return (16, 17, 18, 19)
    return ()


def passes_luhn(digits: str) -> bool:
    """Tell whether the last digit is right (ISO/IEC 7812-1); not of one digit repeated."""
    if len(set(digits)) < 2:  # noqa: PLR2004 - all the same
        return False
    total = 0
    for at, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + at % 2)
        total += value - 9 if value > 9 else value  # noqa: PLR2004 - two digits are summed
    return total % 10 == 0


def is_iban(text: str) -> bool:
    """Tell whether it is an IBAN: its country's length, and ISO 7064 modulo 97."""
    code = "".join(text.split()).upper()
    if len(code) != _IBAN_LENGTHS.get(code[:2]):
        return False
    turned = code[4:] + code[:4]
    return int("".join(str(int(one, 36)) for one in turned)) % 97 == 1


def is_social_security(text: str) -> bool:
    """Tell whether a US Social Security number can have been issued."""
    digits = digits_of(text)
    area, group, serial = int(digits[:3]), digits[3:5], digits[5:]
    return (
        0 < area < _FIRST_INVALID_AREA and area != _BEAST and group != "00" and serial != "0000"
    )


def is_nhs(text: str) -> bool:
    """Tell whether it is a number of England's NHS: ten digits, the last by modulo 11."""
    digits = digits_of(text)
    if len(digits) != 10 or len(set(digits)) == 1:  # noqa: PLR2004 - their number
        return False
    total = sum(int(digit) * (10 - at) for at, digit in enumerate(digits[:9]))
    return (11 - total % 11) % 11 == int(digits[9])


def is_steuer_id(text: str) -> bool:
    """Tell whether it is a German tax number of a person: ISO 7064, modulo 11 and 10."""
    digits = digits_of(text)
    if digits[0] == "0":
        return False
    product = 10
    for digit in digits[:10]:
        total = (int(digit) + product) % 10 or 10
        product = total * 2 % 11
    return (11 - product) % 10 == int(digits[10])


def is_dni(text: str) -> bool:
    """Tell whether it is a Spanish identity number: the letter follows from the digits."""
    digits = digits_of(text)
    return text[-1].upper() == _DNI_LETTERS[int(digits) % 23]


def is_ip4(text: str) -> bool:
    """Tell whether it is an address that a machine of somebody's may have."""
    try:
        address = ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return not (address.is_loopback or address.is_unspecified or address.is_multicast)


def looks_like_a_version(text: str) -> bool:
    """Tell whether four numbers are so small that they rather count chapters or releases."""
    return all(int(part) <= _SECTION for part in text.split("."))


def is_ip6(text: str) -> bool:
    """Tell whether it is an address that a machine of somebody's may have."""
    try:
        address = ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return not (address.is_loopback or address.is_unspecified or address.is_multicast)
