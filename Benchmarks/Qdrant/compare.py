"""Upserts, searches and another quantization: Moult by qdrant-client over REST and gRPC, and qdrant-edge-py in process."""

import argparse
import contextlib
import datetime
import importlib.metadata
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import warnings

import numpy as np
import qdrant_edge as edge
from qdrant_client import QdrantClient, models

from surroundings import free_port, processor, serving, table

RESULTS = pathlib.Path("Benchmarks/Results")
NAME = "rows"
BATCH, K, SECONDS = 1_000, 10, 5
M, EF_CONSTRUCT = 16, 128
BEAMS = (16, 32, 64, 96, 128, 256)
RECALL = 0.95
KEY = "bench"


def say(text):
    print(f"bench-peers-qdrant: {text}", file=sys.stderr)


class Moult:
    """A server of its own, and one client."""

    def __init__(self, wire):
        self.title = f"Moult, {wire}"
        self.grpc = wire == "gRPC"
        self.stack = contextlib.ExitStack()

    def __enter__(self):
        folder = self.stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-qdrant-"))
        rest, grpc = free_port(), free_port()
        self.stack.enter_context(serving(
            folder, "--qdrant-port", str(rest), "--qdrant-grpc-port", str(grpc), "--api-key", KEY))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.client = QdrantClient(
                url=f"http://127.0.0.1:{rest}", api_key=KEY, timeout=300, prefer_grpc=self.grpc, grpc_port=grpc)
        return self

    def __exit__(self, *_):
        self.stack.close()

    def create(self, dimension):
        self.client.create_collection(
            NAME, vectors_config=models.VectorParams(size=dimension, distance=models.Distance.COSINE),
            hnsw_config=models.HnswConfigDiff(m=M, ef_construct=EF_CONSTRUCT))

    def upsert(self, first, rows):
        self.client.upsert(NAME, models.Batch(ids=list(range(first, first + len(rows))), vectors=rows), wait=True)

    def index(self):
        """Until nothing is left to do."""
        while True:
            info = self.client.get_collection(NAME)
            if info.status == models.CollectionStatus.GREEN:
                return
            if info.status == models.CollectionStatus.RED:
                raise RuntimeError(str(info.optimizer_status))
            time.sleep(0.05)

    def search(self, query, ef):
        found = self.client.query_points(
            NAME, query=query, limit=K, search_params=models.SearchParams(hnsw_ef=ef), with_payload=False)
        return [point.id for point in found.points]

    def quantize(self, code):
        config = {
            "int8": models.ScalarQuantization(scalar=models.ScalarQuantizationConfig(type=models.ScalarType.INT8, always_ram=True)),
            "binary": models.BinaryQuantization(binary=models.BinaryQuantizationConfig(always_ram=True))}[code]
        self.client.update_collection(NAME, quantization_config=config)
        self.index()


class Edge:
    title = "qdrant-edge-py, in process"

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="bench-edge-")
        return self

    def __exit__(self, *_):
        self.shard.close()
        self.folder.cleanup()

    def config(self, code):
        quantization = {
            None: None,
            "int8": edge.ScalarQuantizationConfig(edge.ScalarType.Int8, always_ram=True),
            "binary": edge.BinaryQuantizationConfig(always_ram=True)}[code]
        return edge.EdgeConfig(
            vectors=edge.EdgeVectorParams(size=self.dimension, distance=edge.Distance.Cosine),
            hnsw_config=edge.HnswIndexConfig(m=M, ef_construct=EF_CONSTRUCT, full_scan_threshold=10),
            quantization_config=quantization,
            optimizers=edge.EdgeOptimizersConfig(default_segment_number=1, indexing_threshold=100))

    def create(self, dimension):
        self.dimension = dimension
        self.shard = edge.EdgeShard.create(self.folder.name, self.config(None))

    def upsert(self, first, rows):
        self.shard.update(edge.UpdateOperation.upsert_points([
            edge.Point(first + place, row) for place, row in enumerate(rows)]))

    def index(self):
        self.shard.optimize()

    def search(self, query, ef):
        found = self.shard.query(edge.QueryRequest(
            K, query=edge.Query.Nearest(query), params=edge.SearchParams(
                hnsw_ef=ef, quantization=edge.QuantizationSearchParams(rescore=True, oversampling=4.0))))
        return [point.id for point in found]

    def quantize(self, code):
        self.shard.close()
        self.shard = edge.EdgeShard.load(self.folder.name, self.config(code))
        if not self.shard.optimize():
            raise RuntimeError(f"qdrant-edge found nothing to do for {code}")


def timed(call):
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def recall(contestant, queries, truth, ef):
    found = [contestant.search(query, ef) for query in queries]
    return float(np.mean([len(set(ids) & set(right)) for ids, right in zip(found, truth)]) / K)


def measure(contestant, base, queries, truth):
    record = {"contestant": contestant.title}
    with contestant:
        contestant.create(base.shape[1])
        # Lists of floats are what applications have; making them is not the server's time.
        latencies = []
        for first in range(0, len(base), BATCH):
            rows = base[first:first + BATCH].astype(np.float32).tolist()
            latencies.append(timed(lambda: contestant.upsert(first, rows)))
        record["upsert_rows_per_second"] = len(base) / sum(latencies)
        record["upsert_p99_ms"] = 1e3 * float(np.percentile(latencies, 99))
        record["index_seconds"] = timed(contestant.index)
        say(f"{contestant.title}: {record['upsert_rows_per_second']:.0f} rows/s, indexed in {record['index_seconds']:.1f} s")
        record["searches"] = []
        for ef in BEAMS:
            latencies, start, place, found = [], time.perf_counter(), 0, 0
            while time.perf_counter() < start + SECONDS:
                begin = time.perf_counter()
                ids = contestant.search(queries[place], ef)
                latencies.append(time.perf_counter() - begin)
                found += len(set(ids) & set(truth[place]))
                place = (place + 1) % len(queries)
            point = {
                "ef": ef, "rate": len(latencies) / sum(latencies), "p50_ms": 1e3 * float(np.percentile(latencies, 50)),
                "p99_ms": 1e3 * float(np.percentile(latencies, 99)), "recall": found / (K * len(latencies))}
            record["searches"].append(point)
            say(f"{contestant.title}: ef {ef}: {point['rate']:.0f}/s, recall {point['recall']:.4f}")
            if point["recall"] >= 0.99:
                break
        record["quantize_int8_seconds"] = timed(lambda: contestant.quantize("int8"))
        record["quantize_seconds"] = timed(lambda: contestant.quantize("binary"))
        record["quantized_recall"] = recall(contestant, queries[:300], truth, 128)
        say(f"{contestant.title}: int8 → binary in {record['quantize_seconds']:.2f} s")
    return record


def write(name, about, records):
    path = RESULTS / f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}-qdrant-{name}"
    with open(f"{path}.jsonl", "w", encoding="utf-8") as file:
        file.writelines(json.dumps(record) + "\n" for record in [about, *records])
    rows = []
    for record in records:
        best = max((point for point in record["searches"] if point["recall"] >= RECALL), key=lambda point: point["rate"], default=None)
        rows.append([
            record["contestant"], f"{record['upsert_rows_per_second']:,.0f}", f"{record['upsert_p99_ms']:.0f}",
            f"{record['index_seconds']:.1f}",
            *([f"{best['rate']:,.0f}", f"{best['p50_ms']:.2f}", f"{best['p99_ms']:.2f}", f"{best['recall']:.4f}"] if best else ["not reached"] * 4),
            f"{record['quantize_seconds']:.2f}", f"{record['quantized_recall']:.4f}"])
    theirs = records[-1]["quantize_seconds"]
    ratios = ", ".join(f"{record['contestant']} {theirs / record['quantize_seconds']:.1f} ×" for record in records[:-1])
    text = [
        f"# Moult through qdrant-client beside qdrant-edge-py: {name}, {about['rows']:,} × {about['dimension']}\n",
        f"{about['machine']}; Moult {about['commit']}, {about['versions']}. In turn, one client. The edge has no server: its figures "
        f"have neither a wire nor a second process in them, and its upserts are not synced to the disk; Moult's are. Upserts of {BATCH} "
        f"points; graphs of m {M}, ef_construct {EF_CONSTRUCT}; searches of limit {K}, the smallest of ef {', '.join(map(str, BEAMS))} "
        f"that has recall ≥ {RECALL}. Another quantization: from the call until the status is green again (Moult measures recall in that "
        "time, and answers in the old form; the edge's shard is closed). One run: read ratios.\n",
        *table(["who", "upserted rows/s", "p99 ms of an upsert", "s to index", "searches/s", "p50 ms", "p99 ms", "recall",
                "s int8 → binary", "recall then"], rows),
        f"\nint8 → binary, beside the edge (target ≥ 20 ×): {ratios}."]
    pathlib.Path(f"{path}.md").write_text("\n".join(text) + "\n", encoding="utf-8")
    say(f"{path}.md")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--rows", type=int)
    options = parser.parse_args()
    data = pathlib.Path(options.data)
    base = np.load(data / "base.npy", mmap_mode="r")[:options.rows]
    queries = np.load(data / "queries.npy").astype(np.float32)
    if options.rows:
        # The file's truth is about all rows.
        unit = base.astype(np.float32)
        unit /= np.linalg.norm(unit, axis=1, keepdims=True)
        truth = np.argsort(-(queries @ unit.T), axis=1)[:, :K].tolist()
    else:
        truth = np.load(data / "gt.npy")[:, :K].tolist()
    about = {
        "machine": f"{processor()}, load {os.getloadavg()[0]:.1f} at the start", "rows": len(base), "dimension": base.shape[1],
        "commit": subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True).stdout.strip(),
        "versions": ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("qdrant-client", "qdrant-edge-py"))}
    queries = queries.tolist()
    records = [measure(contestant, base, queries, truth) for contestant in (Moult("REST"), Moult("gRPC"), Edge())]
    write(data.name, about, records)


main()
