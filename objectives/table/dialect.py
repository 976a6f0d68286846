"""How a CSV file is written: delimiter, encoding, decimal mark and compression, from its head.

Detection looks at bytes and characters only, never at what a column means. Numbers with a decimal
comma are rewritten with a point as they are read (`files`), so that nothing behind this file knows
of it and a model takes files of either kind.
"""

import codecs
import csv
import gzip
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from charset_normalizer import from_bytes

from objectives.errors import DataError

DELIMITERS = (";", "\t", "|", ",")  # of two that serve equally, the one that no number contains
_WORDS = {";": "semicolons", "\t": "tabs", "|": "bars", ",": "commas"}

HEAD_BYTES = 1 << 18  # delimiter and decimal mark
ENCODING_BYTES = 1 << 26  # how far to look for a first byte that is no ASCII
_BINARY = (
    (b"PK\x03\x04", "an Excel workbook or a zip archive"),
    (b"\xd0\xcf\x11\xe0", "an Excel workbook"),
)
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# What tables are written in where it is not UTF-8. Left to choose among all that exist, a guess
# from a few bytes lands on encodings that nobody has used for decades.
_ENCODINGS = (
    *("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257"),
    *("cp932", "euc_jp", "gb18030", "big5", "cp949", "koi8_r", "mac_roman", "cp850"),
)
# By how much more of another encoding's text has to look like a language (charset_normalizer).
_CLEARLY = 0.05
_WORD = re.compile(r"[A-Za-z\x80-\uffff]+")
# Signs within a word, a capital after a small letter, a price in letters, and what is so rare in
# the west that another encoding's letter is likelier to be meant (of Icelandic too).
_NOT_WESTERN = re.compile(
    r"[A-Za-zÀ-ÿ][^\x00-\x7fÀ-ÖØ-öø-ÿŒœŠšŽž\u2018\u2019ªº·][A-Za-zÀ-ÿ]"
    r"|[a-zß-öø-ÿ][À-ÖØ-ÞŠŒŽŸ]|[ÐÝÞðýþ\xd7÷Ÿ¤¦¨¬¯\xb8ƒ\u02c6\u02dc†‡‰]|[£¢¥][a-zà-ÿ]"
)
_COMMA_NUMBER = re.compile(r"\s*[+-]?[0-9]*,[0-9]+(?:[eE][+-]?[0-9]+)?\s*")
_POINT_NUMBER = re.compile(r"\s*[+-]?[0-9]*\.[0-9]+(?:[eE][+-]?[0-9]+)?\s*")
_GROUPED = re.compile(r"\s*[+-]?[1-9][0-9]{0,2},[0-9]{3}\s*")  # 1,234: perhaps a thousand


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """How one CSV file is written; `encoding` is a Python codec, the likeliest where `guessed`."""

    delimiter: str = ","
    encoding: str = "utf-8"
    decimal: str = "."
    gzip: bool = False
    guessed: bool = False

    def __str__(self) -> str:
        """Return it in words, such as "CSV with semicolons, decimal comma, cp1252, gzip"."""
        words = [f"CSV with {_WORDS[self.delimiter]}"]
        words += ["decimal comma"] if self.decimal == "," else []
        words += [self.encoding.removesuffix("-sig").upper().replace("CP", "cp")]
        return ", ".join(words + (["gzip"] if self.gzip else []))


def detect_dialect(path: Path, likely: str | None = None) -> Dialect:
    """Detect how a CSV file is written from its head.

    Args:
        path: the file.
        likely: the encoding of a file of the same source, tried before one is guessed.

    Raises:
        DataError: the file is no text.
        OSError, EOFError, zlib.error: it cannot be read or unpacked.
    """
    zipped = _is_gzip(path)
    encoding, guessed = _encoding(path, zipped, likely)
    text, whole = _head(path, zipped, encoding)
    delimiter, records = _delimiter(text, whole)
    decimal = _decimal(records, delimiter)
    return Dialect(
        delimiter=delimiter, encoding=encoding, decimal=decimal, gzip=zipped, guessed=guessed
    )


def open_bytes(path: Path, zipped: bool) -> IO[bytes]:
    """Open a file for reading its bytes, unpacked."""
    return gzip.open(path, "rb") if zipped else path.open("rb")  # type: ignore[return-value]


def _is_gzip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b" or path.suffix.lower() == ".gz"


def _encoding(path: Path, zipped: bool, likely: str | None) -> tuple[str, bool]:
    """Return the encoding, and whether it was guessed."""
    with open_bytes(path, zipped) as file:
        start = file.read(HEAD_BYTES)
        for mark, codec in _MARKS:
            if start.startswith(mark):
                return codec, False
        _check_text(path, start)
        if _is_utf8(start) and not start.isascii():
            return "utf-8", False
        sample = b"".join(_foreign_lines(file, start))
    if _is_utf8(sample):
        return "utf-8", False
    if likely is not None and _decodes(sample, likely):
        return likely, False
    return _guess(sample), True


def _decodes(sample: bytes, encoding: str) -> bool:
    try:
        sample.decode(encoding)
    except (LookupError, UnicodeError):  # no such encoding here, or other bytes
        return False
    return True


def _guess(sample: bytes) -> str:
    best = from_bytes(sample, cp_isolation=list(_ENCODINGS)).best()
    if best is None:
        return "cp1252"
    if _is_western(sample):
        # Where it serves as well, lest two files of one source be read differently.
        western = from_bytes(sample, cp_isolation=["cp1252"]).best()
        if best.coherence - (western.coherence if western else 0.0) <= _CLEARLY:
            return "cp1252"
    same = sample.decode("cp1252", errors="replace") == sample.decode(best.encoding)
    return "cp1252" if same else str(best.encoding)


def _is_western(sample: bytes) -> bool:
    """Whether the bytes, read as cp1252, make words as the languages of Western Europe write."""
    try:
        words = [word for word in _WORD.findall(sample.decode("cp1252")) if not word.isascii()]
    except UnicodeDecodeError:  # a byte that cp1252 does not have
        return False
    return sum(map(_is_western_word, words)) > 0.9 * len(words)


def _is_western_word(word: str) -> bool:
    plain = sum(character.isascii() for character in word)
    return (len(word) == 1 or 3 * plain >= len(word)) and _NOT_WESTERN.search(word) is None


def _check_text(path: Path, start: bytes) -> None:
    if b"\0" in start:
        kind = next((f"is {words}" for magic, words in _BINARY if start.startswith(magic)), None)
        raise DataError(
            f"`{path}` must be a CSV file in UTF-8 or another encoding of text, or a Parquet file "
            f"(.parquet); it {kind or 'holds bytes that are no text'}. Save it again as CSV."
        )


def _is_utf8(data: bytes) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(data)  # a cut last character is allowed
    except UnicodeDecodeError:
        return False
    return True


def _foreign_lines(file: IO[bytes], start: bytes) -> Iterator[bytes]:
    """Yield the lines that are not all ASCII from the first block that has some."""
    block, seen = start, 0
    while block and seen < ENCODING_BYTES:
        if not block.isascii():
            yield from (line for line in block.splitlines(True) if not line.isascii())
            return
        seen += len(block)
        block = file.read(1 << 20) + file.readline(1 << 16)


def _head(path: Path, zipped: bool, encoding: str) -> tuple[str, bool]:
    """Return the head of the file as text, and whether that is the whole file."""
    with open_bytes(path, zipped) as file:
        data = file.read(HEAD_BYTES)
        whole = not file.read(1)
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
    return decoder.decode(data), whole


def _delimiter(text: str, whole: bool) -> tuple[str, list[list[str]]]:
    """Return the delimiter that gives the most rows the width of the header, and its records."""
    best, found, best_score = ",", list[list[str]](), (0.0, 0)
    for delimiter in DELIMITERS:
        records = _records(text, delimiter, whole)
        width = len(records[0]) if records else 0
        if width < 2:
            continue
        agreeing = sum(len(record) == width for record in records) / len(records)
        if len(records) == 1 or agreeing > 1 / len(records):  # more than the header itself
            score = (agreeing, width)
            if score > best_score:
                best, found, best_score = delimiter, records, score
    return best, found


def _records(text: str, delimiter: str, whole: bool) -> list[list[str]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    try:
        records = [record for record in reader if record]
    except csv.Error:  # a cell longer than any should be: a quote that is none
        return []
    return records if whole or len(records) < 2 else records[:-1]  # the last may be cut


def _decimal(records: list[list[str]], delimiter: str) -> str:
    if delimiter == ",":
        return "."
    cells = [cell for record in records[1:] for cell in record]
    commas = [cell for cell in cells if _COMMA_NUMBER.fullmatch(cell)]
    points = sum(_POINT_NUMBER.fullmatch(cell) is not None for cell in cells)
    if delimiter != ";" and all(_GROUPED.fullmatch(cell) for cell in commas):
        return "."  # 1,234 between tabs is as likely a thousand: left as text, which shows
    return "," if len(commas) > points else "."
