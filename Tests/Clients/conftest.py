"""A Moult server for tests with unmodified clients: the program named by MOULT, on a free port."""

import os
import pathlib
import signal
import socket
import subprocess
import time

import pytest
import requests

TOKEN = "root:Milvus"


class Server:
    """`moult serve` on one data directory; stopped and started again it keeps its port."""

    def __init__(self, directory: pathlib.Path, *arguments: str):
        self.directory = directory
        self.arguments = arguments
        self.port = 0
        self.process = None

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        log = self.directory / "log"
        log.write_text("")
        self.process = subprocess.Popen(
            [os.environ["MOULT"], "serve", "--data", str(self.directory / "data"), "--port", str(self.port),
             *self.arguments],
            stdout=subprocess.DEVNULL, stderr=log.open("w"))
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            for line in log.read_text().split("\n")[:-1]:
                if "listening on http" in line:
                    self.port = int(line.rsplit(":", 1)[1])
                    return
            assert self.process.poll() is None, log.read_text()
            time.sleep(0.02)
        raise AssertionError("the server did not start:\n" + log.read_text())

    def stop(self, number: int = signal.SIGTERM) -> None:
        self.process.send_signal(number)
        self.process.wait(60)

    def rest(self, path: str, body: dict) -> dict:
        """The answer of `POST /v2/vectordb/<path>`."""
        answer = requests.post(
            f"{self.uri}/v2/vectordb/{path}", json=body, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=60)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("moult"))
    server.start()
    yield server
    if server.process.poll() is None:
        server.stop()


@pytest.fixture
def client(server):
    from pymilvus import MilvusClient

    client = MilvusClient(uri=server.uri, token=TOKEN)
    yield client
    for name in client.list_collections():
        for alias in client.list_aliases(name)["aliases"]:
            client.drop_alias(alias)
        client.drop_collection(name)
    client.close()


API_KEY = "key-of-the-tests"
READ_ONLY_KEY = "key-for-reading"


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class QdrantServer(Server):
    """A server that speaks Qdrant's protocol on a port of its own."""

    def __init__(self, directory: pathlib.Path, *arguments: str):
        self.qdrant_port = free_port()
        self.qdrant_grpc_port = free_port()
        super().__init__(
            directory, "--qdrant-port", str(self.qdrant_port), "--qdrant-grpc-port", str(self.qdrant_grpc_port), "--api-key", API_KEY, "--read-only-key", READ_ONLY_KEY,
            *arguments)

    @property
    def qdrant_uri(self) -> str:
        return f"http://127.0.0.1:{self.qdrant_port}"

    def qdrant(self, key: str = API_KEY, grpc: bool = False):
        import warnings

        from qdrant_client import QdrantClient

        with warnings.catch_warnings():
            # A key over plain HTTP.
            warnings.simplefilter("ignore")
            return QdrantClient(
                url=self.qdrant_uri, api_key=key, timeout=60, prefer_grpc=grpc, grpc_port=self.qdrant_grpc_port)


@pytest.fixture(scope="session")
def qdrant_server(tmp_path_factory):
    server = QdrantServer(tmp_path_factory.mktemp("moult-qdrant"))
    server.start()
    yield server
    if server.process.poll() is None:
        server.stop()


@pytest.fixture(params=["rest", "grpc"])
def remote(qdrant_server, request):
    client = qdrant_server.qdrant(grpc=request.param == "grpc")
    yield client
    for collection in client.get_collections().collections:
        client.delete_collection(collection.name)
    client.close()


@pytest.fixture
def local():
    from qdrant_client import QdrantClient

    client = QdrantClient(":memory:")
    yield client
    client.close()
