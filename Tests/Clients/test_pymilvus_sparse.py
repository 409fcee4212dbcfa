"""Sparse vectors, vectors of bits and BM25 functions through unmodified pymilvus, beside brute force."""

import json
import math
import random
import re
import signal
import struct

import numpy as np
import pytest
from pymilvus import (
    AnnSearchRequest, Collection, DataType, Function, FunctionType, MilvusClient, MilvusException, RRFRanker,
    WeightedRanker, connections)
from pymilvus.exceptions import ParamError

from conftest import TOKEN, Server

ROWS, BITS, DENSE = 400, 64, 4
WORDS = "amber birch cedar dune ember fjord grove heath isle juniper the of".split()
STOP = {"the", "of"}
K1, B = 1.5, 0.6


def made(seed=1):
    seeded = random.Random(seed)
    rows = []
    for key in range(ROWS):
        entries = {seeded.randrange(60): seeded.randrange(1, 33) / 8 for _ in range(seeded.randrange(1, 9))}
        if key % 50 == 0:
            entries = {}
        if key % 40 == 1:
            entries[2**32 - 2] = 1.5
        rows.append({
            "id": key, "sparse": entries, "bits": bytes(seeded.randrange(256) for _ in range(BITS // 8)),
            "text": " ".join(seeded.choice(WORDS).title() for _ in range(seeded.randrange(0, 15))),
            "dense": [seeded.gauss(0, 1) for _ in range(DENSE)], "kind": seeded.randrange(5)})
    return rows


def schema_of(client, dense=True, **more):
    schema = client.create_schema(**more)
    schema.add_field("id", DataType.INT64, is_primary=True)
    schema.add_field("sparse", DataType.SPARSE_FLOAT_VECTOR)
    schema.add_field("bits", DataType.BINARY_VECTOR, dim=BITS)
    schema.add_field("text", DataType.VARCHAR, max_length=500, enable_analyzer=True,
                     analyzer_params={"type": "standard", "stop_words": sorted(STOP)})
    schema.add_field("words", DataType.SPARSE_FLOAT_VECTOR)
    if dense:
        schema.add_field("dense", DataType.FLOAT_VECTOR, dim=DENSE)
    schema.add_field("kind", DataType.INT64)
    schema.add_function(Function("bm25", FunctionType.BM25, ["text"], ["words"], description="of the text"))
    return schema


def indexes_of(client, dense=True, bits="HAMMING"):
    indexes = client.prepare_index_params()
    indexes.add_index("sparse", index_type="SPARSE_INVERTED_INDEX", metric_type="IP",
                      params={"inverted_index_algo": "DAAT_MAXSCORE", "drop_ratio_build": 0.2})
    indexes.add_index("bits", index_type="BIN_FLAT", metric_type=bits)
    indexes.add_index("words", index_type="SPARSE_INVERTED_INDEX", metric_type="BM25",
                      params={"bm25_k1": K1, "bm25_b": B})
    if dense:
        indexes.add_index("dense", index_type="FLAT", metric_type="L2")
    return indexes


@pytest.fixture(scope="module")
def rows():
    return made()


@pytest.fixture(scope="module")
def client(server, rows):
    client = MilvusClient(server.uri, token=TOKEN)
    client.create_collection("mixed", schema=schema_of(client), index_params=indexes_of(client))
    client.insert("mixed", rows[:150])
    client.insert("mixed", rows[150:])
    yield client
    client.drop_collection("mixed")
    client.close()


def dot(left, right):
    return sum(value * right[index] for index, value in left.items() if index in right)


def differing(left, right):
    return sum((one ^ other).bit_count() for one, other in zip(left, right))


def jaccard(left, right):
    union = sum((one | other).bit_count() for one, other in zip(left, right))
    return 1 - sum((one & other).bit_count() for one, other in zip(left, right)) / union if union else 0


def terms(text):
    return [word for word in re.findall(r"\w+", text.lower()) if word not in STOP]


def bm25(rows, query, k1=K1, b=B):
    """Score by id, of all that share a word with the query."""
    documents = {row["id"]: terms(row["text"]) for row in rows}
    average = sum(map(len, documents.values())) / len(documents)
    scores = {}
    for key, document in documents.items():
        score = 0
        for word in terms(query):
            having = sum(word in other for other in documents.values())
            n = document.count(word)
            weight = math.log(1 + (len(documents) - having + 0.5) / (having + 0.5))
            score += weight * n * (k1 + 1) / (n + k1 * (1 - b + b * len(document) / average))
        if score > 0:
            scores[key] = score
    return scores


def by_sparse(rows, query):
    scores = {row["id"]: dot(query, row["sparse"]) for row in rows if set(query) & set(row["sparse"])}
    return scores


def check(hits, scores, limit, descending=True):
    """Hits are the best of `scores`, whatever the order of equal ones."""
    wanted = sorted(scores.values(), reverse=descending)[:limit]
    assert [hit["distance"] for hit in hits] == pytest.approx(wanted, rel=1e-4)
    for hit in hits:
        assert hit["distance"] == pytest.approx(scores[hit["id"]], rel=1e-4), hit
    assert len({hit["id"] for hit in hits}) == len(hits)


QUERIES = [{1: 0.5, 7: 2.0, 30: 1.0}, {59: 1.0}, {2**32 - 2: 3.0, 4: 0.25}]


def test_described_as_given(server, client):
    described = client.describe_collection("mixed")
    fields = {field["name"]: field for field in described["fields"]}
    assert list(fields) == ["id", "sparse", "bits", "text", "words", "dense", "kind"]
    assert fields["sparse"]["type"] == DataType.SPARSE_FLOAT_VECTOR and fields["sparse"]["params"] == {}
    assert fields["bits"]["type"] == DataType.BINARY_VECTOR and fields["bits"]["params"] == {"dim": BITS}
    assert fields["words"]["is_function_output"] is True and "is_function_output" not in fields["sparse"]
    assert fields["text"]["params"]["enable_analyzer"] in (True, "true")
    function, = described["functions"]
    assert (function["name"], function["type"], function["description"]) == ("bm25", FunctionType.BM25, "of the text")
    assert (function["input_field_names"], function["output_field_names"]) == (["text"], ["words"])
    assert function["input_field_ids"] == [fields["text"]["field_id"]]
    assert function["output_field_ids"] == [fields["words"]["field_id"]]
    assert sorted(client.list_indexes("mixed")) == ["bits", "dense", "sparse", "words"]
    index = client.describe_index("mixed", "words")
    assert (index["index_type"], index["metric_type"], index["bm25_k1"], index["state"], index["total_rows"]) == (
        "SPARSE_INVERTED_INDEX", "BM25", str(K1), "Finished", ROWS)
    assert client.describe_index("mixed", "bits")["index_type"] == "BIN_FLAT"
    # The same again is no error, another one is.
    client.create_collection("mixed", schema=schema_of(client))
    other = schema_of(client)
    other._functions = []
    other.fields[4].is_function_output = False
    with pytest.raises(MilvusException, match="create duplicate collection with different parameters"):
        client.create_collection("mixed", schema=other)
    # An older interface reads the schema too.
    connections.connect("sparse", uri=server.uri, token=TOKEN)
    assert Collection("mixed", using="sparse").schema.functions[0].output_field_names == ["words"]
    connections.disconnect("sparse")


def test_rows_come_back_as_they_were(client, rows):
    found = client.query("mixed", "id < 60", output_fields=["*"], limit=100)
    assert len(found) == 60
    for row in found:
        own = rows[row["id"]]
        assert row["sparse"] == pytest.approx(own["sparse"])
        assert row["bits"] == [own["bits"]]
        assert (row["text"], row["kind"]) == (own["text"], own["kind"])
        assert "words" not in row and "_placeholder_vector" not in row
    some = client.get("mixed", [3, 5], output_fields=["bits"])
    assert [(row["id"], row["bits"]) for row in some] == [(3, [rows[3]["bits"]]), (5, [rows[5]["bits"]])]


def test_sparse_search_is_exact(client, rows):
    found = client.search("mixed", QUERIES, anns_field="sparse", limit=20, output_fields=["sparse", "bits", "dense"])
    for hits, query in zip(found, QUERIES):
        check(hits, by_sparse(rows, query), 20)
        for hit in hits:
            assert hit["entity"]["sparse"] == pytest.approx(rows[hit["id"]]["sparse"])
            assert hit["entity"]["bits"] == rows[hit["id"]]["bits"]
            assert hit["entity"]["dense"] == pytest.approx(rows[hit["id"]]["dense"])
    filtered = client.search("mixed", [QUERIES[0]], anns_field="sparse", limit=20, filter="kind in [1, 2]",
                             search_params={"metric_type": "IP", "params": {"drop_ratio_search": 0.0}})
    check(filtered[0], by_sparse([row for row in rows if row["kind"] in (1, 2)], QUERIES[0]), 20)
    dropped = client.search("mixed", [QUERIES[0]], anns_field="sparse", limit=20,
                            search_params={"params": {"drop_ratio_search": 0.4}})
    check(dropped[0], by_sparse(rows, {7: 2.0, 30: 1.0}), 20)
    page = client.search("mixed", [QUERIES[0]], anns_field="sparse", limit=5, offset=5)
    whole = client.search("mixed", [QUERIES[0]], anns_field="sparse", limit=10)
    assert [hit["id"] for hit in page[0]] == [hit["id"] for hit in whole[0]][5:]
    assert client.search("mixed", [{}, {57: 1.0, 58: 1.0}], anns_field="sparse", limit=3)[0] == []


@pytest.mark.parametrize("metric, distance", [("HAMMING", differing), ("JACCARD", jaccard)])
def test_bits_are_searched_exactly(client, rows, metric, distance):
    schema = client.create_schema()
    schema.add_field("id", DataType.INT64, is_primary=True)
    schema.add_field("bits", DataType.BINARY_VECTOR, dim=BITS)
    indexes = client.prepare_index_params()
    indexes.add_index("bits", index_type="BIN_IVF_FLAT", metric_type=metric, params={"nlist": 16})
    client.create_collection("bits", schema=schema, index_params=indexes)
    try:
        client.insert("bits", [{"id": row["id"], "bits": row["bits"]} for row in rows])
        for query in (rows[3]["bits"], bytes(BITS // 8), rows[9]["bits"][::-1]):
            hits = client.search("bits", [query], limit=30, output_fields=["bits"],
                                 search_params={"metric_type": metric, "params": {"nprobe": 4}})[0]
            scores = {row["id"]: distance(query, row["bits"]) for row in rows}
            check(hits, scores, 30, descending=False)
            far = sorted(scores.values())[40]
            ranged = client.search("bits", [query], limit=400, search_params={"params": {"radius": far}})[0]
            check(ranged, {key: score for key, score in scores.items() if score < far}, 400, descending=False)
        assert client.get("bits", [7])[0]["bits"] == [rows[7]["bits"]]
        # An array of numbers is a query of another type.
        with pytest.raises(MilvusException, match="vector type must be the same, field bits - type BinaryVector"):
            client.search("bits", [[1.0] * 8], limit=1)
        with pytest.raises(MilvusException, match="vector dimension mismatch"):
            client.search("bits", [b"\x01"], limit=1)
        with pytest.raises(MilvusException, match="metric type not match"):
            client.search("bits", [rows[0]["bits"]], limit=1, search_params={"metric_type": "L2"})
    finally:
        client.drop_collection("bits")


def test_texts_are_searched_by_bm25(client, rows):
    for query in ("amber", "Birch, CEDAR of the dune", "amber amber fjord", "juniper? the"):
        hits = client.search("mixed", [query], anns_field="words", limit=25, output_fields=["text"])[0]
        check(hits, bm25(rows, query), 25)
        assert all(hit["entity"]["text"] == rows[hit["id"]]["text"] for hit in hits)
    # Statistics are those of all rows, also under a filter.
    scores = bm25(rows, "ember grove")
    hits = client.search("mixed", ["ember grove"], anns_field="words", limit=25, filter="kind == 3")[0]
    check(hits, {key: score for key, score in scores.items() if rows[key]["kind"] == 3}, 25)
    own = client.search("mixed", ["ember"], anns_field="words", limit=25,
                        search_params={"metric_type": "BM25", "params": {"bm25_k1": 0.9, "bm25_b": 0.4}})[0]
    check(own, bm25(rows, "ember", 0.9, 0.4), 25)
    best = sorted(scores.values(), reverse=True)
    # Between scores that are not nearly equal.
    near, far = [next(i for i in range(start, ROWS) if best[i] - best[i + 1] > 0.01) for start in (4, 20)]
    ranged = client.search("mixed", ["ember grove"], anns_field="words", limit=100, search_params={
        "params": {"radius": best[far + 1] + 0.005, "range_filter": best[near + 1] + 0.005}})[0]
    assert [hit["distance"] for hit in ranged] == pytest.approx(best[near + 1:far + 1], rel=1e-4)
    grouped = client.search("mixed", ["ember grove"], anns_field="words", limit=5, group_by_field="kind",
                            output_fields=["kind"])[0]
    assert sorted(hit["entity"]["kind"] for hit in grouped) == [0, 1, 2, 3, 4]
    for hit in grouped:
        assert hit["distance"] == pytest.approx(
            max(score for key, score in scores.items() if rows[key]["kind"] == hit["entity"]["kind"]), rel=1e-4)
    assert [len(hits) for hits in client.search("mixed", ["the of", "nothing"], anns_field="words", limit=5)] == [0, 0]


def test_iterators_see_every_hit(client, rows):
    for field, query, scores in (
            ("words", "ember grove", bm25(rows, "ember grove")), ("sparse", QUERIES[0], by_sparse(rows, QUERIES[0])),
            ("bits", rows[1]["bits"], {row["id"]: differing(rows[1]["bits"], row["bits"]) for row in rows})):
        iterator = client.search_iterator("mixed", [query], anns_field=field, batch_size=30, search_params={})
        keys = []
        while batch := iterator.next():
            keys += [hit["id"] for hit in batch]
        iterator.close()
        assert sorted(keys) == sorted(scores), field


def test_hybrid_search_mixes_all_of_them(client, rows):
    query, text, bits, dense = QUERIES[0], "amber fjord", rows[8]["bits"], rows[8]["dense"]
    scores = [
        by_sparse(rows, query), bm25(rows, text), {row["id"]: differing(bits, row["bits"]) for row in rows},
        {row["id"]: sum((a - b) ** 2 for a, b in zip(dense, row["dense"])) for row in rows}]
    fields, data = ["sparse", "words", "bits", "dense"], [query, text, bits, dense]
    lists = [client.search("mixed", [one], anns_field=field, limit=40)[0] for field, one in zip(fields, data)]
    requests = [AnnSearchRequest([one], field, {}, limit=40) for field, one in zip(fields, data)]
    ranks = {}
    for hits in lists:
        for rank, hit in enumerate(hits):
            ranks[hit["id"]] = ranks.get(hit["id"], 0) + 1 / (60 + rank + 1)
    found = client.hybrid_search("mixed", requests, RRFRanker(60), limit=15, output_fields=["text"])[0]
    check(found, ranks, 15)
    normalized = [
        lambda score: 0.5 + math.atan(score) / math.pi, lambda score: 2 * math.atan(score) / math.pi,
        lambda score: 1 - 2 * math.atan(score) / math.pi, lambda score: 1 - 2 * math.atan(score) / math.pi]
    weights = [0.9, 0.8, 0.4, 0.2]
    weighted = {}
    for hits, own, weight, normal in zip(lists, scores, weights, normalized):
        for hit in hits:
            weighted[hit["id"]] = weighted.get(hit["id"], 0) + weight * normal(own[hit["id"]])
    found = client.hybrid_search("mixed", requests, WeightedRanker(*weights), limit=15)[0]
    check(found, weighted, 15)


def test_partial_updates_and_deletes(client, rows):
    client.upsert("mixed", [{"id": 5, "sparse": {59: 900.0}}, {"id": 6, "sparse": {59: 800.0}}], partial_update=True)
    hits = client.search("mixed", [{59: 1.0}], anns_field="sparse", limit=2)[0]
    assert [(hit["id"], hit["distance"]) for hit in hits] == [(5, 900), (6, 800)]
    row = client.get("mixed", [5])[0]
    assert (row["bits"], row["text"]) == ([rows[5]["bits"]], rows[5]["text"])
    client.upsert("mixed", [{"id": 5, "text": "Quokka", "bits": b"\xff" * 8}], partial_update=True)
    assert [hit["id"] for hit in client.search("mixed", ["quokka"], anns_field="words", limit=3)[0]] == [5]
    assert client.search("mixed", [b"\xff" * 8], anns_field="bits", limit=1)[0][0]["id"] == 5
    client.delete("mixed", ids=[5])
    assert client.search("mixed", ["quokka"], anns_field="words", limit=3)[0] == []
    assert client.search("mixed", [{59: 1.0}], anns_field="sparse", limit=1)[0][0]["id"] == 6
    client.upsert("mixed", rows[5:7])
    check(client.search("mixed", [QUERIES[1]], anns_field="sparse", limit=20)[0], by_sparse(rows, QUERIES[1]), 20)
    check(client.search("mixed", ["amber"], anns_field="words", limit=20)[0], bm25(rows, "amber"), 20)


def test_by_ids(client, rows):
    found = client.search("mixed", ids=[3, 4], anns_field="sparse", limit=10)
    for hits, key in zip(found, (3, 4)):
        check(hits, by_sparse(rows, rows[key]["sparse"]), 10)
    found = client.search("mixed", ids=[3], anns_field="bits", limit=1)
    assert found[0][0]["id"] == 3 and found[0][0]["distance"] == 0
    with pytest.raises(MilvusException, match="send texts"):
        client.search("mixed", ids=[3], anns_field="words", limit=1)


def test_what_is_refused(client, rows):
    def refused(says, call, *arguments, **named):
        with pytest.raises(MilvusException) as caught:
            call(*arguments, **named)
        assert says in caught.value.message, caught.value

    search = client.search
    refused("please provide varchar/text for BM25 Function based search, got SparseFloatVector",
            search, "mixed", [{1: 1.0}], anns_field="words", limit=1)
    refused("please provide varchar/text for BM25 Function based search, got FloatVector",
            search, "mixed", [[1.0] * 4], anns_field="words", limit=1)
    refused("vector type must be the same, field sparse - type SparseFloatVector, search info type VarChar",
            search, "mixed", ["amber"], anns_field="sparse", limit=1)
    refused("vector type must be the same, field dense - type FloatVector, search info type SparseFloatVector",
            search, "mixed", [{1: 1.0}], anns_field="dense", limit=1)
    refused("negative value", search, "mixed", [{1: -1.0}], anns_field="sparse", limit=1)
    refused("metric type not match: invalid parameter[expected=BM25][actual=IP]",
            search, "mixed", ["amber"], anns_field="words", limit=1, search_params={"metric_type": "IP"})
    refused("metric type not match", search, "mixed", [{1: 1.0}], anns_field="sparse", limit=1,
            search_params={"metric_type": "COSINE"})
    refused("drop_ratio_search", search, "mixed", [{1: 1.0}], anns_field="sparse", limit=1,
            search_params={"params": {"drop_ratio_search": 1.2}})
    refused("bm25_k1", search, "mixed", ["amber"], anns_field="words", limit=1,
            search_params={"params": {"bm25_k1": 9}})
    refused("not allowed to retrieve raw data of field words", search, "mixed", ["amber"], anns_field="words", limit=1,
            output_fields=["words"])
    refused("not allowed to retrieve raw data of field words", client.query, "mixed", "id == 1",
            output_fields=["words"])
    refused("a vector field cannot be compared", client.query, "mixed", "sparse == 1", limit=1)
    row = dict(rows[0], id=9000)
    refused("negative value in sparse float vector", client.insert, "mixed", [dict(row, sparse={3: -0.5})])
    refused("not a number or infinity", client.insert, "mixed", [dict(row, sparse={3: math.inf})])
    refused("bits", client.insert, "mixed", [dict(row, bits=b"\x01")])
    # What the client itself does not let through.
    with pytest.raises(ParamError):
        client.insert("mixed", [dict(row, sparse={2**32 - 1: 1.0})])
    assert client.query("mixed", "id >= 9000", limit=1) == []
    for field, kind, metric, says in (
            ("sparse", "HNSW", "IP", "data type SparseFloatVector can't build with this index HNSW"),
            ("bits", "SPARSE_WAND", "HAMMING", "data type BinaryVector can't build with this index SPARSE_WAND"),
            ("dense", "BIN_FLAT", "L2", "data type FloatVector can't build with this index BIN_FLAT"),
            ("sparse", "SPARSE_WAND", "L2", "only IP&BM25 is the supported metric type for sparse index"),
            ("sparse", "SPARSE_WAND", "BM25", "only BM25 Function output field support BM25 metric type"),
            ("words", "AUTOINDEX", "IP", "index metric type of BM25 function output field must be BM25, got IP"),
            ("bits", "BIN_FLAT", "SUBSTRUCTURE", "SUBSTRUCTURE")):
        client.create_collection("bare", schema=schema_of(client))
        indexes = client.prepare_index_params()
        indexes.add_index(field, index_type=kind, metric_type=metric)
        refused(says, client.create_index, "bare", indexes)
        client.drop_collection("bare")


def test_columns_that_lie(client, rows):
    """What pymilvus would not send: bytes out of order, twice the same index, a column that ends too soon."""
    from pymilvus.client import entity_helper

    honest = entity_helper.sparse_rows_to_proto

    def sending(contents):
        def lying(data):
            proto = honest(data)
            count = len(proto.contents)
            del proto.contents[:]
            proto.contents.extend([contents] * count)
            return proto
        return lying

    for contents, says in (
            (struct.pack("<IfIf", 2, 1, 1, 1), "unsorted or same indices"),
            (struct.pack("<IfIf", 2, 1, 2, 1), "unsorted or same indices"),
            (struct.pack("<If", 1, math.nan), "not a number"), (struct.pack("<If", 2**32 - 1, 1), "less than 2^32-1"),
            (b"\x01\x02\x03", "invalid data length in sparse float vector: 3")):
        entity_helper.sparse_rows_to_proto = sending(contents)
        try:
            with pytest.raises(MilvusException) as caught:
                client.upsert("mixed", [dict(rows[1], id=9001)])
            assert says in caught.value.message
            with pytest.raises(MilvusException) as caught:
                client.search("mixed", [{1: 1.0}], anns_field="sparse", limit=1)
            assert says in caught.value.message
        finally:
            entity_helper.sparse_rows_to_proto = honest
    assert client.query("mixed", "id >= 9000", limit=1) == []


def test_nullable_ones_and_fields_that_are_added(client, rows):
    schema = client.create_schema(enable_dynamic_field=True)
    schema.add_field("id", DataType.INT64, is_primary=True)
    schema.add_field("sparse", DataType.SPARSE_FLOAT_VECTOR, nullable=True)
    indexes = client.prepare_index_params()
    indexes.add_index("sparse", index_type="AUTOINDEX", metric_type="IP")
    client.create_collection("nullable", schema=schema, index_params=indexes)
    try:
        client.insert("nullable", [{"id": key, "sparse": {1: float(key)} if key % 2 else None} for key in range(10)])
        hits = client.search("nullable", [{1: 1.0}], limit=10, output_fields=["sparse"])[0]
        assert [hit["id"] for hit in hits] == [9, 7, 5, 3, 1]
        assert hits[0]["entity"]["sparse"] == {1: 9.0}
        found = client.query("nullable", "id < 4", output_fields=["sparse"])
        assert [row["sparse"] for row in found] == [None, {1: 1.0}, None, {1: 3.0}]
        client.add_collection_field("nullable", "bits", DataType.BINARY_VECTOR, dim=8, nullable=True)
        indexes = client.prepare_index_params()
        indexes.add_index("bits", index_type="BIN_FLAT", metric_type="HAMMING")
        client.create_index("nullable", indexes)
        client.insert("nullable", [{"id": 20, "sparse": None, "bits": b"\x03"}, {"id": 21, "bits": None}])
        client.upsert("nullable", [{"id": 3, "bits": b"\x01"}], partial_update=True)
        assert [hit["id"] for hit in client.search("nullable", [b"\x01"], anns_field="bits", limit=5)[0]] == [3, 20]
        found = client.query("nullable", "id in [3, 20, 21]", output_fields=["sparse", "bits"])
        assert [(row["sparse"], row["bits"]) for row in found] == [
            ({1: 3.0}, [b"\x01"]), (None, [b"\x03"]), (None, None)]
        client.upsert("nullable", [{"id": 3, "sparse": None}], partial_update=True)
        assert 3 not in [hit["id"] for hit in client.search("nullable", [{1: 1.0}], anns_field="sparse", limit=9)[0]]
    finally:
        client.drop_collection("nullable")


def test_without_any_dense_field(server, client, rows):
    """Partitions, aliases, renaming, databases, statistics, truncation: as with any collection."""
    schema = schema_of(client, dense=False, enable_dynamic_field=True)
    client.create_collection("plain", schema=schema, index_params=indexes_of(client, dense=False))
    own = [{key: value for key, value in row.items() if key != "dense"} for row in rows]
    client.create_partition("plain", "late")
    client.insert("plain", own[:200])
    client.insert("plain", own[200:], partition_name="late")
    assert client.get_collection_stats("plain") == {"row_count": ROWS}
    fields = [field["name"] for field in client.describe_collection("plain")["fields"]]
    assert "_placeholder_vector" not in fields
    check(client.search("plain", ["amber"], anns_field="words", limit=9)[0], bm25(rows, "amber"), 9)
    late = client.search("plain", [QUERIES[0]], anns_field="sparse", limit=9, partition_names=["late"])[0]
    check(late, by_sparse(rows[200:], QUERIES[0]), 9)
    client.create_alias("plain", "other")
    check(client.search("other", [QUERIES[0]], anns_field="sparse", limit=9)[0], by_sparse(rows, QUERIES[0]), 9)
    client.flush("plain")
    client.release_collection("plain")
    with pytest.raises(MilvusException, match="not loaded"):
        client.search("plain", ["amber"], anns_field="words", limit=1)
    client.load_collection("plain")
    client.drop_alias("other")
    client.rename_collection("plain", "renamed")
    row = client.query("renamed", "id == 7", output_fields=["*"])[0]
    assert set(row) == {"id", "sparse", "bits", "text", "kind"}
    client.truncate_collection("renamed")
    assert client.search("renamed", ["amber"], anns_field="words", limit=1)[0] == []
    client.drop_collection("renamed")


def test_survives_a_kill(tmp_path, rows):
    server = Server(tmp_path)
    server.start()
    client = MilvusClient(server.uri, token=TOKEN)
    client.create_collection("kept", schema=schema_of(client), index_params=indexes_of(client))
    client.insert("kept", rows)
    client.delete("kept", ids=[0, 1, 2])
    server.stop(signal.SIGKILL)
    server.start()
    client = MilvusClient(server.uri, token=TOKEN)
    rest = rows[3:]
    check(client.search("kept", [QUERIES[0]], anns_field="sparse", limit=20)[0], by_sparse(rest, QUERIES[0]), 20)
    check(client.search("kept", ["amber dune"], anns_field="words", limit=20)[0], bm25(rest, "amber dune"), 20)
    assert client.describe_collection("kept")["functions"][0]["type"] == FunctionType.BM25
    server.stop()


def test_rest_and_grpc_see_the_same(server, client, rows):
    answer = server.rest("entities/search", {
        "collectionName": "mixed", "annsField": "sparse", "limit": 9,
        "data": [{str(index): value for index, value in QUERIES[0].items()}], "outputFields": ["sparse", "bits"]})
    hits = client.search("mixed", [QUERIES[0]], anns_field="sparse", limit=9)[0]
    assert [row["id"] for row in answer["data"]] == [hit["id"] for hit in hits]
    first = answer["data"][0]
    assert {int(index): value for index, value in first["sparse"].items()} == rows[first["id"]]["sparse"]
    answer = server.rest("entities/search", {
        "collectionName": "mixed", "annsField": "words", "limit": 9, "data": ["amber dune"]})
    hits = client.search("mixed", ["amber dune"], anns_field="words", limit=9)[0]
    assert [row["id"] for row in answer["data"]] == [hit["id"] for hit in hits]
    answer = server.rest("entities/upsert", {"collectionName": "mixed", "partialUpdate": True, "data": [
        {"id": 12, "bits": list(rows[12]["bits"]), "sparse": {"indices": [5, 3], "values": [1, 2]}}]})
    assert answer["code"] == 0, answer
    assert client.get("mixed", [12])[0]["sparse"] == {3: 2.0, 5: 1.0}
    client.upsert("mixed", [rows[12]])


def test_imports(tmp_path, rows):
    (tmp_path / "files").mkdir()
    server = Server(tmp_path, "--import-directory", str(tmp_path / "files"))
    server.start()
    client = MilvusClient(server.uri, token=TOKEN)
    client.create_collection("imported", schema=schema_of(client, dense=False),
                             index_params=indexes_of(client, dense=False))
    with (tmp_path / "files" / "rows.jsonl").open("w") as file:
        for row in rows:
            json.dump({"id": row["id"], "text": row["text"], "kind": row["kind"], "bits": list(row["bits"]),
                       "sparse": {str(index): value for index, value in row["sparse"].items()}}, file)
            file.write("\n")
    job = server.rest("jobs/import/create", {"collectionName": "imported", "files": [["rows.jsonl"]]})["data"]["jobId"]
    while (state := server.rest("jobs/import/get_progress", {"jobId": job})["data"])["state"] not in (
            "Completed", "Failed"):
        pass
    assert state["state"] == "Completed", state
    check(client.search("imported", ["amber"], anns_field="words", limit=20)[0], bm25(rows, "amber"), 20)
    check(client.search("imported", [QUERIES[0]], anns_field="sparse", limit=20)[0], by_sparse(rows, QUERIES[0]), 20)
    assert client.get("imported", [3])[0]["bits"] == [rows[3]["bits"]]
    server.stop()


def test_the_english_analyzer_finds_stems(client):
    schema = client.create_schema()
    schema.add_field("id", DataType.INT64, is_primary=True)
    schema.add_field("text", DataType.VARCHAR, max_length=99, enable_analyzer=True, analyzer_params={"type": "english"})
    schema.add_field("words", DataType.SPARSE_FLOAT_VECTOR)
    schema.add_function(Function("f", FunctionType.BM25, ["text"], ["words"]))
    indexes = client.prepare_index_params()
    indexes.add_index("words", index_type="AUTOINDEX", metric_type="BM25")
    client.create_collection("english", schema=schema, index_params=indexes)
    try:
        client.insert("english", [
            {"id": 1, "text": "The runner was running."}, {"id": 2, "text": "Connections of the universities"},
            {"id": 3, "text": "is it not the"}])
        for text, keys in (("run", [1]), ("connected", [2]), ("University runs", [1, 2]), ("the", []), ("runners", [1])):
            assert sorted(hit["id"] for hit in client.search("english", [text], limit=9)[0]) == keys, text
    finally:
        client.drop_collection("english")


def test_schemas_that_cannot_be(client):
    def refused(says, field, *function, **more):
        schema = client.create_schema()
        schema.add_field("id", DataType.INT64, is_primary=True)
        schema.add_field("words", DataType.SPARSE_FLOAT_VECTOR)
        schema.add_field(*field, **more)
        if function:
            schema.add_function(Function(*function))
        with pytest.raises(MilvusException) as caught:
            client.create_collection("never", schema=schema)
        assert says in caught.value.message, caught.value
        assert not client.has_collection("never")

    text = ("text", DataType.VARCHAR)
    bm25 = ("f", FunctionType.BM25, ["text"], ["words"])
    refused("must set enable_analyzer to true", text, *bm25, max_length=9)
    refused("analyzer chinese is not supported", text, *bm25, max_length=9, enable_analyzer=True,
            analyzer_params={"type": "chinese"})
    refused("tokenizer jieba is not supported", text, *bm25, max_length=9, enable_analyzer=True,
            analyzer_params={"tokenizer": "jieba"})
    refused("multiple of 8", ("bits", DataType.BINARY_VECTOR), dim=12)
    refused("is taken by Moult", ("_placeholder_vector", DataType.SPARSE_FLOAT_VECTOR))
    # Without a look at its fields, as a client of another kind would send it.
    embedding = Function(*bm25)
    embedding._type = FunctionType.TEXTEMBEDDING
    embedding.verify = lambda schema: None
    schema = client.create_schema()
    schema.add_field("id", DataType.INT64, is_primary=True)
    schema.add_field("words", DataType.SPARSE_FLOAT_VECTOR)
    schema.add_field("text", DataType.VARCHAR, max_length=9)
    schema.add_function(embedding)
    with pytest.raises(MilvusException, match="function f: type textEmbedding is not supported by this version"):
        client.create_collection("never", schema=schema)
