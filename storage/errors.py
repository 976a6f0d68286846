"""Every error this room raises on purpose, in one tree, so that a caller sees what to catch.

    StorageError
    ├── StorageURLError             the URL or the folder it names cannot be used
    ├── StorageMissingError         nothing is stored there yet
    ├── DatabaseUnreadableError     something is there and it cannot be used
    ├── DatabaseUnreachableError    server or proxy do not answer, or the connection broke
    ├── DatabaseBusyError           another process held the database for too long
    ├── StudyNameError              no study can have that name
    ├── StudyExistsError            that name is taken
    ├── StudyNotFoundError          there is no such study
    ├── StudyInUseError             workers of the study are alive
    ├── WorkerUnknownError          that worker is not registered with that study
    ├── ClaimLostError              the trial belongs to another worker now, or is finished
    ├── IncompatibleParameterError  a parameter changed its kind within a study
    ├── ArtifactError               a file that cannot be kept, or is not there
    ├── BackupError                 a copy cannot be made there
    └── AddressError                nothing can be served there, or not so

A message says what was wanted, what came and what to do, and never contains a password.
"""


class StorageError(Exception):
    """Base of every error of this room."""


class StorageURLError(StorageError):
    """The storage URL, or the folder it names, cannot be used."""


class StorageMissingError(StorageError):
    """Nothing is stored at that place, and the caller only wanted to read."""


class DatabaseUnreadableError(StorageError):
    """The database is damaged, foreign, too new, read-only or full, or it refuses the user."""


class DatabaseUnreachableError(StorageError):
    """The server does not answer, or the connection broke in the middle of a transaction."""


class DatabaseBusyError(StorageError):
    """Another process held the database's write lock for longer than the busy timeout."""


class StudyNameError(StorageError):
    """No study can have that name."""


class StudyExistsError(StorageError):
    """A study of that name is already there."""


class StudyNotFoundError(StorageError):
    """No study of that name (or number) is there."""


class StudyInUseError(StorageError):
    """A worker of the study is alive, and would lose what it does."""


class WorkerUnknownError(StorageError):
    """The worker is not registered with the study."""


class ClaimLostError(StorageError):
    """The trial is no longer the worker's: it was reclaimed, finished or deleted meanwhile."""


class IncompatibleParameterError(StorageError):
    """A parameter was recorded with another kind of distribution earlier in the same study."""


class ArtifactError(StorageError):
    """The artifact cannot be kept, by its name or by its disk, or no such artifact is there."""


class BackupError(StorageError):
    """The copy cannot be made there; nothing was left behind."""


class AddressError(StorageError):
    """The dashboard or the proxy cannot be served at that address, or not on those terms."""
