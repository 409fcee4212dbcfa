"""Partitions through pymilvus, and the same points through REST."""

import signal

import pytest
from pymilvus import AnnSearchRequest, Collection, DataType, RRFRanker, connections

from milvus_refusal import refused


@pytest.fixture
def parts(client):
    """Points 1 and 2 in `_default`, 3 and 4 in `a`, 5 in `b`."""
    client.create_collection("parts", dimension=2, metric_type="L2")
    for name, ids in (("", [1, 2]), ("a", [3, 4]), ("b", [5])):
        if name:
            client.create_partition("parts", name)
        client.insert("parts", [{"id": id, "vector": [float(id), 0.0], "word": f"w{id}"} for id in ids],
                      partition_name=name)
    return client


def ids(rows):
    return [row["id"] for row in rows]


def test_names(parts):
    assert parts.list_partitions("parts") == ["_default", "a", "b"]
    assert parts.has_partition("parts", "a") and not parts.has_partition("parts", "x")
    parts.create_partition("parts", "a")
    assert parts.describe_collection("parts")["num_partitions"] == 3
    assert "Invalid partition name" in refused(1100, parts.create_partition, "parts", "a b")
    refused(100, parts.create_partition, "none", "a")


def test_reads(parts, server):
    for names, found in ((None, [1, 2, 3, 4, 5]), (["a"], [3, 4]), (["_default", "b"], [1, 2, 5])):
        assert ids(parts.query("parts", "id > 0", partition_names=names)) == found
        assert ids(parts.search("parts", [[0.0, 0.0]], limit=9, partition_names=names)[0]) == found
        assert sorted(ids(parts.get("parts", [5, 3, 1], partition_names=names))) == [id for id in (1, 3, 5) if id in found]
        counted = parts.query("parts", "", output_fields=["count(*)"], partition_names=names)
        assert counted[0]["count(*)"] == len(found)
        fused = parts.hybrid_search(
            "parts", [AnnSearchRequest([[0.0, 0.0]], "vector", {}, limit=9), AnnSearchRequest([[0.0, 0.0]], "vector", {}, limit=9)],
            RRFRanker(), limit=9, partition_names=names)
        assert sorted(ids(fused[0])) == found
        body = {"collectionName": "parts", "filter": "id > 0", "partitionNames": names or [], "outputFields": ["id"]}
        assert ids(server.rest("entities/query", body)["data"]) == found
    # Where a point keeps its partition nobody sees.
    assert parts.get("parts", [3])[0] == {"id": 3, "vector": [3.0, 0.0], "word": "w3"}
    pages = []
    iterator = parts.query_iterator("parts", batch_size=1, partition_names=["a"], output_fields=["id"])
    while page := iterator.next():
        pages += ids(page)
    iterator.close()
    assert pages == [3, 4]


def test_writes(parts):
    assert parts.delete("parts", filter="id in [1, 3]", partition_name="a")["delete_count"] == 1
    assert ids(parts.query("parts", "id > 0")) == [1, 2, 4, 5]
    parts.upsert("parts", [{"id": 9, "vector": [9.0, 0.0]}], partition_name="b")
    assert ids(parts.query("parts", "id > 0", partition_names=["b"])) == [5, 9]
    for call in (parts.insert, parts.upsert):
        assert refused(200, call, "parts", [{"id": 1, "vector": [0.0, 0.0]}], partition_name="x") == (
            "partition not found[partition=x]")
    refused(200, parts.query, "parts", "id > 0", partition_names=["x"])
    refused(200, parts.search, "parts", [[0.0, 0.0]], partition_names=["x"])
    refused(200, parts.delete, "parts", ids=[1], partition_name="x")


def test_load_release_and_drop(parts):
    assert parts.get_partition_stats("parts", "a") == {"row_count": 2}
    assert "release it first" in refused(65535, parts.drop_partition, "parts", "a")
    parts.release_partitions("parts", ["a"])
    assert str(parts.get_load_state("parts", "a")["state"]) == "NotLoad"
    assert str(parts.get_load_state("parts", "b")["state"]) == "Loaded"
    assert ids(parts.query("parts", "id > 0")) == [1, 2, 5]
    refused(201, parts.query, "parts", "id > 0", partition_names=["a"])
    parts.load_partitions("parts", ["a"])
    assert ids(parts.query("parts", "id > 0", partition_names=["a"])) == [3, 4]
    parts.release_partitions("parts", ["a"])
    parts.drop_partition("parts", "a")
    assert parts.list_partitions("parts") == ["_default", "b"]
    assert parts.get_collection_stats("parts") == {"row_count": 3}
    assert refused(65535, parts.drop_partition, "parts", "_default") == "default partition cannot be deleted"


def test_after_a_kill(parts, server):
    parts.release_partitions("parts", ["b"])
    parts.drop_partition("parts", "b")
    server.stop(signal.SIGKILL)
    server.start()
    body = {"collectionName": "parts", "filter": "id > 0", "outputFields": ["id"]}
    assert ids(server.rest("entities/query", body)["data"]) == [1, 2, 3, 4]
    assert ids(server.rest("entities/query", body | {"partitionNames": ["a"]})["data"]) == [3, 4]
    assert server.rest("partitions/list", {"collectionName": "parts"})["data"] == ["_default", "a"]


def test_partition_key(client):
    schema = client.create_schema(auto_id=False)
    schema.add_field("pk", DataType.INT64, is_primary=True)
    schema.add_field("tenant", DataType.VARCHAR, max_length=20, is_partition_key=True)
    schema.add_field("v", DataType.FLOAT_VECTOR, dim=2)
    index = client.prepare_index_params()
    index.add_index("v", index_type="FLAT", metric_type="L2")
    client.create_collection("keyed", schema=schema, index_params=index, num_partitions=8)
    described = client.describe_collection("keyed")
    assert described["num_partitions"] == 8 and described["fields"][1]["is_partition_key"] is True
    client.insert("keyed", [{"pk": 1, "tenant": "x", "v": [0.0, 0.0]}, {"pk": 2, "tenant": "y", "v": [0.0, 1.0]}])
    hits = client.search("keyed", [[0.0, 0.0]], filter="tenant == 'y'", limit=5)[0]
    assert [hit["pk"] for hit in hits] == [2]
    assert "partition key mode" in refused(1100, client.create_partition, "keyed", "a")


def test_older_interface(parts, server):
    connections.connect("older", uri=server.uri, token="root:Milvus")
    collection = Collection("parts", using="older")
    assert [part.name for part in collection.partitions] == ["_default", "a", "b"]
    part = collection.partition("a")
    assert part.num_entities == 2
    assert ids(part.query("id > 0")) == [3, 4]
    part.release()
    part.drop()
    assert not collection.has_partition("a")
    connections.disconnect("older")
