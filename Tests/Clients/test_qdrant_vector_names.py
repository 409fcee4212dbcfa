"""Another model's vectors beside the old ones: a name is added, filled, looked at and dropped while points are written."""

import os
import random
import subprocess
import threading

import pytest
import requests
from conftest import API_KEY, TOKEN
from qdrant_client import models

D = models.Distance
OLD, NEW, COUNT = 4, 6, 400


def info(server, name):
    answer = requests.get(f"{server.qdrant_uri}/collections/{name}", headers={"api-key": API_KEY}, timeout=60)
    return answer.json()["result"]


def coverage(server, name):
    return info(server, name)["vectors_coverage"]


def dense(size):
    return models.DenseVectorNameConfig(dense=models.DenseVectorConfig(size=size, distance=D.DOT))


@pytest.mark.parametrize("old", ["", "old"], ids=["without-a-name", "named"])
def test_a_model_beside_another(remote, qdrant_server, old):
    draw = random.Random(2)
    vector = lambda size: [draw.gauss(0, 1) for _ in range(size)]
    params = models.VectorParams(size=OLD, distance=D.DOT)
    remote.create_collection("c", vectors_config={old: params} if old else params)
    point = lambda id, v: models.PointStruct(id=id, vector={old: v} if old else v, payload={"n": id})
    olds = {n: vector(OLD) for n in range(COUNT)}
    remote.upsert("c", [point(n, v) for n, v in olds.items()])
    assert coverage(qdrant_server, "c") == {old: {"filled": COUNT, "total": COUNT}}
    assert "warnings" not in info(qdrant_server, "c")

    # Somebody writes all the while, and knows nothing of other names.
    stop, failures, late = threading.Event(), [], {}
    writer = qdrant_server.qdrant()

    def write():
        own, id = random.Random(3), COUNT
        while not stop.is_set():
            v = [own.gauss(0, 1) for _ in range(OLD)]
            try:
                writer.upsert("c", [point(id, v)])
                late[id] = v
            except Exception as error:
                failures.append(error)
            id += 1

    thread = threading.Thread(target=write)
    thread.start()
    try:
        remote.create_vector_name("c", "new", dense(NEW))
        remote.create_vector_name("c", "words", models.SparseVectorNameConfig(sparse=models.SparseVectorConfig()))
        told = coverage(qdrant_server, "c")
        assert told["new"]["filled"] == 0 and told["words"]["filled"] == 0 and told[old]["filled"] == told[old]["total"] >= COUNT
        news = {n: vector(NEW) for n in range(0, COUNT, 2)}
        sparse = {n: models.SparseVector(indices=[n % 9], values=[1.0 + n / 8]) for n in range(0, COUNT, 3)}
        for ids in (list(news)[:100], list(news)[100:]):
            remote.update_vectors("c", [models.PointVectors(id=n, vector={"new": news[n]}) for n in ids])
        remote.update_vectors("c", [models.PointVectors(id=n, vector={"words": v}) for n, v in sparse.items()])
        told = coverage(qdrant_server, "c")
        assert told["new"]["filled"] == len(news) and told["words"]["filled"] == len(sparse)
    finally:
        stop.set()
        thread.join()
    assert failures == [] and late

    # It was added to points that have none yet: it is told as such, and answers all the same.
    [warning] = info(qdrant_server, "c")["warnings"]
    assert f"{len(news)} of {COUNT + len(late)} points" in warning["message"]

    query = vector(NEW)
    dot = lambda a, b: sum(x * y for x, y in zip(a, b))
    hits = remote.query_points("c", query=query, using="new", limit=COUNT).points
    assert [h.id for h in hits] == sorted(news, key=lambda n: -dot(query, news[n]))
    assert {h.id for h in remote.query_points("c", query=models.SparseVector(indices=[3], values=[1.0]), using="words", limit=COUNT).points} \
        == {n for n in sparse if n % 9 == 3}
    has = models.Filter(must=models.HasVectorCondition(has_vector="new"))
    assert remote.count("c", count_filter=has).count == len(news)
    # The old one answers as before, for everything that was written meanwhile too.
    everything = olds | late
    query = vector(OLD)
    hits = remote.query_points("c", query=query, using=old or None, limit=50, search_params=models.SearchParams(exact=True)).points
    assert [h.id for h in hits] == sorted(everything, key=lambda n: -dot(query, everything[n]))[:50]

    # Once all points have had one, some without are meant so.
    news |= {n: vector(NEW) for n in olds | late if n not in news}
    ids = list(news)
    for first in range(0, len(ids), 100):
        remote.update_vectors("c", [models.PointVectors(id=n, vector={"new": news[n]}) for n in ids[first:first + 100]])
    assert "warnings" not in info(qdrant_server, "c")
    remote.upsert("c", [point(0, olds[0])])
    told = coverage(qdrant_server, "c")["new"]
    assert told["filled"] == told["total"] - 1 and "warnings" not in info(qdrant_server, "c")

    remote.delete_vector_name("c", "new")
    remote.delete_vector_name("c", "words")
    assert coverage(qdrant_server, "c") == {old: {"filled": len(everything), "total": len(everything)}}
    for record in remote.retrieve("c", [0, 3, COUNT], with_vectors=True):
        assert (record.vector[old] if old else record.vector) == pytest.approx(everything[record.id]) and record.payload == {"n": record.id}
    with pytest.raises(Exception, match="Not existing vector name error: new"):
        remote.query_points("c", query=[0.0] * NEW, using="new")
    writer.close()


def moult(server, *arguments, status=0):
    done = subprocess.run(
        [os.environ["MOULT"], *arguments, "--url", server.uri, "--token", TOKEN], capture_output=True, text=True, timeout=60)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("by", ["moult", "client"])
def test_a_model_takes_the_place_of_one_without_a_name(remote, qdrant_server, by):
    """Add, fill, compare, switch the default, drop the old one: to the end, with the same collection and points."""
    draw = random.Random(4)
    vector = lambda: [draw.gauss(0, 1) for _ in range(OLD)]
    dot = lambda a, b: sum(x * y for x, y in zip(a, b))
    olds = {n: vector() for n in range(COUNT)}
    remote.create_collection("c", vectors_config=models.VectorParams(size=OLD, distance=D.DOT))
    remote.upsert("c", [models.PointStruct(id=n, vector=v, payload={"n": n}) for n, v in olds.items()])

    remote.create_vector_name("c", "new", dense(OLD))
    # A model that finds the same, by other numbers.
    news = {n: [2 * x for x in v] for n, v in olds.items()}
    for first in range(0, COUNT, 100):
        remote.update_vectors("c", [models.PointVectors(id=n, vector={"new": news[n]}) for n in range(first, first + 100)])
    assert coverage(qdrant_server, "c")["new"] == {"filled": COUNT, "total": COUNT}

    for _ in range(20):
        remote.query_points("c", query=vector(), limit=5)
    moult(qdrant_server, "collections", "default", "c", "new")
    with pytest.raises(Exception, match="queries without `using`"):
        remote.delete_vector_name("c", "new")
    assert "moult compare c:vector c:new" in moult(qdrant_server, "collections", "drop-field", "c", "vector", status=1)
    assert "passed" in moult(qdrant_server, "compare", "c:vector", "c:new", "--min-overlap", "0.99")
    query = vector()
    best = lambda vectors, k: sorted(vectors, key=lambda n: -dot(query, vectors[n]))[:k]
    ask = lambda using=None: [h.id for h in remote.query_points("c", query=query, using=using, limit=5).points]
    assert ask() == ask("new") == ask("vector") == best(news, 5)
    if by == "moult":
        moult(qdrant_server, "collections", "drop-field", "c", "vector")
    else:
        remote.delete_vector_name("c", "vector")

    assert coverage(qdrant_server, "c") == {"new": {"filled": COUNT, "total": COUNT}}
    params = remote.get_collection("c").config.params.vectors
    assert list(params) == ["new"] and params["new"].size == OLD
    assert ask() == ask("new") == best(news, 5)
    with pytest.raises(Exception, match="Not existing vector name error: vector"):
        ask("vector")
    with pytest.raises(Exception, match="Not existing vector name error"):
        remote.upsert("c", [models.PointStruct(id=1, vector=olds[1])])

    # Points go on without the old vector, or without any.
    late = {n: vector() for n in range(COUNT - 10, COUNT + 20)}
    remote.upsert("c", [models.PointStruct(id=n, vector={"new": v}, payload={"n": n}) for n, v in late.items()])
    remote.upsert("c", [models.PointStruct(id=COUNT + 50, vector={}, payload={"n": COUNT + 50})])
    news |= late
    remote.delete("c", models.PointIdsList(points=[0, 1]))
    news.pop(0), news.pop(1)
    remote.set_payload("c", {"edited": True}, points=[2])
    assert ask() == best(news, 5)
    assert remote.count("c").count == len(news) + 1
    [edited, written, bare] = remote.retrieve("c", [2, COUNT, COUNT + 50], with_vectors=True)
    assert edited.vector == {"new": pytest.approx(news[2])} and edited.payload == {"n": 2, "edited": True}
    assert written.vector == {"new": pytest.approx(news[COUNT])} and not bare.vector
    assert coverage(qdrant_server, "c") == {"new": {"filled": len(news), "total": len(news) + 1}}


def test_a_default_that_no_client_of_qdrant_has_made(remote, qdrant_server):
    remote.create_collection("c", vectors_config=models.VectorParams(size=2, distance=D.DOT))
    moult(qdrant_server, "collections", "add-field", "c", "bge", "--dimension", "2", "--metric", "ip")
    points = [{"id": n, "vector": [n, 0], "fields": {"bge": [0, 9 - n]}} for n in range(1, 9)]
    answer = requests.post(
        f"{qdrant_server.uri}/moult/v1/collections/c/points",
        json={"points": points},
        headers={"Authorization": f"Bearer {TOKEN}"},
        timeout=60,
    )
    assert answer.status_code == 200, answer.text
    ask = lambda: [h.id for h in remote.query_points("c", query=[1.0, 1.0], limit=2).points]
    assert ask() == [8, 7]
    moult(qdrant_server, "collections", "default", "c", "bge")
    assert ask() == [1, 2]
    # Clients read points as before.
    assert remote.retrieve("c", [3], with_vectors=True)[0].vector == [3, 0]
    moult(qdrant_server, "collections", "drop-field", "c", "vector", "--force")
    assert ask() == [1, 2]
    assert list(remote.get_collection("c").config.params.vectors) == ["bge"]
    assert remote.retrieve("c", [3], with_vectors=True)[0].vector == {"bge": [0, 6]}
    moult(qdrant_server, "collections", "default", "c", "_none")
