#!/usr/bin/env python3
"""MiniLM serves, bge is embedded from the stored text, proven, cut over and rolled back, under load, with real models.

`make demo-migration` runs it on the bundled WordNet sample: 2,000 points, ROWS=10000 for all. It starts the example
embedding server and a Moult server of its own, lets four clients search through the alias, two by text and two by vector,
while a fifth writes, edits and deletes, and holds at the end every acknowledged write against the new collection. It ends
with 1 if an answer failed, was stale or came of the wrong model, or a point is lost, wrong or risen from the dead.
"""

import argparse
import gzip
import json
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

import numpy as np

from client import Client, Refused
from plot import plot

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SAMPLE = ROOT / "Examples" / "data" / "wordnet-10k"
MINILM, BGE = "all-MiniLM-L6-v2", "bge-small-en-v1.5"
BGE_PREFIX = "Represent this sentence for searching relevant passages: "
TEMPLATE = "{lemmas}: {gloss}"
# Of Moult's refusal of vectors of another model than the collection's.
OTHER_MODEL = "said to be of the model"
# How far a score may lie from the product of the vectors: int8 models round by the longest text of a batch. Another model's
# query is some tenths away.
TOLERANCE = 0.03


def text_of(payload):
    return f"{', '.join(payload['lemmas'])}: {payload['gloss']}"


def lines(path):
    with gzip.open(path, "rt") as file:
        return [json.loads(line) for line in file]


class Embeddings:
    """The example server's models, as an application of one's own would call them."""

    def __init__(self, url):
        parts = urllib.parse.urlsplit(url)
        self.client, self.path = Client(f"{parts.scheme}://{parts.netloc}"), parts.path

    def __call__(self, model, texts, query=False):
        prefix = BGE_PREFIX if query and model == BGE else ""
        answer = self.client.post(self.path, {"model": model, "input": [prefix + text for text in texts]})
        return np.array([entry["embedding"] for entry in answer["data"]], np.float32)


class Tally:
    """What the load has seen."""

    def __init__(self):
        self.lock = threading.Lock()
        self.counts = dict(searches=0, bridged=0, failed=0, stale=0, mismatched=0, writes=0, writes_by_new_model=0)
        self.problems = {}
        self.latencies = []
        self.stopped = threading.Event()

    def count(self, what, problem=None):
        with self.lock:
            self.counts[what] += 1
            if problem:
                self.problems.setdefault(what, problem)


class Publications:
    """Which collection may answer a request, by when it began: only the current one, or both around a change."""

    def __init__(self, collection):
        self.lock = threading.Lock()
        self.sequence = [collection]
        self.confirmed = 0

    def announce(self, collection):
        with self.lock:
            self.sequence.append(collection)

    def confirm(self):
        with self.lock:
            self.confirmed = len(self.sequence) - 1

    def ticket(self):
        with self.lock:
            return self.confirmed

    def accept(self, ticket, collection):
        with self.lock:
            for place in range(ticket, len(self.sequence)):
                if self.sequence[place] == collection:
                    # Seen once, no later request may see what was before.
                    self.confirmed = max(self.confirmed, place)
                    return True
            return False


class Story:
    def __init__(self, options):
        self.options = options
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="moult-migration-"))
        self.processes = []
        self.tally = Tally()
        self.publications = Publications("words_minilm")
        self.writing, self.writing_model = threading.Lock(), MINILM
        self.recall_over_time = []
        self.table = []

    # Set-up

    def start(self, command, name):
        log = self.directory / f"{name}.log"
        process = subprocess.Popen(
            [str(part) for part in command], stdout=open(log, "w"), stderr=subprocess.STDOUT, text=True)
        self.processes.append(process)
        while process.poll() is None:
            said = log.read_text()
            if "listening on " in said and said.endswith("\n"):
                return said.split("listening on ")[1].split()[0]
            time.sleep(0.05)
        raise SystemExit(f"{name} did not start: {log.read_text()[-2000:]}")

    def moult(self, *arguments, check=True, quiet=False):
        """One command of the `moult` tool, as a user types it."""
        if not quiet:
            print("\n$ moult " + " ".join(a if a.isidentifier() or a.startswith("-") else f"'{a}'" for a in arguments))
        done = subprocess.run(
            [self.options.moult, *arguments, "--url", self.url], capture_output=True, text=True)
        output = done.stdout.strip()
        if output and not quiet:
            print(output)
        if check and done.returncode != 0:
            raise SystemExit(f"moult {' '.join(arguments)} ended with {done.returncode}: {done.stderr.strip()}")
        return done

    def set_up(self):
        rows = self.options.rows
        self.payloads = lines(SAMPLE / "payload.jsonl.gz")[:rows]
        vectors = np.load(SAMPLE / "base.npy")[:rows].astype(np.float32)
        self.minilm = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        self.queries = [query for query in lines(SAMPLE / "queries.jsonl.gz") if query["row"] < rows]
        np.save(self.directory / "base.npy", self.minilm)
        with open(self.directory / "payload.jsonl", "w") as file:
            file.writelines(json.dumps(payload) + "\n" for payload in self.payloads)
        with open(self.directory / "queries.jsonl", "w") as file:
            file.writelines(
                json.dumps({"text": query["text"], "relevant": [query["row"]]}) + "\n" for query in self.queries)

        endpoint = self.start([HERE.parent / "embedding-server" / "run", "--port", "0"], "embedding-server")
        host = urllib.parse.urlsplit(endpoint).netloc
        self.embeddings = Embeddings(endpoint)
        self.url = self.start(
            [self.options.moult, "serve", "--data", self.directory / "data", "--port", "0", "--embedder-host", host],
            "moult")
        self.client = Client(self.url)
        print(f"{rows:,} WordNet senses, {len(self.queries)} queries whose right answer is known; Moult at {self.url}, "
              f"models at {endpoint}")
        self.moult("import", "words_minilm", "--vectors", str(self.directory / "base.npy"),
                   "--payload", str(self.directory / "payload.jsonl"), "--id-field", "id")
        self.moult("embedder", "add", "minilm", "--endpoint", endpoint, "--model", MINILM, "--dimension", "384")
        self.moult("embedder", "add", "bge", "--endpoint", endpoint, "--model", BGE, "--dimension", "384",
                   "--query-prefix", BGE_PREFIX)
        self.moult("embedder", "bind", "words_minilm", "minilm")
        self.moult("alias", "create", "words", "words_minilm")
        texts = [query["text"] for query in self.queries]
        self.query_vectors = {model: self.embeddings(model, texts, query=True) for model in (MINILM, BGE)}
        self.model_of = {"words_minilm": MINILM, "words_bge": BGE}
        # What an application believes to have stored: the payload of each id.
        self.stored = {payload["id"]: payload for payload in self.payloads}

    # Load

    def search(self, by_text, generator):
        """One search of a client; holds the answer against what it may be."""
        place = generator.randrange(len(self.queries))
        ticket = self.publications.ticket()
        body = {"limit": 3, "vectors": True}
        if by_text:
            body["texts"] = [self.queries[place]["text"]]
        else:
            # An application's own model, stated: another collection than of this model refuses it.
            model = generator.choice(self.models_in_use())
            body |= {"queries": [self.query_vectors[model][place].tolist()], "model": model}
        start = time.monotonic()
        try:
            answer = self.client.post("/moult/v1/collections/words/search", body)
        except Refused as refusal:
            if not by_text and OTHER_MODEL in str(refusal):
                return
            return self.tally.count("failed", refusal)
        except OSError as error:
            return self.tally.count("failed", error)
        seconds = time.monotonic() - start
        collection = answer["servedBy"]["collection"]
        self.tally.count("searches")
        if not by_text:
            with self.tally.lock:
                self.tally.latencies.append((time.monotonic() - self.begun, seconds))
        if not self.publications.accept(ticket, collection):
            self.tally.count("stale", f"{collection} answered after it was replaced")
        if not by_text and body["model"] != self.model_of[collection]:
            # The new model's query before the cut-over: candidates by a map into the old model's space, and the scores of
            # the new vectors that are there.
            return self.tally.count("bridged")
        query = self.query_vectors[self.model_of[collection]][place]
        for hit in answer["hits"][0]:
            vector = np.array(hit["vector"], np.float32)
            if abs(float(query @ vector) / float(np.linalg.norm(vector)) - hit["score"]) > TOLERANCE:
                self.tally.count("mismatched", f"{collection}, query {place}, point {hit['id']}, score {hit['score']}")

    def models_in_use(self):
        return [self.model_of[name] for name in set(self.publications.sequence[self.publications.ticket():])]

    def read(self, by_text, seed):
        generator = random.Random(seed)
        while not self.tally.stopped.is_set():
            self.search(by_text, generator)
            time.sleep(0.02 if by_text else 0.005)

    def write(self, seed):
        generator = random.Random(seed)
        while not self.tally.stopped.wait(1 / self.options.writes_per_second):
            with self.writing:
                self.write_one(generator)

    def write_one(self, generator):
        """An upsert, a payload edit or a delete through the alias. Vectors come with the name of their model: refused
        for it, the writer embeds by the one that the collection is of now, as an application would."""
        id, kind = generator.randrange(self.options.rows), generator.random()
        try:
            if kind < 0.2:
                self.client.post("/moult/v1/collections/words/points/delete", {"ids": [id]})
                self.stored.pop(id, None)
            else:
                payload = dict(self.stored.get(id, self.payloads[id]))
                if kind < 0.6:
                    payload["seen"] = generator.randrange(1_000_000)
                else:
                    payload["gloss"] = f"{self.payloads[id]['gloss']}, as edited {generator.randrange(1000)} times"
                self.upsert(id, payload)
                self.stored[id] = payload
            self.tally.count("writes")
        except (Refused, OSError) as error:
            self.tally.count("failed", f"write of {id}: {error}")

    def upsert(self, id, payload):
        for _ in range(3):
            is_as_imported = self.writing_model == MINILM and text_of(payload) == text_of(self.payloads[id])
            vector = self.minilm[id] if is_as_imported else self.embeddings(self.writing_model, [text_of(payload)])[0]
            point = {"id": id, "vector": vector.tolist(), "payload": payload}
            path = f"/moult/v1/collections/words/points?model={self.writing_model}"
            try:
                self.client.post(path, {"points": [point]})
            except Refused as refusal:
                if OTHER_MODEL not in str(refusal):
                    raise
                self.writing_model = BGE if self.writing_model == MINILM else MINILM
                continue
            if self.writing_model == BGE:
                self.tally.count("writes_by_new_model")
            return
        raise OSError("neither model's vectors are taken")

    def watch(self):
        """Recall of the labelled queries through the alias, again and again."""
        while not self.tally.stopped.is_set():
            self.recall_over_time.append(self.measure("words"))
            self.tally.stopped.wait(2)

    def measure(self, name):
        found, collections = 0, set()
        for start in range(0, len(self.queries), 64):
            part = self.queries[start : start + 64]
            answer = self.client.post(f"/moult/v1/collections/{name}/search",
                                      {"texts": [query["text"] for query in part], "limit": 10})
            collections.add(answer["servedBy"]["collection"])
            found += sum(any(hit["id"] == query["row"] for hit in hits) for query, hits in zip(part, answer["hits"]))
        return time.monotonic() - self.begun, found / len(self.queries), collections.pop()

    # The story

    def run(self):
        self.set_up()
        self.begun = time.monotonic()
        # A client that dies is a failure, not silence.
        threading.excepthook = lambda hook: self.tally.count("failed", f"{hook.thread.name}: {hook.exc_value!r}")
        load = [threading.Thread(target=self.read, args=(number < 2, number)) for number in range(4)]
        load += [threading.Thread(target=self.write, args=(99,)), threading.Thread(target=self.watch)]
        for thread in load:
            thread.start()
        try:
            self.migrate()
        finally:
            self.tally.stopped.set()
            for thread in load:
                thread.join()
        return self.report()

    def migrate(self):
        reembed = ["reembed", "words", "--embedder", "bge", "--text", TEMPLATE, "--into", "words_bge", "--alias", "words"]
        self.moult(*reembed, "--dry-run")
        self.note("MiniLM serves", "words_minilm")
        start = time.monotonic()
        self.move("words_bge", *reembed, "--queries", str(self.directory / "queries.jsonl"))
        print(f"embedded, proven and cut over in {time.monotonic() - start:.1f} s")
        self.moult("status", "words")
        self.settle()
        self.note("bge serves", "words_bge")
        self.check("words_bge")
        # The way back leaves later writes where they are, in the new collection: the application does not write meanwhile.
        with self.writing:
            self.move("words_minilm", "rollback", "words", "--force")
            self.settle()
            self.note("rolled back: MiniLM", "words_minilm")
            self.move("words_bge", "alias", "alter", "words", "words_bge", "--if-current", "words_minilm")
            self.settle()
            self.note("forward again: bge", "words_bge")
        self.moult("history")

    def move(self, collection, *command):
        """A command that makes the alias stand for another collection: until it has ended both may answer."""
        self.publications.announce(collection)
        self.moult(*command)
        self.publications.confirm()

    def settle(self):
        """Lets the load see the new state: as many answers again as make a table worth reading."""
        aim, end = self.tally.counts["searches"] + 200, time.monotonic() + 60
        while self.tally.counts["searches"] < aim and not self.tally.problems:
            if time.monotonic() > end:
                raise SystemExit("the clients do not get on: fewer than 200 answers in a minute")
            time.sleep(0.05)

    def note(self, what, collection):
        _, recall, served = self.measure("words")
        self.table.append((what, served, recall))
        if served != collection:
            self.tally.count("stale", f"{served} answers where {collection} should")

    def check(self, name):
        """Every point of the collection is the application's with its payload, and the other way round; and its vector
        is the new model's of its text."""
        with self.writing:
            points, after = {}, ""
            while True:
                page = self.client.get(f"/moult/v1/collections/{name}/points?limit=1000&vectors=true&payload=true{after}")
                points |= {point["id"]: point for point in page["points"]}
                if len(page["points"]) < 1000:
                    break
                after = f"&after={page['points'][-1]['id']}"
            stored = dict(self.stored)
        lost = [id for id in stored if id not in points]
        risen = [id for id in points if id not in stored]
        changed = [id for id in stored if id in points and points[id]["payload"] != stored[id]]
        sample = random.Random(1).sample(sorted(points), min(200, len(points)))
        expected = self.embeddings(BGE, [text_of(points[id]["payload"]) for id in sample])
        found = np.array([points[id]["vector"] for id in sample], np.float32)
        foreign = int((np.sum(expected * found, axis=1) < 0.95).sum())
        self.state = dict(points=len(points), lost=len(lost), risen=len(risen), changed=len(changed), foreign=foreign)

    # The end

    def report(self):
        counts = self.tally.counts
        out = pathlib.Path(self.options.out or self.directory / "figures")
        out.mkdir(parents=True, exist_ok=True)
        latencies = np.array([seconds for _, seconds in self.tally.latencies]) * 1000
        figures = {
            "rows": self.options.rows, "queries": len(self.queries), **counts, **self.state,
            "vector_search_p50_ms": float(np.percentile(latencies, 50)),
            "vector_search_p99_ms": float(np.percentile(latencies, 99)),
            "found_among_ten": {what: recall for what, _, recall in self.table},
        }
        (out / "figures.json").write_text(json.dumps(figures, indent=1) + "\n")
        plot(out / "recall.svg", "Own sense among ten, text queries through the alias", self.recall_over_time, "share found")
        print("\n| state of the alias | answered by | own sense among ten |\n|---|---|---|")
        for what, served, recall in self.table:
            print(f"| {what} | {served} | {recall:.3f} |")
        print(f"\n{counts['searches']:,} searches, {counts['bridged']:,} of them by the new model before the cut-over, over the "
              f"bridge; {counts['writes']:,} writes, {counts['writes_by_new_model']} of them with the new model's vectors: "
              f"{counts['failed']} failed, {counts['stale']} stale, {counts['mismatched']} scored by another model than the "
              "collection's")
        print("the new collection: {points:,} points; {lost} lost, {risen} risen from the dead, {changed} with another "
              "payload, {foreign} of 200 with vectors of another text or model".format(**self.state))
        print(f"search by vector: p50 {figures['vector_search_p50_ms']:.1f} ms, p99 "
              f"{figures['vector_search_p99_ms']:.1f} ms\nplot: {out / 'recall.svg'}")
        for what, problem in self.tally.problems.items():
            print(f"first that {what}: {problem}", file=sys.stderr)
        problems = [counts[name] for name in ("failed", "stale", "mismatched")]
        problems += [self.state[name] for name in ("lost", "risen", "changed", "foreign")]
        return 1 if any(problems) else 0

    def shut_down(self):
        for process in reversed(self.processes):
            process.terminate()
        for process in self.processes:
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
        shutil.rmtree(self.directory / "data", ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=2000, help="points, 500 to 10000")
    parser.add_argument("--moult", default=str(ROOT / ".build" / "release" / "moult"))
    parser.add_argument("--writes-per-second", type=float, default=20)
    parser.add_argument("--out", help="folder for figures.json and recall.svg; without, a new one that is kept")
    options = parser.parse_args()
    if not 500 <= options.rows <= 10_000:
        parser.error(f"--rows must lie in 500 … 10000, got {options.rows}")
    if options.writes_per_second <= 0:
        parser.error("--writes-per-second must be above 0")
    story = Story(options)
    try:
        sys.exit(story.run())
    finally:
        story.shut_down()


if __name__ == "__main__":
    main()
