"""What a study's page in optuna-dashboard shows first: the metric's name, a note, figures.

It is derived from the trials, by any number of processes that watch them. One that read them
earlier never overwrites what a later one saw: the number of finished trials that is shown only
grows. Next: `notes.py` for the note.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from storage.claims import hold_study
from storage.database import Database, writing
from storage.notes import write_study_note
from storage.pieces import read_value, write_text, write_values

_METRIC_NAMES = "study:metric_names"  # Optuna's
_FIGURE = "dashboard:plot_data:"  # optuna-dashboard's
_SHOWN = "dampen:front"  # how many finished trials are shown


@dataclass(frozen=True, kw_only=True)
class Front:
    """What there is to show of a study."""

    finished: int  # trials, when this was read
    metric: str
    note: str  # Markdown
    figures: Mapping[str, str]  # plotly's JSON by name: ASCII letters, digits, hyphens


def save_front(db: Database, study_id: int, front: Front) -> bool:
    """Keeps what a study's page shows, all or nothing.

    Returns:
        Whether it was kept; not where the page shows more finished trials already.

    Raises:
        StudyNotFoundError: the study was deleted.
    """
    with writing(db) as connection:
        hold_study(connection, study_id)
        if (read_value(connection, study_id, _SHOWN) or 0) > front.finished:
            return False
        values = {_SHOWN: front.finished, _METRIC_NAMES: [front.metric]}
        write_values(connection, study_id, values)
        write_study_note(connection, study_id, front.note)
        for name, figure in front.figures.items():
            write_text(connection, study_id, f"{_FIGURE}{name}:", figure)
    return True
