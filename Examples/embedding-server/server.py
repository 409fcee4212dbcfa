#!/usr/bin/env python3
"""A small server of OpenAI's /v1/embeddings for trying Moult's re-embedding with real models and no network.

    server.py --port 8080 --model bge-small-en-v1.5 --model all-MiniLM-L6-v2

It says `listening on URL` when it answers; port 0 takes a free one. One text at a time is not what it is for: requests
queue for the models one after the other, each of which uses `--threads` processors.
"""

import argparse
import base64
import http.server
import json
import re
import threading

import numpy

from models import MODELS

BODY_BYTES_MAX = 8 << 20
TEXTS_MAX = 2048
# What the models work on at once: the inner layer of 64 texts takes some 100 MB.
BATCH = 64


class Refused(Exception):
    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Small answers must not wait for the acknowledgement of their headers.
    disable_nagle_algorithm = True
    # Of a client that says nothing more.
    timeout = 300
    wbufsize = -1

    def do_GET(self):
        if self.path != "/v1/models":
            return self.refuse(Refused(404, f"there is no {self.path}, only /v1/models and /v1/embeddings"))
        data = [{"id": name, "object": "model", "owned_by": "moult-example"} for name in self.server.models]
        self.answer(200, {"object": "list", "data": data})

    def do_POST(self):
        try:
            self.answer(200, self.embeddings(self.body()))
        except Refused as error:
            self.refuse(error)

    def body(self):
        length = self.headers.get("Content-Length", "")
        if not re.fullmatch("[0-9]{1,9}", length) or int(length) > BODY_BYTES_MAX:
            self.close_connection = True
            raise Refused(413, f"Content-Length must be there and at most {BODY_BYTES_MAX}")
        text = self.rfile.read(int(length))
        if self.path != "/v1/embeddings":
            raise Refused(404, f"there is no {self.path}, only /v1/models and /v1/embeddings")
        key = self.server.api_key
        if key and self.headers.get("Authorization") != f"Bearer {key}":
            raise Refused(401, "wrong API key")
        try:
            body = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise Refused(400, f"the body is not JSON: {error}")
        if not isinstance(body, dict):
            raise Refused(400, "the body must be an object")
        return body

    def embeddings(self, body):
        name, texts = body.get("model"), body.get("input")
        model = self.server.models.get(name) if isinstance(name, str) else None
        if model is None:
            raise Refused(404, f"there is no model {name!r}; there are {', '.join(self.server.models)}")
        texts = [texts] if isinstance(texts, str) else texts
        if not isinstance(texts, list) or not 1 <= len(texts) <= TEXTS_MAX:
            raise Refused(400, f"'input' must be a text or a list of 1 to {TEXTS_MAX} texts")
        if not all(isinstance(text, str) for text in texts):
            raise Refused(400, "'input' must hold texts")
        try:
            "".join(texts).encode()
        except UnicodeEncodeError:
            raise Refused(400, "'input' holds a half of a surrogate pair, which is no text")
        if body.get("dimensions") not in (None, 384):
            raise Refused(400, "this model has 384 dimensions")
        if body.get("encoding_format", "float") not in ("float", "base64"):
            raise Refused(400, "'encoding_format' must be float or base64")
        with self.server.turn:
            parts = [model(texts[start : start + BATCH]) for start in range(0, len(texts), BATCH)]
        vectors, tokens = numpy.concatenate([part for part, _ in parts]), sum(count for _, count in parts)
        if body.get("encoding_format") == "base64":
            vectors = [base64.b64encode(vector.astype("<f4").tobytes()).decode() for vector in vectors]
        else:
            vectors = vectors.tolist()
        data = [{"object": "embedding", "index": place, "embedding": vector} for place, vector in enumerate(vectors)]
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return {"object": "list", "model": name, "data": data, "usage": usage}

    def refuse(self, error):
        self.answer(error.status, {"error": {"message": str(error), "type": "invalid_request_error"}})

    def answer(self, status, content):
        text = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *arguments):
        pass


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--model", action="append", choices=MODELS, help="one or several (default: all)")
    parser.add_argument("--threads", type=int, default=2, help="processors that one batch uses")
    parser.add_argument("--api-key", help="asked for as Authorization: Bearer KEY")
    options = parser.parse_args()
    server = http.server.ThreadingHTTPServer((options.host, options.port), Handler)
    server.daemon_threads = True
    server.models = {name: MODELS[name](options.threads) for name in options.model or MODELS}
    server.turn = threading.Lock()
    server.api_key = options.api_key
    print(f"listening on http://{options.host}:{server.server_port}/v1/embeddings", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
