"""A person's own objective as a file: which one it is, and whether it changed.

    suggest(trial)         a dict of parameters, from an `optuna.Trial`
    build(params, inputs)  an uncompiled Keras model that gives logits
    optimizer(params)      an unbuilt Keras optimizer; may be left out

A study keeps the file's path, hash and text. Nobody runs that text: who can write into a database
shall not be able to run programs on its users' machines. What runs is the file on this machine,
while its hash is the study's. Loads no TensorFlow; next: `own_objective.py` runs it.
"""

import hashlib
import os
import subprocess
import sys
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from search.errors import SettingError, StudyChangedError
from search.worker_process import training_environment
from storage.database import open_database
from storage.studies import load_study

BUILT_IN = {"digits": "objectives.digits"}  # by the name of its data


@dataclass(frozen=True, kw_only=True)
class ObjectiveFile:
    """The file of an objective, as it was read."""

    source: str  # a name in BUILT_IN, or an absolute path
    sha256: str
    text: str

    @property
    def name(self) -> str:
        """Return how it is spoken of: without its folder."""
        return Path(self.source).name

    @classmethod
    def from_json(cls, stored: Mapping[str, Any] | None) -> "ObjectiveFile | None":
        """Return what a study's settings keep; None for the networks of a space."""
        return None if stored is None else cls(**stored)


def read_objective(source: str | Path) -> ObjectiveFile:
    """Return an objective by its built-in name or from its file.

    Raises:
        SettingError: there is no such file, or it is no Python.
    """
    path = objective_path(str(source))
    try:
        content = path.read_bytes()
        text = content.decode("utf-8-sig")
    except FileNotFoundError:
        raise SettingError(
            f"--objective must be a Python file that is there, or {', '.join(BUILT_IN)}; {path} is "
            "not. Check its path."
        ) from None
    except UnicodeDecodeError:
        raise SettingError(
            f"--objective must be a Python file in UTF-8; {path} is not. Save it as such."
        ) from None
    except OSError as error:
        raise SettingError(
            f"--objective must be a file to read; {path}: {error.strerror}."
        ) from None
    try:
        compile(text, str(path), "exec")
    except (SyntaxError, ValueError) as error:
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) else ""
        says = error.msg if isinstance(error, SyntaxError) else str(error)
        raise SettingError(f"{path.name}{line}: this is not Python: {says}.") from None
    known = str(source) in BUILT_IN
    return ObjectiveFile(
        source=str(source) if known else str(path.resolve()),
        sha256=hashlib.sha256(content).hexdigest(),
        text=text,
    )


def objective_path(source: str) -> Path:
    """Return where an objective lies on this machine."""
    if source not in BUILT_IN:
        return Path(source)
    spec = find_spec(BUILT_IN[source])
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin)


def same_objective(
    study: str, then: ObjectiveFile | None, source: str | Path | None = None
) -> ObjectiveFile | None:
    """Read a study's objective again, and check that it has not changed.

    Args:
        study: its name, for a message.
        then: as the study has it; None for the networks of a space.
        source: where it lies on this machine; where it lay at launch unless told.

    Raises:
        SettingError: `source` is told of a study without an objective of its own.
        StudyChangedError: the file is gone, or another one.
    """
    if then is None:
        if source is not None:
            raise SettingError(
                f"study `{study}` searches the networks of a space, not an objective of its own. "
                "Leave --objective out."
            )
        return None
    path = objective_path(then.source if source is None else str(source))
    if source is None and not path.exists():
        raise StudyChangedError(
            f"study `{study}` was launched with the objective {path}, which is not there. Put the "
            "file back, or say with --objective where it lies on this machine."
        )
    now = read_objective(then.source if source is None else source)
    if now.sha256 != then.sha256:
        raise StudyChangedError(
            f"study `{study}` was launched with another {then.name} than {path} is now. Put the "
            f"old text back (`dampen objective {study}` prints it), launch a new study, or go on "
            f"with it as it is: dampen resume {study} --objective {now.source}"
        )
    return now


def check_objective(file: ObjectiveFile, folder: Path, seed: int) -> None:
    """Draw parameters and build a network once, in a process of its own, which loads TensorFlow.

    Args:
        file: the objective.
        folder: of the prepared data.
        seed: of the study.

    Raises:
        SettingError: what is wrong with the file, and where.
    """
    command = [
        # -P: a file called search.py in the current folder must not stand in for this package
        *(sys.executable, "-P", "-m", "search.objective.own_objective"),
        *(file.source, file.sha256, str(folder), str(seed)),
    ]
    environment = {**os.environ, **training_environment()}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise SettingError(said[-1] if said else f"{file.name}: trying it ended the process.")


def line_of(error: BaseException, file: ObjectiveFile | None) -> str:
    """Return where in a person's objective an error arose: `my.py, line 3`; empty where not in it.

    The file may lie elsewhere than at launch, so it is known by its name.
    """
    if file is None:
        return ""
    name = objective_path(file.source).name
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if Path(frame.filename).name == name]
    return f"{file.name}, line {lines[-1]}" if lines else ""


def objective_text(source: str, storage: str | None) -> str:
    """Return the text of a built-in objective, or of a study's own as it was stored.

    Raises:
        SettingError: the study has none.
        storage.errors.StorageError: there is no such study.
    """
    if source in BUILT_IN:
        return read_objective(source).text
    settings = load_study(open_database(storage, create=False), source).settings
    file = ObjectiveFile.from_json(settings.get("objective"))
    if file is None:
        raise SettingError(
            f"study `{source}` has no objective of its own: it searches the networks of a space. "
            f"`dampen objective` prints an example, `dampen code {source}` its winner."
        )
    return file.text
