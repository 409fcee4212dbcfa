"""Analyzers, text_match, phrase_match and run_analyzer through unmodified pymilvus."""

import signal

import pytest
from pymilvus import DataType, Function, FunctionType, MilvusClient, MilvusException, connections

from conftest import TOKEN

TEXTS = [
    "The Runners were running to these connections",
    "machine learning boosts efficiency",
    "learning machine",
    "A machine is deep, learning less deep",
    "Ünder the Sea: naïve café",
    "typical robotics machine learning models",
    None,
]


def make(client, name, analyzer=None, match=True):
    schema = client.create_schema(enable_dynamic_field=True)
    schema.add_field("id", DataType.INT64, is_primary=True)
    schema.add_field("dense", DataType.FLOAT_VECTOR, dim=2)
    more = {"analyzer_params": analyzer} if analyzer is not None else {}
    schema.add_field("text", DataType.VARCHAR, max_length=500, nullable=True, enable_analyzer=True,
                     enable_match=match, **more)
    schema.add_field("words", DataType.SPARSE_FLOAT_VECTOR)
    schema.add_function(Function("bm25", FunctionType.BM25, ["text"], ["words"]))
    index = client.prepare_index_params()
    index.add_index("dense", index_type="FLAT", metric_type="L2")
    index.add_index("words", index_type="SPARSE_INVERTED_INDEX", metric_type="BM25")
    client.create_collection(name, schema=schema, index_params=index)
    client.insert(name, [{"id": key, "dense": [key, 0], "text": text} for key, text in enumerate(TEXTS)])


def found(client, name, expression, **more):
    return [row["id"] for row in client.query(name, expression, output_fields=["id"], **more)]


def test_matches(server, client):
    make(client, "plain")
    for expression, expected in [
        ("TEXT_MATCH(text, 'machine')", [1, 2, 3, 5]),
        ("TEXT_MATCH(text, 'boosts naïve nothing')", [1, 4]),
        ("TEXT_MATCH(text, 'machine learning deep', minimum_should_match=3)", [3]),
        ("not TEXT_MATCH(text, 'machine')", [0, 4]),
        ("text is null or TEXT_MATCH(text, 'the')", [0, 4, 6]),
        ("PHRASE_MATCH(text, 'machine learning')", [1, 5]),
        ("PHRASE_MATCH(text, 'machine learning', 1)", [1, 5]),
        ("PHRASE_MATCH(text, 'machine learning', 2)", [1, 2, 3, 5]),
        ("phrase_match(text, 'machine') and id in [2, 4]", [2]),
    ]:
        assert found(client, "plain", expression) == expected, expression
    assert found(client, "plain", "TEXT_MATCH(text, {words})", filter_params={"words": "robotics"}) == [5]
    # As the condition of searches of either kind, of deletes, and for rows that come later.
    hits = client.search("plain", [[5.0, 0.0]], anns_field="dense", filter="TEXT_MATCH(text, 'learning')", limit=9)[0]
    assert [hit["id"] for hit in hits] == [5, 3, 2, 1]
    hits = client.search("plain", ["deep"], anns_field="words", filter="PHRASE_MATCH(text, 'learning less')", limit=9)[0]
    assert [hit["id"] for hit in hits] == [3]
    client.insert("plain", [{"id": 9, "dense": [9, 0], "text": "Learning!"}])
    hits = client.search("plain", [[9.0, 0.0]], anns_field="dense", filter="TEXT_MATCH(text, 'learning')", limit=1)[0]
    assert [hit["id"] for hit in hits] == [9]
    assert client.delete("plain", filter="TEXT_MATCH(text, 'machine')")["delete_count"] == 4
    assert found(client, "plain", "TEXT_MATCH(text, 'learning')") == [9]
    server.stop(signal.SIGKILL)
    server.start()
    body = {"collectionName": "plain", "filter": "TEXT_MATCH(text, 'learning naïve')", "outputFields": ["id"]}
    assert [row["id"] for row in server.rest("entities/query", body)["data"]] == [4, 9]


def test_refusals(client):
    make(client, "unmatched", match=False)
    for expression, says in [
        ("TEXT_MATCH(text, 'a')", 'field "text" does not enable match'),
        ("TEXT_MATCH(nothing, 'a')", "field nothing not exist"),
    ]:
        with pytest.raises(MilvusException) as caught:
            client.query("unmatched", expression)
        assert caught.value.code == 1100 and says in caught.value.message
    for analyzer, says in [({"type": "chinese"}, "analyzer chinese"), ({"tokenizer": "icu"}, "tokenizer icu"),
                           ({"tokenizer": "standard", "filter": [{"type": "synonym"}]}, "filter synonym")]:
        with pytest.raises(MilvusException) as caught:
            make(client, "refused", analyzer)
        assert caught.value.code == 1100 and says in caught.value.message
        assert not client.has_collection("refused")


@pytest.mark.parametrize("analyzer, word, expected", [
    ({"type": "english"}, "connection runs", [0]),
    ({"type": "english", "stop_words": ["machin"]}, "machine boosting", [1]),
    ({"tokenizer": "whitespace"}, "Sea:", [4]),
    ({"tokenizer": "whitespace"}, "sea", []),
    ({"tokenizer": "standard", "filter": ["lowercase", "asciifolding"]}, "NAIVE UNDER", [4]),
    ({"tokenizer": "standard", "filter": ["lowercase", "alphanumonly"]}, "naïve sea", [4]),
    ({"tokenizer": "standard", "filter": ["lowercase", {"type": "length", "max": 4}]}, "deep learning", [3]),
    ({"tokenizer": "standard", "filter": ["lowercase", {"type": "stop", "stop_words": ["_english_"]}]}, "the", []),
    ({"tokenizer": "standard", "filter": ["lowercase", {"type": "stemmer", "language": "english"}]}, "boost", [1]),
])
def test_analyzers_of_fields(client, analyzer, word, expected):
    make(client, "analyzed", analyzer)
    assert found(client, "analyzed", f"TEXT_MATCH(text, '{word}')") == expected
    # A BM25 function finds by the same terms.
    hits = client.search("analyzed", [word], anns_field="words", limit=9)[0]
    assert sorted(hit["id"] for hit in hits) == expected
    assert client.run_analyzer(word, collection_name="analyzed", field_name="text").tokens == \
        client.run_analyzer(word, analyzer).tokens


def test_run_analyzer(client):
    # Milvus' pages on analyzers.
    text = "Milvus is a vector database built for scale!"
    assert client.run_analyzer(text, {"type": "english", "stop_words": ["a", "an", "the"]}).tokens == [
        "milvus", "vector", "databas", "built", "scale"]
    text = "An efficient system relies on a robust analyzer to correctly process text for various applications."
    assert client.run_analyzer(text, {"type": "standard", "stop_words": ["a", "an", "for"]}).tokens == [
        "efficient", "system", "relies", "on", "robust", "analyzer", "to", "correctly", "process", "text", "various",
        "applications"]
    several = client.run_analyzer(["One two", "", "three"])
    assert [result.tokens for result in several] == [["one", "two"], [], ["three"]]
    token = client.run_analyzer("of É", {"stop_words": ["of"]}, with_detail=True, with_hash=True).tokens[0]
    assert (token.token, token.start_offset, token.end_offset, token.position, token.position_length) == ("é", 3, 5, 1, 1)
    assert token.hash == client.run_analyzer("É", with_hash=True).tokens[0].hash > 0
    with pytest.raises(MilvusException) as caught:
        client.run_analyzer("a", {"tokenizer": "jieba"})
    assert caught.value.code == 1100 and "tokenizer jieba" in caught.value.message
    with pytest.raises(MilvusException) as caught:
        client.run_analyzer("a", collection_name="none", field_name="text")
    assert caught.value.code == 100
