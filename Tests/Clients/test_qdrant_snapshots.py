"""Snapshots over qdrant-client, both wires: made, listed, taken, put back and removed; they are backups of Moult."""

import hashlib
import os
import random
import subprocess

import pytest
import requests
from conftest import API_KEY, QdrantServer
from qdrant_client import models
from qdrant_oracle import plain

D = models.Distance
HEADERS = {"api-key": API_KEY}
MULTI = models.MultiVectorConfig(comparator=models.MultiVectorComparator.MAX_SIM)


def fill(client, name, count=300, seed=1):
    draw = random.Random(seed)
    client.create_collection(
        name, vectors_config={
            "a": models.VectorParams(size=4, distance=D.COSINE), "m": models.VectorParams(size=3, distance=D.DOT, multivector_config=MULTI)},
        sparse_vectors_config={"w": models.SparseVectorParams(modifier=models.Modifier.IDF)})
    client.upsert(name, [
        models.PointStruct(id=n, payload={"n": n, "text": f"é {n}"}, vector={
            "a": [draw.gauss(0, 1) for _ in range(4)], "m": [[draw.gauss(0, 1) for _ in range(3)] for _ in range(draw.randint(1, 4))],
            "w": models.SparseVector(indices=draw.sample(range(50), 3), values=[draw.random() for _ in range(3)])})
        for n in range(count)])
    client.create_payload_index(name, field_name="n", field_schema="integer")


def everything(client, name):
    return plain(client.scroll(name, limit=10_000, with_vectors=True)), plain(client.get_collection(name).config)


@pytest.fixture
def filled(remote, qdrant_server):
    fill(remote, "c")
    yield remote
    for snapshot in remote.list_full_snapshots():
        remote.delete_full_snapshot(snapshot.name)
    if remote.collection_exists("c"):
        for snapshot in remote.list_snapshots("c"):
            remote.delete_snapshot("c", snapshot.name)


def download(server, path):
    answer = requests.get(f"{server.qdrant_uri}/{path}", headers=HEADERS, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.content


def upload(server, name, content, **query):
    return requests.post(
        f"{server.qdrant_uri}/collections/{name}/snapshots/upload", params=query, headers=HEADERS, timeout=60,
        files={"snapshot": ("file.snapshot", content)})


def test_a_snapshot_of_a_collection(filled, qdrant_server):
    assert filled.list_snapshots("c") == []
    made = filled.create_snapshot("c")
    assert [one.name for one in filled.list_snapshots("c")] == [made.name]
    content = download(qdrant_server, f"collections/c/snapshots/{made.name}")
    assert len(content) == made.size and hashlib.sha256(content).hexdigest() == made.checksum
    before = everything(filled, "c")
    filled.delete("c", models.Filter(must=models.FieldCondition(key="n", range=models.Range(lt=200))))
    filled.set_payload("c", payload={"late": True}, points=[250])
    assert everything(filled, "c") != before
    url = f"{qdrant_server.qdrant_uri}/collections/c/snapshots/{made.name}"
    with pytest.raises(Exception, match="checksum"):
        filled.recover_snapshot("c", url, checksum="0" * 64)
    assert filled.count("c").count == 100
    assert filled.recover_snapshot("c", url, checksum=made.checksum)
    assert everything(filled, "c") == before
    # Also under another name, and by a file.
    assert filled.recover_snapshot("other", f"file:///anywhere/c/{made.name}")
    assert everything(filled, "other") == before
    assert filled.delete_snapshot("c", made.name) and filled.list_snapshots("c") == []
    with pytest.raises(Exception):
        filled.delete_snapshot("c", made.name)
    with pytest.raises(Exception, match="fetches none"):
        filled.recover_snapshot("c", url)
    assert everything(filled, "c") == before


def test_a_snapshot_that_is_uploaded(filled, qdrant_server):
    made = filled.create_snapshot("c")
    content = download(qdrant_server, f"collections/c/snapshots/{made.name}")
    before = everything(filled, "c")
    filled.delete_collection("c")
    for wrong in (b"", b"no snapshot", content[:-700], content[:5_000] + b"x" + content[5_001:]):
        answer = upload(qdrant_server, "c", wrong)
        assert answer.status_code == 400, (len(wrong), answer.text)
        assert not filled.collection_exists("c")
    assert upload(qdrant_server, "c", content, checksum="1" * 64).status_code == 400
    assert not filled.collection_exists("c")
    assert upload(qdrant_server, "c", content, checksum=made.checksum, priority="snapshot").json()["result"] is True
    assert everything(filled, "c") == before
    answer = requests.post(
        f"{qdrant_server.qdrant_uri}/collections/c/snapshots/upload", headers=HEADERS, files={"another": ("f", content)}, timeout=60)
    assert answer.status_code == 400 and "snapshot" in answer.text


def test_a_snapshot_of_everything(filled, qdrant_server, tmp_path):
    fill(filled, "d", count=20, seed=2)
    made = filled.create_full_snapshot()
    assert [one.name for one in filled.list_full_snapshots()] == [made.name]
    content = download(qdrant_server, f"snapshots/{made.name}")
    assert hashlib.sha256(content).hexdigest() == made.checksum
    # It is what `moult restore` takes.
    path = tmp_path / "full.snapshot"
    path.write_bytes(content)
    (tmp_path / "other").mkdir()
    other = QdrantServer(tmp_path / "other")
    other.start()
    try:
        subprocess.run(
            [os.environ["MOULT"], "restore", "--from", str(path), "--url", other.uri, "--token", "root:Milvus"], check=True, capture_output=True)
        # By the same wire: another one rounds numbers otherwise.
        there, here = other.qdrant(), qdrant_server.qdrant()
        for name in ("c", "d"):
            assert everything(there, name) == everything(here, name)
        there.close()
        here.close()
    finally:
        other.stop()
    # It has two collections: none of them is this one.
    with pytest.raises(Exception, match="snapshot"):
        filled.recover_snapshot("c", f"{qdrant_server.qdrant_uri}/snapshots/{made.name}")
    assert upload(qdrant_server, "c", content).status_code == 400
    assert filled.delete_full_snapshot(made.name) and filled.list_full_snapshots() == []


def test_what_leads_elsewhere_is_nothing(filled, qdrant_server):
    for path in ("collections/c/snapshots/..%2F..%2Fmoult.sqlite", "snapshots/..%2Fmoult.sqlite", "snapshots/.hidden", "snapshots/%00"):
        answer = requests.get(f"{qdrant_server.qdrant_uri}/{path}", headers=HEADERS, timeout=60)
        assert answer.status_code in (400, 404), (path, answer.status_code)
    for location in ("", "c", "ftp://x/c/s", "file:///etc/passwd", "file:///c/..%2F..%2Fmoult.sqlite", "http://169.254.169.254/collections/c/snapshots/s"):
        with pytest.raises(Exception):
            filled.recover_snapshot("c", location)
    for name in ("absent",):
        with pytest.raises(Exception):
            filled.create_snapshot(name)
        with pytest.raises(Exception):
            filled.list_snapshots(name)
