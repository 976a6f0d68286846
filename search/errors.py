"""Everything that `search` raises on purpose.

    SearchError
     +-- SettingError        a value that cannot be: an unknown sampler, no trials, a bad duration
     +-- StudyChangedError   a study cannot go on: its data or its space are not what they were
     +-- TrialError          no such trial, or a trial without what was asked for
     +-- SearchFailedError   the search ran and could not go on: every trial fails, workers die

    KeyboardInterrupt
     +-- Interrupted         Ctrl-C or SIGTERM while a study ran; it knows which one to resume

The first three are wrong usage (exit code 2), the last is a failure (exit code 1). `objectives` and
`storage` have trees of their own, `objectives/errors.py` and `storage/errors.py`.
"""


class SearchError(Exception):
    """A search could not do what was asked."""


class SettingError(SearchError):
    """A setting has a value that cannot be."""


class StudyChangedError(SearchError):
    """A study cannot go on because what it searches is no longer the same."""


class TrialError(SearchError):
    """A trial is not there, or does not have what was asked for."""


class SearchFailedError(SearchError):
    """A search ran and could not go on."""


class Interrupted(KeyboardInterrupt):
    """A search was interrupted, and stopped in good order."""

    def __init__(self, study: str, url: str) -> None:
        super().__init__(f"study `{study}` was interrupted")
        self.study = study
        self.url = url  # may carry a password
