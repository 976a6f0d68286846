"""An S3 server for tests: moto's, in a process of its own, on loopback.

    with running_s3() as endpoint:
        ...  # with AWS_ENDPOINT_URL=endpoint

Next: `conftest.py` has it as the fixture `s3`.
"""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "rook",
    "AWS_SECRET_ACCESS_KEY": "s3cret-of-rooks",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}


@contextmanager
def running_s3() -> Iterator[str]:
    """Starts a server with nothing in it and gives its endpoint; it is gone after the block."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    endpoint = f"http://127.0.0.1:{port}"
    try:
        end = time.monotonic() + 60
        while True:
            assert process.poll() is None, "moto's server did not start"
            try:
                with urllib.request.urlopen(f"{endpoint}/moto-api/", timeout=5):
                    break
            except OSError:
                assert time.monotonic() < end, "moto's server does not answer"
                time.sleep(0.05)
        yield endpoint
    finally:
        process.kill()
        process.wait()
