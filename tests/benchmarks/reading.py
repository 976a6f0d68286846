"""Seconds and memory of reading a large table, in a fresh process.

The file is what people have at this size: numbers, whole numbers, codes, strings of few and of many
levels, dates, blanks, an id, and a column whose first text stands in its last row, so that it must
be read twice. Its memory is to be a small multiple of the final table, never that of the text.

How to run, from the root of the repository:

    python tests/benchmarks/reading.py
    python tests/benchmarks/reading.py --rows 20000 --gzip

How to read it. "table" is what the result holds; "peak" is the process's largest resident size, and
"libraries" its size before reading. (peak - libraries) / table is the multiple.
"""

import argparse
import gzip
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from children import ask
from machine import print_machine, print_table

CHUNK = 100_000  # rows written at once


def main() -> None:
    """Write the file, read it in a process of its own, and print what that took."""
    options = _options()
    with tempfile.TemporaryDirectory() as folder:
        path = write_table(Path(folder), options.rows, zipped=options.gzip)
        size = path.stat().st_size
        got = ask("reading_worker.py", path)
    multiple = (got["peak"] - got["libraries"]) / got["table"]
    print_table(
        ("rows", "columns", "file, MB", "seconds", "table, MB", "libraries, MB", "peak, MB", "x"),
        [
            [
                f"{got['rows']:,}",
                got["columns"],
                *(f"{size / 1e6:.0f}", f"{got['seconds']:.1f}"),
                *(f"{got[name] / 1e6:.0f}" for name in ("table", "libraries", "peak")),
                f"{multiple:.1f}",
            ]
        ],
    )
    print(f"\nKinds: {got['kinds']}; progress was reported {got['reports']} times.")
    print_machine()


def write_table(folder: Path, rows: int, *, zipped: bool = False) -> Path:
    """Write `rows` rows of 50 columns and a target, a chunk at a time, and return the path."""
    path = folder / ("large.csv.gz" if zipped else "large.csv")
    with gzip.open(path, "wt", 1, newline="") if zipped else path.open("w", newline="") as file:
        for start in range(0, rows, CHUNK):
            frame = _chunk(start, min(CHUNK, rows - start), rows)
            frame.to_csv(file, index=False, header=start == 0)
    return path


def _chunk(start: int, n: int, rows: int) -> pd.DataFrame:
    rng = np.random.default_rng(start)
    columns: dict[str, object] = {"id": np.arange(start, start + n)}
    for i in range(22):
        columns[f"number_{i}"] = rng.normal(size=n).round(6)
    for i in range(8):
        columns[f"whole_{i}"] = rng.integers(0, 10 ** (i + 1), n)
    for i in range(4):
        columns[f"code_{i}"] = rng.integers(1, 5 + i, n)
    for i in range(8):
        columns[f"text_{i}"] = _texts(rng, n, 3 * 4**i)
    columns["date"] = pd.Timestamp("2015-01-01") + pd.to_timedelta(rng.integers(0, 3000, n), "D")
    moments = pd.Timestamp("2015-01-01") + pd.to_timedelta(rng.integers(0, 10**8, n), "s")
    columns["moment"] = moments
    columns["name"] = [f"person {i} of the table" for i in range(start, start + n)]
    columns["note"] = [f"note {i}" if i % 3 else None for i in range(start, start + n)]
    for i in range(2):
        columns[f"gaps_{i}"] = np.where(rng.random(n) < 0.3, np.nan, rng.normal(size=n))
    columns["late"] = [str(i) for i in rng.integers(0, 1000, n)]
    if start + n == rows:
        columns["late"] = [*columns["late"][:-1], "unknown"]  # type: ignore[index]
    columns["target"] = np.where(rng.random(n) < 0.3, "yes", "no")
    return pd.DataFrame(columns)


def _texts(rng: np.random.Generator, n: int, levels: int) -> np.ndarray:
    return np.array([f"level {i}" for i in range(levels)], dtype=object)[rng.integers(0, levels, n)]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--gzip", action="store_true", help="write the file packed")
    return parser.parse_args()


if __name__ == "__main__":
    main()
