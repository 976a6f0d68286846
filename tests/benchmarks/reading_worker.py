"""The measured part of `reading.py`: one table read in this process."""

import json
import resource
import sys
import time
from collections import Counter

import psutil

from objectives.table.dataset import read_table


def main() -> None:
    """Read the file named on the command line and print what it took as JSON."""
    libraries = psutil.Process().memory_info().rss
    reports: list[int] = []
    start = time.perf_counter()
    table = read_table(sys.argv[1], watch=reports.append)
    seconds = time.perf_counter() - start
    kinds = Counter(column.kind for column in table.schema.columns)
    unit = 1 if sys.platform == "darwin" else 1024
    print(
        json.dumps(
            {
                "rows": len(table.frame),
                "columns": len(table.columns),
                "seconds": seconds,
                "table": int(table.frame.memory_usage(deep=True).sum()) + table.y.nbytes,
                "libraries": libraries,
                "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit,
                "kinds": ", ".join(f"{n} {kind}" for kind, n in sorted(kinds.items())),
                "reports": len(reports),
            }
        )
    )


if __name__ == "__main__":
    main()
