"""An alias that moves between two collections while clients search through it, over gRPC and, where the server has it, REST.

A search counts as stale when its answer comes from a collection that was no longer the alias' target when the search began
and had not become it again before the answer, as mixed when it has rows of both, as failed when it is an error.
"""

import http.client
import json
import random
import threading
import time
import urllib.parse

from pymilvus import MilvusClient

ROWS = 50
DIMENSION = 8
TOKEN = "root:Milvus"


class Moves:
    """Which moves of the alias were begun and which were answered. Move number n sets target n mod 2."""

    def __init__(self):
        self.begun = self.answered = 0

    def allowed(self, answered_before):
        """Targets that a search may have seen which began after `answered_before` moves and ends now."""
        return {number % 2 for number in range(answered_before, self.begun + 1)}


class Counts:
    def __init__(self):
        self.reads = self.failed = self.stale = self.mixed = 0
        self.first_error = None
        self.lock = threading.Lock()

    def add(self, targets, allowed, error=None):
        with self.lock:
            self.reads += 1
            if error is not None:
                self.failed += 1
                self.first_error = self.first_error or f"{type(error).__name__}: {error}"
            elif len(targets) > 1:
                self.mixed += 1
            elif not targets <= allowed:
                self.stale += 1


class REST:
    """Milvus' REST version 2 on the server's port."""

    def __init__(self, uri):
        self.connection = http.client.HTTPConnection(urllib.parse.urlparse(uri).netloc, timeout=60)

    def call(self, route, body):
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        self.connection.request("POST", f"/v2/vectordb/{route}", json.dumps(body), headers)
        answer = json.loads(self.connection.getresponse().read())
        if answer["code"] != 0:
            raise RuntimeError(answer)
        return answer.get("data")

    def search(self, alias):
        body = {"collectionName": alias, "data": [[1.0] * DIMENSION], "annsField": "vector", "limit": 10}
        return {row["id"] // 1000 for row in self.call("entities/search", body)}

    def alter(self, alias, collection):
        self.call("aliases/alter", {"aliasName": alias, "collectionName": collection})


class GRPC:
    def __init__(self, uri):
        self.client = MilvusClient(uri, token=TOKEN)

    def search(self, alias):
        return {hit["id"] // 1000 for hit in self.client.search(alias, [[1.0] * DIMENSION], limit=10)[0]}

    def alter(self, alias, collection):
        self.client.alter_alias(collection, alias)


def prepare(uri, alias):
    client = MilvusClient(uri, token=TOKEN)
    for target in (0, 1):
        client.create_collection(f"{alias}_{target}", dimension=DIMENSION, metric_type="COSINE", consistency_level="Strong")
        client.insert(f"{alias}_{target}", [
            {"id": 1000 * target + row, "vector": [1.0 + row / 100] * (DIMENSION - 1) + [1.0]} for row in range(ROWS)])
    client.create_alias(f"{alias}_0", alias)
    if not all(client.search(f"{alias}_{target}", [[1.0] * DIMENSION], limit=10)[0] for target in (0, 1)):
        raise RuntimeError("the rows cannot be searched")


def swap_under_load(uri, swaps, protocols=(GRPC, REST), alias="current", seconds_between=(0.05, 0.25), seed=1):
    """Three readers search through the alias, by the protocols in turn, while it moves `swaps` times."""
    prepare(uri, alias)
    moves, counts, ended = Moves(), Counts(), threading.Event()

    def read(protocol):
        reader = protocol(uri)
        while not ended.is_set():
            before = moves.answered
            try:
                targets = reader.search(alias)
            except Exception as error:  # every failure counts, whatever its kind
                counts.add(set(), set(), error)
                continue
            counts.add(targets, moves.allowed(before))

    readers = [threading.Thread(target=read, args=(protocols[place % len(protocols)],)) for place in range(3)]
    for reader in readers:
        reader.start()
    pauses, writers = random.Random(seed), [protocol(uri) for protocol in protocols]
    try:
        for number in range(1, swaps + 1):
            time.sleep(pauses.uniform(*seconds_between))
            moves.begun = number
            writers[number % len(writers)].alter(alias, f"{alias}_{number % 2}")
            moves.answered = number
    finally:
        ended.set()
        for reader in readers:
            reader.join()
    return {"swaps": swaps, "reads": counts.reads, "failed": counts.failed, "stale": counts.stale,
            "mixed": counts.mixed, "first_error": counts.first_error}
