"""Several vector fields of one collection, and dense vectors of every type, by unmodified pymilvus and REST."""

import time

import ml_dtypes
import numpy as np
import pytest
from pymilvus import AnnSearchRequest, DataType, MilvusClient, MilvusException, RRFRanker, WeightedRanker

ROWS = 300
TITLE, IMAGE = 16, 8


@pytest.fixture(scope="module")
def vectors():
    random = np.random.default_rng(5)
    return {
        "title": random.standard_normal((ROWS, TITLE)).astype(np.float32),
        "image": random.standard_normal((ROWS, IMAGE)).astype(np.float32),
        "queries": random.standard_normal((5, TITLE)).astype(np.float32),
        "pictures": random.standard_normal((5, IMAGE)).astype(np.float32),
    }


@pytest.fixture(scope="module")
def client(server, vectors):
    client = MilvusClient(server.uri, token="root:Milvus")
    schema = client.create_schema(enable_dynamic_field=True)
    schema.add_field("id", DataType.INT64, is_primary=True)
    schema.add_field("title", DataType.FLOAT_VECTOR, dim=TITLE)
    schema.add_field("image", DataType.FLOAT_VECTOR, dim=IMAGE)
    schema.add_field("n", DataType.INT64)
    indexes = client.prepare_index_params()
    indexes.add_index("title", index_type="HNSW", metric_type="COSINE", params={"M": 8, "efConstruction": 64})
    indexes.add_index("image", index_type="IVF_FLAT", metric_type="L2", params={"nlist": 4})
    client.create_collection("pictures", schema=schema, index_params=indexes)
    client.insert("pictures", [
        {"id": row, "title": vectors["title"][row], "image": vectors["image"][row], "n": row % 3, "word": f"w{row}"}
        for row in range(ROWS)])
    yield client
    client.drop_collection("pictures")


def cosine(vectors, query):
    return np.argsort(-(vectors @ query) / np.linalg.norm(vectors, axis=1), kind="stable")


def squared(vectors, query):
    return np.argsort(((vectors - query) ** 2).sum(1), kind="stable")


def test_each_field_is_searched_by_its_own_metric(client, vectors):
    for query, picture in zip(vectors["queries"], vectors["pictures"]):
        found = client.search("pictures", [query], anns_field="title", limit=10, search_params={"params": {"ef": 300}})
        assert [hit["id"] for hit in found[0]] == list(cosine(vectors["title"], query)[:10])
        found = client.search("pictures", [picture], anns_field="image", limit=10,
                              search_params={"metric_type": "L2", "params": {"nprobe": 4}})
        assert [hit["id"] for hit in found[0]] == list(squared(vectors["image"], picture)[:10])


def test_a_filter_and_output_fields_reach_all_of_them(client, vectors):
    found = client.search("pictures", [vectors["pictures"][0]], anns_field="image", limit=5, filter="n == 1",
                          output_fields=["title", "image", "word"])
    wanted = [row for row in squared(vectors["image"], vectors["pictures"][0]) if row % 3 == 1][:5]
    assert [hit["id"] for hit in found[0]] == wanted
    for hit in found[0]:
        np.testing.assert_array_equal(np.float32(hit["entity"]["title"]), vectors["title"][hit["id"]])
        np.testing.assert_array_equal(np.float32(hit["entity"]["image"]), vectors["image"][hit["id"]])
        assert hit["entity"]["word"] == f"w{hit['id']}"
    rows = client.query("pictures", ids=[3, 4], output_fields=["title", "image"])
    for row in rows:
        np.testing.assert_array_equal(np.float32(row["image"]), vectors["image"][row["id"]])


def test_hybrid_search_fuses_both(client, vectors):
    query, picture = vectors["queries"][1], vectors["pictures"][1]
    requests = [
        AnnSearchRequest([query], "title", {"params": {"ef": 300}}, limit=20),
        AnnSearchRequest([picture], "image", {"params": {"nprobe": 4}}, limit=20),
    ]
    ranks = [list(cosine(vectors["title"], query)[:20]), list(squared(vectors["image"], picture)[:20])]
    scores = {}
    for ranking in ranks:
        for rank, row in enumerate(ranking):
            scores[row] = scores.get(row, 0) + 1 / (60 + rank + 1)
    found = client.hybrid_search("pictures", requests, RRFRanker(60), limit=10, output_fields=["n"])
    wanted = sorted(scores, key=lambda row: (-scores[row], row))[:10]
    assert [hit["id"] for hit in found[0]] == wanted
    assert found[0][0]["distance"] == pytest.approx(scores[wanted[0]], rel=1e-5)

    # Similarities and distances are turned to one scale before they are added.
    found = client.hybrid_search("pictures", requests, WeightedRanker(0.7, 0.3), limit=10)
    normal = vectors["title"] / np.linalg.norm(vectors["title"], axis=1)[:, None]
    similar = (1 + normal @ (query / np.linalg.norm(query))) / 2
    near = 1 - 2 * np.arctan(((vectors["image"] - picture) ** 2).sum(1)) / np.pi
    weighted = {}
    for row in ranks[0]:
        weighted[row] = 0.7 * similar[row]
    for row in ranks[1]:
        weighted[row] = weighted.get(row, 0) + 0.3 * near[row]
    assert [hit["id"] for hit in found[0]] == sorted(weighted, key=lambda row: -weighted[row])[:10]


def test_a_search_must_say_the_field(client, vectors):
    with pytest.raises(MilvusException, match="multiple anns_fields exist"):
        client.search("pictures", [vectors["queries"][0]], limit=3)
    with pytest.raises(MilvusException, match="fieldName\\(other\\) not found"):
        client.search("pictures", [vectors["queries"][0]], anns_field="other", limit=3)
    with pytest.raises(MilvusException, match="dimension mismatch"):
        client.search("pictures", [vectors["queries"][0]], anns_field="image", limit=3)


def test_every_vector_field_is_needed(client, vectors):
    with pytest.raises(Exception, match="image"):
        client.insert("pictures", [{"id": 1000, "title": vectors["title"][0], "n": 1}])
    assert client.query("pictures", ids=[1000]) == []


def test_a_partial_update_keeps_the_other_vector(client, vectors):
    client.upsert("pictures", [{"id": 7, "image": vectors["image"][8]}], partial_update=True)
    row = client.query("pictures", ids=[7], output_fields=["*"])[0]
    np.testing.assert_array_equal(np.float32(row["title"]), vectors["title"][7])
    np.testing.assert_array_equal(np.float32(row["image"]), vectors["image"][8])
    assert (row["n"], row["word"]) == (1, "w7")
    client.upsert("pictures", [{"id": 7, "image": vectors["image"][7]}], partial_update=True)


def test_the_index_of_one_field_is_switched_alone(client, vectors):
    described = client.describe_index("pictures", "image")
    assert (described["index_type"], described["total_rows"]) == ("IVF_FLAT", ROWS)
    client.release_collection("pictures")
    client.drop_index("pictures", "image")
    indexes = client.prepare_index_params()
    indexes.add_index("image", index_type="HNSW_SQ", metric_type="L2", params={"sq_type": "SQ8"})
    client.create_index("pictures", indexes)
    client.load_collection("pictures")
    for _ in range(600):
        if client.describe_index("pictures", "image")["state"] == "Finished":
            break
        time.sleep(0.05)
    found = client.search("pictures", [vectors["pictures"][2]], anns_field="image", limit=10,
                          search_params={"params": {"ef": 300}})
    wanted = set(squared(vectors["image"], vectors["pictures"][2])[:10])
    assert len(wanted & {hit["id"] for hit in found[0]}) >= 9


def test_rest_reads_and_writes_them_alike(server, client, vectors):
    answer = server.rest("entities/insert", {"collectionName": "pictures", "data": [
        {"id": 2000, "title": [1.0] * TITLE, "image": [0.5] * IMAGE, "n": 0}]})
    assert answer["code"] == 0, answer
    answer = server.rest("entities/search", {
        "collectionName": "pictures", "annsField": "image", "data": [[0.5] * IMAGE], "limit": 1,
        "outputFields": ["title", "image"]})
    assert answer["data"][0]["id"] == 2000
    assert answer["data"][0]["title"] == [1.0] * TITLE
    assert answer["data"][0]["image"] == [0.5] * IMAGE
    answer = server.rest("entities/get", {"collectionName": "pictures", "id": 2000, "outputFields": ["image"]})
    assert answer["data"] == [{"id": 2000, "image": [0.5] * IMAGE}]
    fields = server.rest("collections/describe", {"collectionName": "pictures"})["data"]["fields"]
    assert [field["type"] for field in fields] == ["Int64", "FloatVector", "FloatVector", "Int64"]
    client.delete("pictures", ids=[2000])
    answer = server.rest("entities/search", {
        "collectionName": "pictures", "annsField": "image", "data": [[0.5] * IMAGE], "limit": 1})
    assert answer["data"][0]["id"] != 2000


TYPES = [
    ("Float16Vector", DataType.FLOAT16_VECTOR, np.float16),
    ("Int8Vector", DataType.INT8_VECTOR, np.int8),
    ("BFloat16Vector", DataType.BFLOAT16_VECTOR, ml_dtypes.bfloat16),
]


@pytest.mark.parametrize("name, kind, dtype", TYPES, ids=[entry[0] for entry in TYPES])
def test_other_types_come_back_as_they_were(server, client, name, kind, dtype):
    random = np.random.default_rng(9)
    base = (random.standard_normal((100, 12)) * 20).astype(dtype)
    schema = client.create_schema()
    schema.add_field("id", DataType.INT64, is_primary=True)
    schema.add_field("first", kind, dim=12)
    schema.add_field("second", DataType.FLOAT_VECTOR, dim=4)
    indexes = client.prepare_index_params()
    indexes.add_index("first", index_type="FLAT", metric_type="L2")
    indexes.add_index("second", index_type="FLAT", metric_type="IP")
    client.create_collection("typed", schema=schema, index_params=indexes)
    try:
        client.insert("typed", [
            {"id": row, "first": base[row], "second": np.ones(4, np.float32) * row} for row in range(100)])
        found = client.search("typed", [base[17]], anns_field="first", limit=3, output_fields=["first"])
        exact = ((base.astype(np.float32) - base[17].astype(np.float32)) ** 2).sum(1)
        assert found[0][0]["id"] == 17 and found[0][0]["distance"] == 0
        assert [hit["id"] for hit in found[0]] == list(np.argsort(exact, kind="stable")[:3])
        rows = client.query("typed", ids=[17], output_fields=["first", "second"])
        stored = rows[0]["first"]
        stored = stored[0] if isinstance(stored, list) and isinstance(stored[0], bytes) else stored
        stored = np.frombuffer(stored, dtype) if isinstance(stored, bytes) else np.asarray(stored, dtype)
        np.testing.assert_array_equal(stored, base[17])
        # A query of another type is refused.
        with pytest.raises(MilvusException, match="vector type must be the same"):
            client.search("typed", [[0.5] * 12], anns_field="first", limit=3)
        described = server.rest("collections/describe", {"collectionName": "typed"})["data"]["fields"]
        assert described[1]["type"] == name
        answer = server.rest("entities/search", {
            "collectionName": "typed", "annsField": "first", "limit": 1,
            "data": [[float(value) for value in base[3]]]})
        assert answer["data"][0]["id"] == 3
    finally:
        client.drop_collection("typed")


def test_a_vector_field_is_added_to_a_live_collection(client, vectors):
    client.create_collection("growing", dimension=TITLE, metric_type="COSINE")
    try:
        client.insert("growing", [{"id": row, "vector": vectors["title"][row]} for row in range(50)])
        client.add_collection_field("growing", "image", DataType.FLOAT_VECTOR, dim=IMAGE, nullable=True)
        indexes = client.prepare_index_params()
        indexes.add_index("image", index_type="FLAT", metric_type="L2")
        client.create_index("growing", indexes)
        client.insert("growing", [
            {"id": row, "vector": vectors["title"][row], "image": vectors["image"][row]} for row in range(50, 80)])
        # Only those that have a vector in it are found by it.
        found = client.search("growing", [vectors["pictures"][0]], anns_field="image", limit=50)
        wanted = 50 + squared(vectors["image"][50:80], vectors["pictures"][0])
        assert [hit["id"] for hit in found[0]] == list(wanted)
        client.upsert("growing", [{"id": 3, "image": vectors["image"][3]}], partial_update=True)
        found = client.search("growing", [vectors["image"][3]], anns_field="image", limit=1)
        assert found[0][0]["id"] == 3
        rows = client.query("growing", ids=[3, 4], output_fields=["image"])
        np.testing.assert_array_equal(np.float32(rows[0]["image"]), vectors["image"][3])
        assert rows[1]["image"] is None
    finally:
        client.drop_collection("growing")


def test_fields_survive_a_restart(tmp_path, vectors):
    from conftest import Server
    server = Server(tmp_path)
    server.start()
    client = MilvusClient(server.uri, token="root:Milvus")
    schema = client.create_schema()
    schema.add_field("id", DataType.INT64, is_primary=True)
    schema.add_field("title", DataType.FLOAT_VECTOR, dim=TITLE)
    schema.add_field("image", DataType.FLOAT_VECTOR, dim=IMAGE)
    indexes = client.prepare_index_params()
    indexes.add_index("title", index_type="AUTOINDEX", metric_type="COSINE")
    indexes.add_index("image", index_type="AUTOINDEX", metric_type="L2")
    client.create_collection("kept", schema=schema, index_params=indexes)
    client.insert("kept", [
        {"id": row, "title": vectors["title"][row], "image": vectors["image"][row]} for row in range(ROWS)])
    client.delete("kept", ids=[0, 1, 2])
    server.stop(9)
    server.start()
    client = MilvusClient(server.uri, token="root:Milvus")
    found = client.search("kept", [vectors["pictures"][3]], anns_field="image", limit=10)
    wanted = [row for row in squared(vectors["image"], vectors["pictures"][3]) if row > 2][:10]
    assert [hit["id"] for hit in found[0]] == wanted
    server.stop()
