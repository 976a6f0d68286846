"""Optuna's storage as the storage proxy serves it, for processes with DAMPEN_PROXY set.

Only what goes through Optuna's own storage goes through the proxy: the history that samplers and
pruners read, the values they report. Claims, heartbeats and results stay on direct connections,
with the guarantees of `claims.py`. The client is Optuna's own, over gRPC; what it lacks is patience
with a proxy that is away, and sentences. Next: `proxy.py` is the other end.
"""

import json
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.storages import BaseStorage
from sqlalchemy import Engine, select

from storage.errors import DatabaseUnreachableError, DatabaseUnreadableError
from storage.patience import Patience
from storage.schema import UNIQUE_KEY, studies, study_system_attributes
from storage.url import PROXY_VARIABLE, redact

Ask = Callable[[], Any]

# A machine that dies with a request in hand never says so. A long history takes seconds to send,
# and ten are sent at once.
DEADLINE_SECONDS = 120.0


def proxied_storage(address: tuple[str, int], engine: Engine, patience: Patience) -> BaseStorage:
    """Returns Optuna's storage as the proxy at an address serves it, which is asked once.

    Args:
        address: host and port.
        engine: of the database that the proxy has to serve.
        patience: how to wait for a proxy that is away.

    Raises:
        DatabaseUnreachableError: it does not answer; from the storage's methods too, where nothing
            is waited for.
        DatabaseUnreadableError: it serves another database; from the storage's methods, it refused
            or was away for longer than the patience lasts.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        proxy = optuna.storages.GrpcStorageProxy(host=address[0], port=address[1])
    for name, ask in list(vars(proxy._stub).items()):  # a function for each kind of request
        setattr(proxy._stub, name, partial(ask, timeout=DEADLINE_SECONDS))
    shown = f"{address[0]}:{address[1]}"
    storage = called_through(proxy, partial(_patiently, shown, patience))
    _check_same(storage, engine, shown)
    return storage


def called_through(storage: BaseStorage, through: Callable[[Ask], Any]) -> BaseStorage:
    """Returns the storage with every method called by `through`."""
    return cast("BaseStorage", _CalledThrough(storage, through))


class _CalledThrough:
    """A storage as far as its methods go, which is all that Optuna's studies use."""

    def __init__(self, storage: BaseStorage, through: Callable[[Ask], Any]) -> None:
        self._storage = storage
        self._through = through

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._storage, name)
        return lambda *args, **kwargs: self._through(lambda: method(*args, **kwargs))


def _patiently(shown: str, patience: Patience, ask: Ask) -> Any:
    try:
        return patience.call(partial(_in_sentences, shown, ask))
    except DatabaseUnreachableError as error:
        if patience.limit_seconds == 0 or patience.over.is_set():
            raise
        # Whoever waited in vain for the database itself fails at giving the trial back, and ends.
        raise DatabaseUnreadableError(str(error)) from error


def _in_sentences(shown: str, ask: Ask) -> Any:
    import grpc  # only who uses a proxy needs it

    try:
        return ask()
    except grpc.RpcError as error:
        status = grpc.StatusCode
        if error.code() in (status.UNAVAILABLE, status.DEADLINE_EXCEEDED, status.CANCELLED):
            raise DatabaseUnreachableError(
                f"The storage proxy at {shown} must answer; it does not. Start it (`dampen "
                f"storage-proxy`), or unset {PROXY_VARIABLE} to do without."
            ) from error
        raise DatabaseUnreadableError(
            f"The storage proxy at {shown} cannot do what was asked: {_first_line(error.details())}"
        ) from error


def _first_line(details: str) -> str:
    said = details.strip().removeprefix("Exception calling application: ")
    return next(iter(said.splitlines()), "it says nothing")


def _check_same(storage: BaseStorage, engine: Engine, shown: str) -> None:
    """Makes sure of the latest study, since those of two databases may be called alike."""
    unique = study_system_attributes.c
    query = (
        select(studies.c.study_id, studies.c.study_name, unique.value_json)
        .outerjoin(
            study_system_attributes,
            (unique.study_id == studies.c.study_id) & (unique.key == UNIQUE_KEY),
        )
        .order_by(studies.c.study_id.desc())
        .limit(1)
    )
    with engine.connect() as connection:
        latest = connection.execute(query).first()
    if latest is None:
        same = not storage.get_all_studies()
    else:
        # NULL of a study of an older release, or of plain Optuna.
        wanted = None if latest.value_json is None else json.loads(latest.value_json)
        try:
            same = storage.get_study_id_from_name(latest.study_name) == latest.study_id
            attributes = storage.get_study_system_attrs(latest.study_id)
            same = same and attributes.get(UNIQUE_KEY) == wanted
        except KeyError:
            same = False
    if not same:
        raise DatabaseUnreadableError(
            f"The storage proxy at {shown} must serve the storage {redact(str(engine.url))}; it "
            f"serves another one. Start it with the same --storage, or change {PROXY_VARIABLE}."
        )
