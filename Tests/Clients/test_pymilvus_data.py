"""Collections, indexes and entities through pymilvus, and the same data through REST."""

import signal

import grpc
import pytest
from pymilvus import (
    AnnSearchRequest, Collection, DataType, MilvusClient, MilvusException, RRFRanker, WeightedRanker, connections,
    utility)

from conftest import TOKEN


def rich_schema(client):
    schema = client.create_schema(auto_id=False, enable_dynamic_field=True, description="rich")
    schema.add_field("pk", DataType.INT64, is_primary=True)
    schema.add_field("v", DataType.FLOAT_VECTOR, dim=2)
    schema.add_field("flag", DataType.BOOL)
    schema.add_field("tiny", DataType.INT8)
    schema.add_field("age", DataType.INT64, nullable=True)
    schema.add_field("score", DataType.FLOAT)
    schema.add_field("exact", DataType.DOUBLE)
    schema.add_field("name", DataType.VARCHAR, max_length=10, default_value="none")
    schema.add_field("meta", DataType.JSON)
    schema.add_field("tags", DataType.ARRAY, element_type=DataType.VARCHAR, max_capacity=3, max_length=10)
    return schema


def row(pk, **more):
    row = {
        "pk": pk, "v": [float(pk), 0.0], "flag": pk % 2 == 0, "tiny": pk, "age": pk * 10, "score": 0.1 * pk,
        "exact": 0.1 * pk, "name": f"n{pk}", "meta": {"level": pk, "inner": {"x": [1, 2]}}, "tags": ["a", f"t{pk}"],
    }
    row.update(more)
    return row


@pytest.fixture
def rich(client):
    index = client.prepare_index_params()
    index.add_index("v", index_type="HNSW", metric_type="L2", M=8, efConstruction=64)
    index.add_index("name", index_type="INVERTED")
    client.create_collection("rich", schema=rich_schema(client), index_params=index)
    client.insert("rich", [row(1), row(2, age=None), row(3, color="red"), row(4, name=None)])
    return client


def keys(rows):
    return [row["pk"] for row in rows]


def test_description(rich):
    found = rich.describe_collection("rich")
    assert found["description"] == "rich"
    assert found["enable_dynamic_field"] is True
    assert [field["name"] for field in found["fields"]] == [
        "pk", "v", "flag", "tiny", "age", "score", "exact", "name", "meta", "tags"]
    assert found["fields"][1]["params"] == {"dim": 2}
    assert found["fields"][4]["nullable"] is True
    assert found["fields"][9]["element_type"] == DataType.VARCHAR
    index = rich.describe_index("rich", "v")
    assert index["index_type"] == "HNSW" and index["metric_type"] == "L2" and index["M"] == "8"
    assert index["total_rows"] == 4 and index["state"] == "Finished"
    assert sorted(rich.list_indexes("rich")) == ["name", "v"]


def test_every_type_comes_back(rich):
    wanted = row(3, color="red")
    got = rich.get("rich", [3])[0]
    assert got["score"] == pytest.approx(wanted.pop("score"), rel=1e-6)
    got.pop("score")
    assert got == wanted
    assert rich.get("rich", [2])[0]["age"] is None
    assert rich.get("rich", [4])[0]["name"] == "none"
    assert list(rich.query("rich", "pk == 3", output_fields=["color"])) == [{"pk": 3, "color": "red"}]
    assert rich.query("rich", "pk == 1", output_fields=["meta"])[0]["meta"] == {"level": 1, "inner": {"x": [1, 2]}}


@pytest.mark.parametrize("filter, found", [
    ("pk in [1, 3, 9]", [1, 3]), ("pk > 2", [3, 4]), ("1 < pk <= 3", [2, 3]), ("flag == true", [2, 4]),
    ("tiny >= 3 and not (pk == 4)", [3]), ("age is null", [2]), ("age != 10", [3, 4]), ("age > 5 or flag", None),
    ("name like 'n_'", [1, 2, 3]), ("name == 'none'", [4]), ("meta['level'] < 3", [1, 2]), ("color == 'red'", [3]),
    ("color in ['red', 'blue'] || pk == 1", [1, 3]), ("exact == 0.1", [1]), ("score == 0.1", [1]),
    ("exists meta['inner']", [1, 2, 3, 4]), ("pk == 1 + 1", None), ("nonsense ===", None),
])
def test_filters(rich, server, filter, found):
    if found is None:
        with pytest.raises(MilvusException) as caught:
            rich.query("rich", filter)
        assert caught.value.code == 1100
        assert "failed to create query plan: cannot parse expression" in caught.value.message
        return
    assert keys(rich.query("rich", filter)) == found
    hits = rich.search("rich", [[0.0, 0.0]], filter=filter, limit=10)[0]
    assert sorted(hit["pk"] for hit in hits) == found
    answer = server.rest("entities/query", {"collectionName": "rich", "filter": filter, "outputFields": ["pk"]})
    assert keys(answer["data"]) == found


def test_query_pages_and_counts(rich):
    assert keys(rich.query("rich", "", limit=2, offset=1)) == [2, 3]
    assert list(rich.query("rich", "", output_fields=["count(*)"])) == [{"count(*)": 4}]
    counted = rich.query("rich", "pk > {least}", filter_params={"least": 1}, output_fields=["count(*)"])
    assert list(counted) == [{"count(*)": 3}]
    with pytest.raises(MilvusException):
        rich.query("rich", "")
    iterator = rich.query_iterator("rich", batch_size=2, filter="pk >= 2", output_fields=["pk"])
    pages = []
    while page := iterator.next():
        pages.append(keys(page))
    iterator.close()
    assert pages == [[2, 3], [4]]


def test_search(rich):
    found = rich.search("rich", [[0.0, 0.0], [9.0, 0.0]], limit=2, output_fields=["name", "color"])
    assert [[hit["pk"] for hit in hits] for hits in found] == [[1, 2], [4, 3]]
    assert [hit["distance"] for hit in found[0]] == [1.0, 4.0]
    assert found[1][1]["entity"] == {"name": "n3", "color": "red"}
    assert [hit["pk"] for hit in rich.search("rich", [[0.0, 0.0]], limit=2, offset=1)[0]] == [2, 3]
    ranged = rich.search("rich", [[0.0, 0.0]], limit=9, search_params={"params": {"radius": 9.5, "range_filter": 4.0}})
    assert [hit["pk"] for hit in ranged[0]] == [2, 3]
    grouped = rich.search("rich", [[0.0, 0.0]], limit=9, group_by_field="flag", output_fields=["flag"])
    assert [hit["pk"] for hit in grouped[0]] == [1, 2]
    with pytest.raises(MilvusException):
        rich.search("rich", [[0.0, 0.0, 0.0]])
    with pytest.raises(MilvusException):
        rich.search("rich", [[0.0, 0.0]], search_params={"metric_type": "IP"})


def test_hybrid_search(rich):
    near = AnnSearchRequest([[0.0, 0.0]], "v", {"metric_type": "L2"}, limit=2)
    odd = AnnSearchRequest([[4.0, 0.0]], "v", {"metric_type": "L2"}, limit=3, expr="flag == false")
    found = rich.hybrid_search("rich", [near, odd], RRFRanker(60), limit=3, output_fields=["name"])[0]
    # near: 1, 2; odd: 3, 1.
    assert [hit["pk"] for hit in found] == [1, 3, 2]
    assert found[0]["distance"] == pytest.approx(1 / 61 + 1 / 62)
    assert found[0]["entity"] == {"name": "n1"}
    found = rich.hybrid_search("rich", [near, odd], WeightedRanker(0.0, 1.0), limit=1)[0]
    assert [hit["pk"] for hit in found] == [3]
    assert found[0]["distance"] == pytest.approx(0.5)
    with pytest.raises(MilvusException):
        rich.hybrid_search("rich", [near, odd], WeightedRanker(1.0), limit=1)


def test_upsert_and_delete(rich):
    assert rich.upsert("rich", [row(2, name="new"), row(5)])["upsert_count"] == 2
    assert rich.get("rich", [2], output_fields=["name"])[0]["name"] == "new"
    assert rich.get_collection_stats("rich") == {"row_count": 5}
    assert rich.delete("rich", filter="tiny > 3")["delete_count"] == 2
    assert rich.delete("rich", ids=[77])["delete_count"] == 0
    assert keys(rich.query("rich", "", limit=10)) == [1, 2, 3]


@pytest.mark.parametrize("wrong, says", [
    ({"name": "longer than ten"}, "max length"), ({"tiny": 1000}, "does not fit"), ({"tags": ["a"] * 4}, "capacity"),
])
def test_rows_that_do_not_fit(rich, wrong, says):
    with pytest.raises(MilvusException) as caught:
        rich.insert("rich", [row(9), row(10, **wrong)])
    assert says in caught.value.message
    assert rich.get_collection_stats("rich") == {"row_count": 4}


@pytest.mark.parametrize("metric", ["COSINE", "IP", "L2"])
def test_quick_collections(client, metric):
    client.create_collection("quick", dimension=2, metric_type=metric, auto_id=True)
    ids = client.insert("quick", [{"vector": [1.0, 0.0], "n": 1}, {"vector": [3.0, 4.0], "n": 2}])["ids"]
    hits = client.search("quick", [[3.0, 4.0]], limit=1, output_fields=["n"])[0]
    assert hits[0]["entity"] == {"n": 2}
    assert hits[0]["id"] == ids[1]
    assert hits[0]["distance"] == pytest.approx({"COSINE": 1.0, "IP": 25.0, "L2": 0.0}[metric], abs=1e-6)
    assert client.describe_index("quick", "vector")["metric_type"] == metric


@pytest.mark.parametrize("index_type, more", [
    ("FLAT", {}), ("IVF_FLAT", {"nlist": 8}), ("IVF_SQ8", {"nlist": 8}), ("IVF_PQ", {"nlist": 8, "m": 4, "nbits": 8}),
    ("IVF_RABITQ", {"nlist": 8}), ("HNSW", {"M": 8, "efConstruction": 64}), ("HNSW_SQ", {"M": 8, "sq_type": "SQ8"}),
    ("HNSW_PQ", {"M": 8, "m": 4}), ("HNSW_PRQ", {"M": 8, "m": 4, "nrq": 1}), ("SCANN", {"nlist": 8}), ("DISKANN", {}),
    ("AUTOINDEX", {}),
])
def test_index_types(client, index_type, more):
    import random

    generator = random.Random(7)
    schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
    schema.add_field("id", DataType.INT64, is_primary=True)
    schema.add_field("v", DataType.FLOAT_VECTOR, dim=16)
    client.create_collection("indexed", schema=schema)
    rows = [{"id": i, "v": [generator.gauss(0, 1) for _ in range(16)]} for i in range(500)]
    client.insert("indexed", rows)
    index = client.prepare_index_params()
    index.add_index("v", index_type=index_type, metric_type="COSINE", params=more)
    # Waits until the switch to the nearest form is done.
    client.create_index("indexed", index)
    found = client.describe_index("indexed", "v")
    assert found["index_type"] == index_type and found["state"] == "Finished" and found["total_rows"] == 500
    client.load_collection("indexed")
    right = sum(client.search("indexed", [row["v"]], limit=1)[0][0]["id"] == row["id"] for row in rows[:50])
    assert right >= 45
    with pytest.raises(MilvusException):
        client.drop_index("indexed", "v")
    client.release_collection("indexed")
    client.drop_index("indexed", "v")
    assert client.list_indexes("indexed") == []
    assert client.describe_index("indexed", "v") is None


def test_what_cannot_be_kept_is_refused(client):
    schema = client.create_schema()
    schema.add_field("id", DataType.INT64, is_primary=True)
    schema.add_field("v", DataType.SPARSE_FLOAT_VECTOR)
    with pytest.raises(MilvusException) as caught:
        client.create_collection("sparse", schema=schema)
    assert "SparseFloatVector" in caught.value.message
    assert not client.has_collection("sparse")


def test_the_older_interface(server, client):
    connections.connect("old", uri=server.uri, token=TOKEN)
    client.create_collection("orm", dimension=2)
    collection = Collection("orm", using="old")
    collection.insert([{"id": 1, "vector": [1.0, 0.0]}, {"id": 2, "vector": [0.0, 1.0]}])
    collection.flush()
    assert collection.num_entities == 2
    hits = collection.search([[1.0, 0.0]], "vector", {"metric_type": "COSINE", "params": {}}, limit=1)
    assert hits[0].ids == [1]
    assert utility.has_collection("orm", using="old")
    assert utility.list_collections(using="old") == ["orm"]
    connections.disconnect("old")


def test_a_large_insert_and_rest_beside_it(server, client):
    client.create_collection("large", dimension=768, metric_type="L2")
    rows = [{"id": i, "vector": [float(i)] * 768} for i in range(4000)]
    assert client.insert("large", rows)["insert_count"] == 4000
    assert server.rest("collections/get_stats", {"collectionName": "large"})["data"] == {"rowCount": 4000}
    hits = server.rest("entities/search", {"collectionName": "large", "data": [[17.0] * 768], "limit": 1})
    assert hits["data"][0]["id"] == 17


def test_a_restart_in_the_middle(server):
    client = MilvusClient(uri=server.uri, token=TOKEN)
    client.create_collection("kept", schema=rich_schema(client))
    index = client.prepare_index_params()
    index.add_index("v", index_type="IVF_FLAT", metric_type="IP", nlist=4)
    client.create_index("kept", index)
    client.load_collection("kept")
    client.insert("kept", [row(1), row(2)])
    client.create_alias("kept", "kept_now")
    before = client.describe_collection("kept_now")
    client.close()
    server.stop(signal.SIGKILL)
    server.start()
    client = MilvusClient(uri=server.uri, token=TOKEN)
    assert client.describe_collection("kept_now") == before
    assert client.describe_index("kept", "v")["metric_type"] == "IP"
    assert [hit["pk"] for hit in client.search("kept_now", [[1.0, 0.0]], limit=2)[0]] == [2, 1]
    assert client.get("kept_now", [1])[0]["meta"] == {"level": 1, "inner": {"x": [1, 2]}}
    assert server.rest("aliases/describe", {"aliasName": "kept_now"})["data"]["collectionName"] == "kept"
    client.drop_alias("kept_now")
    client.drop_collection("kept")
    client.close()


def test_calls_that_are_not_spoken_say_so(client):
    with pytest.raises(grpc.RpcError) as caught:
        client.create_database("other")
    assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED
