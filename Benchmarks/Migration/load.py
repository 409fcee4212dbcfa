"""Readers and writers of a collection that another one takes the place of, and what they hold its answers against."""

import pathlib
import random
import sys
import threading
import time
import warnings

import numpy as np
from qdrant_client import QdrantClient, models as wire

from models import BGE, MINILM, text_of

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "Examples" / "migration"))
from client import Client, Refused  # noqa: E402

ALIAS = "words"
# Of Moult's refusal of vectors of another model than the collection's.
OTHER_MODEL = "said to be of the model"
TOLERANCE = 2e-3
WORKERS, BATCH = 4, 10


def qdrant(ports, key, grpc=True):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return QdrantClient(
            url=f"http://127.0.0.1:{ports['rest']}", grpc_port=ports["grpc"], prefer_grpc=grpc, api_key=key, timeout=60,
            # Texts go to the server as they are.
            cloud_inference=True)


class Tally:
    def __init__(self):
        self.lock = threading.Lock()
        self.counts, self.first = {}, {}

    def count(self, what, problem=None, by=1):
        with self.lock:
            self.counts[what] = self.counts.get(what, 0) + by
            if problem:
                self.first.setdefault(what, str(problem)[:500])


class Readers:
    """Clients that search by text through the alias: whichever collection answers, its own model must have embedded the query."""

    def __init__(self, words, ports, key, tally, count=4):
        self.words, self.tally, self.stopped = words, tally, threading.Event()
        # Known to have taken over: no request that begins later may be answered by the one before.
        self.replaced_at = float("inf")
        self.latencies = []
        self.threads = [threading.Thread(target=self.read, args=(qdrant(ports, key), seed)) for seed in range(count)]

    def start(self):
        for thread in self.threads:
            thread.start()

    def stop(self):
        self.stopped.set()
        for thread in self.threads:
            thread.join()

    def read(self, client, seed):
        draw = random.Random(seed)
        while not self.stopped.is_set():
            place = draw.randrange(len(self.words.queries))
            begun = time.monotonic()
            try:
                # No model is named: the collection that answers has one.
                points = client.query_points(
                    ALIAS, query=wire.Document(text=self.words.queries[place], model=""), limit=10,
                    with_vectors=True).points
            except Exception as error:
                self.tally.count("failed_reads", repr(error))
                continue
            ended = time.monotonic()
            self.tally.count("searches")
            self.latencies.append(ended - begun)
            self.judge(place, points, begun, ended)

    def judge(self, place, points, begun, ended):
        vectors = np.array([point.vector for point in points], np.float32)
        scores = np.array([point.score for point in points], np.float32)
        # A point that is written anew between the search and the reading of its vector has the score of the one before.
        fitting = {
            model: int((np.abs(vectors @ self.words.query_vectors[model][place] - scores) < TOLERANCE).sum()) if len(points) else 0
            for model in (MINILM, BGE)}
        model = max(fitting, key=fitting.get)
        self.tally.count("hits_written_meanwhile", by=len(points) - fitting[model])
        if fitting[model] < max(1, len(points) - 2):
            return self.tally.count("answers_of_another_model", f"query {place}: {scores}")
        self.tally.count("answered_by_" + ("old" if model == MINILM else "new"))
        if model == BGE:
            self.replaced_at = min(self.replaced_at, ended)
        elif begun > self.replaced_at:
            self.tally.count("stale_reads", f"the old collection answered {begun - self.replaced_at:.3f} s after the new one")


class Writers:
    """An application: each worker has ids of its own, and knows what must be there when its request was answered."""

    def __init__(self, words, ports, key, url, tally, rates):
        self.words, self.tally, self.rates = words, tally, rates
        self.stopped = threading.Event()
        self.url, self.ports, self.key = url, ports, key
        rows = len(words.payloads)
        # A tenth of the points comes later.
        self.stored = {id: (payload, id) for id, payload in enumerate(words.payloads) if id % 10 != 9}
        # Payload edits that change the text: (id, row before, row after, begun, ended).
        self.edits = {}
        self.threads = [threading.Thread(target=self.write, args=(number, rows)) for number in range(WORKERS)]

    def start(self):
        for thread in self.threads:
            thread.start()

    def stop(self):
        self.stopped.set()
        for thread in self.threads:
            thread.join()

    def write(self, number, rows):
        """Keeps to its part of each rate; what is late is made up for."""
        draw = random.Random(1000 + number)
        moult, client = Client(self.url), qdrant(self.ports, self.key)
        own = range(number, rows, WORKERS)
        model = [MINILM]
        kinds = {
            "writes": (BATCH, lambda: self.upsert(moult, client, draw, own, model)),
            "deletes": (BATCH, lambda: self.delete(client, draw, own)),
            "payload_edits": (1, lambda: self.edit(client, draw, own))}
        begun = time.monotonic()
        done = dict.fromkeys(kinds, 0)
        while not self.stopped.is_set():
            elapsed = time.monotonic() - begun
            behind = {kind: elapsed * self.rates[kind] / WORKERS - done[kind] for kind in kinds}
            kind = max(behind, key=lambda kind: behind[kind] / kinds[kind][0])
            if behind[kind] < kinds[kind][0]:
                self.stopped.wait(0.002)
                continue
            size, call = kinds[kind]
            done[kind] += size
            try:
                call()
                self.tally.count(kind, by=size)
            except Exception as error:
                self.tally.count("failed_writes", f"{kind}: {error!r}")

    def upsert(self, moult, client, draw, own, model):
        ids = draw.sample(own, BATCH)
        # A third of the points gets the text of another one.
        rows = [draw.randrange(len(self.words.payloads)) if draw.random() < 0.3 else id for id in ids]
        payloads = [dict(self.words.payloads[row], seen=draw.randrange(1 << 30)) for row in rows]
        for _ in range(3):
            points = [
                {"id": id, "vector": self.words.base[model[0]][row].tolist(), "payload": payload}
                for id, row, payload in zip(ids, rows, payloads)]
            try:
                moult.post(f"/moult/v1/collections/{ALIAS}/points?model={model[0]}", {"points": points})
                break
            except Refused as refusal:
                # Embedded by the model of before: an application embeds anew by the one that the collection is of now.
                if OTHER_MODEL not in str(refusal):
                    raise
                model[0] = BGE if model[0] == MINILM else MINILM
        else:
            raise OSError("neither model's vectors are taken")
        for id, row, payload in zip(ids, rows, payloads):
            self.stored[id] = (payload, row)
            self.edits.pop(id, None)
        if draw.random() < 0.2:
            self.look(client, draw.choice(ids))

    def delete(self, client, draw, own):
        ids = draw.sample(own, BATCH)
        client.delete(ALIAS, wire.PointIdsList(points=ids), wait=True)
        for id in ids:
            self.stored.pop(id, None)
            self.edits.pop(id, None)
        if draw.random() < 0.2:
            self.look(client, draw.choice(ids))

    def edit(self, client, draw, own):
        id = draw.choice(own)
        if id not in self.stored:
            return
        payload, row = self.stored[id]
        change, after = {"seen": draw.randrange(1 << 30)}, row
        if draw.random() < 0.5:
            after = draw.randrange(len(self.words.payloads))
            change |= {name: self.words.payloads[after][name] for name in ("lemmas", "gloss")}
        begun = time.time()
        client.set_payload(ALIAS, change, points=[id], wait=True)
        self.stored[id] = (payload | change, after)
        if after != row:
            self.edits.setdefault(id, []).append((row, after, begun, time.time()))

    def look(self, client, id):
        """Reads what was answered to be there."""
        found = client.retrieve(ALIAS, [id])
        wanted = self.stored.get(id)
        if (found[0].payload if found else None) != (wanted[0] if wanted else None):
            self.tally.count("stale_reads", f"point {id} is not as it was written")
        self.tally.count("looked_at")

    def rows(self, id, cut_over):
        """Whose vector a point may have: that of its text; after the cut-over an edit of the payload leaves the vector as it is."""
        edits = self.edits.get(id)
        if not edits:
            return {self.stored[id][1]}
        rows = {edits[0][0]}
        for before, after, begun, ended in edits:
            if ended < cut_over - 0.01:
                rows = {after}
            elif begun < cut_over + 0.01:
                rows.add(after)
        return rows


def verify(words, writers, client, cut_over):
    """Every point that is there against every point that must be."""
    points, offset = {}, None
    while True:
        page, offset = client.scroll(ALIAS, limit=1_000, offset=offset, with_payload=True, with_vectors=True)
        points |= {point.id: point for point in page}
        if offset is None:
            break
    lost = [id for id in writers.stored if id not in points]
    risen = [id for id in points if id not in writers.stored]
    both = [id for id in points if id in writers.stored]
    changed = [id for id in both if points[id].payload != writers.stored[id][0]]
    foreign = [
        id for id in both
        if max(float(words.base[BGE][row] @ np.array(points[id].vector, np.float32))
               for row in writers.rows(id, cut_over)) < 1 - TOLERANCE]
    for name, ids in (("lost", lost), ("risen", risen), ("payload", changed), ("vector", foreign)):
        if ids:
            writers.tally.count(name, f"points {ids[:5]}: {[writers.stored.get(id) for id in ids[:2]]}", by=len(ids))
    return {"points": len(points), "lost": len(lost), "resurrected": len(risen), "other_payload": len(changed),
            "other_vector": len(foreign)}
