"""gRPC and REST over TLS, and a token for reading, as pymilvus and requests see them."""

import subprocess

import pytest
import requests
from pymilvus import MilvusClient

from conftest import TOKEN, Server


@pytest.fixture(scope="module")
def secured(tmp_path_factory):
    directory = tmp_path_factory.mktemp("tls")
    certificate, key = directory / "certificate.pem", directory / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", certificate],
        check=True, capture_output=True)
    server = Server(directory, "--tls-certificate", str(certificate), "--tls-key", str(key),
                    "--read-only-token", "ann:reads")
    server.start()
    yield server, str(certificate)
    server.stop()


def connect(secured, token):
    server, certificate = secured
    return MilvusClient(uri=f"https://localhost:{server.port}", token=token, secure=True, server_pem_path=certificate)


def test_both_protocols_over_one_port(secured):
    server, certificate = secured
    client = connect(secured, TOKEN)
    client.create_collection("words", dimension=2)
    client.insert("words", [{"id": 1, "vector": [1.0, 2.0]}, {"id": 2, "vector": [2.0, 1.0]}])
    assert [hit["id"] for hit in client.search("words", [[1.0, 2.0]], limit=2)[0]] == [1, 2]
    answer = requests.post(
        f"https://localhost:{server.port}/v2/vectordb/collections/list", json={}, verify=certificate, timeout=60,
        headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.json() == {"code": 0, "data": ["words"]}
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(f"https://localhost:{server.port}/healthz", timeout=60)
    client.close()


def test_a_token_for_reading(secured):
    writer, reader = connect(secured, TOKEN), connect(secured, "ann:reads")
    if not writer.has_collection("read"):
        writer.create_collection("read", dimension=2)
        writer.insert("read", [{"id": 1, "vector": [1.0, 2.0]}])
    assert reader.search("read", [[1.0, 2.0]], limit=1)[0][0]["id"] == 1
    assert reader.describe_collection("read")["collection_name"] == "read"
    for call in (lambda: reader.insert("read", [{"id": 2, "vector": [1.0, 2.0]}]),
                 lambda: reader.drop_collection("read"), lambda: reader.create_alias("read", "a")):
        with pytest.raises(Exception, match="only allows reading"):
            call()
    assert writer.query("read", output_fields=["count(*)"])[0]["count(*)"] == 1
    reader.close()
    writer.close()
