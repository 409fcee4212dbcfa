"""An endpoint of /v1/embeddings that has the vectors of both models already: those of the data set, by text."""

import base64
import gzip
import http.server
import json
import multiprocessing
import time

import numpy as np

MINILM, BGE = "all-MiniLM-L6-v2", "bge-small-en-v1.5"
PREFIX = {MINILM: "", BGE: "Represent this sentence for searching relevant passages: "}
FOLDER = {MINILM: "wordnet-minilm-384", BGE: "wordnet-bge-384"}
TEMPLATE = "{lemmas}: {gloss}"


def text_of(payload):
    return f"{', '.join(payload['lemmas'])}: {payload['gloss']}"


def lines(path):
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def normalised(vectors):
    vectors = vectors.astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


class Words:
    """The senses that both models have embedded, and the queries."""

    def __init__(self, data, rows):
        self.payloads = lines(data / "wordnet" / "payload.jsonl.gz")[:rows]
        queries = lines(data / "wordnet" / "queries.jsonl.gz")
        self.base = {model: normalised(np.load(data / folder / "base.npy")[:rows]) for model, folder in FOLDER.items()}
        self.query_vectors = {model: normalised(np.load(data / folder / "queries.npy")) for model, folder in FOLDER.items()}
        self.queries = [query["text"] for query in queries]


class Endpoint:
    """Serves in a process of its own; a request takes `seconds`, and vectors of documents are asked for `documents` times."""

    def __init__(self, words, seconds):
        known = {}
        for model in FOLDER:
            for payload, vector in zip(words.payloads, words.base[model]):
                known.setdefault((model, text_of(payload)), vector)
            for text, vector in zip(words.queries, words.query_vectors[model]):
                known[model, PREFIX[model] + text] = vector
        self.documents = multiprocessing.Value("q", 0)
        port = multiprocessing.Queue()
        self.process = multiprocessing.Process(target=self.serve, args=(known, seconds, port), daemon=True)
        self.process.start()
        self.host = f"127.0.0.1:{port.get(timeout=60)}"
        self.url = f"http://{self.host}/v1/embeddings"

    def serve(self, known, seconds, port):
        documents = self.documents

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                begun = time.monotonic()
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                vectors = [known.get((asked["model"], text)) for text in asked["input"]]
                if any(vector is None for vector in vectors):
                    return self.answer(400, {"error": {"message": f"a text that nobody wrote: {asked['input']}"}})
                if len(vectors) > 1:
                    with documents.get_lock():
                        documents.value += len(vectors)
                is_binary = asked.get("encoding_format") == "base64"
                entries = [
                    {"object": "embedding", "index": place,
                     "embedding": base64.b64encode(vector.tobytes()).decode() if is_binary else vector.tolist()}
                    for place, vector in enumerate(vectors)]
                if len(vectors) > 1:
                    time.sleep(max(0, seconds - (time.monotonic() - begun)))
                self.answer(200, {"object": "list", "model": asked["model"], "data": entries})

            def answer(self, status, body):
                content = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        port.put(server.server_port)
        server.serve_forever()

    def close(self):
        self.process.terminate()
        self.process.join()
