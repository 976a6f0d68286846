"""The script of optuna-dashboard's page, changed in one place: verdicts can be filtered.

Release 0.21 lets its table of trials be filtered by state and by parameters, and not by what else
was found out about a trial. So the script is served with the column of the user attribute
`verdict` made like those. A release in which that place is not found is served as it is.
"""

import gzip
import hashlib
import re
from collections.abc import Iterable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

PATH = "/static/bundle.js"

# A column of the table: its heading, whether it sorts, and at its end that nothing filters it.
_COLUMN = re.compile(
    r"(header:`UserAttribute \$\{(\w+)\.key\}`,enableSorting:)\2\.sortable"
    r"(,[^`]{0,600}?enableColumnFilter:)!1\}"
)
_CHANGED = (
    r'\1"verdict"===\2.key||\2.sortable\3"verdict"===\2.key,'
    r"filterFn:(row,id,left_out)=>!left_out.includes(row.getValue(id))}"
)
_SPEED = 3  # of gzip: a fifth of a second for six megabytes, once


def filterable(script: str) -> str:
    """Returns the script with the column of verdicts made filterable, if it is found just once."""
    changed, places = _COLUMN.subn(_CHANGED, script)
    return changed if places == 1 else script


def serve_script(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
    """Answers a request for the script."""
    packed, tag = _packed()
    headers = [
        ("Content-Type", "text/javascript; charset=UTF-8"),
        ("Cache-Control", "no-cache"),  # to be kept, and asked for whether it is still the same
        ("ETag", tag),
        ("Vary", "Accept-Encoding"),
    ]
    if tag in environ.get("HTTP_IF_NONE_MATCH", ""):
        start_response("304 Not Modified", headers)
        return []
    body = packed
    if "gzip" in environ.get("HTTP_ACCEPT_ENCODING", ""):
        headers.append(("Content-Encoding", "gzip"))
    else:
        body = gzip.decompress(packed)
    start_response("200 OK", [*headers, ("Content-Length", str(len(body)))])
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]


@cache
def _packed() -> tuple[bytes, str]:
    """The changed script, compressed, and the tag that tells it from others."""
    spec = find_spec("optuna_dashboard")
    assert spec is not None
    assert spec.origin is not None
    script = filterable((Path(spec.origin).parent / "public" / "bundle.js").read_text("utf-8"))
    packed = gzip.compress(script.encode(), _SPEED, mtime=0)
    return packed, f'"{hashlib.sha256(packed).hexdigest()[:32]}"'
