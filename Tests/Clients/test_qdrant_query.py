"""Every kind of query over qdrant-client, against its own engine in memory: 1,000 points, the same calls."""

import random

import grpc
import pytest
from qdrant_client import models
from qdrant_client.http.exceptions import UnexpectedResponse
from qdrant_oracle import Both, difference, plain

D = models.Distance
SIZE = 16
COUNT = 1_000
DISTANCES = [D.COSINE, D.DOT, D.EUCLID, D.MANHATTAN]


def vector(draw):
    return [draw.gauss(0, 1) for _ in range(SIZE)]


def sparse(draw):
    indices = draw.sample(range(30), 6)
    return models.SparseVector(indices=indices, values=[draw.uniform(0.1, 2) for _ in indices])


def upload(both, draw, distance):
    both.write(
        "create_collection", "c",
        vectors_config={name: models.VectorParams(size=SIZE, distance=distance) for name in ("a", "b")},
        sparse_vectors_config={"words": models.SparseVectorParams()})
    # Values come once each, so that no order depends on ties.
    numbers = draw.sample(range(100_000), COUNT)
    points = []
    for n in range(COUNT):
        vectors = {"a": vector(draw)}
        if n % 3:
            vectors["b"] = vector(draw)
        if n % 4:
            vectors["words"] = sparse(draw)
        points.append(models.PointStruct(id=n, vector=vectors, payload={
            "n": n, "value": numbers[n] / 8, "group": draw.randrange(40), "tags": draw.sample(["x", "y", "z", "w"], draw.randrange(4)),
            "at": f"2024-01-{1 + n % 31:02d}T{n // 31 % 24:02d}:{n % 60:02d}:{n // 24 % 60:02d}Z",
            "place": {"lat": draw.uniform(-80, 80), "lon": draw.uniform(-180, 180)}}))
    both.write("upsert", "c", points)
    for field, kind in (("value", "float"), ("n", "integer"), ("at", "datetime"), ("group", "integer")):
        both.write("create_payload_index", "c", field_name=field, field_schema=kind)


@pytest.fixture(params=DISTANCES, ids=lambda distance: distance.value)
def both(request, remote, local):
    both = Both(remote, local)
    both.draw = random.Random(DISTANCES.index(request.param))
    upload(both, both.draw, request.param)
    return both


SOME = models.Filter(must=models.FieldCondition(key="group", range=models.Range(lt=20)))


def pairs(draw, count):
    return [models.ContextPair(positive=draw.choice([vector(draw), draw.randrange(COUNT)]), negative=draw.randrange(COUNT))
            for _ in range(count)]


def ask(both, **keywords):
    """With and without a filter, with an offset, and with what is told of points."""
    both.query_points("c", limit=20, **keywords)
    both.query_points("c", limit=7, offset=5, query_filter=SOME, with_payload=["n", "tags[]"], **keywords)
    both.query_points("c", limit=5, with_vectors=True, with_payload=False, **keywords)


def test_nearest(both):
    draw = both.draw
    for _ in range(5):
        ask(both, query=vector(draw), using="a")
        ask(both, query=draw.randrange(1, COUNT, 3), using="b")
        hits = both.query_points("c", query=vector(draw), using="b", limit=20).points
        threshold = (hits[9].score + hits[10].score) / 2
        assert len(both.query_points("c", query=vector(draw), using="a", limit=100, score_threshold=threshold).points) <= 100
    both.query_points("c", query=0, using="b")
    both.query_points("c", query=COUNT + 1, using="a")
    both.query_points("c", query=vector(draw), using="other")
    with pytest.raises((UnexpectedResponse, grpc.RpcError), match="Vector dimension error: expected dim: 16, got 1"):
        both.remote.query_points("c", query=[1.0], using="a")


def test_sparse(both):
    draw = both.draw
    for _ in range(5):
        ask(both, query=sparse(draw), using="words")
        ask(both, query=draw.randrange(1, COUNT, 4), using="words")
        ask(both, using="words", query=models.RecommendQuery(recommend=models.RecommendInput(
            positive=[sparse(draw), 5], negative=[sparse(draw)])))
    both.query_points("c", query=vector(draw), using="words")


@pytest.mark.parametrize("strategy", list(models.RecommendStrategy))
def test_recommend(both, strategy):
    draw = both.draw
    for positives, negatives in ((1, 0), (3, 2), (2, 1), (0, 2)):
        query = models.RecommendQuery(recommend=models.RecommendInput(
            positive=[draw.choice([vector(draw), draw.randrange(COUNT)]) for _ in range(positives)],
            negative=[draw.randrange(COUNT) for _ in range(negatives)], strategy=strategy))
        ask(both, query=query, using="a")


def test_discover_and_context(both):
    draw = both.draw
    for count in (1, 3, 6):
        ask(both, using="a", query=models.DiscoverQuery(discover=models.DiscoverInput(target=vector(draw), context=pairs(draw, count))))
        ask(both, using="a", query=models.DiscoverQuery(discover=models.DiscoverInput(target=17, context=pairs(draw, count))))
    # Where no pair is on the wrong side all points have the same score: only scores are compared then.
    for count in (4, 6):
        query = models.ContextQuery(context=pairs(draw, count))
        found, wanted = (client.query_points("c", query=query, using="a", limit=20).points for client in (both.remote, both.local))
        assert difference([hit.score for hit in found], [hit.score for hit in wanted]) is None


def test_relevance_feedback(both):
    draw = both.draw
    feedback = [models.FeedbackItem(example=draw.choice([vector(draw), draw.randrange(COUNT)]), score=score) for score in (0.9, 0.4, 0.1)]
    strategy = models.NaiveFeedbackStrategy(naive=models.NaiveFeedbackStrategyParams(a=1.2, b=0.7, c=0.3))
    query = models.RelevanceFeedbackQuery(relevance_feedback=models.RelevanceFeedbackInput(
        target=vector(draw), feedback=feedback, strategy=strategy))
    ask(both, query=query, using="a")


def test_diversity(both):
    draw = both.draw
    for diversity, candidates in ((0.5, 60), (0.0, None), (1.0, 30), (None, 100)):
        mmr = models.Mmr(diversity=diversity, candidates_limit=candidates)
        both.query_points("c", query=models.NearestQuery(nearest=vector(draw), mmr=mmr), using="a", limit=20)
        both.query_points("c", query=models.NearestQuery(nearest=7, mmr=mmr), using="b", limit=10, offset=4)
        both.query_points("c", query=models.NearestQuery(nearest=sparse(draw), mmr=mmr), using="words", limit=10)


def test_fusion(both):
    draw = both.draw
    for query in (
        models.FusionQuery(fusion="rrf"), models.FusionQuery(fusion="dbsf"), models.RrfQuery(rrf=models.Rrf(k=60)),
        models.RrfQuery(rrf=models.Rrf(weights=[0.7, 2.1, 1.3])),
    ):
        prefetch = [
            models.Prefetch(query=vector(draw), using="a", limit=40),
            models.Prefetch(query=sparse(draw), using="words", limit=30, filter=SOME),
            models.Prefetch(query=17, using="b", limit=25),
        ]
        # Points that stand at the same places have the same score; only scores are compared with those.
        for keywords in ({}, {"offset": 5}, {"query_filter": SOME}, {"score_threshold": 0.3}):
            found, wanted = (client.query_points("c", prefetch=prefetch, query=query, limit=30, **keywords).points
                             for client in (both.remote, both.local))
            assert difference([hit.score for hit in found], [hit.score for hit in wanted]) is None
            ends = {round(wanted[-1].score, 4)} if wanted else set()
            by_id = [{hit.id: hit.score for hit in hits if round(hit.score, 4) not in ends} for hits in (found, wanted)]
            if not keywords.get("offset"):
                assert difference(*by_id) is None
    both.query_points("c", query=models.FusionQuery(fusion="rrf"))
    both.query_points("c", prefetch=prefetch, query=models.RrfQuery(rrf=models.Rrf(weights=[1])))


def test_prefetch_inside_prefetch(both):
    draw = both.draw
    inner = models.Prefetch(
        query=vector(draw), using="a", limit=200,
        filter=models.Filter(should=[models.FieldCondition(key="tags", match=models.MatchValue(value="x"))]))
    outer = models.Prefetch(prefetch=inner, query=vector(draw), using="b", limit=80)
    some = models.Filter(should=[models.FieldCondition(key="tags", match=models.MatchValue(value="y"))])
    both.query_points("c", prefetch=outer, query=vector(draw), using="a", limit=30, query_filter=some, with_payload=True)
    both.query_points("c", prefetch=[outer, inner], query=33, using="a", limit=30)
    both.query_points("c", prefetch=models.Prefetch(query=vector(draw), using="a", limit=0 + 9), query=vector(draw), using="a", limit=30)
    both.query_points("c", prefetch=[models.Prefetch(query=vector(draw), using="a", limit=50)], limit=20, offset=3)


def test_order_and_sample(both):
    for key, start in (("value", 5_000), ("n", 400), ("at", "2024-01-15T00:00:00Z")):
        for direction in ("asc", "desc"):
            for begin in (None, start):
                order = models.OrderBy(key=key, direction=direction, start_from=begin)
                both.query_points("c", query=models.OrderByQuery(order_by=order), limit=30, offset=4)
                both.query_points("c", query=models.OrderByQuery(order_by=order), limit=30, query_filter=SOME)
                both.scroll("c", order_by=order, limit=25, scroll_filter=SOME)
    both.query_points("c", limit=30, offset=11)
    both.query_points("c", limit=30, query_filter=SOME, with_vectors=["b"])
    sampled = both.remote.query_points("c", query=models.SampleQuery(sample="random"), limit=50, query_filter=SOME, with_payload=True).points
    assert len({hit.id for hit in sampled}) == 50 and all(hit.payload["group"] < 20 for hit in sampled)
    assert len(both.remote.query_points("c", query=models.SampleQuery(sample="random"), limit=2_000).points) == COUNT


def test_formula(both):
    draw = both.draw
    field = models.FieldCondition
    origin = models.GeoPoint(lat=10, lon=20)
    formulas = [
        models.SumExpression(sum=["$score", models.MultExpression(mult=[0.5, field(key="tags", match=models.MatchAny(any=["x", "y"]))])]),
        models.MultExpression(mult=["$score[1]", 2, models.NegExpression(neg="n")]),
        models.DivExpression(div=models.DivParams(left="value", right="group", by_zero_default=3)),
        models.SqrtExpression(sqrt=models.AbsExpression(abs="$score")),
        models.PowExpression(pow=models.PowParams(base="n", exponent=1.5)),
        models.ExpExpression(exp=models.NegExpression(neg=models.DivExpression(div=models.DivParams(left="n", right=100)))),
        models.Log10Expression(log10=models.SumExpression(sum=["n", 1])),
        models.LnExpression(ln=models.SumExpression(sum=["n", 1])),
        models.AcoshExpression(acosh=models.SumExpression(sum=["n", 1])),
        models.MaxExpression(max=["group", "missing", 7]), models.MinExpression(min=["group", "missing", 7]),
        models.GeoDistance(geo_distance=models.GeoDistanceParams(origin=origin, to="place")),
        models.LinDecayExpression(lin_decay=models.DecayParamsExpression(x="n", target=500, scale=300)),
        models.ExpDecayExpression(exp_decay=models.DecayParamsExpression(
            x=models.GeoDistance(geo_distance=models.GeoDistanceParams(origin=origin, to="place")), scale=5_000_000)),
        models.GaussDecayExpression(gauss_decay=models.DecayParamsExpression(
            x=models.DatetimeKeyExpression(datetime_key="at"), target=models.DatetimeExpression(datetime="2024-01-15T00:00:00Z"),
            scale=86_400, midpoint=0.3)),
    ]
    prefetch = [models.Prefetch(query=vector(draw), using="a", limit=60), models.Prefetch(query=vector(draw), using="b", limit=60)]
    for formula in formulas:
        query = models.FormulaQuery(formula=formula, defaults={"missing": 3})
        found, wanted = (client.query_points("c", prefetch=prefetch, query=query, limit=200).points for client in (both.remote, both.local))
        # Equal scores stand in no order.
        assert difference([hit.score for hit in found], [hit.score for hit in wanted]) is None, formula
        assert difference({hit.id: hit.score for hit in found}, {hit.id: hit.score for hit in wanted}) is None, formula
    both.query_points("c", prefetch=prefetch, query=models.FormulaQuery(formula="missing"))
    both.query_points("c", prefetch=prefetch, query=models.FormulaQuery(formula=models.LnExpression(ln=-1)))
    both.query_points("c", query=models.FormulaQuery(formula="$score"))
    both.query_points("c", prefetch=prefetch, query=models.FormulaQuery(formula="$score"), limit=9, offset=3, with_payload=True)


def test_groups(both):
    draw = both.draw
    both.write("create_collection", "groups", vectors_config=models.VectorParams(size=2, distance=D.DOT))
    both.write("upsert", "groups", [models.PointStruct(id=n, vector=[n, 1], payload={"name": f"group {n}"}) for n in range(0, 40, 2)])
    for using in ("a", "b"):
        for group_by in ("group", "tags"):
            for keywords in ({}, {"query_filter": SOME}, {"with_payload": True}, {"with_vectors": ["b"]}):
                both.query_points_groups("c", group_by=group_by, query=vector(draw), using=using, limit=6, group_size=3, **keywords)
    both.query_points_groups("c", group_by="group", query=vector(draw), using="a", limit=100, group_size=100)
    both.query_points_groups("c", group_by="none", query=vector(draw), using="a")
    lookup = models.WithLookup(collection="groups", with_payload=True, with_vectors=True)
    both.query_points_groups("c", group_by="group", query=vector(draw), using="a", with_lookup=lookup)
    both.query_points_groups("c", group_by="group", query=vector(draw), using="a", with_lookup="groups")
    prefetch = models.Prefetch(query=vector(draw), using="b", limit=10)
    both.query_points_groups("c", group_by="group", prefetch=prefetch, query=vector(draw), using="a", limit=4, group_size=2)


def test_batch_and_lookup(both):
    draw = both.draw
    both.write("create_collection", "other", vectors_config={"v": models.VectorParams(size=SIZE, distance=D.DOT)})
    both.write("upsert", "other", [models.PointStruct(id=n, vector={"v": vector(draw)}) for n in range(20)])
    lookup = models.LookupLocation(collection="other", vector="v")
    both.query_points("c", query=3, using="a", lookup_from=lookup, limit=20)
    both.query_points("c", using="a", lookup_from=lookup, query=models.RecommendQuery(
        recommend=models.RecommendInput(positive=[1, 2], negative=[3])))
    both.query_points("c", query=99, using="a", lookup_from=lookup)
    both.query_batch_points("c", requests=[
        models.QueryRequest(query=vector(draw), using="a", limit=5), models.QueryRequest(query=7, using="b", limit=4, with_payload=True),
        models.QueryRequest(limit=3)])


def test_matrix(both):
    some = models.Filter(must=models.HasIdCondition(has_id=list(range(1, 30))))
    # All points of the filter are in the sample.
    both.search_matrix_pairs("c", query_filter=some, sample=100, limit=4, using="a")
    both.search_matrix_offsets("c", query_filter=some, sample=100, limit=4, using="b")
    sampled = both.remote.search_matrix_pairs("c", sample=10, limit=3, using="a").pairs
    assert len({pair.a for pair in sampled}) == 10 and all(pair.a != pair.b for pair in sampled)
    none = models.Filter(must=models.HasIdCondition(has_id=[3]))
    both.search_matrix_pairs("c", query_filter=none, sample=10, using="a")


def test_older_forms(both, qdrant_server):
    """Requests of clients of some years ago, which this one sends no more."""
    import requests
    from conftest import API_KEY

    draw = both.draw

    def post(path, body):
        answer = requests.post(f"{qdrant_server.qdrant_uri}/collections/c/points/{path}", json=body, headers={"api-key": API_KEY}, timeout=60)
        assert answer.status_code == 200, answer.text
        return answer.json()["result"]

    def same(got, wanted):
        assert difference([plain(one) for one in got], [plain(one) for one in wanted]) is None

    query = vector(draw)
    wanted = both.local.query_points("c", query=query, using="a", limit=6, with_payload=False).points
    search = {"vector": {"name": "a", "vector": query}, "top": 6}
    same(post("search", search), wanted)
    same(post("search/batch", {"searches": [search, search]})[1], wanted)
    wanted = both.local.query_points("c", using="a", limit=6, with_payload=False, query=models.RecommendQuery(
        recommend=models.RecommendInput(positive=[1, 2], negative=[3], strategy="best_score"))).points
    recommend = {"positive": [1, 2], "negative": [3], "strategy": "best_score", "using": "a", "limit": 6}
    same(post("recommend", recommend), wanted)
    same(post("recommend/batch", {"searches": [recommend]})[0], wanted)
    wanted = both.local.query_points("c", using="a", limit=6, with_payload=False, query=models.DiscoverQuery(
        discover=models.DiscoverInput(target=5, context=[models.ContextPair(positive=1, negative=2)]))).points
    same(post("discover", {"target": 5, "context": [{"positive": 1, "negative": 2}], "using": "a", "limit": 6}), wanted)
    groups = post("search/groups", {"vector": {"name": "a", "vector": query}, "group_by": "group", "limit": 3, "group_size": 2})["groups"]
    wanted = both.local.query_points_groups("c", group_by="group", query=query, using="a", limit=3, group_size=2, with_payload=False).groups
    assert [[hit["id"] for hit in group["hits"]] for group in groups] == [[hit.id for hit in group.hits] for group in wanted]
