"""Nearest neighbours over qdrant-client, against its own engine in memory."""

import random

import pytest
from qdrant_client import models
from qdrant_oracle import Both

D = models.Distance
SIZE = 16


@pytest.mark.parametrize("distance", [D.COSINE, D.DOT, D.EUCLID])
def test_nearest(remote, local, distance):
    both = Both(remote, local)
    draw = random.Random(11)

    def vector():
        return [draw.gauss(0, 1) for _ in range(SIZE)]

    both.write("create_collection", "c", vectors_config=models.VectorParams(size=SIZE, distance=distance))
    both.write("upsert", "c", [models.PointStruct(id=n, vector=vector(), payload={"n": n}) for n in range(500)])
    for _ in range(10):
        query = vector()
        hits = both.query_points("c", query=query, limit=10, with_vectors=True)
        both.query_points("c", query=query, limit=5, offset=3)
        threshold = hits.points[4].score + (1e-3 if distance is D.EUCLID else -1e-3)
        both.query_points("c", query=query, limit=100, score_threshold=threshold)
        only = models.Filter(must=[models.HasIdCondition(has_id=draw.sample(range(500), 40))])
        both.query_points("c", query=query, query_filter=only, with_payload=["n"])
    both.query_points("c", query=17, limit=7)
    exact = models.SearchParams(exact=True)
    both.query_points("c", query=vector(), search_params=exact, limit=50)


def test_named_and_sparse(remote, local):
    both = Both(remote, local)
    draw = random.Random(12)
    both.write(
        "create_collection", "c",
        vectors_config={"a": models.VectorParams(size=4, distance=D.DOT), "b-c": models.VectorParams(size=3, distance=D.EUCLID)},
        sparse_vectors_config={"words": models.SparseVectorParams()})

    def sparse():
        indices = draw.sample(range(30), 6)
        return models.SparseVector(indices=indices, values=[draw.uniform(0.1, 2) for _ in indices])

    points = []
    for n in range(200):
        vector = {}
        if n % 2:
            vector["a"] = [draw.gauss(0, 1) for _ in range(4)]
        if n % 3:
            vector["b-c"] = [draw.gauss(0, 1) for _ in range(3)]
        if n % 5:
            vector["words"] = sparse()
        points.append(models.PointStruct(id=n, vector=vector, payload={"n": n} if n % 4 else None))
    both.write("upsert", "c", points)
    for _ in range(5):
        both.query_points("c", query=[draw.gauss(0, 1) for _ in range(4)], using="a", limit=20, with_vectors=True)
        both.query_points("c", query=[draw.gauss(0, 1) for _ in range(3)], using="b-c", limit=20, with_vectors=["words"])
        both.query_points("c", query=sparse(), using="words", limit=20)
    both.query_points("c", query=7, using="a", limit=5)


def test_sparse_vectors_weighted_by_what_their_indices_tell(remote, local):
    both = Both(remote, local)
    draw = random.Random(13)
    both.write(
        "create_collection", "c",
        sparse_vectors_config={"words": models.SparseVectorParams(modifier=models.Modifier.IDF)})

    def sparse(count):
        # Small indices are common.
        indices = sorted({int(draw.expovariate(0.2)) for _ in range(count)})
        return models.SparseVector(indices=indices, values=[draw.uniform(0.1, 2) for _ in indices])

    def search():
        for _ in range(5):
            both.query_points("c", query=sparse(4), using="words", limit=30)

    both.write("upsert", "c", [
        models.PointStruct(id=n, vector={"words": sparse(8)} if n % 4 else {}) for n in range(150)])
    search()
    # Weights are those of the points that are there.
    both.write("delete", "c", list(range(0, 60)))
    both.write("upsert", "c", [models.PointStruct(id=n, vector={"words": sparse(3)}) for n in range(100, 120)])
    search()
