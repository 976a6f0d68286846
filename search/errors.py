"""Everything that `search` raises on purpose.

    SearchError
     +-- SettingError        a value that cannot be: an unknown sampler, no trials, a bad duration
     +-- StudyChangedError   a study cannot go on: its data or its space are not what they were
     +-- TrialError          no such trial, or a trial without what was asked for
     +-- SearchFailedError   the search ran and could not go on: every trial fails, workers die

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
