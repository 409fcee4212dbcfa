"""Changes of a collection's schema, and where its rows lie, through unmodified pymilvus."""

import pytest
import requests
from pymilvus import Collection, DataType, Function, FunctionType, MilvusClient, MilvusException, connections, utility
from pymilvus.client.types import SegmentState

from conftest import TOKEN


@pytest.fixture
def texts(client):
    """A loaded collection of short texts, with an analyzer."""
    schema = client.create_schema()
    schema.add_field("id", DataType.INT64, is_primary=True)
    schema.add_field("v", DataType.FLOAT_VECTOR, dim=2)
    schema.add_field("text", DataType.VARCHAR, max_length=8, enable_analyzer=True)
    index = client.prepare_index_params()
    index.add_index("v", index_type="FLAT", metric_type="L2")
    client.create_collection("texts", schema=schema, index_params=index)
    client.insert("texts", [{"id": key, "v": [key, 0], "text": f"word {key % 3}"} for key in range(9)])
    yield "texts"


def refused(call, *arguments, **named):
    with pytest.raises(MilvusException) as caught:
        call(*arguments, **named)
    assert caught.value.code == 1100, caught.value
    return caught.value.message


def test_fields_become_longer(server, client, texts):
    other = MilvusClient(uri=server.uri, token=TOKEN)
    long = [{"id": 100, "v": [0, 0], "text": "a longer text"}]
    for writer in (client, other):
        with pytest.raises(MilvusException):
            writer.insert(texts, long)
    client.alter_collection_field(texts, "text", {"max_length": 20})
    # The other client has kept the schema, and learns of the change by itself.
    assert other.insert(texts, long)["insert_count"] == 1
    described = client.describe_collection(texts)
    assert [field["params"]["max_length"] for field in described["fields"] if field["name"] == "text"] == [20]
    assert "can not alter" in refused(client.alter_collection_field, texts, "text", {"dim": 3})
    assert "does not exist" in refused(client.alter_collection_field, texts, "none", {"max_length": 3})
    assert "VarChar" in refused(client.alter_collection_field, texts, "v", {"max_length": 3})
    refused(client.alter_collection_field, texts, "text", {"max_length": 0})
    other.close()


def test_fields_over_rest(server, client, texts):
    field = {"fieldName": "note", "dataType": "VarChar", "nullable": True, "elementTypeParams": {"max_length": 10}}
    assert server.rest("collections/fields/add", {"collectionName": texts, "schema": field}) == {"code": 0, "data": {}}
    assert server.rest("collections/fields/add", {"collectionName": texts, "schema": field})["code"] == 1100
    assert server.rest("collections/fields/add", {"collectionName": texts})["code"] == 1802
    body = {"collectionName": texts, "fieldName": "note", "fieldParams": {"max_length": 12}}
    assert server.rest("collections/fields/alter_properties", body) == {"code": 0, "data": {}}
    assert client.insert(texts, [{"id": 20, "v": [0, 0], "text": "a", "note": "twelve bytes"}])["insert_count"] == 1
    assert client.query(texts, "note == 'twelve bytes'", output_fields=["note"])[0]["note"] == "twelve bytes"


def test_a_function_comes_and_goes(client, texts):
    schema = client.create_schema()
    schema.add_field("words", DataType.SPARSE_FLOAT_VECTOR)
    index = client.prepare_index_params()
    index.add_index("words", index_type="SPARSE_INVERTED_INDEX", metric_type="BM25")
    bm25 = Function("bm25", FunctionType.BM25, ["text"], ["words"])
    client.add_function_field(texts, schema.fields[0], bm25, index)
    hits = client.search(texts, ["2"], anns_field="words", limit=9)[0]
    assert sorted(hit["id"] for hit in hits) == [2, 5, 8]
    assert [function["name"] for function in client.describe_collection(texts)["functions"]] == ["bm25"]
    refused(client.add_function_field, texts, schema.fields[0], bm25, index)
    client.drop_function_field(texts, "bm25")
    assert client.describe_collection(texts)["functions"] == []
    assert "words" not in client.list_indexes(texts)
    with pytest.raises(MilvusException):
        client.search(texts, ["2"], anns_field="words", limit=9)
    assert "function not found" in refused(client.drop_function_field, texts, "bm25")
    # The rest is as it was.
    assert client.insert(texts, [{"id": 30, "v": [0, 0], "text": "word"}])["insert_count"] == 1
    assert len(client.query(texts, "id >= 0")) == 10


def test_fields_go(server, client, texts):
    client.add_collection_field(texts, "note", DataType.VARCHAR, max_length=9, nullable=True)
    client.add_collection_field(texts, "other", DataType.FLOAT_VECTOR, dim=3, nullable=True)
    client.insert(texts, [{"id": 50, "v": [0, 0], "text": "a", "note": "secret", "other": [1, 2, 3]}])
    client.drop_collection_field(texts, "note")
    client.drop_collection_field(texts, "other")
    assert [field["name"] for field in client.describe_collection(texts)["fields"]] == ["id", "v", "text"]
    assert client.get(texts, [50])[0] == {"id": 50, "v": [0.0, 0.0], "text": "a"}
    assert server.rest("entities/get", {"collectionName": texts, "id": [50]})["data"] == [
        {"id": 50, "v": [0, 0], "text": "a"}]
    refused(client.query, texts, "note == 'secret'")
    refused(client.query, texts, "id == 50", output_fields=["note"])
    with pytest.raises(MilvusException):
        client.search(texts, [[1, 2, 3]], anns_field="other")
    # A part of the point stays as it was.
    client.upsert(texts, [{"id": 50, "text": "b"}], partial_update=True)
    assert client.get(texts, [50])[0] == {"id": 50, "v": [0.0, 0.0], "text": "b"}
    assert "choose another name" in refused(
        client.add_collection_field, texts, "note", DataType.INT64, nullable=True)
    client.add_collection_field(texts, "other", DataType.FLOAT_VECTOR, dim=2, nullable=True)
    for name, says in [("id", "it is a key"), ("v", "first vector field"), ("none", "field not found")]:
        assert says in refused(client.drop_collection_field, texts, name)
    body = {"collectionName": texts, "fieldName": "text"}
    assert server.rest("collections/fields/drop", body) == {"code": 0, "data": {}}
    assert server.rest("collections/fields/drop", body)["code"] == 1100
    assert server.rest("collections/fields/drop", {"collectionName": texts})["code"] == 1802
    client.create_collection("dynamic", dimension=2)
    client.add_collection_field("dynamic", "n", DataType.INT64, nullable=True)
    assert "dynamic field" in refused(client.drop_collection_field, "dynamic", "n")


DEFAULTS = {
    "flag": (DataType.BOOL, True), "tiny": (DataType.INT8, -3), "age": (DataType.INT64, 2**53 + 1), "score": (DataType.FLOAT, 0.1),
    "exact": (DataType.DOUBLE, -2.5), "word": (DataType.VARCHAR, "it's \"so\" \\ ü?"),
}


def test_defaults_of_added_fields(server, client):
    client.create_collection("late", dimension=2, metric_type="L2")
    client.insert("late", [{"id": pk, "vector": [pk, 0]} for pk in range(4)])
    for name, (kind, value) in DEFAULTS.items():
        client.add_collection_field(
            "late", name, kind, nullable=True, default_value=value, **(
                {"max_length": 50, "enable_analyzer": True, "enable_match": True} if name == "word" else {}))
    described = {field["name"]: field for field in client.describe_collection("late")["fields"]}
    assert described["age"]["default_value"].long_data == 2**53 + 1
    given = {"flag": False, "tiny": 5, "age": 7, "score": 0.5, "exact": 1.5, "word": "another"}
    client.insert("late", [{"id": 4, "vector": [4, 0], **given}, {"id": 5, "vector": [5, 0]}])
    client.insert("late", [{"id": 6, "vector": [6, 0], "age": None, "word": None}])
    old = [0, 1, 2, 3, 5, 6]
    expected = {name: value for name, (_, value) in DEFAULTS.items()}
    expected["score"] = pytest.approx(0.1)
    names = list(DEFAULTS)
    for row in client.query("late", "id >= 0", output_fields=names):
        pk = row.pop("id")
        assert row == (given if pk == 4 else expected), pk
    for row in server.rest("entities/query", {"collectionName": "late", "outputFields": names})["data"]:
        assert row["age"] == (7 if row["id"] == 4 else 2**53 + 1) and (row["id"] == 4 or row["word"] == expected["word"])
    hits = client.search("late", [[0, 0]], limit=2, output_fields=names, filter="age > 7")[0]
    assert [hit["id"] for hit in hits] == [0, 1] and hits[0]["entity"] == expected
    for filter, found in (
            (f"age == {2**53 + 1}", old), (f"age != {2**53 + 1}", [4]), ("age < 8", [4]), ("not (age < 8)", old),
            ("age is null", []), ("age is not null", old + [4]), ("age in [7]", [4]), ("age not in [7]", old),
            ("flag == true", old), ("tiny + 3 == 0", old), ("score == 0.1", old), ("exact < -2 and flag == true", old),
            ("tiny < age", [4] + old), ("exact > score", [4]), ('word like "it%"', old), ('word like "%other"', [4]),
            ('text_match(word, "another")', [4]), ('text_match(word, "so")', old), ('word > "b"', old),
            ("json_contains(word, 1)", None)):
        if found is None:
            refused(client.query, "late", filter)
            continue
        assert sorted(row["id"] for row in client.query("late", filter, limit=100)) == sorted(found), filter
        assert sorted(hit["id"] for hit in client.search("late", [[0, 0]], limit=100, filter=filter)[0]) == sorted(found)
    groups = server.rest("entities/query", {
        "collectionName": "late", "groupByFields": ["tiny"], "outputFields": ["tiny", "count(*)", "max(age)"]})["data"]
    assert sorted((group["tiny"], group["count(*)"], group["max(age)"]) for group in groups) == [
        (-3, 6, 2**53 + 1), (5, 1, 7)]
    ordered = server.rest("entities/query", {
        "collectionName": "late", "orderByFields": ["exact:desc"], "limit": 2, "outputFields": ["id"]})["data"]
    assert [row["id"] for row in ordered] == [4, 0]
    grouped = client.search("late", [[0, 0]], limit=5, group_by_field="tiny", output_fields=["tiny"])[0]
    assert [hit["entity"]["tiny"] for hit in grouped] == [-3, 5]
    # A partial update of another field leaves it; what it names is stored.
    client.upsert("late", [{"id": 0, "tiny": 9}], partial_update=True)
    client.upsert("late", [{"id": 1, "age": 8}], partial_update=True)
    client.upsert("late", [{"id": 1, "age": None}], partial_update=True)
    assert client.get("late", [0, 1], output_fields=["tiny", "age"]) == [
        {"id": 0, "tiny": 9, "age": 2**53 + 1}, {"id": 1, "tiny": -3, "age": 2**53 + 1}]
    # REST.
    body = {"collectionName": "late", "schema": {"fieldName": "rest", "dataType": "Int64", "nullable": True, "defaultValue": 11}}
    assert server.rest("collections/fields/add", body) == {"code": 0, "data": {}}
    assert [row["rest"] for row in client.query("late", "rest == 11", output_fields=["rest"])] == [11] * 7
    assert "nullable" in refused(client.add_collection_field, "late", "x", DataType.INT64, default_value=1)
    assert "does not fit" in refused(
        client.add_collection_field, "late", "x", DataType.INT8, nullable=True, default_value=1000)
    assert "max length" in refused(
        client.add_collection_field, "late", "x", DataType.VARCHAR, nullable=True, max_length=2, default_value="abc")
    body["schema"] = {"fieldName": "x", "dataType": "JSON", "nullable": True, "defaultValue": {"a": 1}}
    assert server.rest("collections/fields/add", body)["code"] == 1100
    assert "x" not in [field["name"] for field in client.describe_collection("late")["fields"]]


def test_where_rows_lie(server, client, texts):
    client.delete(texts, ids=[0, 1])
    assert sum(segment.num_rows for segment in client.list_loaded_segments(texts)) == 7
    persistent = client.list_persistent_segments(texts)
    assert sum(segment.num_rows for segment in persistent) == 7
    assert all(segment.state == SegmentState.Flushed for segment in persistent)
    assert len(client.list_segments(texts)) == len(persistent)
    assert client.list_persistent_segments(texts, states=[SegmentState.Dropped]) == []
    replicas = client.describe_replica(texts)
    assert len(replicas) == 1 and replicas[0].group_nodes == (1,)
    client.release_collection(texts)
    assert client.list_loaded_segments(texts) == [] and client.describe_replica(texts) == []
    client.load_collection(texts)
    connections.connect("lie", uri=server.uri, token=TOKEN)
    assert sum(info.num_rows for info in utility.get_query_segment_info(texts, using="lie")) == 7
    assert len(Collection(texts, using="lie").get_replicas().groups) == 1
    connections.disconnect("lie")


def test_compaction(client, texts):
    job = client.compact(texts)
    while client.get_compaction_state(job) != "Completed":
        pass
    plans = client.get_compaction_plans(job)
    assert plans.state.name == "Completed"
    assert client.list_compaction_tasks(texts).state.name == "Completed"
    result = client.optimize(texts)
    assert result.status == "success"


def test_a_default_that_no_client_of_milvus_has_made(client, server):
    """A model's field that the operator adds and makes the default: clients that name no field search it."""
    def admin(method, path, body):
        answer = requests.request(
            method, f"{server.uri}/moult/v1/collections/{path}", json=body, headers={"Authorization": f"Bearer {TOKEN}"},
            timeout=60)
        assert answer.status_code in (200, 201), answer.text

    client.create_collection("c", dimension=2, metric_type="IP")
    admin("POST", "c/fields", {"name": "bge", "dimension": 2, "metric": "ip"})
    points = [{"id": n, "vector": [n, 0], "fields": {"bge": [0, 9 - n]}} for n in range(1, 9)]
    admin("POST", "c/points", {"points": points})
    ask = lambda **more: [hit["id"] for hit in client.search("c", [[1.0, 1.0]], limit=2, **more)[0]]
    assert ask() == [8, 7]
    admin("PUT", "c/default", {"field": "bge"})
    assert ask() == ask(anns_field="bge") == [1, 2] and ask(anns_field="vector") == [8, 7]
    assert "bge" in [field["name"] for field in client.describe_collection("c")["fields"]]
    client.insert("c", [{"id": 20, "vector": [0, 0], "bge": [0, 99]}, {"id": 21, "vector": [99, 0]}])
    assert ask() == [20, 1] and ask(anns_field="vector") == [21, 8]
