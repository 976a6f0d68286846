"""dampen finds how much to regularise a Keras network on a table.

    from search import launch, resume, load

    study = launch("credit.csv", target="default", trials=100)
    study.figures.best

`search/study.py` holds these calls, `search/cli.py` the command line, which is a thin layer over
them, and `search/trial.py` what happens in one trial. The names are loaded when they are first
used, so that the command line answers at once.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from search.figures import StudyFigures, TrialFigures
    from search.study import Study, launch, load, resume

__all__ = ["Study", "StudyFigures", "TrialFigures", "launch", "load", "resume"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'search' has no attribute {name!r}")
    import search.study

    return getattr(search.study, name)
