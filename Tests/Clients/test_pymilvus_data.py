"""Collections, indexes and entities through pymilvus, and the same data through REST."""

import asyncio
import random
import signal

import grpc
import pytest
from pymilvus import (
    AnnSearchRequest, AsyncMilvusClient, Collection, DataType, MilvusClient, MilvusException, RRFRanker, WeightedRanker, connections,
    utility)
from pymilvus.client.field_ops import FieldOp

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
    ("exists meta['inner']", [1, 2, 3, 4]), ("pk == 1 + 1", [2]), ("pk + pk == 2", None),
    ("array_contains(tags, 't2')", [2]), ("ARRAY_CONTAINS_ANY(tags, ['t1', 't3', 'x'])", [1, 3]),
    ("array_contains_all(tags, ['a', 't4'])", [4]), ("array_length(tags) == 2", [1, 2, 3, 4]), ("tags[1] == 't3'", [3]),
    ("not array_contains(tags, 't2')", [1, 3, 4]), ("json_contains(meta['inner']['x'], 2)", [1, 2, 3, 4]),
    ("meta['inner']['x'][0] == 1 and tiny % 2 == 1", [1, 3]), ("age / 10 == 3", [3]), ("tiny * 2 + 1 > 6", [3, 4]),
    ("score < tiny", [1, 2, 3, 4]), ("age == tiny", []), ("array_contains(tags, 3)", None), ("name % 2 == 0", None),
    ("nonsense ===", None),
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


def test_search_by_ids(rich, server):
    found = rich.search("rich", ids=[1, 4], limit=2)
    assert [[hit["pk"] for hit in hits] for hits in found] == [[1, 2], [4, 3]]
    with pytest.raises(MilvusException, match="not there, the first is 77"):
        rich.search("rich", ids=[1, 77], limit=2)
    answer = server.rest("entities/search", {"collectionName": "rich", "ids": [4], "limit": 2})
    assert [row["pk"] for row in answer["data"]] == [4, 3]
    assert server.rest("entities/search", {"collectionName": "rich", "ids": ["x"]})["code"] == 1801
    both = {"collectionName": "rich", "ids": [4], "data": [[0, 0]]}
    assert server.rest("entities/search", both)["code"] == 1100
    assert server.rest("entities/search", {"collectionName": "rich"})["code"] == 1802


@pytest.mark.parametrize("index_type, metric", [("FLAT", "L2"), ("HNSW", "COSINE"), ("HNSW_SQ", "IP"), ("IVF_FLAT", "L2")])
def test_search_iterator(client, index_type, metric):
    seeded = random.Random(7)
    rows = [{"id": pk, "vector": [seeded.gauss(0, 1) for _ in range(8)]} for pk in range(2_000)]
    # Many at the same distance, across the borders of batches.
    rows += [{"id": pk, "vector": [0.5] * 8} for pk in range(2_000, 2_200)]
    schema = client.create_schema()
    schema.add_field("id", DataType.INT64, is_primary=True)
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=8)
    index = client.prepare_index_params()
    index.add_index("vector", index_type=index_type, metric_type=metric)
    client.create_collection("walked", schema=schema, index_params=index)
    client.insert("walked", rows)

    def walk(**more):
        iterator = client.search_iterator("walked", [[0.5] * 8], batch_size=150, **more)
        pages = []
        while page := iterator.next():
            pages.append([(hit["id"], hit["distance"]) for hit in page])
        iterator.close()
        return [hit for page in pages for hit in page]

    hits = walk()
    assert len({pk for pk, _ in hits}) == len(hits) == 2_200
    distances = [distance for _, distance in hits]
    assert distances == sorted(distances, reverse=metric != "L2")
    assert len(walk(limit=500)) == 500
    some = walk(filter="id < 300")
    assert sorted(pk for pk, _ in some) == list(range(300))


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


def test_partial_update(rich, server):
    assert rich.upsert("rich", [{"pk": 2, "name": "new"}, {"pk": 3, "name": "too"}], partial_update=True)["upsert_count"] == 2
    found = rich.get("rich", [2, 3])
    assert [one["name"] for one in found] == ["new", "too"]
    assert [one["v"] for one in found] == [[2.0, 0.0], [3.0, 0.0]]
    assert [one["tags"] for one in found] == [["a", "t2"], ["a", "t3"]]
    assert found[1]["color"] == "red"
    # The dynamic field, a vector, and null; over REST.
    answer = server.rest("entities/upsert", {
        "collectionName": "rich", "partialUpdate": True, "data": [{"pk": 3, "color": "blue", "v": [9.0, 1.0], "age": None}]})
    assert answer["data"] == {"upsertCount": 1, "upsertIds": [3]}
    three = rich.get("rich", [3])[0]
    assert (three["color"], three["v"], three["age"], three["name"]) == ("blue", [9.0, 1.0], None, "too")
    # An id that is not stored needs every field; then nothing of the request is done.
    with pytest.raises(MilvusException, match="77 is not stored"):
        rich.upsert("rich", [{"pk": 2, "name": "x"}, {"pk": 77, "name": "x"}], partial_update=True)
    assert rich.get("rich", [2])[0]["name"] == "new"
    assert rich.upsert("rich", [row(77)], partial_update=True)["upsert_count"] == 1
    with pytest.raises(MilvusException):
        rich.upsert("rich", [{"pk": 2, "name": "much too long a name"}], partial_update=True)
    assert rich.get_collection_stats("rich") == {"row_count": 5}


def test_upkeep(rich, server):
    rich.create_alias("rich", "lasting")
    rich.alter_collection_properties("lasting", {"mmap.enabled": True, "timezone": "UTC"})
    assert rich.describe_collection("rich")["properties"] == {"mmap.enabled": "True", "timezone": "UTC"}
    assert server.rest("collections/drop_properties", {"collectionName": "rich", "propertyKeys": ["timezone"]})["code"] == 0
    assert rich.describe_collection("rich")["properties"] == {"mmap.enabled": "True"}
    with pytest.raises(MilvusException, match="ttl"):
        rich.alter_collection_properties("rich", {"collection.ttl.seconds": 60})
    answer = server.rest("collections/alter_properties", {"collectionName": "rich", "properties": {"collection.ttl.seconds": 60}})
    assert answer["code"] == 1100

    rich.add_collection_field("rich", "late", DataType.INT64, nullable=True)
    assert rich.get("rich", [1], output_fields=["late"])[0]["late"] is None
    rich.upsert("rich", [{"pk": 1, "late": 5}], partial_update=True)
    assert keys(rich.query("rich", filter="late == 5")) == [1]
    with pytest.raises(MilvusException, match="nullable"):
        rich.add_collection_field("rich", "later", DataType.INT64)
    with pytest.raises(MilvusException, match="duplicated"):
        rich.add_collection_field("rich", "late", DataType.INT64, nullable=True)

    job = rich.compact("rich")
    assert rich.get_compaction_state(job) in ("Completed", "Executing")
    answer = server.rest("collections/compact", {"collectionName": "rich"})
    assert server.rest("collections/get_compaction_state", {"jobID": answer["data"]["compactionID"]})["data"]["state"] in (
        "Completed", "Executing")
    assert server.rest("collections/get_compaction_state", {})["code"] == 1802

    rich.truncate_collection("lasting")
    assert rich.get_collection_stats("rich") == {"row_count": 0}
    assert rich.search("lasting", [[0.0, 0.0]], limit=3) == [[]]
    rich.insert("rich", [row(1)])
    assert server.rest("collections/truncate", {"collectionName": "rich"})["code"] == 0
    assert rich.query("rich", filter="", output_fields=["count(*)"])[0]["count(*)"] == 0
    assert rich.describe_alias("lasting")["collection_name"] == "rich"


def test_asynchronous_client(server):
    async def use():
        client = AsyncMilvusClient(uri=server.uri, token=TOKEN)
        await client.create_collection("waiting", dimension=2)
        try:
            await client.insert("waiting", [{"id": pk, "vector": [1.0, float(pk)]} for pk in range(20)])
            found = await asyncio.gather(*(client.search("waiting", [[1.0, float(pk)]], limit=1) for pk in range(20)))
            assert [one[0][0]["id"] for one in found] == list(range(20))
            assert (await client.query("waiting", filter="id == 3"))[0]["id"] == 3
            await client.create_alias("waiting", "waited")
            assert (await client.get("waited", ids=[4]))[0]["id"] == 4
            assert (await client.delete("waited", ids=[4]))["delete_count"] == 1
            await client.drop_alias("waited")
        finally:
            await client.drop_collection("waiting")
            await client.close()

    asyncio.run(use())


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


@pytest.mark.parametrize("kind", [DataType.INT64, DataType.VARCHAR])
def test_upsert_where_keys_are_given_out(server, client, kind):
    schema = client.create_schema(auto_id=True, enable_dynamic_field=True)
    schema.add_field("pk", kind, is_primary=True, max_length=40)
    schema.add_field("v", DataType.FLOAT_VECTOR, dim=2)
    schema.add_field("n", DataType.INT64, nullable=True)
    index = client.prepare_index_params()
    index.add_index("v", index_type="FLAT", metric_type="L2")
    client.create_collection("given", schema=schema, index_params=index)
    unknown = 987654321 if kind == DataType.INT64 else "no key of it"

    def stored():
        return {row["pk"]: (row["n"], row["v"]) for row in client.query("given", "", limit=100)}

    one, two, three = client.insert("given", [{"v": [n, n], "n": n} for n in (1, 2, 3)])["ids"]
    answer = client.upsert("given", [{"pk": two, "v": [20, 20], "n": 20}, {"pk": unknown, "v": [40, 40], "n": 40}])
    assert answer["upsert_count"] == 2
    new = answer["ids"][1]
    assert answer["ids"][0] == two and new not in (one, two, three, unknown)
    assert stored() == {one: (1, [1, 1]), two: (20, [20, 20]), three: (3, [3, 3]), new: (40, [40, 40])}
    assert [hit["pk"] for hit in client.search("given", [[20, 20]], limit=1)[0]] == [two]

    answer = server.rest("entities/upsert", {"collectionName": "given", "data": [{"pk": one, "v": [10, 10], "n": 10}]})
    assert answer["data"] == {"upsertCount": 1, "upsertIds": [one]}
    assert stored()[one] == (10, [10, 10]) and len(stored()) == 4
    # Partial updates keep keys, and what they do not name.
    assert client.upsert("given", [{"pk": three, "n": 30}], partial_update=True)["ids"] == [three]
    answer = server.rest("entities/upsert", {
        "collectionName": "given", "data": [{"pk": three, "word": "w"}], "partialUpdate": True})
    assert answer["data"]["upsertIds"] == [three]
    assert client.get("given", [three])[0] == {"pk": three, "v": [3, 3], "n": 30, "word": "w"}
    # Without a key, or with one twice, nothing is written.
    before = stored()
    assert server.rest("entities/upsert", {"collectionName": "given", "data": [{"v": [0, 0], "n": 0}]})["code"] == 1804
    with pytest.raises(MilvusException):
        client.upsert("given", [{"v": [0, 0], "n": 0}])
    with pytest.raises(MilvusException):
        client.upsert("given", [{"pk": one, "v": [0, 0], "n": 0}, {"pk": one, "v": [1, 1], "n": 1}])
    answer = server.rest("entities/insert", {"collectionName": "given", "data": [{"pk": one, "v": [0, 0], "n": 0}]})
    assert answer["code"] == 1804 and "autoID == true" in answer["message"]
    assert stored() == before
    # Keys go on behind all that were given.
    later = client.insert("given", [{"v": [5, 5], "n": 5}])["ids"][0]
    assert later not in before and len(stored()) == len(before) + 1


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
    schema.add_field("place", DataType.GEOMETRY)
    with pytest.raises(MilvusException) as caught:
        client.create_collection("places", schema=schema)
    assert "field place of type Geometry is not supported" in caught.value.message
    assert not client.has_collection("places")


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
        client.list_resource_groups()
    assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_operations_on_arrays(server, client):
    schema = client.create_schema()
    schema.add_field("id", DataType.INT64, is_primary=True)
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=2)
    schema.add_field("tags", DataType.ARRAY, element_type=DataType.INT64, max_capacity=5, nullable=True)
    schema.add_field("words", DataType.ARRAY, element_type=DataType.VARCHAR, max_capacity=5, max_length=4)
    index = client.prepare_index_params()
    index.add_index("vector", index_type="FLAT", metric_type="L2")
    client.create_collection("arrays", schema=schema, index_params=index)
    client.insert("arrays", [{"id": 1, "vector": [1, 0], "tags": [1, 2, 1], "words": ["a", "b", "a"]},
                             {"id": 2, "vector": [2, 0], "tags": None, "words": []}])

    def stored():
        rows = client.query("arrays", "id > 0", output_fields=["tags", "words"])
        return {row["id"]: (row["tags"], list(row["words"])) for row in rows}

    client.upsert("arrays", [{"id": 1, "tags": [3]}, {"id": 2, "tags": [4, 5]}], field_ops={"tags": "array_append"})
    assert stored() == {1: ([1, 2, 1, 3], ["a", "b", "a"]), 2: ([4, 5], [])}
    client.upsert("arrays", [{"id": 1, "tags": [1, 9], "words": ["b"]}],
                  field_ops={"tags": FieldOp.array_remove(), "words": FieldOp.array_append()})
    assert stored()[1] == ([2, 3], ["a", "b", "a", "b"])
    # Where nothing is stored, what is brought is added to nothing.
    client.upsert("arrays", [{"id": 3, "vector": [3, 0], "tags": [7], "words": ["x"]}],
                  field_ops={"tags": "array_append", "words": "array_remove"})
    assert stored()[3] == ([7], [])
    before = stored()
    for rows, operations, says in [
        ([{"id": 1, "tags": [1, 2, 3, 4]}], {"tags": "array_append"}, "exceeds max capacity (5)"),
        ([{"id": 1, "words": ["long one"]}], {"words": "array_append"}, "exceeds max length (4)"),
        ([{"id": 1, "vector": [0, 0]}], {"vector": "array_append"},
         'op ARRAY_APPEND requires Array field, but field "vector" is FloatVector'),
    ]:
        with pytest.raises(MilvusException) as caught:
            client.upsert("arrays", rows, field_ops=operations)
        assert says in caught.value.message, caught.value
    assert stored() == before
    body = {"collectionName": "arrays", "data": [{"id": 1, "tags": [2]}], "partialUpdate": True,
            "fieldOps": [{"fieldName": "tags", "op": "ARRAY_REMOVE"}]}
    assert server.rest("entities/upsert", body)["code"] == 0
    assert stored()[1][0] == [3]
    assert server.rest("entities/upsert", {**body, "partialUpdate": False})["code"] == 1100
    assert server.rest("entities/upsert", {**body, "fieldOps": [{"fieldName": "tags", "op": "SORT"}]})["code"] == 1100


def test_conditions_of_the_key(client):
    client.create_collection("numbers", dimension=2, metric_type="L2")
    client.insert("numbers", [{"id": key, "vector": [key, 0]} for key in range(-5, 10)])
    found = client.query("numbers", "id % 3 == 0 and id * 2 > 4", output_fields=["id"])
    assert [row["id"] for row in found] == [3, 6, 9]
    hits = client.search("numbers", [[0, 0]], filter="id % 2 != 0", limit=20)[0]
    assert sorted(hit["id"] for hit in hits) == [key for key in range(-5, 10) if key % 2]
    client.create_collection("names", dimension=2, id_type="string", max_length=20)
    client.insert("names", [{"id": name, "vector": [1, 0]} for name in ("ab", "abc", "ac", "b%", "ÿ", "ÿa", "zz")])
    for pattern, expected in [("ab%", ["ab", "abc"]), ("ÿ%", ["ÿ", "ÿa"]), ("ac", ["ac"]), (r"b\\%", ["b%"])]:
        assert [row["id"] for row in client.query("names", f"id like '{pattern}'")] == expected, pattern
    assert client.query("names", "not (id like 'a%') and id like 'z%'")[0]["id"] == "zz"


def test_samples(client):
    client.create_collection("many", dimension=2, metric_type="L2")
    client.insert("many", [{"id": key, "vector": [key, 0], "even": key % 2 == 0} for key in range(8000)])
    seen = []
    for _ in range(3):
        rows = client.query("many", "even == true and random_sample(0.25)", output_fields=["id"])
        assert all(row["id"] % 2 == 0 for row in rows)
        # Five deviations of 4000 coins that fall with a quarter: one run in a million is outside.
        assert abs(len(rows) - 1000) < 5 * (4000 * 0.25 * 0.75) ** 0.5
        seen.append({row["id"] for row in rows})
    assert seen[0] != seen[1] != seen[2]
    # What is in two samples is a sample of the first, as if they knew nothing of each other.
    assert abs(len(seen[0] & seen[1]) - 250) < 120


def test_times(server, client):
    schema = client.create_schema()
    schema.add_field("id", DataType.INT64, is_primary=True)
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=2)
    schema.add_field("at", DataType.TIMESTAMPTZ, nullable=True)
    index = client.prepare_index_params()
    index.add_index("vector", index_type="FLAT", metric_type="L2")
    index.add_index("at", index_type="STL_SORT")
    client.create_collection("times", schema=schema, index_params=index)
    times = ["2025-01-01T00:00:00+08:00", "2025-01-01T00:00:00Z", "2024-12-31T23:59:59.5Z", None, "1999-06-01 12:00:00"]
    client.insert("times", [{"id": key, "vector": [key, 0], "at": at} for key, at in enumerate(times)])
    shown = ["2024-12-31T16:00:00Z", "2025-01-01T00:00:00Z", "2024-12-31T23:59:59.5Z", None, "1999-06-01T12:00:00Z"]
    assert [row["at"] for row in client.query("times", "id >= 0", output_fields=["at"])] == shown
    rows = server.rest("entities/query", {"collectionName": "times", "filter": "id >= 0", "outputFields": ["at"]})["data"]
    assert [row["at"] for row in rows] == shown
    for expression, expected in [
        ("at >= ISO '2024-12-31T23:59:59Z'", [1, 2]), ("at < '2025-01-01T07:59:59+08:00'", [0, 4]),
        ("at == ISO '2025-01-01T08:00:00+08:00'", [1]), ("at != ISO '2025-01-01T00:00:00Z'", [0, 2, 4]),
        ("ISO '2024-01-01T00:00:00Z' <= at < ISO '2025-01-01T00:00:00Z'", [0, 2]), ("at is null", [3]),
        ("at in ['2024-12-31T16:00:00Z']", [0]),
    ]:
        assert [row["id"] for row in client.query("times", expression)] == expected, expression
    assert [row["id"] for row in client.query("times", "", limit=4, order_by_fields=["at"])] == [4, 0, 2, 1]
    client.upsert("times", [{"id": 3, "at": "2030-01-01T00:00:00Z"}], partial_update=True)
    assert client.get("times", [3])[0]["at"] == "2030-01-01T00:00:00Z"
    for call in (lambda: client.insert("times", [{"id": 9, "vector": [0, 0], "at": "tomorrow"}]),
                 lambda: client.query("times", "at > 'tomorrow'"), lambda: client.query("times", "at > 5")):
        with pytest.raises(MilvusException) as caught:
            call()
        assert caught.value.code in (1100, 1804), caught.value
