"""Moult, milvus-lite and the Milvus server in turn: the same pymilvus, the same calls. Started by Benchmarks/Milvus/run."""

import argparse
import datetime
import json
import pathlib
import subprocess
import sys
import time

import numpy as np

import clients
import servers
import swaps
from surroundings import processor, table

RESULTS = pathlib.Path("Benchmarks/Results")
GRAPH = {"M": 16, "efConstruction": 128}
BEAMS = (16, 24, 32, 48, 64, 96, 128, 192, 256)
RECALLS = (0.95, 0.99)
SECONDS = 4
CLIENTS = (1, 8)
# Moult once as asked for and once in the form that it would be switched to.
CONTESTANTS = [("moult", "HNSW", {}), ("moult", "HNSW_SQ", {"sq_type": "SQ8"}), ("milvus-lite", "HNSW", {}), ("milvus", "HNSW", {})]
TARGETS = {"milvus-lite": 5, "milvus": 2}


class Contestant:
    def __init__(self, name, index, extra, about, rows):
        self.name, self.index, self.extra, self.about, self.rows = name, index, extra, about, rows
        self.title = f"{name} {index}"
        self.record = {"contestant": name, "index": index, "parameters": GRAPH | extra}

    def run(self):
        print(f"bench-peers-milvus: {self.title}", file=sys.stderr)
        with servers.running(self.name) as server:
            self.record["start_mb"] = server.resident_mb()
            for count in CLIENTS:
                self.insert(server, count)
            self.ready(server)
            self.record["resident_mb"] = server.resident_mb()
            for count in CLIENTS:
                self.search(server, count)
        return self.record

    def swaps(self, count):
        """On a server of its own: what the other collections cost is not the alias'."""
        protocols = [swaps.GRPC, swaps.REST] if self.name == "moult" else [swaps.GRPC]
        with servers.running(self.name) as server:
            self.record["swaps"] = swaps.swap_under_load(server.uri, count, protocols)
        print(f"bench-peers-milvus: {self.title}: {self.record['swaps']}", file=sys.stderr)

    def insert(self, server, count):
        collection = f"rows_{count}"
        client = server.client()
        schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("id", 5, is_primary=True)  # INT64
        schema.add_field("vector", 101, dim=self.about["dimension"])  # FLOAT_VECTOR
        client.create_collection(collection, schema=schema)
        step = -(-self.rows // count)
        shares = [range(first, min(first + step, self.rows)) for first in range(0, self.rows, step)]
        answer = clients.run(server.uri, clients.insert, self.about | {"collection": collection}, shares)
        self.record[f"insert_{count}"] = answer
        if count != CLIENTS[0]:
            client.drop_collection(collection)
        client.close()

    def ready(self, server):
        """From the last insert until every row is searched through the index."""
        client, collection = server.client(), f"rows_{CLIENTS[0]}"
        start = time.perf_counter()
        client.flush(collection)
        parameters = client.prepare_index_params()
        parameters.add_index("vector", index_type=self.index, metric_type="COSINE", params=GRAPH | self.extra)
        client.create_index(collection, parameters, sync=False)
        while True:
            about = client.describe_index(collection, "vector")
            if about.get("state") in (None, "Finished") and not int(about.get("pending_index_rows", 0) or 0):
                break
            if about.get("state") == "Failed":
                raise RuntimeError(f"the index failed: {about}")
            time.sleep(0.1)
        client.load_collection(collection)
        self.record["index_seconds"] = time.perf_counter() - start
        client.close()

    def search(self, server, count):
        about = self.about | {"collection": f"rows_{CLIENTS[0]}", "seconds": SECONDS}
        step = self.about["queries_count"] // count
        shares = [range(step * client, step * (client + 1)) for client in range(count)]
        points = []
        for beam in BEAMS:
            answer = clients.run(server.uri, clients.search, about | {"params": {"ef": beam}}, shares)
            points.append({"ef": beam, **answer})
            print(f"bench-peers-milvus: {self.title}: {count} clients, ef {beam}: {answer['rate']:.0f}/s, "
                  f"recall {answer['recall']:.4f}", file=sys.stderr)
            if answer["recall"] >= max(RECALLS):
                break
        self.record[f"search_{count}"] = points


def at(record, count, recall):
    """The fastest point with that recall."""
    points = [point for point in record.get(f"search_{count}", []) if point["recall"] >= recall]
    return max(points, key=lambda point: point["rate"], default=None)


def lines(records):
    """A line for each figure: Moult's, each peer's, the ratio, the target, whether it was met."""
    moults = [record for record in records if record["contestant"] == "moult" and "missing" not in record]
    for peer in records:
        if peer["contestant"] == "moult" or "missing" in peer:
            continue
        target = TARGETS[peer["contestant"]]
        for moult in moults:
            for count in CLIENTS:
                ours, theirs = moult[f"insert_{count}"], peer[f"insert_{count}"]
                yield line(f"insert, rows/s, {count} clients", moult, peer, ours["rate"], theirs["rate"], target, "",
                           f"{ours['p99_ms']:.0f} / {theirs['p99_ms']:.0f}")
                for recall in RECALLS:
                    what = f"search, queries/s, {count} clients, recall ≥ {recall}"
                    ours, theirs = at(moult, count, recall), at(peer, count, recall)
                    if ours and theirs:
                        yield line(what, moult, peer, ours["rate"], theirs["rate"], target,
                                   f"{ours['recall']:.4f} / {theirs['recall']:.4f}",
                                   f"{ours['p50_ms']:.2f}, {ours['p99_ms']:.2f} / {theirs['p50_ms']:.2f}, {theirs['p99_ms']:.2f}")
                    else:
                        yield [what, moult["index"], peer["contestant"], "" if ours else "not reached",
                               "" if theirs else "not reached", "", f"≥ {target}", "", "", ""]


def swaps_text(records):
    kept = [record for record in records if "swaps" in record]
    if not kept:
        return []
    columns = ["who", "swaps", "reads", "failed", "stale", "mixed"]
    return [
        "\nAn alias moves every 50 to 250 ms while three clients search through it (Moult: by gRPC and REST, moved by both):\n",
        *table(columns, [[record["contestant"], *(f"{record['swaps'][name]:,}" for name in columns[1:])] for record in kept])]


def line(what, moult, peer, ours, theirs, target, recall, latency):
    ratio = ours / theirs
    return [what, moult["index"], peer["contestant"], f"{ours:,.0f}", f"{theirs:,.0f}", f"{ratio:.2f}", f"≥ {target}",
            "yes" if ratio >= target else "**no**", recall, latency]


def write(name, about, records):
    path = RESULTS / f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}-milvus-{name}"
    with open(f"{path}.jsonl", "w", encoding="utf-8") as file:
        file.writelines(json.dumps(record) + "\n" for record in [about, *records])
    resources = [
        [record["contestant"], record["index"], f"{record['index_seconds']:.1f}", f"{record['start_mb']:.0f}", f"{record['resident_mb']:.0f}"]
        for record in records if "missing" not in record]
    text = [
        f"# Milvus beside Moult through pymilvus: {name}, {about['rows']:,} × {about['dimension']}\n",
        f"{about['machine']}; Moult {about['commit']}, {about['versions']}. Servers in turn, each alone with its clients, "
        "which are processes of their own on the same cores: what Python costs weighs on every figure. Inserts are batches of "
        f"{clients.BATCH} rows; searches one query a call, limit {clients.K}, {SECONDS} s a point, the smallest of "
        f"ef {', '.join(map(str, BEAMS))} that reaches the recall. Graphs: {GRAPH}. One run: read ratios.\n",
        *table(["what", "Moult's index", "peer", "Moult", "peer's", "ratio", "target", "met", "recall",
                "ms (insert p99; search p50, p99)"], lines(records)),
        "\n", *table(["who", "index", "seconds to index and load", "resident MiB at start", "with the rows"], resources),
        *swaps_text(records),
        *(f"\n{record['contestant']} {record['index']}: {record['missing']}" for record in records if "missing" in record)]
    pathlib.Path(f"{path}.md").write_text("\n".join(text) + "\n", encoding="utf-8")
    print(f"bench-peers-milvus: {path}.md", file=sys.stderr)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--only", default="")
    parser.add_argument("--rows", type=int)
    parser.add_argument("--swaps", type=int, default=400, help="of an alias under searches; 0 leaves them out")
    options = parser.parse_args()
    vectors = np.load(f"{options.data}/base.npy", mmap_mode="r")
    queries = np.load(f"{options.data}/queries.npy", mmap_mode="r")
    rows = min(options.rows or len(vectors), len(vectors))
    about = {"base": f"{options.data}/base.npy", "queries": f"{options.data}/queries.npy", "truth": f"{options.data}/gt.npy",
             "dimension": vectors.shape[1], "queries_count": len(queries)}
    only = [name for name in options.only.split(",") if name]
    records = []
    for name, index, extra in CONTESTANTS:
        if only and name not in only:
            continue
        contestant = Contestant(name, index, extra, about, rows)
        try:
            records.append(contestant.run())
            if options.swaps and not any("swaps" in record for record in records if record["contestant"] == name):
                contestant.swaps(options.swaps)
        except Exception as error:  # a peer that cannot do it is a line of the report
            records.append(contestant.record | {"missing": f"{type(error).__name__}: {error}"})
            print(f"bench-peers-milvus: {contestant.title}: {error}", file=sys.stderr)
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=True).stdout.strip()
    versions = "pymilvus 3.0.2, milvus-lite 3.2.2, milvus 2.3.5"
    name = pathlib.Path(options.data).name
    write("-".join([name, *only]), {"set": name, "machine": processor(), "commit": commit, "versions": versions, "rows": rows,
                                    "dimension": about["dimension"]}, records)


if __name__ == "__main__":
    main()
