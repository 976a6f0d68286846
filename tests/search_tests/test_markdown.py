"""Whatever a label or a name holds, a note shows it, and nothing in it is markup."""

import re

from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from search.page.markdown import code, escaped, table

_PARSER = MarkdownIt("commonmark").enable("table")
# How the dashboard finds addresses that are links without any markup (mdast-util-gfm).
_LINKS = (r"https?://|www(?=\.)", r"[-.\w+]+@[-\w]+\.[-\w]+")

texts = st.text() | st.text(alphabet="|\\`*_[]()<>#~&!=-+.:/@ \n1aw$\"'")


def _normal(text: str) -> str:
    shown = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    shown = shown if len(shown) <= 80 else shown[:79] + "…"
    return shown or "(blank)"


def _said(inline: object) -> str:
    children = inline.children  # type: ignore[attr-defined]
    assert {child.type for child in children} <= {"text", "text_special"}
    return "".join(child.content for child in children).replace("\N{WORD JOINER}", "").strip()


@given(texts)
@example("<script>alert(1)</script>|x")
@example("[a](javascript:alert(1))")
@example("&lt;b&gt; \\| `x` ![](y) ~~z~~")
def test_text_in_a_table_is_shown_as_it_is(text: str) -> None:
    shown = table(["a", escaped(text)], [[escaped(text), "1"], [escaped(text), escaped(text)]])
    tokens = _PARSER.parse(shown)
    assert [token.type for token in tokens].count("inline") == 6
    cells = [_said(token) for token in tokens if token.type == "inline"]
    wanted = _normal(text).replace("\N{WORD JOINER}", "").strip()
    assert [cells[1], cells[2], cells[4], cells[5]] == [wanted] * 4


@given(texts)
@example("12. twelve")
@example("1) one")
def test_text_in_a_line_is_shown_as_it_is(text: str) -> None:
    tokens = _PARSER.parse(escaped(text))
    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]
    assert _said(tokens[1]) == _normal(text).replace("\N{WORD JOINER}", "").strip()


@given(texts)
@example("see http://evil.example, www.evil.example or mail@evil.example")
def test_address_is_no_link(text: str) -> None:
    for link in _LINKS:
        assert not re.search(link, escaped(text), re.IGNORECASE)


def test_blank_text_is_said_to_be_blank() -> None:
    assert escaped(" \n\t\x00") == "(blank)"


def test_code_is_shown_as_it_is_whatever_is_in_it() -> None:
    lines = ["dampen show 'a```b'", "dampen export 'a```b' -o '````'"]
    (token,) = _PARSER.parse(code(lines))
    assert (token.type, token.info, token.content) == ("fence", "sh", "\n".join(lines) + "\n")
