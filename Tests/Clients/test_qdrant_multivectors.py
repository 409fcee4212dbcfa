"""Vectors of many rows (max_sim) over qdrant-client, against its own engine in memory: the same calls, both wires."""

import random

import numpy as np
import pytest
from qdrant_client import models
from qdrant_oracle import Both, difference, plain

D = models.Distance
SIZE = 8
COUNT = 200
DISTANCES = [D.COSINE, D.DOT, D.EUCLID, D.MANHATTAN]
MULTI = models.MultiVectorConfig(comparator=models.MultiVectorComparator.MAX_SIM)
LATE = models.DenseVectorNameConfig(dense=models.DenseVectorConfig(size=SIZE, distance=D.COSINE, multivector_config=MULTI))


def row(draw):
    return [draw.gauss(0, 1) for _ in range(SIZE)]


def rows(draw, most=6):
    return [row(draw) for _ in range(draw.randint(1, most))]


def params(distance):
    return models.VectorParams(size=SIZE, distance=distance, multivector_config=MULTI)


@pytest.fixture(params=DISTANCES, ids=lambda distance: distance.value)
def both(request, remote, local):
    both = Both(remote, local)
    both.distance = request.param
    both.draw = draw = random.Random(DISTANCES.index(request.param))
    both.write("create_collection", "c", vectors_config={
        "a": models.VectorParams(size=SIZE, distance=request.param), "m": params(request.param)})
    both.write("upsert", "c", [
        models.PointStruct(
            id=n, vector={"a": row(draw), **({"m": rows(draw)} if n % 4 else {})},
            payload={"n": n, "group": n % 7, "tags": draw.sample(["x", "y", "z"], 2)})
        for n in range(COUNT)])
    return both


SOME = models.Filter(must=models.FieldCondition(key="group", match=models.MatchAny(any=[1, 2, 5])))


def ask(both, **keywords):
    both.query_points("c", limit=20, using="m", **keywords)
    both.query_points("c", limit=7, offset=5, using="m", query_filter=SOME, with_payload=["n", "tags[]"], **keywords)
    both.query_points("c", limit=5, using="m", with_vectors=True, with_payload=False, **keywords)


def test_nearest(both):
    draw = both.draw
    for _ in range(4):
        ask(both, query=rows(draw))
        ask(both, query=draw.randrange(1, COUNT, 4))
    hits = both.query_points("c", query=rows(draw), using="m", limit=20).points
    middle = (hits[9].score + hits[10].score) / 2
    query = rows(draw)
    both.query_points("c", query=query, using="m", limit=50, score_threshold=middle)
    both.query_points("c", query=row(draw), using="a", limit=20, with_vectors=True, with_payload=True)
    # It has none.
    both.query_points("c", query=4, using="m")


def test_other_kinds(both):
    draw = both.draw
    # Examples that are lists of lists are not told from lists of examples by the client: ids.
    some = [n for n in range(COUNT) if n % 4]
    for strategy in models.RecommendStrategy:
        ask(both, query=models.RecommendQuery(recommend=models.RecommendInput(
            positive=draw.sample(some, 2), negative=draw.sample(some, 1), strategy=strategy)))
    pairs = [models.ContextPair(positive=draw.choice(some), negative=draw.choice(some)) for _ in range(2)]
    ask(both, query=models.DiscoverQuery(discover=models.DiscoverInput(target=draw.choice(some), context=pairs)))
    # Many points share the best score of a context: only scores are compared.
    for client in (both.remote, both.local):
        found = client.query_points("c", using="m", limit=COUNT, query=models.ContextQuery(context=pairs)).points
        if client is both.remote:
            got = {p.id: p.score for p in found}
        else:
            assert difference(got, {p.id: p.score for p in found}) is None


def test_rescoring_what_other_vectors_have_found(both):
    draw = both.draw
    for _ in range(3):
        both.query_points(
            "c", query=rows(draw), using="m", limit=10, prefetch=models.Prefetch(query=row(draw), using="a", limit=40))
        both.query_points(
            "c", query=models.FusionQuery(fusion=models.Fusion.RRF), limit=10, prefetch=[
                models.Prefetch(query=row(draw), using="a", limit=15), models.Prefetch(query=rows(draw), using="m", limit=15)])
    both.query_points("c", using="m", limit=8, query=models.NearestQuery(
        nearest=rows(draw), mmr=models.Mmr(diversity=0.4, candidates_limit=30)))


def test_groups_and_counts(both):
    both.query_points_groups("c", query=rows(both.draw), using="m", group_by="group", limit=4, group_size=3)
    has = models.Filter(must=models.HasVectorCondition(has_vector="m"))
    assert both.count("c", count_filter=has).count == COUNT * 3 // 4
    both.query_batch_points("c", requests=[
        models.QueryRequest(query=rows(both.draw), using="m", limit=5), models.QueryRequest(query=row(both.draw), using="a", limit=5)])


def test_writes(both):
    draw = both.draw
    both.write("update_vectors", "c", [models.PointVectors(id=n, vector={"m": rows(draw)}) for n in (0, 1, 4)])
    both.write("update_vectors", "c", [models.PointVectors(id=2, vector={"a": row(draw)})])
    both.write("delete_vectors", "c", vectors=["m"], points=[5, 6])
    both.write("set_payload", "c", payload={"new": 1}, points=[7, 9])
    both.write("overwrite_payload", "c", payload={"only": 1}, points=[10])
    both.write("clear_payload", "c", points_selector=[11])
    both.write("delete_payload", "c", keys=["tags"], points=SOME)
    both.write("upsert", "c", [models.PointStruct(id=13, vector={"a": row(draw)}, payload={})])
    both.write("upsert", "c", models.Batch(
        ids=[300, 301], vectors={"a": [row(draw), row(draw)], "m": [rows(draw), rows(draw)]}))
    both.write("delete", "c", points_selector=[14, 15])
    both.same_points("c")
    both.retrieve("c", ids=[0, 1, 5, 7, 10, 300], with_vectors=["m"])
    ask(both, query=rows(draw))


def test_what_cannot_be_is_refused_and_changes_nothing(both):
    draw = both.draw
    for wrong in ([], [[]], [[1.0, 2.0]], [row(draw), [1.0]], [row(draw)[:-1] + [float("nan")]]):
        assert both.write("upsert", "c", [models.PointStruct(id=1, vector={"m": wrong})]) is not None
    assert both.write("upsert", "c", [models.PointStruct(id=1, vector={"a": rows(draw)})]) is not None
    both.query_points("c", query=[[1.0, 2.0]], using="m")
    both.query_points("c", query=rows(draw), using="a")
    with pytest.raises(Exception, match="8192 rows"):
        both.remote.upsert("c", [models.PointStruct(id=1, vector={"m": [[0.5] * SIZE] * 9_000})])
    both.same_points("c")


def test_without_a_name(remote, local):
    both = Both(remote, local)
    draw = random.Random(5)
    both.write("create_collection", "c", vectors_config=params(D.COSINE))
    assert remote.get_collection("c").config.params.vectors == params(D.COSINE)
    both.write("upsert", "c", [models.PointStruct(id=n, vector=rows(draw), payload={"n": n}) for n in range(50)])
    both.query_points("c", query=rows(draw), limit=10, with_vectors=True)
    both.same_points("c")


def test_added_to_a_collection_in_use_and_removed(remote):
    draw = random.Random(6)
    # Also where the other vector has no name.
    for name, config in (("c", {"a": models.VectorParams(size=SIZE, distance=D.DOT)}),
                         ("d", models.VectorParams(size=SIZE, distance=D.DOT))):
        remote.create_collection(name, vectors_config=config)
        vectors = {n: row(draw) for n in range(30)}
        remote.upsert(name, [
            models.PointStruct(id=n, vector={"a": v} if name == "c" else v, payload={"n": n}) for n, v in vectors.items()])
        before = plain(remote.query_points(name, query=vectors[3], using="a" if name == "c" else None, limit=9))
        for _ in range(2):
            remote.create_vector_name(name, vector_name="late", vector_name_config=LATE)
        given = {n: np.array(rows(draw)) for n in range(0, 30, 2)}
        remote.update_vectors(name, [models.PointVectors(id=n, vector={"late": v.tolist()}) for n, v in given.items()])
        query = np.array(rows(draw))

        def score(n):
            unit = lambda m: m / np.linalg.norm(m, axis=1, keepdims=True)
            return float((unit(query) @ unit(given[n]).T).max(axis=1).sum())

        hits = remote.query_points(name, query=query.tolist(), using="late", limit=30).points
        assert [hit.id for hit in hits] == sorted(given, key=score, reverse=True)
        assert all(abs(hit.score - score(hit.id)) < 1e-4 for hit in hits)
        assert plain(remote.query_points(name, query=vectors[3], using="a" if name == "c" else None, limit=9)) == before
        remote.delete_vector_name(name, vector_name="late")
        with pytest.raises(Exception, match="Not existing vector name error: late"):
            remote.query_points(name, query=query.tolist(), using="late")
        # Another one of the name begins empty.
        remote.create_vector_name(name, vector_name="late", vector_name_config=LATE)
        assert remote.query_points(name, query=query.tolist(), using="late", limit=30).points == []
        remote.delete_collection(name)


def test_coverage_is_told(qdrant_server):
    import requests
    from conftest import API_KEY

    client = qdrant_server.qdrant()
    client.create_collection(
        "c", vectors_config={"a": models.VectorParams(size=2, distance=D.DOT), "m": models.VectorParams(size=2, distance=D.DOT, multivector_config=MULTI)},
        sparse_vectors_config={"w": models.SparseVectorParams()})
    client.upsert("c", [
        models.PointStruct(id=1, vector={"a": [1, 2]}), models.PointStruct(id=2, vector={"m": [[1, 2]], "a": [1, 2]}),
        models.PointStruct(id=3, vector={"w": models.SparseVector(indices=[1], values=[1.0])})])
    told = requests.get(f"{qdrant_server.qdrant_uri}/collections/c", headers={"api-key": API_KEY}).json()["result"]
    assert told["vectors_coverage"] == {
        "a": {"filled": 2, "total": 3}, "m": {"filled": 1, "total": 3}, "w": {"filled": 1, "total": 3}}
    assert client.get_collection("c").points_count == 3
    client.delete_collection("c")
    client.close()


def test_everything_is_there_after_a_restart(tmp_path):
    from conftest import QdrantServer

    server = QdrantServer(tmp_path)
    server.start()
    client = server.qdrant()
    draw = random.Random(7)
    client.create_collection("c", vectors_config={"m": params(D.DOT)})
    points = [models.PointStruct(id=n, vector={"m": rows(draw)}, payload={"n": n}) for n in range(40)]
    client.upsert("c", points)
    client.delete("c", [3, 4])
    query = rows(draw)
    before = plain(client.query_points("c", query=query, using="m", limit=40, with_vectors=True))
    client.close()
    server.stop(9)
    server.start()
    client = server.qdrant()
    assert plain(client.query_points("c", query=query, using="m", limit=40, with_vectors=True)) == before
    assert len(before["points"]) == 38
    client.close()
    server.stop()
