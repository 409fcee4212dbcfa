"""What benchmarks in Python share: a server of Moult, a port of its own, the machine, a table. `run` puts it on the path."""

import contextlib
import os
import pathlib
import signal
import socket
import subprocess
import time


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def serving(folder, *options):
    """Serves a data directory in this folder until the `with` block ends; gives the URL of Moult's own API."""
    with open(f"{folder}/log", "w+", encoding="utf-8") as log:
        process = subprocess.Popen(
            [os.environ["MOULT"], "serve", "--data", f"{folder}/data", "--port", "0", *options], stdout=log, stderr=log)
        try:
            while "listening on" not in (said := pathlib.Path(log.name).read_text(encoding="utf-8")):
                if process.poll() is not None:
                    raise RuntimeError(said)
                time.sleep(0.05)
            yield said.split("listening on ")[1].split()[0]
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        names = {line.split(":")[1].strip() for line in lines if line.startswith("model name")}
    return f"{' and '.join(sorted(names)) or 'unknown processor'}, {os.cpu_count()} cores"


def table(columns, rows):
    """Lines of Markdown."""
    return ["| " + " | ".join(map(str, row)) + " |" for row in [columns, ["---"] * len(columns), *rows]]
