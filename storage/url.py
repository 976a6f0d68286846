"""Which database is meant: argument over environment over a file in the current folder.

A URL is checked here, before anything is opened, so that a slip of the finger costs a sentence and
never a stray file. Next: `database.py` opens what `resolve_url` returns.
"""

import importlib.util
import os
import re
from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from storage.errors import StorageURLError

ENVIRONMENT_VARIABLE = "DAMPEN_STORAGE"
ARTIFACTS_VARIABLE = "DAMPEN_ARTIFACTS"
PROXY_VARIABLE = "DAMPEN_PROXY"
DEFAULT_URL = "sqlite:///dampen.db"

_POSTGRESQL_DRIVERS = ("postgresql", "postgresql+psycopg")
_FORMS = "sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE"


def resolve_url(url: str | None = None) -> str:
    """Returns the storage URL in its one normal form, checked.

    Args:
        url: what the user typed. Without it the environment's DAMPEN_STORAGE decides, and without
            that `sqlite:///dampen.db`, a file in the current folder.

    Returns:
        `sqlite:////absolute/path` or `postgresql+psycopg://...`, password included: show it to
        people only through `redact`.

    Raises:
        StorageURLError: not a URL of a supported database, a folder that does not exist or cannot
            be written to, or a PostgreSQL URL without the driver installed.
    """
    text = url or os.environ.get(ENVIRONMENT_VARIABLE) or DEFAULT_URL
    if "://" not in text:
        shown = redact(f"://{text}").removeprefix("://")
        raise StorageURLError(
            f"The storage must be a URL ({_FORMS}); got {shown!r}. For a file, type "
            f"sqlite:///{shown.removeprefix('sqlite:') or 'dampen.db'}."
        )
    parsed = _parse(text)
    if parsed.drivername == "sqlite":
        return _resolve_sqlite(parsed, text)
    if parsed.drivername in _POSTGRESQL_DRIVERS:
        return _resolve_postgresql(parsed)
    raise StorageURLError(
        f"The storage must be {_FORMS}; got a {parsed.drivername!r} URL, which is not supported."
    )


def redact(url: str) -> str:
    """Returns the URL with every password in it replaced by `***`, however malformed it is."""
    hidden = re.sub(r"(?<=://)([^:/@?]*):.*@", r"\1:***@", url, flags=re.DOTALL)
    return re.sub(r"([?&](?:ssl)?password=)[^&]*", r"\1***", hidden, flags=re.IGNORECASE)


def passwords(url: str) -> list[str]:
    """Returns the passwords a URL carries, for removing them from other programs' messages."""
    parsed = make_url(url)
    found = [str(parsed.password)] if parsed.password else []
    for key in ("password", "sslpassword"):
        value = parsed.query.get(key, ())
        found += [value] if isinstance(value, str) else list(value)
    return [secret for secret in found if secret]


def database_file(url: str) -> Path | None:
    """Returns the SQLite file a resolved URL names, or None for a database server."""
    parsed = make_url(url)
    if parsed.drivername != "sqlite" or parsed.database is None:
        return None
    return Path(parsed.database)


def artifact_folder(url: str) -> Path:
    """Returns the folder in which a storage keeps its files, or what it makes of those in a bucket.

    It need not exist yet.

    `/data/dampen.db` keeps them in `/data/dampen.artifacts`, so that the two move together. A
    database server keeps them in `dampen.artifacts` in the current folder. The environment's
    DAMPEN_ARTIFACTS goes before both: a folder that every machine of a search sees.
    """
    chosen = os.environ.get(ARTIFACTS_VARIABLE, "")
    if chosen and "://" not in chosen:
        return Path(chosen).absolute()
    file = database_file(url)
    if file is None:
        return Path.cwd() / "dampen.artifacts"
    return file.with_name(f"{file.stem if file.suffix == '.db' else file.name}.artifacts")


def proxy_address() -> tuple[str, int] | None:
    """Returns host and port of the storage proxy that DAMPEN_PROXY names, or None.

    Raises:
        StorageURLError: the variable is set, and to nothing of the kind.
    """
    text = os.environ.get(PROXY_VARIABLE)
    if not text:
        return None
    host, _, port = text.rpartition(":")
    if not host or not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise StorageURLError(
            f"{PROXY_VARIABLE} must be HOST:PORT, as `dampen storage-proxy` says it; got {text!r}."
        )
    return host, int(port)


def _parse(text: str) -> URL:
    try:
        return make_url(text)
    except (ArgumentError, ValueError):
        # The parser's own message repeats the URL, password included.
        raise StorageURLError(
            f"The storage must be {_FORMS}; got {redact(text)!r}, which cannot be read as a URL."
        ) from None


def _resolve_sqlite(parsed: URL, text: str) -> str:
    name = parsed.database
    if parsed.host:
        raise StorageURLError(
            f"A SQLite URL has three slashes, sqlite:///FILE; got {redact(text)!r}. "
            f"Type sqlite:///{parsed.host}{'/' + name if name else ''}."
        )
    if not name or name == ":memory:" or name.startswith("file:"):
        raise StorageURLError(
            f"The storage must be a file, so that a search can be resumed and browsed from another "
            f"process; got {text!r}. Type sqlite:///dampen.db."
        )
    if parsed.query:
        raise StorageURLError(
            f"A SQLite URL is sqlite:///FILE and nothing more; got {redact(text)!r}. "
            "Leave out the `?` and what follows it."
        )
    file = Path(os.path.abspath(name))
    _check_folder(file)
    return URL.create("sqlite", database=str(file)).render_as_string()


def _check_folder(file: Path) -> None:
    folder = file.parent
    if file.is_dir():
        raise StorageURLError(
            f"The storage must be a file; {file} is a folder. Type sqlite:///{file / 'dampen.db'}."
        )
    if not folder.is_dir():
        raise StorageURLError(
            f"The storage's folder must exist; {folder} does not. Create it (mkdir -p {folder}) "
            "or choose another --storage."
        )
    effective = os.access in os.supports_effective_ids
    if not os.access(folder, os.W_OK | os.X_OK, effective_ids=effective):
        # SQLite keeps its write-ahead log beside the file, so even reading needs the folder.
        raise StorageURLError(
            f"The storage's folder must be writable; {folder} is not. Change its permissions or "
            "choose another --storage."
        )


def _resolve_postgresql(parsed: URL) -> str:
    if not parsed.database:
        raise StorageURLError(
            "A PostgreSQL URL must name a database: postgresql://USER:PASSWORD@HOST/DATABASE; got "
            f"{redact(parsed.render_as_string(hide_password=False))!r}."
        )
    if importlib.util.find_spec("psycopg") is None:
        raise StorageURLError(
            "A PostgreSQL storage needs the package psycopg, which is not installed. "
            "Type: pip install 'dampen[postgres]'."
        )
    return parsed.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
