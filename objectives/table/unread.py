"""Numbers and dates in ways of writing that are not read, and what to write in their place.

A column of such texts is left out or read as levels, which is seldom what its owner meant: `infer`
adds to its reason what the texts look like, and `inspection` says the remedy.
"""

import re
from collections.abc import Sequence

from objectives.table.cells import NUMBER_BLANKS
from objectives.table.naming import quoted

ALIKE = 0.9  # of the different texts, at least
LOOKED_AT = 1_000  # texts

_NUMBER = r"(?:[0-9]{1,3}(?:[,.' \u00a0\u202f][0-9]{3})+|[0-9]+)(?:[.,][0-9]+)?"
_CURRENCY = r"(?:(?:US|CA|AU)?\$|[€£¥₹]|USD|EUR|GBP|CHF|JPY)"
_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_DATE = r"[0-9]{1,4}[-/._ ]{1,2}[0-9]{1,2}[-/._ ]{1,2}[0-9]{1,4}"
_CLOCK = r"[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?"
_WEEKDAY = r"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*[,.]?\s+)?"
_MONTH_DATE = (
    rf"{_WEEKDAY}(?:[0-9]{{1,2}}(?:st|nd|rd|th)?[-/. ]*{_MONTH}[-/., ]*(?:[0-9]{{4}}|[0-9]{{2}})"
    rf"|{_MONTH}[-/. ]*[0-9]{{1,2}}(?:st|nd|rd|th)?[-/., ]+[0-9]{{4}}"
    rf"|[0-9]{{4}}[-/. ]*{_MONTH}[-/. ]*[0-9]{{1,2}})"
)
_NUMBERS = "Write plain numbers with a decimal point, such as 1234.5."
_DATES = "Write dates as 2020-12-31, and times of day after them as 2020-12-31 15:30."
# What texts look like, how each is written, and what to write; of several the first is taken.
_WAYS = tuple(
    (words, re.compile(rf"\(?[-+]?(?:{pattern})\)?", re.IGNORECASE), remedy)
    for words, pattern, remedy in (
        ("numbers with separators", _NUMBER, _NUMBERS),
        (
            "amounts of money",
            rf"{_CURRENCY}?\s*[-+]?{_NUMBER}\s*{_CURRENCY}?",
            _NUMBERS,
        ),
        ("percentages", rf"{_NUMBER}\s*%", "Write plain numbers, such as 12.3 for 12.3%."),
        (
            "times with AM or PM",
            rf"(?:(?:{_DATE}|{_MONTH_DATE})[T, ]+)?{_CLOCK}\s*[ap]\.?m\.?",
            _DATES,
        ),
        ("dates with the names of months", rf"{_MONTH_DATE}(?:[T, ]+{_CLOCK})?", _DATES),
    )
)


def looks_like(texts: Sequence[str]) -> tuple[str, str] | None:
    """Return what the different texts of a column look like, in words, and what to write instead.

    None where they are neither numbers nor dates in a way of writing that is known here.
    """
    bare = [text.strip() for text in texts[:LOOKED_AT]]
    filled = [text for text in bare if text.casefold() not in NUMBER_BLANKS]
    for words, pattern, remedy in _WAYS:
        found = [text for text in filled if pattern.fullmatch(text)]
        if len(found) > 1 and len(found) >= ALIKE * len(filled):
            example = next((text for text in found if not text.isdecimal()), found[0])
            return f"which look like {words}, such as {quoted(example)}", remedy
    return None
