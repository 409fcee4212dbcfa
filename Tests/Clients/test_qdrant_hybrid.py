"""Dense to hybrid: a sparse vector that Moult fills by BM25 from payload texts, queried with an unmodified qdrant-client."""

import random
import time

import pytest
import requests
from conftest import TOKEN
from qdrant_client import models

from test_qdrant_texts import document, text

DIMENSION = 8
RIVERS = " ".join(["river"] * 9)


def admin(server, method, path, body=None, status=200):
    answer = requests.request(
        method, f"{server.uri}/moult/v1/{path}", json=body, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=60)
    assert answer.status_code == status, answer.text
    return answer.json() if answer.content else None


def fill(server, name, field="words"):
    job = admin(server, "POST", "reembed", {"source": name, "field": field, "text": "{text}", "bm25": {}}, 202)
    deadline = time.monotonic() + 60
    while job["state"] not in ("completed", "failed", "cancelled"):
        assert time.monotonic() < deadline, job
        job = admin(server, "GET", f"jobs/{job['id']}")
    assert job["state"] == "completed", job


def dense(draw):
    return [draw.uniform(-1, 1) for _ in range(DIMENSION)]


def points(draw, ids, vector=lambda v, t: v):
    made = []
    for n in ids:
        t = text(draw)
        made.append(models.PointStruct(id=n, vector=vector(dense(draw), t), payload={"text": t, "n": n}))
    return made


PARAMETERS = models.VectorParams(size=DIMENSION, distance=models.Distance.COSINE)


@pytest.fixture
def both(remote, qdrant_server):
    """The same points twice: `given` with vectors that the client made of the texts, `filled` without, then filled."""
    draw = random.Random(5)
    remote.create_collection(
        "given", vectors_config={"dense": PARAMETERS},
        sparse_vectors_config={"words": models.SparseVectorParams(modifier=models.Modifier.IDF)})
    remote.create_collection("filled", vectors_config={"dense": PARAMETERS})
    batch = points(draw, range(700), lambda v, t: {"dense": v, "words": document(t)})
    remote.upsert("given", batch)
    for point in batch:
        del point.vector["words"]
    remote.upsert("filled", batch)
    fill(qdrant_server, "filled")
    return draw


def same(remote):
    for point, other in zip(*(remote.scroll(name, limit=2000, with_vectors=True)[0] for name in ("given", "filled")), strict=True):
        assert point.id == other.id and point.payload == other.payload
        assert set(point.vector) == set(other.vector)
        assert ("words" in point.vector) == ("words" in other.vector), point
        if "words" in point.vector:
            assert point.vector["words"] == other.vector["words"], point.id


def test_vectors_are_those_of_documents(remote, both):
    same(remote)
    info = remote.get_collection("filled")
    assert info.config.params.sparse_vectors["words"].modifier == models.Modifier.IDF


def test_hybrid_queries(remote, both):
    for asked in ("river stone", "wolf moon and star", "snow"):
        query = dense(both)
        answers = []
        for name in ("given", "filled"):
            answers.append(remote.query_points(
                name, prefetch=[
                    models.Prefetch(query=query, using="dense", limit=20),
                    models.Prefetch(query=document(asked), using="words", limit=20)],
                query=models.FusionQuery(fusion=models.Fusion.RRF), limit=10, with_payload=True).points)
            answers.append(remote.query_points(name, query=document(asked), using="words", limit=10, with_payload=True).points)
        fused, words = answers[:2]
        assert len(fused) == 10 and len(words) == 10
        assert [(p.id, p.score, p.payload) for p in answers[2]] == [(p.id, p.score, p.payload) for p in fused]
        assert [(p.id, p.score) for p in answers[3]] == [(p.id, p.score) for p in words]
        assert all(any(w in p.payload["text"] for w in asked.split()) for p in words)
        assert {p.id for p in fused} & {p.id for p in words}


def test_writes_are_followed(remote, both):
    new = points(both, range(690, 800), lambda v, t: {"dense": v, "words": document(t)})
    remote.upsert("given", new)
    for point in new:
        # What a client gives is not what the text says: the server's own stays.
        point.vector["words"] = models.SparseVector(indices=[1], values=[1.0])
    remote.upsert("filled", new)
    changed = {n: text(both) for n in (3, 4, 5)}
    for n, t in changed.items():
        for name in ("given", "filled"):
            remote.set_payload(name, {"text": t, "tag": "x"}, points=[n])
        remote.update_vectors("given", [models.PointVectors(id=n, vector={"words": document(t)})])
    for name in ("given", "filled"):
        remote.delete(name, points_selector=[6, 7])
        remote.delete_payload(name, keys=["n"], points=[8])
        remote.delete_payload(name, keys=["text"], points=[9])
    remote.delete_vectors("given", vectors=["words"], points=[9])
    remote.delete_vectors("filled", vectors=["words"], points=[10])
    same(remote)
    assert remote.count("filled", count_filter=models.Filter(must=[models.HasVectorCondition(has_vector="words")])).count == 797


def test_dropped_and_made_again(remote, both, qdrant_server):
    remote.delete_vector_name("filled", "words")
    assert not remote.get_collection("filled").config.params.sparse_vectors
    [point] = remote.retrieve("filled", [1], with_vectors=True)
    assert set(point.vector) == {"dense"} and set(point.payload) == {"text", "n"}
    with pytest.raises(Exception, match="Not existing vector name|400"):
        remote.query_points("filled", query=document("river"), using="words")
    fill(qdrant_server, "filled")
    same(remote)
    body = {"source": "filled", "field": "dense", "text": "{text}", "bm25": {}}
    admin(qdrant_server, "POST", "reembed", body, 409)
    body["source"], body["field"] = "given", "words"
    admin(qdrant_server, "POST", "reembed", body, 409)


def test_unnamed_vector(remote, qdrant_server):
    draw = random.Random(6)
    remote.create_collection("u", vectors_config=PARAMETERS)
    remote.upsert("u", points(draw, range(50)))
    fill(qdrant_server, "u")
    found = remote.query_points(
        "u", prefetch=[
            models.Prefetch(query=dense(draw), limit=20), models.Prefetch(query=document("river"), using="words", limit=20)],
        query=models.FusionQuery(fusion=models.Fusion.RRF), limit=5, with_payload=True).points
    assert len(found) == 5 and all(set(p.payload) == {"text", "n"} for p in found)


@pytest.mark.parametrize("origin", ["moult", "milvus"])
def test_collections_of_others(remote, qdrant_server, origin):
    draw = random.Random(7)
    rows = [{"id": n, "vector": dense(draw), "text": text(draw)} for n in range(60)]
    name = f"of_{origin}"
    if origin == "moult":
        admin(qdrant_server, "POST", "collections", {"name": name, "dimension": DIMENSION}, 201)
        admin(qdrant_server, "POST", f"collections/{name}/points", {"points": [
            {"id": row["id"], "vector": row["vector"], "payload": {"text": row["text"]}} for row in rows]})
    else:
        from pymilvus import MilvusClient

        client = MilvusClient(uri=qdrant_server.uri, token=TOKEN)
        client.create_collection(name, dimension=DIMENSION, metric_type="COSINE")
        client.insert(name, rows)
    fill(qdrant_server, name)
    if origin == "milvus":
        client.insert(name, [{"id": 99, "vector": dense(draw), "text": RIVERS}])
        read = client.get(name, [99, 3], output_fields=["*"])
        assert {row["id"]: row["text"] for row in read} == {99: RIVERS, 3: rows[3]["text"]}
        assert all(set(row) == {"id", "vector", "text"} for row in read)
        client.close()
    else:
        answer = admin(qdrant_server, "POST", f"collections/{name}/search", {"queries": [dense(draw)], "payload": True})
        assert len(answer["hits"][0]) == 10 and all(set(hit["payload"]) == {"text"} for hit in answer["hits"][0])
    found = remote.query_points(
        name, prefetch=[
            models.Prefetch(query=dense(draw), limit=20), models.Prefetch(query=document("river"), using="words", limit=20)],
        query=models.FusionQuery(fusion=models.Fusion.RRF), limit=5, with_payload=True).points
    assert len(found) == 5 and all("text" in p.payload and not any(k.startswith("$") for k in p.payload) for p in found)
    words = remote.query_points(name, query=document("river"), using="words", limit=3).points
    assert words and (origin == "moult" or words[0].id == 99)


def test_default_vector(remote, qdrant_server):
    draw = random.Random(8)
    admin(qdrant_server, "POST", "collections", {"name": "two", "dimension": DIMENSION, "fields": [{"name": "new", "dimension": 2}]}, 201)
    admin(qdrant_server, "POST", "collections/two/points", {"points": [
        {"id": n, "vector": dense(draw), "fields": {"new": [1, n]}} for n in range(10)]})
    with pytest.raises(Exception, match="vector name|400"):
        remote.query_points("two", query=[0.0, 1.0])
    admin(qdrant_server, "PUT", "collections/two/default", {"field": "new"})
    assert remote.query_points("two", query=[0.0, 1.0], limit=1).points[0].id == 9
    assert len(remote.query_points("two", query=dense(draw), using="vector", limit=3).points) == 3
    admin(qdrant_server, "PUT", "collections/two/default", {"field": "vector"})
    with pytest.raises(Exception, match="vector name|400"):
        remote.query_points("two", query=[0.0, 1.0])
