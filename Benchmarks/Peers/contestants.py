"""Moult and the process of the peers, each on one thread of the same core."""

import json
import os
import pathlib
import subprocess
import sys

MOULT = os.environ.get("MOULT", ".build/release/moult")
SECONDS = 0.4  # shortest window of one measurement
MOULT_SECONDS_MAX = 60
CORE = str(max(os.sched_getaffinity(0)))
ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "RAYON_NUM_THREADS", "OPENBLAS_NUM_THREADS")}


class Moult:
    def __init__(self, directory):
        self.directory = directory
        self.commit = "unknown"

    def run(self, command, threads=1):
        """The last line of the benchmark; {"missing": why} when it fails."""
        name, *options = command.split()
        lines = self.lines(command, "encode-stream" if "--stream" in options else name, threads, truth=name != "encode")
        return lines if isinstance(lines, dict) else lines[-1]

    def lines(self, command, benchmarks, threads=1, longest=MOULT_SECONDS_MAX, truth=True):
        """All lines of those benchmarks; {"missing": why} when it fails."""
        name, *options = command.split()
        arguments = [
            "timeout", str(longest), *(["taskset", "-c", CORE] if threads == 1 else []), MOULT, "bench", name,
            "--vectors", f"{self.directory}/base.npy", "--metric", "cosine", "--threads", str(threads), "--json", *options]
        if "--seconds" not in options:
            arguments += ["--seconds", str(SECONDS)]
        if name != "encode":
            arguments += ["--queries", f"{self.directory}/queries.npy"]
        if truth:
            arguments += ["--truth", f"{self.directory}/gt.npy"]
        if "--target-recall" in options:  # calibrated apart, measured like the peers on all queries
            arguments += ["--train-queries", f"{self.directory}/queries_train.npy"]
        process = subprocess.run(
            arguments, capture_output=True, text=True, check=False,
            env=os.environ | ONE_THREAD if threads == 1 else None)
        lines = [json.loads(line) for line in process.stdout.splitlines() if line.startswith("{")]
        records = [line for line in lines if line.get("benchmark") in benchmarks.split()]
        if process.returncode != 0 or not records:
            return {"missing": (process.stderr.strip() or f"exit status {process.returncode}").splitlines()[0]}
        self.commit = records[-1]["commit"]
        return records


class Peers:
    def __init__(self, directory):
        driver = pathlib.Path(__file__).with_name("peer.py")
        self.process = subprocess.Popen(
            ["taskset", "-c", CORE, sys.executable, driver, directory], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, env=os.environ | ONE_THREAD)
        self.about = self.answer()

    def answer(self):
        line = self.process.stdout.readline()
        return json.loads(line) if line else {"missing": "the process of the peers ended"}

    def ask(self, command):
        if self.process.poll() is None:
            self.process.stdin.write(json.dumps(command) + "\n")
            self.process.stdin.flush()
        return self.answer()

    def close(self):
        self.process.stdin.close()
        self.process.wait()
