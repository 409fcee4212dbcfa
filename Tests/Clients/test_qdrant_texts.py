"""Texts over qdrant-client: sparse vectors that the server makes of them, and text queries against the engine in memory."""

import math
import random
import re

import pytest
from qdrant_client import models
from qdrant_oracle import Both

WORDS = "river stone cloud bird tree fire night wolf snow wind leaf root moon star sand".split()


def text(draw, most=25):
    return " ".join(draw.choice(WORDS) for _ in range(draw.randint(1, most)))


def murmur3(data):
    """32 bits, seed 0; as the public-domain original."""
    mask, h = 0xFFFFFFFF, 0

    def mixed(k):
        k = k * 0xCC9E2D51 & mask
        k = (k << 15 | k >> 17) & mask
        return k * 0x1B873593 & mask

    whole = len(data) // 4 * 4
    for place in range(0, whole, 4):
        h ^= mixed(int.from_bytes(data[place:place + 4], "little"))
        h = (h << 13 | h >> 19) & mask
        h = (h * 5 + 0xE6546B64) & mask
    h ^= mixed(int.from_bytes(data[whole:], "little")) ^ len(data)
    h = (h ^ h >> 16) * 0x85EBCA6B & mask
    h = (h ^ h >> 13) * 0xC2B2AE35 & mask
    return h ^ h >> 16


def index(word):
    h = murmur3(word.encode())
    return abs(h - (1 << 32) if h >> 31 else h)


def document(text, **options):
    return models.Document(text=text, model="Qdrant/bm25", options=options or None)


@pytest.fixture
def texts(remote):
    draw = random.Random(3)
    remote.create_collection(
        "t", vectors_config={}, sparse_vectors_config={
            "bm25": models.SparseVectorParams(modifier=models.Modifier.IDF), "plain": models.SparseVectorParams()})
    given = {n: text(draw) for n in range(150)}
    remote.upsert("t", [
        models.PointStruct(id=n, vector={"bm25": document(t), "plain": document(t, k=2.0, b=0.5, avg_len=10)}, payload={"text": t, "n": n})
        for n, t in given.items()])
    return given


def values(words, k=1.2, b=0.75, avg_len=256):
    """By word, as fastembed's Bm25 has them; the words here are their own stems."""
    return {w: words.count(w) * (k + 1) / (words.count(w) + k * (1 - b + b * len(words) / avg_len)) for w in set(words)}


def test_vectors_are_those_of_the_model(remote, texts):
    for point in remote.scroll("t", limit=150, with_vectors=True)[0]:
        words = texts[point.id].split()
        for name, wanted in (("bm25", values(words)), ("plain", values(words, 2.0, 0.5, 10))):
            vector = point.vector[name]
            assert vector.indices == sorted(index(w) for w in wanted)
            by_index = {index(w): v for w, v in wanted.items()}
            assert all(abs(v - by_index[i]) < 1e-5 for i, v in zip(vector.indices, vector.values))


def test_queries_find_by_bm25(remote, texts):
    n = len(texts)
    df = {w: sum(w in t.split() for t in texts.values()) for w in WORDS}
    for asked in ("river", "The rivers of stone, and STONE", "wolf moon star"):
        words = {re.sub("s$", "", w) for w in re.findall(r"\w+", asked.lower())} & set(WORDS)
        scores = {}
        for id, t in texts.items():
            have = values(t.split())
            score = sum(have[w] * math.log((n - df[w] + 0.5) / (df[w] + 0.5) + 1) for w in words if w in have)
            if score:
                scores[id] = score
        best = sorted(scores, key=lambda id: (-scores[id], id))
        hits = remote.query_points("t", query=document(asked), using="bm25", limit=200).points
        assert len(hits) == len(scores)
        assert all(abs(hit.score - scores[hit.id]) < 1e-4 for hit in hits)
        assert abs(hits[0].score - scores[best[0]]) < 1e-4
        fused = remote.query_points("t", query=models.FusionQuery(fusion=models.Fusion.RRF), limit=5, prefetch=[
            models.Prefetch(query=document(asked), using="bm25", limit=20), models.Prefetch(query=document("snow"), using="plain", limit=20)])
        assert len(fused.points) == 5
    assert remote.query_points("t", query=document("of the and"), using="bm25").points == []


def test_what_is_no_model_here_is_refused(remote, texts):
    for wrong in ({"language": "german"}, {"tokenizer": "multilingual"}, {"k": -1}, {"surprise": 1}):
        with pytest.raises(Exception, match="options"):
            remote.upsert("t", [models.PointStruct(id=1, vector={"bm25": document("a", **wrong)})])
    assert remote.count("t").count == len(texts)


def test_a_dense_vector_is_made_by_no_model_here(qdrant_server):
    import requests
    from conftest import API_KEY

    client = qdrant_server.qdrant()
    client.create_collection("d", vectors_config=models.VectorParams(size=2, distance=models.Distance.DOT))
    given = {"text": "a", "model": "sentence-transformers/all-minilm-l6-v2"}
    for method, path, body in (
            ("put", "points", {"points": [{"id": 1, "vector": given}]}), ("post", "points/query", {"query": given}),
            ("post", "points/query", {"query": {"image": "x", "model": "clip"}})):
        answer = requests.request(method, f"{qdrant_server.qdrant_uri}/collections/d/{path}", json=body, headers={"api-key": API_KEY})
        assert answer.status_code == 400, answer.text
        assert "qdrant/bm25" in answer.text or "image" in answer.text, answer.text
    client.delete_collection("d")
    client.close()


# MARK: Text queries

@pytest.fixture
def both(remote, local):
    both = Both(remote, local)
    both.draw = draw = random.Random(4)
    both.write("create_collection", "c", vectors_config={})
    both.write("upsert", "c", [
        models.PointStruct(id=n, vector={}, payload={"n": n, **({"text": f"{text(draw).title()}, {n}!"} if n % 5 else {})}) for n in range(200)])
    both.write("create_payload_index", "c", field_name="text", field_schema=models.TextIndexParams(
        type="text", scoring=models.TextScoringParams(type=models.TextScoringType.BM25)))
    return both


def test_text_queries(both):
    some = models.Filter(must=models.FieldCondition(key="n", range=models.Range(lt=120)))
    for asked in ("river", "River stone 17", "wolf wolf moon", "", "nowhere"):
        for query in (models.TextQuery(text=asked), models.TextQuery(text=models.TextQueryInput(
                query=asked, scoring=models.Bm25Scoring(bm25=models.Bm25Params(k=0.7, b=0.2))))):
            both.query_points("c", query=query, using="text", limit=30)
            both.query_points("c", query=query, using="text", limit=5, offset=3, query_filter=some, with_payload=True)
    both.query_points("c", limit=10, query=models.FusionQuery(fusion=models.Fusion.RRF), prefetch=[
        models.Prefetch(query=models.TextQuery(text="river"), using="text", limit=20),
        models.Prefetch(query=models.TextQuery(text="moon"), using="text", limit=20)])


def test_text_queries_that_cannot_be(both):
    query = models.TextQuery(text="river")
    assert both.query_points("c", query=query) is None
    assert both.query_points("c", query=query, using="n") is None
    assert both.query_points("c", using="text", query=models.TextQuery(text=models.TextQueryInput(
        query="a", scoring=models.Bm25Scoring(bm25=models.Bm25Params(b=2.0))))) is None
    # The engine in memory has the same limits.
    both.write("create_payload_index", "c", field_name="text", field_schema=models.TextIndexParams(
        type="text", scoring=models.TextScoringParams(type=models.TextScoringType.BM25), tokenizer=models.TokenizerType.PREFIX))
    assert both.query_points("c", query=query, using="text") is None


# MARK: Sparse vectors with several examples, and with a corpus

def sparse(draw):
    indices = draw.sample(range(20), draw.randint(1, 6))
    return models.SparseVector(indices=indices, values=[draw.uniform(0.1, 2) for _ in indices])


@pytest.fixture(params=[None, models.Modifier.IDF], ids=["plain", "idf"])
def words(request, remote, local):
    both = Both(remote, local)
    both.draw = draw = random.Random(5)
    both.write("create_collection", "s", vectors_config={}, sparse_vectors_config={
        "w": models.SparseVectorParams(modifier=request.param)})
    both.write("upsert", "s", [
        models.PointStruct(id=n, vector={"w": sparse(draw)} if n % 4 else {}, payload={"n": n, "group": n % 5}) for n in range(160)])
    return both


def test_kinds_of_query_over_sparse_vectors(words):
    draw = words.draw

    def compare(query):
        # Many points share no index with an example, and a score with each other: their order says nothing.
        found = [
            {p.id: p.score for p in client.query_points("s", query=query, using="w", limit=160).points}
            for client in (words.remote, words.local)]
        assert found[0].keys() == found[1].keys() and len(found[0]) > 10
        assert all(abs(found[0][id] - found[1][id]) < 1e-4 for id in found[0])

    some = [n for n in range(160) if n % 4]
    for _ in range(3):
        for strategy in models.RecommendStrategy:
            query = models.RecommendQuery(recommend=models.RecommendInput(
                positive=[draw.choice(some), sparse(draw)], negative=[sparse(draw)], strategy=strategy))
            compare(query)
        pairs = [models.ContextPair(positive=sparse(draw), negative=draw.choice(some)) for _ in range(2)]
        compare(models.DiscoverQuery(discover=models.DiscoverInput(target=sparse(draw), context=pairs)))
        compare(models.ContextQuery(context=pairs))


def test_statistics_of_a_corpus(words):
    draw = words.draw
    for group in (0, 3, 99):
        corpus = models.Filter(must=models.FieldCondition(key="group", match=models.MatchValue(value=group)))
        parameters = models.SearchParams(idf=models.IdfCorpusParams(corpus=corpus))
        for _ in range(3):
            words.query_points("s", query=sparse(draw), using="w", limit=20, search_params=parameters)
            words.query_points("s", query=sparse(draw), using="w", limit=20, search_params=parameters, query_filter=corpus)
