"""The peers on one data set: reads a JSON command a line, answers with a JSON line. compare.py drives it.

    {"do": "scan", "peer": "turbovec-4", "batch": 128, "rescored": false, "seconds": 0.4}   seconds 0: recall only
    {"do": "encode", "peer": "faiss-SQ8", "seconds": 0.4}
    {"do": "exact", "seconds": 0.4}      numpy's sgemm of all queries and all vectors
    {"do": "float64"}                    checksum of the exact answers in double precision

Names: turbovec-B, turbovec-B-calibrated, faiss-SQ8, faiss-SQ4, faiss-RaBitQB, faiss-RaBitQB-rotated,
faiss-RaBitQfs, faiss-RaBitQfs-rotated, faiss-PQM (fast scan, M sub-quantizers of 4 bits), usearch-i8.
Everything runs on one thread: compare.py sets the environment for it before numpy is loaded.
"""

import functools
import json
import sys
import time

import faiss
import numpy as np
import turbovec
import usearch
import usearch.index

K = 10
TARGET_RECALL = 0.99
CANDIDATES_MAX = 1_000
TRAINING_ROWS = 16_384
CALIBRATION_ROWS = 2_048
INNER_PRODUCT = faiss.METRIC_INNER_PRODUCT


def normalized(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def rate(work, seconds):
    """Units a second over a window of at least `seconds`; work(round) returns how many units it did."""
    work(0)
    done, rounds, start = 0, 0, time.perf_counter()
    while True:
        done += work(rounds)
        rounds += 1
        elapsed = time.perf_counter() - start
        if elapsed >= seconds:
            return done / elapsed


def fnv1a(results):
    """Moult's checksum of ranked ids (MoultBenchmark/Records/Checksum.swift)."""
    counted = np.insert(results, 0, results.shape[1], axis=1).astype("<i8")
    state = 0xCBF2_9CE4_8422_2325
    for byte in counted.tobytes():
        state = (state ^ byte) * 0x100_0000_01B3 & 0xFFFF_FFFF_FFFF_FFFF
    return f"{state:016x}"


class Peers:
    def __init__(self, directory):
        self.raw = [np.load(f"{directory}/{name}.npy").astype(np.float32) for name in ("base", "queries")]
        self.vectors, self.queries = map(normalized, self.raw)
        self.truth = np.load(f"{directory}/gt.npy")[:, :K]
        self.count, self.dimension = self.vectors.shape
        draw = np.random.default_rng(1).permutation(self.count)
        self.sample = self.vectors[draw[:TRAINING_ROWS]]
        self.rotation = faiss.RandomRotationMatrix(self.dimension, self.dimension)
        self.rotation.init(1)

    def empty(self, name):
        """An index without vectors, trained where it needs to be: (index, bytes of code per vector or None)."""
        library, kind, *options = name.split("-")
        if library == "turbovec":
            index = turbovec.TurboQuantIndex(self.dimension, int(kind))
            if options:
                index.calibrate(self.sample[:CALIBRATION_ROWS])
            return index, None
        if kind.startswith("RaBitQ"):
            fast = kind.endswith("fs")
            index = (
                faiss.IndexRaBitQFastScan(self.dimension, INNER_PRODUCT) if fast
                else faiss.IndexRaBitQ(self.dimension, INNER_PRODUCT, int(kind[-1])))
            index.qb = 8  # bits of the query; 0 (float) is a hundred times slower and no better than 0.2 points
        else:
            kind = f"{kind}x4fs" if kind.startswith("PQ") else kind
            index = faiss.index_factory(self.dimension, kind, INNER_PRODUCT)
        code_bytes = index.code_size
        if options:  # faiss's RaBitQ leaves the rotation to its user
            inner, index = index, faiss.IndexPreTransform(self.rotation, index)
            index.referenced_objects = [inner, self.rotation]
        index.train(self.sample)
        return index, code_bytes

    @functools.cache
    def built(self, name):
        """(index or None, search(queries, k) -> ids, bytes of code per vector)."""
        if name == "usearch-i8":
            return None, self.usearch_search(), self.dimension
        index, code_bytes = self.empty(name)
        index.add(self.vectors)
        if name.startswith("turbovec"):
            index.prepare()
            code_bytes = self.bytes_per_vector(name, index)
        return index, lambda queries, k: index.search(queries, k)[1], code_bytes

    def bytes_per_vector(self, name, index):
        """What another vector adds to turbovec's file; its fixed part (a rotation) is left out, as with the others."""
        rows = self.count // 64 * 32  # whole blocks of 32: the last one is filled up in both files alike
        half, _ = self.empty(name)
        half.add(self.vectors[: self.count - rows])
        return (len(index.to_bytes()) - len(half.to_bytes())) / rows

    def usearch_search(self):
        codes = np.rint(self.vectors * (127 / np.abs(self.vectors).max())).astype(np.int8)

        def search(queries, k):
            query_codes = np.rint(queries * (127 / np.abs(queries).max())).astype(np.int8)
            inner_product = usearch.index.MetricKind.IP
            found = usearch.index.search(codes, query_codes, k, inner_product, exact=True, threads=1, dtype="i8")
            return np.atleast_2d(found.keys)

        return search

    @functools.cache
    def rescored(self, name):
        """Search with the fewest candidates, rescored with full precision, that reach the target recall."""
        hits = sum_of_hits(self.built(name)[1](self.queries, CANDIDATES_MAX), self.truth).cumsum()
        if hits[-1] < TARGET_RECALL * self.truth.size:
            raise ValueError(f"recall {TARGET_RECALL} needs more than {CANDIDATES_MAX} candidates")
        candidates = int(np.argmax(hits >= TARGET_RECALL * self.truth.size)) + 1
        while self.recall(self.rescoring(name, candidates)) < TARGET_RECALL:
            candidates += 1
        return self.rescoring(name, candidates), candidates

    def rescoring(self, name, candidates):
        index, search, _ = self.built(name)
        if name.startswith("faiss"):
            refined = faiss.IndexRefineFlat(index, faiss.swig_ptr(self.vectors))
            refined.k_factor = candidates / K
            return lambda queries, k: refined.search(queries, k)[1]

        def rescore(queries, k):
            found = search(queries, candidates)
            scores = np.matmul(self.vectors[found], queries[:, :, None])[:, :, 0]
            return np.take_along_axis(found, np.argsort(-scores, axis=1)[:, :k], axis=1)

        return rescore

    def recall(self, search):
        return sum_of_hits(search(self.queries, K), self.truth).sum() / self.truth.size

    @functools.cache
    def searcher(self, name, rescored):
        """(search, constant part of the answer); the recall is that of all queries."""
        index, search, code_bytes = self.built(name)
        answer = {"bytes_per_vector": code_bytes}
        if rescored:
            search, answer["candidates"] = self.rescored(name)
        return search, answer | {"recall": self.recall(search)}

    # The commands.

    def scan(self, peer, batch=1, rescored=False, seconds=0.4):
        search, answer = self.searcher(peer, rescored)
        if seconds == 0:
            return answer
        batches = len(self.queries) // batch

        def work(turn):
            first = turn % batches * batch
            search(self.queries[first : first + batch], K)
            return batch

        return answer | {"qps": rate(work, seconds)}

    def encode(self, peer, seconds=0.4):
        index, code_bytes = self.empty(peer)

        def work(_):
            if peer.startswith("turbovec"):
                self.empty(peer)[0].add(self.vectors)
            else:
                index.sa_encode(self.vectors)
            return self.count

        return {"rows_per_s": rate(work, seconds), "bytes_per_vector": code_bytes}

    def exact(self, seconds=0.4):
        scores = np.empty((len(self.queries), self.count), np.float32)
        transposed = self.vectors.T

        def work(_):
            np.matmul(self.queries, transposed, out=scores)
            return len(scores)

        return {"qps": rate(work, seconds)}

    def float64(self):
        """Ranked ids in double precision, ties to the smaller row.

        Scores are rounded to 1e-12: a matrix product may sum equal rows in different orders.
        """
        vectors, queries = (normalized(rows.astype(np.float64)) for rows in self.raw)
        best = []
        for first in range(0, len(queries), 100):
            scores = np.round(queries[first : first + 100] @ vectors.T, 12)
            near = np.sort(np.argpartition(-scores, 4 * K, axis=1)[:, : 4 * K], axis=1)
            order = np.argsort(-np.take_along_axis(scores, near, axis=1), axis=1, kind="stable")[:, :K]
            best.append(np.take_along_axis(near, order, axis=1))
        return {"checksum": fnv1a(np.concatenate(best))}


def sum_of_hits(found, truth):
    """How often each rank of `found` is a true neighbour."""
    return np.array([np.isin(row, true) for row, true in zip(found, truth)]).sum(axis=0)


def main():
    peers = Peers(sys.argv[1])
    versions = {
        "turbovec": turbovec.__version__, "faiss-cpu": f"{faiss.__version__} ({faiss.get_compile_options().strip()})",
        "usearch": usearch.__version__, "numpy": np.__version__, "python": sys.version.split()[0]}
    print(json.dumps({"rows": peers.count, "dimension": peers.dimension, "versions": versions}), flush=True)
    for line in sys.stdin:
        command = json.loads(line)
        try:
            answer = getattr(peers, command.pop("do"))(**command)
        except Exception as error:  # a peer that fails is reported, the rest goes on
            answer = {"missing": f"{type(error).__name__}: {error}"[:300]}
        print(json.dumps(answer), flush=True)


main()
