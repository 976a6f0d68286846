"""A worker that joins a running search by `dampen worker`, as from a second shell."""

from .place import STUDY, Command, Place, Trial, wait_for


def join(place: Place) -> Command:
    """Starts one as soon as there is a study."""
    wait_for(lambda: place.query("SELECT 1 FROM dampen_studies"), "the study")
    return place.start("worker", STUDY)


def await_work(place: Place, joined: Command) -> None:
    wait_for(lambda: trials_of(place, joined), "a trial of the worker that joined", pause=0.005)


def trials_of(place: Place, joined: Command) -> list[Trial]:
    """The trials that the worker runs, or ran last."""
    pid = f":{joined.process.pid}:"
    return [trial for trial in place.trials() if pid in (trial.worker_id or "")]
