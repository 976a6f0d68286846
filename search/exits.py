"""Exit codes: of the command, and of a worker towards its pool."""

EXIT_DONE = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_ALL_FAIL = 3  # a worker's: the study's first trials all failed with one message
EXIT_STORAGE = 4  # a worker's: the database or its folder refused; standard error says why
EXIT_INTERRUPTED = 130
