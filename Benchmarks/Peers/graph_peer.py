"""One peer with a graph in a process of its own: reads a JSON command a line, answers with a JSON line.

    graph_peer.py DIRECTORY NAME [ROWS]

    {"do": "build", "threads": 2}                      seconds of the build, bytes a vector of the saved index
    {"do": "sweep", "seconds": 0.4, "until": 0.995}    recall and queries a second for each parameter, ascending
    {"do": "requantize", "codes": ["int8", "binary"]}  qdrant-edge only: seconds of each change of the quantization
    {"do": "rebuild", "threads": 2}                    seconds of another build of the same index

A crash of a library ends its own process only. The build may use every core; searches stay on the core that
MOULT_BENCH_CORE names. ROWS takes the first rows and computes their truth: for trials.
"""

import json
import os
import sys
import tempfile
import time

import numpy as np

import graph_contestants

K = 10


def normalized(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def load(directory, rows):
    base, queries = (np.load(f"{directory}/{name}.npy", mmap_mode="r") for name in ("base", "queries"))
    vectors = normalized(np.array(base[:rows], dtype=np.float32))
    queries = normalized(np.array(queries, dtype=np.float32))
    if rows is None:
        return vectors, queries, np.load(f"{directory}/gt.npy")[:, :K]
    return vectors, queries, np.argsort(-(queries @ vectors.T), axis=1, kind="stable")[:, :K]


class Peer:
    def __init__(self, directory, name, rows=None):
        self.vectors, self.queries, self.truth = load(directory, rows)
        self.name = name
        self.core = int(os.environ["MOULT_BENCH_CORE"])
        self.cores = os.sched_getaffinity(0)

    def build(self, threads):
        contestant, seconds = self.built(threads)
        self.contestant = contestant
        with tempfile.TemporaryDirectory() as folder:
            contestant.save(folder)
            size = graph_contestants.size_bytes(folder)
        contestant.before_search()
        return {
            "build_seconds": seconds, "bytes_per_vector": size / len(self.vectors), "version": contestant.version()}

    def rebuild(self, threads):
        return {"build_seconds": self.built(threads)[1]}

    def built(self, threads):
        os.sched_setaffinity(0, self.cores)
        contestant = graph_contestants.contestant(self.name)
        start = time.perf_counter()
        contestant.build(self.vectors, threads)
        return contestant, time.perf_counter() - start

    def sweep(self, seconds, until):
        os.sched_setaffinity(0, {self.core})
        points = []
        for parameter in self.contestant.sweep:
            self.contestant.set(parameter)
            point = {"parameter": parameter, **self.measure(seconds)}
            points.append(point)
            if point["recall"] >= until:
                break
        return {"points": points}

    def measure(self, seconds):
        """All queries one call, as often as the time asks for; the libraries take them one after the other."""
        found = np.asarray(self.contestant.search(self.queries, K))
        hits = sum(len(set(row) & set(true)) for row, true in zip(found.tolist(), self.truth.tolist()))
        rounds, start = 0, time.perf_counter()
        while rounds == 0 or time.perf_counter() - start < seconds:
            self.contestant.search(self.queries, K)
            rounds += 1
        elapsed = time.perf_counter() - start
        return {"recall": hits / self.truth.size, "qps": rounds * len(self.queries) / elapsed}

    def requantize(self, codes, threads):
        """Qdrant Edge: a shard with an HNSW index is loaded with another quantization and optimized to the end."""
        import importlib.metadata
        import qdrant_edge as qdrant

        def config(code):
            quantization = (
                qdrant.BinaryQuantizationConfig(always_ram=True) if code == "binary"
                else qdrant.ScalarQuantizationConfig(qdrant.ScalarType.Int8, always_ram=True))
            dimension = self.vectors.shape[1]
            return qdrant.EdgeConfig(
                vectors=qdrant.EdgeVectorParams(size=dimension, distance=qdrant.Distance.Cosine),
                hnsw_config=qdrant.HnswIndexConfig(
                    m=graph_contestants.M, ef_construct=graph_contestants.EF_CONSTRUCTION, full_scan_threshold=100,
                    max_indexing_threads=threads),
                quantization_config=quantization,
                optimizers=qdrant.EdgeOptimizersConfig(default_segment_number=1, indexing_threshold=100))

        os.sched_setaffinity(0, self.cores)
        changes = []
        with tempfile.TemporaryDirectory() as folder:
            shard = qdrant.EdgeShard.create(folder, config(codes[0]))
            for first in range(0, len(self.vectors), 1000):
                points = [
                    qdrant.Point(first + place, vector.tolist())
                    for place, vector in enumerate(self.vectors[first : first + 1000])]
                shard.update(qdrant.UpdateOperation.upsert_points(points))
            start = time.perf_counter()
            shard.optimize()
            build_seconds = time.perf_counter() - start
            for before, after in zip(codes, codes[1:]):
                shard.close()
                shard = qdrant.EdgeShard.load(folder, config(after))
                start = time.perf_counter()
                changed = shard.optimize()
                seconds = time.perf_counter() - start
                if not changed:
                    raise RuntimeError(f"qdrant-edge found nothing to do from {before} to {after}")
                changes.append({"from": before, "to": after, "seconds": seconds, "recall": self.recall(qdrant, shard)})
            shard.close()
        version = {"qdrant-edge-py": importlib.metadata.version("qdrant-edge-py")}
        return {"build_seconds": build_seconds, "changes": changes, "version": version}

    def recall(self, qdrant, shard, queries=400):
        parameters = qdrant.SearchParams(hnsw_ef=128, quantization=qdrant.QuantizationSearchParams(rescore=True, oversampling=4.0))
        hits = 0
        for query, true in zip(self.queries[:queries], self.truth):
            found = shard.query(
                qdrant.QueryRequest(K, query=qdrant.Query.Nearest(query.tolist()), params=parameters))
            hits += len({point.id for point in found} & set(true.tolist()))
        return hits / self.truth[:queries].size


def main():
    directory, name, *rows = sys.argv[1:]
    peer = Peer(directory, name, int(rows[0]) if rows else None)
    # Libraries write to stdout as they like: answers go to a copy of it, all else to stderr.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        command = json.loads(line)
        try:
            answer = getattr(peer, command.pop("do"))(**command)
        except ImportError as error:
            answer = {"missing": f"not installed: {error}"[:300]}
        except Exception as error:  # a peer that fails is reported, the rest goes on
            answer = {"missing": f"{type(error).__name__}: {error}"[:300]}
        print(json.dumps(answer), file=answers, flush=True)


main()
