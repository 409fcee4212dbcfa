"""MiniLM → bge over the senses of WordNet: a bridge's recall on collections at rest, then a migration under load."""

import argparse
import contextlib
import datetime
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np

from load import ALIAS, Client, Readers, Tally, Writers, qdrant, verify
from models import BGE, FOLDER, MINILM, PREFIX, TEMPLATE, Endpoint, Words
from surroundings import free_port, serving

RESULTS = pathlib.Path("Benchmarks/Results")
KEY = "bench"
OLD, NEW = "words_minilm", "words_bge"
EMBEDDER = {MINILM: "minilm", BGE: "bge"}
# What shared/data/README.md has of maps over 20,000 pairs: queries onto old documents, 100 candidates rescored.
REFERENCE = {"pairs": 20_000, "mapped": 0.360, "rescored": 0.802}


def say(text):
    print(f"bench-migration: {text}", file=sys.stderr)


class Server:
    """Moult with the old collection in it, behind the alias, and both models known."""

    def __init__(self, words, endpoint, ids):
        self.words, self.endpoint, self.ids = words, endpoint, ids
        self.stack = contextlib.ExitStack()

    def __enter__(self):
        folder = self.stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-migration-"))
        self.ports = {"rest": free_port(), "grpc": free_port()}
        self.url = self.stack.enter_context(serving(
            folder, "--qdrant-port", str(self.ports["rest"]), "--qdrant-grpc-port", str(self.ports["grpc"]),
            "--api-key", KEY, "--embedder-host", self.endpoint.host))
        self.admin = Client(self.url)
        np.save(f"{folder}/base.npy", self.words.base[MINILM][self.ids])
        with open(f"{folder}/payload.jsonl", "w", encoding="utf-8") as file:
            file.writelines(json.dumps(self.words.payloads[id]) + "\n" for id in self.ids)
        self.moult("import", OLD, "--vectors", f"{folder}/base.npy", "--payload", f"{folder}/payload.jsonl", "--id-field", "id")
        for model, name in EMBEDDER.items():
            self.moult("embedder", "add", name, "--endpoint", self.endpoint.url, "--model", model, "--dimension", "384",
                       "--query-prefix", PREFIX[model])
        self.moult("embedder", "bind", OLD, EMBEDDER[MINILM])
        self.moult("alias", "create", ALIAS, OLD)
        return self

    def __exit__(self, *_):
        self.stack.close()

    def moult(self, *arguments):
        done = subprocess.run(
            [os.environ["MOULT"], *arguments, "--url", self.url], capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"moult {' '.join(arguments)} ended with {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def reembed(self):
        return int(self.moult(
            "reembed", ALIAS, "--embedder", EMBEDDER[BGE], "--text", TEMPLATE, "--into", NEW, "--alias", ALIAS,
            "--detach").split()[-1])

    def job(self, number):
        return self.admin.get(f"/moult/v1/jobs/{number}")

    def wait(self, number):
        while True:
            job = self.job(number)
            if job["state"] == "completed":
                return job
            if job["state"] in ("failed", "cancelled"):
                raise RuntimeError(json.dumps(job))
            time.sleep(0.05)


def bridge(words, endpoint):
    """What queries of the new model find before there is a new collection: over time, and when every vector is there."""
    rows = len(words.payloads)
    truth = np.argsort(-(words.query_vectors[BGE] @ words.base[BGE].T), axis=1, kind="stable")[:, :10]
    measured = []
    with Server(words, endpoint, list(range(rows))) as server:
        number = server.reembed()
        server.admin.post(f"/moult/v1/jobs/{number}/hold", {"until": "manual"})
        ends = None
        while ends is None or time.monotonic() < ends:
            job = server.job(number)
            if job["state"] in ("failed", "cancelled"):
                raise RuntimeError(json.dumps(job))
            embedded = (job.get("embedding") or {}).get("points", 0)
            if (job.get("embedding") or {}).get("bridge"):
                point = bridged(words, server, truth)
                if point:
                    measured.append(point | {"embedded": embedded / rows})
                    say(f"bridge: {point['recall']:.3f} with {point['rescored_share']:.2f} of the candidates rescored")
                    if point["rescored_share"] == 1:
                        break
            time.sleep(0.2)
        report = server.job(number)["embedding"]["bridge"]
        server.admin.post(f"/moult/v1/jobs/{number}/cancel", {})
    return {"what": "bridge", "rows": rows, "queries": len(words.queries), "over_time": measured,
            "recall": measured[-1]["recall"], "recall_first": measured[0]["recall"],
            "rescored_share_first": measured[0]["rescored_share"], "pairs": report["pairs"],
            "held_out": report["recall"], "reference": REFERENCE}


def bridged(words, server, truth):
    found, rescored, estimated = 0, 0, 0
    for first in range(0, len(words.queries), 50):
        queries = words.query_vectors[BGE][first:first + 50]
        answer = server.admin.post(
            f"/moult/v1/collections/{ALIAS}/search", {"queries": queries.tolist(), "model": BGE, "limit": 10})
        if "bridge" not in answer:
            return None
        rescored += answer["bridge"]["rescored"]
        estimated += answer["bridge"]["estimated"]
        found += sum(len({hit["id"] for hit in hits} & set(map(int, right)))
                     for hits, right in zip(answer["hits"], truth[first:first + 50]))
    return {"recall": found / (10 * len(words.queries)), "rescored_share": rescored / max(1, rescored + estimated)}


def live(words, endpoint, rates):
    tally = Tally()
    rows = len(words.payloads)
    with Server(words, endpoint, [id for id in range(rows) if id % 10 != 9]) as server:
        readers = Readers(words, server.ports, KEY, tally)
        writers = Writers(words, server.ports, KEY, server.url, tally, rates)
        documents = endpoint.documents.value
        begun = time.monotonic()
        readers.start()
        writers.start()
        try:
            time.sleep(3)
            started = time.monotonic()
            number = server.reembed()
            job = server.wait(number)
            seconds = time.monotonic() - started
            say(f"cut over after {seconds:.1f} s under load")
            time.sleep(3)
        finally:
            readers.stop()
            writers.stop()
        loaded = time.monotonic() - begun
        moves = [entry for entry in server.admin.get("/moult/v1/history?limit=100")["history"]
                 if entry["action"] == "aliasMoved"]
        cut_over = moves[0]["at"] / 1000
        state = verify(words, writers, qdrant(server.ports, KEY), cut_over)
    for what, problem in tally.first.items():
        say(f"first of {what}: {problem}")
    counts = tally.counts
    latencies = 1e3 * np.array(readers.latencies)
    return {
        "what": "live", "rows": rows, "seconds": seconds, "loaded_seconds": loaded, "asked": rates,
        **{f"{kind}_per_second": counts.get(kind, 0) / loaded for kind in rates},
        **{kind: counts.get(kind, 0) for kind in (
            "writes", "deletes", "payload_edits", "failed_writes", "searches", "answered_by_old", "answered_by_new",
            "failed_reads", "stale_reads", "answers_of_another_model", "hits_written_meanwhile",
            "looked_at")},
        "search_p50_ms": float(np.percentile(latencies, 50)), "search_p99_ms": float(np.percentile(latencies, 99)),
        "texts_sent": endpoint.documents.value - documents, "payload_digest": (job["embedding"].get("payloads") or {}).get("digest"),
        **state}


def write(records, machine):
    base = RESULTS / f"{datetime.date.today()}-migration"
    base.with_suffix(".jsonl").write_text("".join(json.dumps(record | machine) + "\n" for record in records))
    over, run = records
    lines = [
        f"# MiniLM → bge, {run['rows']:,} senses of WordNet", "",
        f"{machine['machine']}, {machine['cores']} cores, Moult {machine['commit']}; `make bench-migration`. The models' vectors are "
        "those of `shared/data`, by an endpoint that takes a tenth of a second a request.", "",
        "## While it is written", "",
        f"{run['asked']['writes']} writes, {run['asked']['deletes']} deletes and {run['asked']['payload_edits']} payload edits a second "
        "(half of them change the text) through the alias, and four clients that search by text through it, by qdrant-client over "
        "gRPC; the job runs from 3 s after their start to 3 s before their end.", "",
        "| what | figure |", "|---|---|",
        f"| embedded, compared, cut over | {run['seconds']:.1f} s |",
        f"| written | {run['writes']:,} points ({run['writes_per_second']:.0f}/s), {run['deletes']:,} deletes "
        f"({run['deletes_per_second']:.0f}/s), {run['payload_edits']:,} payload edits ({run['payload_edits_per_second']:.0f}/s); "
        f"{run['failed_writes']} failed |",
        f"| searches | {run['searches']:,}: {run['answered_by_old']:,} by the old collection, {run['answered_by_new']:,} by the new; "
        f"p50 {run['search_p50_ms']:.1f} ms, p99 {run['search_p99_ms']:.1f} ms |",
        f"| failed, stale, by another model than the collection's | {run['failed_reads']}, {run['stale_reads']}, "
        f"{run['answers_of_another_model']} |",
        f"| points of the new collection, all compared | {run['points']:,} |",
        f"| lost, resurrected, with another payload, with another vector | {run['lost']}, {run['resurrected']}, "
        f"{run['other_payload']}, {run['other_vector']} |",
        f"| texts sent to the model | {run['texts_sent']:,} |", "",
        "## The bridge, at rest", "",
        f"Queries of the new model, answered over the old collection: recall@10 of {over['queries']:,} queries against the exact answer "
        f"of the new model over all points. Maps fitted to {over['pairs']:,} pairs.", "",
        "| candidates with new vectors | recall@10 |", "|---|---|",
        *(f"| {100 * point['rescored_share']:.0f} % | {point['recall']:.3f} |" for point in thinned(over["over_time"])), "",
        f"`shared/data/README.md`, fitted to {REFERENCE['pairs']:,} pairs: {REFERENCE['mapped']:.3f} without new vectors, "
        f"{REFERENCE['rescored']:.3f} with those of 100 candidates."]
    base.with_suffix(".md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


def thinned(points):
    return [points[place] for place in sorted(set(np.linspace(0, len(points) - 1, min(8, len(points))).astype(int)))]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--rows", type=int, default=40_000)
    options = parser.parse_args()
    words = Words(options.data, options.rows)
    assert all(len(words.base[model]) == options.rows for model in FOLDER), "--rows: there are not so many"
    endpoint = Endpoint(words, 0.1)
    try:
        records = [bridge(words, endpoint), live(words, endpoint, {"writes": 500, "deletes": 100, "payload_edits": 50})]
    finally:
        endpoint.close()
    processor = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    write(records, {"machine": processor, "cores": os.cpu_count(), "commit": commit})
    run = records[1]
    wrong = [run[name] for name in ("failed_writes", "failed_reads", "stale_reads", "answers_of_another_model", "lost",
                                    "resurrected", "other_payload", "other_vector")]
    sys.exit(1 if any(wrong) or run["answered_by_new"] == 0 or run["answered_by_old"] == 0 else 0)


if __name__ == "__main__":
    main()
