"""The contestants: a fresh server each, in a directory of its own, that ends with the `with` block."""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from pymilvus import MilvusClient

from surroundings import free_port

BIN = pathlib.Path(sys.executable).parent
MOULT = os.environ.get("MOULT", ".build/release/moult")
START_SECONDS_MAX = 120


def command(name, directory, port):
    match name:
        case "moult":
            return [MOULT, "serve", "--data", f"{directory}/data", "--port", str(port), "--log-level", "error"]
        case "milvus-lite":
            return [BIN / "milvus-lite", "server", "--data-dir", f"{directory}/data", "--host", "127.0.0.1",
                    "--port", str(port)]
        case "milvus":
            # Its parts take ports near 40000 by themselves.
            return [BIN / "milvus-server", "--data", f"{directory}/data", "--proxy-port", str(port)]


def resident_mb(process):
    """Of the process and its children."""
    total, family = 0, [process.pid]
    while family:
        parent = family.pop()
        with contextlib.suppress(OSError):
            for line in pathlib.Path(f"/proc/{parent}/status").read_text(encoding="utf-8").splitlines():
                if line.startswith("VmRSS"):
                    total += int(line.split()[1])
            for task in pathlib.Path(f"/proc/{parent}/task").iterdir():
                family += map(int, (task / "children").read_text(encoding="utf-8").split())
    return total / 1024


class Running:
    def __init__(self, name, process, uri):
        self.name, self.process, self.uri = name, process, uri

    def client(self):
        return MilvusClient(self.uri, token="root:Milvus")

    def resident_mb(self):
        return resident_mb(self.process)


@contextlib.contextmanager
def running(name):
    directory = tempfile.mkdtemp(prefix=f"bench-{name}-")
    port = free_port()
    log = open(f"{directory}/log", "wb")
    process = subprocess.Popen(
        command(name, directory, port), stdout=log, stderr=log, start_new_session=True)
    server = Running(name, process, f"http://127.0.0.1:{port}")
    try:
        wait_until_ready(server, f"{directory}/log")
        yield server
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        log.close()
        shutil.rmtree(directory, ignore_errors=True)


def wait_until_ready(server, log):
    end = time.monotonic() + START_SECONDS_MAX
    while True:
        try:
            client = server.client()
            client.list_collections()
            client.close()
            return
        except Exception as error:  # whatever pymilvus raises while nothing listens yet
            if server.process.poll() is not None or time.monotonic() > end:
                text = pathlib.Path(log).read_text(encoding="utf-8", errors="replace").strip()
                raise RuntimeError(f"{server.name} did not start: {text.splitlines()[-1:] or error}") from error
            time.sleep(0.2)
