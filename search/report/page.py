"""The report as one HTML page that needs nothing else: no script, no font, no image, no network.

All that comes from the data goes through `text`. The page's own policy forbids scripts and every
request, so that even a mistake here could not run or send anything.
"""

from collections.abc import Iterable, Sequence
from html import escape
from importlib.metadata import version

from search.report.commands import visible
from search.report.gathering import Gathered
from search.report.illustrating import (
    SLICES,
    Illustration,
    of_calls,
    of_models,
    of_regularisation,
    of_search,
    of_strengths,
)
from search.report.method import columns_table, facts, space_table
from search.report.page_style import STYLE
from search.report.pictures.canvas import plain, to_svg
from search.report.sentences import key_numbers, say_advice, say_headline, say_looks
from search.report.tables import (
    Table,
    comparisons_table,
    confirmed_table,
    metrics_table,
    top_table,
)

_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "form-action 'none'"
)
_LESSONS = {"best": "The chosen trial", "failure": "The failure that teaches most"}


def make_page(found: Gathered) -> str:
    """Return the report as an HTML document."""
    title = f"{found.answer['study']}: {say_headline(found.answer)}"
    body = "\n".join((_answer(found), _worth(found), _effect(found), _search(found), _how(found)))
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<link rel="icon" href="data:,">
<title>{text(title)}</title>
<style>{STYLE}</style>
</head>
<body>
{body}
</body>
</html>
"""


def text(anything: object) -> str:
    """Return a text as HTML that shows it and does nothing else."""
    return escape(plain(anything))


def _answer(found: Gathered) -> str:
    answer, figures = found.answer, found.figures
    keys = "".join(
        f"<li>{text(key.title)}<strong>{text(key.number)}</strong>{text(key.meaning)}</li>"
        for key in key_numbers(answer)
    )
    unfinished = (
        f'<p class="warning">The search is {text(figures["state"])}, so this answer may change: '
        f"{sum(answer['trials'].values())} of {figures['planned_trials']} trials have been drawn."
        "</p>"
        if figures["state"] != "finished"
        else ""
    )
    data = figures["data"]
    return f"""<header>
<p class="eyebrow">Study {text(answer["study"])} on {text(data["name"])}, {data["rows"]:,} rows,
to tell {text(data["target"])}; {text(str(answer["made_at"])[:10])}</p>
<h1>{text(say_headline(answer))}</h1>
<p class="lead">{text(answer["conclusion"])}</p>
<p>{text(say_advice(answer))}</p>
{unfinished}
</header>
<ul class="keys">{keys}</ul>"""


def _worth(found: Gathered) -> str:
    return _section(
        "What it is worth",
        _figures(of_models(found), _table(comparisons_table(found.answer))),
        _table(metrics_table(found.answer)),
        _figures(of_calls(found)),
    )


def _effect(found: Gathered) -> str:
    slices = _figures(of_strengths(found), kind="figures three")
    return _section(
        "What regularisation did",
        _figures(of_regularisation(found)),
        f"<h3>How much of each</h3><p>{text(SLICES)}</p>{slices}" if slices else "",
    )


def _search(found: Gathered) -> str:
    lessons = "".join(
        f"<h3>{_LESSONS[each['role']]}</h3><p>{text(' '.join(each['sentences']))}</p>"
        for each in found.lessons
        if each["role"] in _LESSONS
    )
    return _section(
        "The search",
        _figures(of_search(found), lessons),
        _table(top_table(found.figures)),
        _table(confirmed_table(found.answer)),
    )


def _how(found: Gathered) -> str:
    groups = "".join(
        f"<div><h3>{text(title)}</h3><dl>{_terms(terms)}</dl></div>"
        for title, terms in facts(found)
    )
    return _section(
        "How it was done",
        f'<div class="facts">{groups}</div>',
        _table(space_table(found)),
        _table(columns_table(found)),
        f"<h3>To do it again</h3><pre>{escape(visible(found.reproduce))}</pre>",
        f"<h3>To go on with it</h3><pre>{escape(visible(found.resume))}</pre>",
        f"<footer>{text(say_looks(found.answer['looks']))} Made by dampen "
        f"{text(version('dampen'))}.</footer>",
    )


def _section(title: str, *parts: str) -> str:
    inner = "\n".join(part for part in parts if part)
    return f"<section>\n<h2>{text(title)}</h2>\n{inner}\n</section>" if inner else ""


def _figures(illustrations: Iterable[Illustration], *beside: str, kind: str = "figures") -> str:
    parts = [*map(_figure, illustrations), *(f"<div>{part}</div>" for part in beside if part)]
    drawn = "\n".join(parts)
    return f'<div class="{kind}">\n{drawn}\n</div>' if parts else ""


def _figure(each: Illustration) -> str:
    says = text(each.says) if each.has_caption else ""
    drawn = to_svg(each.figure, name=each.name, label=f"{each.title}. {each.says}")
    return f"<figure><figcaption><h3>{text(each.title)}</h3>{says}</figcaption>{drawn}</figure>"


def _terms(terms: Sequence[tuple[str, str]]) -> str:
    return "".join(f"<dt>{text(term)}</dt><dd>{text(said)}</dd>" for term, said in terms)


def _table(table: Table) -> str:
    """Return a table that scrolls by itself where it is wider than the page."""
    if not table:
        return ""
    header = "".join(f'<th scope="col">{text(cell)}</th>' for cell in table.header)
    rows = "\n".join(
        f'<tr><th scope="row">{text(row[0])}</th>{"".join(map(_cell, row[1:]))}</tr>'
        for row in table.rows
    )
    kind, title = "numbers" if table.numbers else "words", text(table.title)
    return (
        f'<h3 class="above">{title}</h3>\n'
        f'<div class="scroll" tabindex="0" role="region" aria-label="{title}">'
        f'<table class="{kind}"><thead><tr>{header}</tr></thead>\n<tbody>{rows}</tbody>'
        "</table></div>"
    )


def _cell(cell: str) -> str:
    first, _, aside = cell.partition("\n")
    small = f"<small>{text(aside)}</small>" if aside else ""
    return f"<td>{text(first)}{small}</td>"
