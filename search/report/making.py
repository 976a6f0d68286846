"""Makes a report in one of its three forms, and writes it."""

import json
import math
import os
from pathlib import Path
from typing import Any

from search.errors import SettingError
from search.report.gathering import Gathered
from search.report.markdown_page import make_markdown

FORMS = ("html", "md", "json")
_BY_SUFFIX = {".md": "md", ".markdown": "md", ".json": "json"}


def choose_form(form: str | None, output: Path | None) -> str:
    """Return the form of a report: what was asked for, or else as the file's name ends.

    Raises:
        SettingError: no such form, or no such folder to write to.
    """
    if output is not None and not output.parent.is_dir():
        raise SettingError(
            f"a report must go into an existing folder; `{output.parent}` is none. "
            "Make the folder, or choose another with -o."
        )
    if output is not None and output.is_dir():
        raise SettingError(f"-o must name a file to write; `{output}` is a folder.")
    if form is None:
        return "md" if output is None else _BY_SUFFIX.get(output.suffix.lower(), "html")
    if form not in FORMS:
        raise SettingError(f"--format must be html, md or json; got `{form}`.")
    return form


def make_report(found: Gathered, form: str) -> str:
    """Return a report as text; only HTML loads matplotlib.

    Args:
        found: what it shows.
        form: html, md or json.
    """
    if form == "html":
        from search.report.page import make_page

        return make_page(found)
    if form == "md":
        return make_markdown(found)
    document = {"answer": found.answer, "figures": found.figures}
    return json.dumps(_finite(document), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def write_report(text: str, output: Path) -> None:
    """Write a report beside its place and rename it, so that no half of it is ever read.

    Raises:
        SettingError: the file cannot be written.
    """
    beside = output.with_name(f".{output.name}.{os.getpid()}")
    try:
        beside.write_text(text, encoding="utf-8", errors="replace")
        beside.replace(output)
    except OSError as error:
        raise SettingError(
            f"the report must go into a file that can be written; `{output}` failed: "
            f"{error.strerror or error}. Choose another with -o."
        ) from error
    finally:
        beside.unlink(missing_ok=True)


def _finite(value: Any) -> Any:
    """Return JSON values with null for what is no finite number."""
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
