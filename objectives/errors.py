"""The errors that the `objectives` room raises on purpose, each with one sentence for the user.

ObjectiveError
├── DataError        the table cannot be read, split or prepared, or does not fit the model
└── ModelFileError   an exported model or its card cannot be written or read

The command line prints the message alone, so every message says what was wanted, what came and
what to do. Anything else that escapes this room is a defect of the program.
"""


class ObjectiveError(Exception):
    """Any failure that `objectives` foresees."""


class DataError(ObjectiveError):
    """The table cannot serve: reading, splitting, preparing or scoring it is impossible."""


class ModelFileError(ObjectiveError):
    """An exported model or the card beside it cannot be written or read."""
