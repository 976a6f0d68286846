"""The report in Markdown, for a terminal, a pull request or a chat: the same without pictures."""

import re
from importlib.metadata import version

from search.page.markdown import code, escaped, table
from search.report.commands import visible
from search.report.gathering import Gathered
from search.report.method import columns_table, facts, space_table
from search.report.sentences import Key, key_numbers, say_advice, say_headline
from search.report.tables import (
    Table,
    comparisons_table,
    confirmed_table,
    confusion_table,
    metrics_table,
    top_table,
)

# A number, or two of them: nothing in it is markup within a cell.
_NUMBER = re.compile(r"[\d.,%±e+ \N{MINUS SIGN}\N{EN DASH}to-]+")
_CELL = 120  # characters of a cell
_SENTENCES = 2_000  # characters of a paragraph
_MOST_CLASSES = 12  # of a confusion matrix
_LESSONS = {"best": "The chosen trial", "failure": "The failure that teaches most"}


def make_markdown(found: Gathered) -> str:
    """Return the report as a Markdown document."""
    answer = found.answer
    parts = [
        f"# {escaped(say_headline(answer), _SENTENCES)}",
        f"Study {escaped(answer['study'])}, {escaped(str(answer['made_at'])[:10])}",
        f"**{escaped(answer['conclusion'], _SENTENCES)}**",
        escaped(say_advice(answer), _SENTENCES),
        "\n".join(map(_key, key_numbers(answer))),
        "## What it is worth",
        _table(comparisons_table(answer)),
        _table(metrics_table(answer)),
        *_confusions(found),
        "## The search",
        _table(top_table(found.figures)),
        _table(confirmed_table(answer)),
        *(
            f"{_LESSONS[each['role']]}: {escaped(' '.join(each['sentences']), _SENTENCES)}"
            for each in found.lessons
            if each["role"] in _LESSONS
        ),
        "## How it was done",
        *(_facts(title, terms) for title, terms in facts(found)),
        _table(space_table(found)),
        _table(columns_table(found)),
        "To do it again, and to go on with it:",
        code([visible(found.reproduce), visible(found.resume)]),
        f"Made by dampen {escaped(version('dampen'))}.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _key(key: Key) -> str:
    return f"- {escaped(key.title)}: **{_shown(key.number)}**; {escaped(key.meaning, _SENTENCES)}"


def _confusions(found: Gathered) -> list[str]:
    answer = found.answer
    networks = [model for model in answer["models"] if model["name"] == "network"]
    if not networks or len(answer["labels"]) > _MOST_CLASSES:
        return []
    half, best = (networks[0]["confusion"].get(key) for key in ("half", "threshold"))
    said = " with a threshold of 0.5" if len(answer["labels"]) == 2 else ""
    found_tables = []
    if best is not None:
        title = f"Test rows as called with a threshold of {answer['threshold']:.3f}"
        found_tables.append(confusion_table(title, best, answer["labels"]))
    if half is not None:
        found_tables.append(confusion_table(f"Test rows as called{said}", half, answer["labels"]))
    return [_table(each) for each in found_tables]


def _table(found: Table) -> str:
    if not found:
        return ""
    header = [_cell(cell) for cell in found.header]
    rows = [[_cell(cell) for cell in row] for row in found.rows]
    return f"### {escaped(found.title)}\n\n{table(header, rows, numbers=found.numbers)}"


def _cell(cell: str) -> str:
    first, _, aside = cell.partition("\n")
    if not first:
        return ""
    return _shown(first) + (f" ({_shown(aside)})" if aside else "")


def _shown(cell: str) -> str:
    return cell if _NUMBER.fullmatch(cell) else escaped(cell, _CELL)


def _facts(title: str, terms: list[tuple[str, str]]) -> str:
    lines = [f"- {escaped(term)}: {escaped(said, _SENTENCES)}" for term, said in terms]
    return "\n".join([f"### {escaped(title)}", "", *lines])
