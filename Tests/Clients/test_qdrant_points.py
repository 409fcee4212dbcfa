"""Points over qdrant-client, against its own engine in memory: the same calls, the same outcome."""

import random
import uuid

import pytest
from qdrant_client import models
from qdrant_oracle import Both

D = models.Distance
DENSE = {
    "image": models.VectorParams(size=4, distance=D.COSINE),
    "text": models.VectorParams(size=3, distance=D.EUCLID),
}
SPARSE = {"words": models.SparseVectorParams()}
UUIDS = [str(uuid.UUID(int=n << 90 | n)) for n in range(1, 9)]
# Beyond signed numbers too; numbers come before UUIDs.
IDS = list(range(12)) + [2**63 - 1, 2**63, 2**64 - 1] + UUIDS


@pytest.fixture
def both(remote, local):
    both = Both(remote, local)
    both.write("create_collection", "c", vectors_config=DENSE, sparse_vectors_config=SPARSE)
    return both


def some_vectors(draw):
    vectors = {}
    if draw.random() < 0.7:
        vectors["image"] = [draw.uniform(-1, 1) for _ in range(4)]
    if draw.random() < 0.7:
        vectors["text"] = [draw.uniform(-1, 1) for _ in range(3)]
    if draw.random() < 0.5:
        indices = draw.sample(range(20), 3)
        vectors["words"] = models.SparseVector(indices=indices, values=[draw.uniform(0.1, 1) for _ in indices])
    return vectors


def some_payload(draw):
    return draw.choice([
        None, {}, {"n": draw.randrange(5)}, {"a": {"b": draw.randrange(5), "c": [1, 2.5, "x"]}, "é": "ü\"\\\n"},
        {"list": [{"b": 1, "c": 2}, {"b": 3}], "n": None, "big": 2**53 + 1}, {"a": 5, "deep": {"x": {"y": [[1], []]}}},
    ])


def some_point(draw):
    return models.PointStruct(id=draw.choice(IDS), vector=some_vectors(draw), payload=some_payload(draw))


def some_selector(draw):
    ids = draw.sample(IDS, draw.randrange(1, 4))
    if draw.random() < 0.3:
        return models.FilterSelector(filter=models.Filter(must=[models.HasIdCondition(has_id=ids)]))
    return models.PointIdsList(points=ids) if draw.random() < 0.5 else ids


def step(draw, both):
    kind = draw.randrange(11)
    if kind == 0:
        both.write("upsert", "c", [some_point(draw) for _ in range(draw.randrange(1, 5))])
    elif kind == 1:
        mode = draw.choice(list(models.UpdateMode))
        both.write("upsert", "c", [some_point(draw) for _ in range(3)], update_mode=mode)
    elif kind == 2:
        only = models.Filter(must=[models.HasIdCondition(has_id=draw.sample(IDS, 10))])
        both.write("upsert", "c", [some_point(draw) for _ in range(3)], update_filter=only)
    elif kind == 3:
        both.write("delete", "c", some_selector(draw))
    elif kind == 4:
        payload = draw.choice([{"n": 9}, {"a": None, "new": [1]}, {"a": {"z": 1}}])
        both.write("set_payload", "c", payload, some_selector(draw))
    elif kind == 5:
        key = draw.choice(["a", "a.b", "list[].b", "list[0]", "deep.x", "new.path", "n"])
        both.write("set_payload", "c", {"k": draw.randrange(3)}, some_selector(draw), key=key)
    elif kind == 6:
        both.write("overwrite_payload", "c", {"only": draw.randrange(3)}, some_selector(draw))
    elif kind == 7:
        keys = draw.sample(["a.b", "list[].b", "n", "deep.x.y", "list[]", "list[1]", "absent"], 2)
        both.write("delete_payload", "c", keys, some_selector(draw))
    elif kind == 8:
        both.write("clear_payload", "c", some_selector(draw))
    elif kind == 9:
        points = [models.PointVectors(id=draw.choice(IDS), vector=some_vectors(draw)) for _ in range(2)]
        both.write("update_vectors", "c", points)
    else:
        both.write("delete_vectors", "c", draw.sample(["image", "text", "words"], 2), some_selector(draw))


@pytest.mark.parametrize("seed", range(6))
def test_random_writes(both, seed):
    draw = random.Random(seed)
    for round in range(60):
        step(draw, both)
        if round % 5 == 4:
            both.same_points("c")
    both.same_points("c")
    both.count("c")
    for selector in (True, False, ["a.b", "list[].b"], ["é"], models.PayloadSelectorExclude(exclude=["a.c", "list[].c"])):
        for vectors in (False, ["text"], ["words", "image"]):
            both.retrieve("c", IDS, with_payload=selector, with_vectors=vectors)


def test_pages_follow_each_other(both):
    draw = random.Random(77)
    for start in range(0, 100, 25):
        both.write("upsert", "c", [
            models.PointStruct(id=start + n if n % 3 else str(uuid.UUID(int=draw.getrandbits(128))), vector={})
            for n in range(25)])
    offset, seen = None, []
    while True:
        page, offset = both.scroll("c", limit=7, offset=offset)
        seen += [record.id for record in page]
        if offset is None:
            break
    assert len(seen) == len(set(seen)) == 100
    numbers = [one for one in seen if isinstance(one, int)]
    assert seen[:len(numbers)] == sorted(numbers) and seen[len(numbers):] == sorted(seen[len(numbers):])


def test_a_batch_in_columns_and_operations_in_a_batch(both):
    both.write("upsert", "c", models.Batch(
        ids=[1, UUIDS[0], 2**64 - 1], vectors={"image": [[1, 0, 0, 0], [0, 2, 0, 0], [0, 0, 3, 0]]},
        payloads=[{"a": 1}, {}, {"b": [1, 2]}]))
    both.same_points("c")
    both.write("batch_update_points", "c", [
        models.UpsertOperation(upsert=models.PointsList(points=[models.PointStruct(id=5, vector={"text": [1, 2, 3]})])),
        models.SetPayloadOperation(set_payload=models.SetPayload(payload={"x": 1}, points=[5, 1])),
        models.DeleteVectorsOperation(delete_vectors=models.DeleteVectors(vector=["image"], points=[1])),
        models.DeleteOperation(delete=models.PointIdsList(points=[UUIDS[0]])),
    ])
    both.same_points("c")
    assert both.write("upsert", "c", []) is not None
    assert both.write("upsert", "c", [models.PointStruct(id=1, vector={"none": [1]})]) is not None
    assert both.write("upsert", "c", [models.PointStruct(id=1, vector={"text": [1]})]) is not None
    assert both.write("update_vectors", "c", [models.PointVectors(id=999, vector={"text": [1, 2, 3]})]) is not None
    both.same_points("c")


def test_one_vector_without_a_name(remote, local):
    both = Both(remote, local)
    draw = random.Random(3)
    both.write("create_collection", "c", vectors_config=models.VectorParams(size=4, distance=D.COSINE))
    points = [
        models.PointStruct(id=n, vector=[draw.uniform(-1, 1) for _ in range(4)], payload={"n": n}) for n in range(40)]
    both.write("upsert", "c", points)
    both.write("update_vectors", "c", [models.PointVectors(id=3, vector=[1, 2, 3, 4])])
    both.write("set_payload", "c", {"m": 1}, [3])
    both.same_points("c")
    # With update_only nothing is made of points that are not there.
    both.write("upsert", "c", [models.PointStruct(id=1_000, vector=[1, 2, 3, 4])], update_mode=models.UpdateMode.UPDATE_ONLY)
    both.same_points("c")


def test_uploads_in_parallel(remote, local):
    both = Both(remote, local)
    draw = random.Random(4)
    vectors = [[draw.uniform(-1, 1) for _ in range(8)] for _ in range(500)]
    both.write("create_collection", "c", vectors_config=models.VectorParams(size=8, distance=D.DOT))
    both.write("upload_collection", "c", vectors=vectors, ids=range(500), payload=[{"n": n} for n in range(500)],
               batch_size=50, wait=True)
    both.same_points("c")


def test_facets_and_order(both):
    draw = random.Random(6)
    both.write("upsert", "c", [
        models.PointStruct(id=n, vector={}, payload={
            "colour": draw.choice(["red", "green", ["red", "blue", "red"], None, 5]), "n": draw.randrange(7),
            "flag": draw.random() < 0.3, "deep": {"list": [{"k": draw.choice("abc")} for _ in range(draw.randrange(4))]},
            "when": f"2026-11-{draw.randrange(10, 28)}T00:00:00Z"})
        for n in range(100)])
    for key, kind in (("colour", "keyword"), ("n", "integer"), ("flag", "bool"), ("deep.list[].k", "keyword"),
                      ("when", "datetime")):
        for client in (both.remote, both.local):
            client.create_payload_index("c", key, kind)
    info = both.remote.get_collection("c").payload_schema
    assert info["n"].points == 100 and info["n"].data_type == models.PayloadSchemaType.INTEGER
    only = models.Filter(must=[models.HasIdCondition(has_id=list(range(0, 100, 3)))])
    for key in ("n", "flag", "deep.list[].k"):
        both.facet("c", key)
        both.facet("c", key, facet_filter=only, limit=2)
    hits = {hit.value: hit.count for hit in both.remote.facet("c", "colour").hits}
    wanted = {hit.value: hit.count for hit in both.local.facet("c", "colour").hits}
    assert hits == wanted
    for direction in (models.Direction.ASC, models.Direction.DESC):
        order = models.OrderBy(key="n", direction=direction, start_from=3)
        records, following = both.remote.scroll("c", order_by=order, limit=100)
        wanted = both.local.scroll("c", order_by=order, limit=100)[0]
        # Equal values come in any order.
        assert [record.order_value for record in records] == [record.order_value for record in wanted]
        assert {record.id for record in records} == {record.id for record in wanted} and following is None
    assert both.remote.delete_payload_index("c", "n").status == models.UpdateStatus.COMPLETED
    assert "n" not in both.remote.get_collection("c").payload_schema
