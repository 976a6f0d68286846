"""The measured part of `memory.py`: one study in this process, its resident size as it goes."""

import argparse
import json
import tempfile
from contextlib import ExitStack
from typing import Any
from unittest import mock

import psutil
from in_process import run_in_process
from tensorflow.python.eager import context

import search.worker
import storage.claims
from objectives.programs import Programs


def main() -> None:
    """Run the study; print trials, bytes, programs kept and functions registered, step by step."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, required=True)
    parser.add_argument("--every", type=int, required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--sampler", required=True)
    parser.add_argument("--epochs", type=int, required=True)
    options = parser.parse_args()
    caches: list[Programs] = []
    claims = 0
    sizes: list[dict[str, int]] = []
    claim = storage.claims.claim_trial

    def made() -> Programs:
        caches.append(Programs())
        return caches[-1]

    def claim_trial(*args: Any) -> Any:
        nonlocal claims
        if claims and (claims % options.every == 0 or claims == options.trials):
            sizes.append({"trials": claims, **_now(caches)})
        claims += 1
        return claim(*args)

    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        stack.enter_context(mock.patch.object(search.worker, "Programs", made))
        stack.enter_context(mock.patch.object(search.worker, "claim_trial", claim_trial))
        run_in_process(
            data=options.data,
            storage=f"sqlite:///{folder}/memory.db",
            trials=options.trials,
            sampler=options.sampler,
            max_epochs=options.epochs,
            patience=8,
        )
    print(json.dumps(sizes))


def _now(caches: list[Programs]) -> dict[str, int]:
    return {
        "bytes": psutil.Process().memory_info().rss,
        "programs": len(caches[-1]),
        "functions": len(context.context().list_function_names()),
    }


if __name__ == "__main__":
    main()
