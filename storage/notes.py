"""Notes in Markdown, of a study and of its trials, as optuna-dashboard keeps and shows them.

All of them are texts with the study (`pieces.py`), so that a finished trial can have one too. A
person may write into a study's note: what stands below `BELOW` is theirs and stays, whatever is
written above it; a note without that line is theirs altogether, and stays as it is.
Next: `evaluations.py` writes a trial's note, `front.py` a study's.
"""

from sqlalchemy import Connection

from storage.pieces import pieces, read_text, read_value, write_text, write_values

BELOW = "*What you write below this line is kept.*"

_STUDY = "dashboard:"


def write_trial_note(connection: Connection, study_id: int, trial_id: int, text: str) -> None:
    """Gives a trial its note; an empty one is none."""
    prefix = _trial(trial_id)
    if text:
        written = {f"{prefix}note_ver": 1, **pieces(f"{prefix}note_str:", text)}
        write_values(connection, study_id, written)


def write_study_note(connection: Connection, study_id: int, text: str) -> None:
    """Puts a note with a study, above what a person wrote.

    The version by which the dashboard tells that a note has changed stays what it was: a person who
    is writing at this moment can save it, and the next note is put above that.
    """
    there = read_note(connection, study_id)
    _, line, theirs = there.partition(BELOW)
    if there and not line:
        return
    write_text(connection, study_id, f"{_STUDY}note_str:", f"{text}\n\n{BELOW}{theirs}")
    if read_value(connection, study_id, f"{_STUDY}note_ver") is None:
        write_values(connection, study_id, {f"{_STUDY}note_ver": 1})


def read_note(connection: Connection, study_id: int, trial_id: int | None = None) -> str:
    """Returns the note of a trial, or of the study for None; an empty text where there is none."""
    prefix = _STUDY if trial_id is None else _trial(trial_id)
    return read_text(connection, study_id, f"{prefix}note_str:")


def _trial(trial_id: int) -> str:
    return f"dashboard:{trial_id}:"
