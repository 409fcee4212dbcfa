"""Ordered and grouped queries, hybrid search and rankers through unmodified pymilvus."""

import math
import random

import pytest
from pymilvus import (
    AnnSearchRequest, Collection, DataType, Function, FunctionScore, FunctionType, MilvusException, RRFRanker,
    WeightedRanker, connections)
from pymilvus.client.search_aggregation import SearchAggregation
from pymilvus.orm.schema import LexicalHighlighter

from conftest import TOKEN

ROWS = 300


def made(client, metric):
    schema = client.create_schema()
    schema.add_field("pk", DataType.INT64, is_primary=True)
    schema.add_field("v", DataType.FLOAT_VECTOR, dim=4)
    schema.add_field("kind", DataType.VARCHAR, max_length=10)
    schema.add_field("shop", DataType.INT32)
    schema.add_field("price", DataType.INT64, nullable=True)
    schema.add_field("weight", DataType.DOUBLE)
    schema.add_field("light", DataType.FLOAT)
    schema.add_field("sold", DataType.BOOL)
    schema.add_field("meta", DataType.JSON)
    index = client.prepare_index_params()
    index.add_index("v", index_type="FLAT", metric_type=metric)
    name = f"shop_{metric.lower()}"
    client.create_collection(name, schema=schema, index_params=index)
    seeded = random.Random(3)
    rows = [{
        "pk": pk, "v": [seeded.gauss(0, 1) for _ in range(4)], "kind": seeded.choice("abcd"), "shop": seeded.randrange(3),
        "price": seeded.choice([None, *range(10)]), "weight": seeded.randrange(40) / 4, "light": seeded.randrange(40) / 8,
        "sold": seeded.random() < 0.5, "meta": {"n": pk},
    } for pk in range(ROWS)]
    client.insert(name, rows)
    return name, {row["pk"]: row for row in rows}


@pytest.fixture
def shop(client):
    name, rows = made(client, "IP")
    return client, name, rows


def keys(rows):
    return [row["pk"] for row in rows]


def refused(says, call, *arguments, **named):
    with pytest.raises(MilvusException) as caught:
        call(*arguments, **named)
    assert caught.value.code == 1100, caught.value
    assert says in caught.value.message, caught.value.message


def by(rows, name, descending=False):
    """In the order of SQL: null last, first where it descends; then by key."""
    with_value = sorted((row for row in rows if row[name] is not None), key=lambda row: row["pk"])
    with_value.sort(key=lambda row: row[name], reverse=descending)
    without = sorted((row for row in rows if row[name] is None), key=lambda row: row["pk"])
    return keys(without + with_value if descending else with_value + without)


@pytest.mark.parametrize("field", ["price", "kind", "weight", "light", "sold", "shop", "pk"])
def test_order_by(shop, field):
    client, name, rows = shop
    ascending = client.query(name, order_by_fields=[{"field": field, "order": "asc"}], limit=ROWS, output_fields=[field])
    assert keys(ascending) == by(rows.values(), field)
    assert [row[field] for row in ascending] == [rows[pk][field] for pk in keys(ascending)]
    descending = client.query(name, order_by=[f"{field}:desc"], limit=20, offset=7, output_fields=["pk"])
    assert keys(descending) == by(rows.values(), field, True)[7:27]
    filtered = client.query(name, "sold == true", order_by=f"{field}:asc", limit=50, output_fields=["pk", "v"])
    assert keys(filtered) == by([row for row in rows.values() if row["sold"]], field)[:50]
    assert filtered[0]["v"] == pytest.approx(rows[filtered[0]["pk"]]["v"])


def test_order_by_several(shop):
    client, name, rows = shop
    found = client.query(name, order_by=["kind:desc", "price:asc:nulls_first", "weight"], limit=ROWS, output_fields=["pk"])

    def key(row):
        return (-ord(row["kind"]), -1 if row["price"] is None else row["price"], row["weight"], row["pk"])
    assert keys(found) == keys(sorted(rows.values(), key=key))


def test_what_cannot_be_ordered(shop):
    client, name, _ = shop
    refused("field nothing not exist", client.query, name, order_by=["nothing"], limit=3)
    refused("unsupported data type JSON", client.query, name, order_by=["meta"], limit=3)
    refused("unsupported data type FloatVector", client.query, name, order_by=["v"], limit=3)
    refused("invalid order direction 'up'", client.query, name, order_by=["price:up"], limit=3)
    refused("requires an explicit limit", client.query, name, "pk >= 0", order_by=["price"])


def test_groups(shop):
    client, name, rows = shop
    outputs = [
        "kind", "shop", "count(*)", "count(price)", "sum(price)", "min(price)", "max(price)", "avg(weight)", "sum(light)",
        "max(kind)", "min(pk)", "max(light)"]
    found = client.query(name, group_by_fields=["kind", "shop"], output_fields=outputs)
    groups = {}
    for row in rows.values():
        groups.setdefault((row["kind"], row["shop"]), []).append(row)
    assert [(group["kind"], group["shop"]) for group in found] == sorted(groups)
    for group in found:
        members = groups[group["kind"], group["shop"]]
        prices = [row["price"] for row in members if row["price"] is not None]
        assert group["count(*)"] == len(members) and group["count(price)"] == len(prices)
        assert group["sum(price)"] == (sum(prices) if prices else None)
        assert group["min(price)"] == min(prices) and group["max(price)"] == max(prices)
        assert group["avg(weight)"] == pytest.approx(sum(row["weight"] for row in members) / len(members))
        assert group["sum(light)"] == pytest.approx(sum(row["light"] for row in members))
        assert group["max(kind)"] == group["kind"] and group["min(pk)"] == min(keys(members))
        assert group["max(light)"] == max(row["light"] for row in members)
    page = client.query(
        name, group_by_fields=["kind"], output_fields=["kind", "count(*)"], order_by=["kind:desc"], limit=2, offset=1)
    assert [row["kind"] for row in page] == ["c", "b"]
    assert list(client.query(name, "price == 3", output_fields=["sum(price)", "count(*)"])) == [{
        "sum(price)": 3 * sum(row["price"] == 3 for row in rows.values()),
        "count(*)": sum(row["price"] == 3 for row in rows.values())}]
    assert list(client.query(name, "price == 99", output_fields=["count(*)", "sum(price)"])) == [
        {"count(*)": 0, "sum(price)": None}]


def test_groups_of_nothing_known(shop):
    client, name, _ = shop
    refused("field nothing not exist", client.query, name, group_by_fields=["nothing"], output_fields=["count(*)"])
    refused("unsupported data type Double", client.query, name, group_by_fields=["weight"], output_fields=["count(*)"])
    refused("does not support data type VarChar", client.query, name, output_fields=["sum(kind)"])
    refused(
        "should be one of the group by fields", client.query, name, group_by_fields=["kind"], output_fields=["price"])
    refused(
        "is not valid", client.query, name, group_by_fields=["kind"], output_fields=["count(*)"], order_by=["price"], limit=3)


# Hybrid search: what Milvus documents, from brute force.


def score(metric, a, b):
    if metric == "L2":
        return sum((x - y) ** 2 for x, y in zip(a, b))
    dot = sum(x * y for x, y in zip(a, b))
    return dot if metric == "IP" else dot / math.dist(a, [0] * 4) / math.dist(b, [0] * 4)


def ranking(metric, rows, query, limit, keep=lambda row: True):
    scored = [(score(metric, row["v"], query), row["pk"]) for row in rows.values() if keep(row)]
    scored.sort(key=lambda hit: (hit[0] if metric == "L2" else -hit[0], hit[1]))
    return [(pk, value) for value, pk in scored[:limit]]


def normalized(metric, value):
    return {
        "COSINE": (1 + value) / 2, "IP": 0.5 + math.atan(value) / math.pi, "L2": 1 - 2 * math.atan(value) / math.pi}[metric]


def same(hits, expected):
    """Hits against (key, score) pairs; which of nearly equal ones comes first is left open."""
    assert len(hits) == len(expected)
    for hit, (_, value) in zip(hits, expected):
        assert hit["distance"] == pytest.approx(value, rel=1e-4, abs=1e-5)
    assert sorted(hit["pk"] for hit in hits[:-3]) == sorted(pk for pk, _ in expected[:-3])


@pytest.mark.parametrize("metric", ["IP", "COSINE", "L2"])
def test_hybrid_search(client, metric):
    name, rows = made(client, metric)
    queries = [[1.0, 0, 0, 0], [0, 1.0, 0.5, 0]]
    first = ranking(metric, rows, queries[0], 30)
    second = ranking(metric, rows, queries[1], 40, lambda row: row["shop"] == 1)
    requests = [
        AnnSearchRequest([queries[0]], "v", {"metric_type": metric}, limit=30),
        AnnSearchRequest(
            [queries[1]], "v", {"metric_type": metric}, limit=40, expr="shop == {shop}", expr_params={"shop": 1})]

    def fused(part):
        scores = {}
        for place, hits in enumerate([first, second]):
            for rank, (pk, value) in enumerate(hits):
                scores[pk] = scores.get(pk, 0) + part(place, rank + 1, value)
        return scores

    scores = fused(lambda place, rank, value: 1 / (17 + rank))
    expected = sorted(scores.items(), key=lambda hit: (-hit[1], hit[0]))
    hits = client.hybrid_search(name, requests, RRFRanker(17), limit=20, offset=3, output_fields=["kind"])[0]
    same(hits, expected[3:23])
    assert all(hit["entity"] == {"kind": rows[hit["pk"]]["kind"]} for hit in hits)

    weights = [0.3, 0.9]
    scores = fused(lambda place, rank, value: weights[place] * normalized(metric, value))
    expected = sorted(scores.items(), key=lambda hit: (-hit[1], hit[0]))
    same(client.hybrid_search(name, requests, WeightedRanker(*weights), limit=25)[0], expected[:25])

    scores = fused(lambda place, rank, value: weights[place] * value)
    expected = sorted(scores.items(), key=lambda hit: (hit[1] if metric == "L2" else -hit[1], hit[0]))
    plain = WeightedRanker(*weights, norm_score=False)
    same(client.hybrid_search(name, requests, plain, limit=25)[0], expected[:25])

    function = Function(
        name="w", function_type=FunctionType.RERANK, input_field_names=[],
        params={"reranker": "weighted", "weights": weights, "norm_score": True})
    scores = fused(lambda place, rank, value: weights[place] * normalized(metric, value))
    expected = sorted(scores.items(), key=lambda hit: (-hit[1], hit[0]))
    same(client.hybrid_search(name, requests, function, limit=25)[0], expected[:25])
    function = Function(
        name="r", function_type=FunctionType.RERANK, input_field_names=[], params={"reranker": "rrf", "k": 17})
    scores = fused(lambda place, rank, value: 1 / (17 + rank))
    same(
        client.hybrid_search(name, requests, function, limit=25)[0],
        sorted(scores.items(), key=lambda hit: (-hit[1], hit[0]))[:25])


def test_hybrid_search_of_several_queries_and_rounded(shop):
    client, name, rows = shop
    queries = [[1.0, 0, 0, 0], [0, 0, 0, 1.0]]
    requests = [AnnSearchRequest(queries, "v", {}, limit=5), AnnSearchRequest(queries[::-1], "v", {}, limit=5)]
    found = client.hybrid_search(name, requests, RRFRanker(), limit=3, round_decimal=3)
    assert [len(hits) for hits in found] == [3, 3]
    assert [hit["distance"] for hit in found[0]] == [hit["distance"] for hit in found[1]]
    assert all(hit["distance"] == pytest.approx(round(hit["distance"], 3), abs=1e-7) for hit in found[0])


def test_hybrid_search_in_groups(shop):
    client, name, rows = shop
    requests = [AnnSearchRequest([[1.0, 0, 0, 0]], "v", {}, limit=20), AnnSearchRequest([[0, 1.0, 0, 0]], "v", {}, limit=20)]
    hits = client.hybrid_search(
        name, requests, RRFRanker(), limit=3, group_by_field="kind", group_size=2, output_fields=["kind"],
        rank_group_scorer="sum")[0]
    kinds = [hit["entity"]["kind"] for hit in hits]
    assert len(set(kinds)) == 3 and all(kinds.count(kind) <= 2 for kind in kinds)
    # Groups stay together, and their sums descend.
    order = list(dict.fromkeys(kinds))
    assert kinds == sorted(kinds, key=order.index)
    sums = [sum(hit["distance"] for hit in hits if hit["entity"]["kind"] == kind) for kind in order]
    assert sums == sorted(sums, reverse=True)
    refused(
        "input group scorer type", client.hybrid_search, name, requests, RRFRanker(), group_by_field="kind",
        rank_group_scorer="best")


def test_hybrid_searches_that_cannot_be(shop):
    client, name, _ = shop
    request = AnnSearchRequest([[1.0, 0, 0, 0]], "v", {}, limit=5)
    other = AnnSearchRequest([[1.0, 0, 0, 0]], "nothing", {}, limit=5)
    refused("fieldName(nothing) not found", client.hybrid_search, name, [request, other], RRFRanker())
    refused("the length of weights param mismatch", client.hybrid_search, name, [request], WeightedRanker(0.5, 0.5))
    refused("should be in range [0, 1]", client.hybrid_search, name, [request], WeightedRanker(1.5))
    refused("range (0, 16384)", client.hybrid_search, name, [request], RRFRanker(-1))
    wrong = AnnSearchRequest([[1.0, 0, 0, 0]], "v", {"metric_type": "L2"}, limit=5)
    refused("metric type not match", client.hybrid_search, name, [request, wrong], RRFRanker())
    unknown = Function(name="x", function_type=FunctionType.RERANK, input_field_names=[], params={"reranker": "model"})
    refused("Unsupported rerank function: [model]", client.hybrid_search, name, [request], unknown)


@pytest.mark.parametrize("shape", ["gauss", "exp", "linear"])
@pytest.mark.parametrize("metric", ["COSINE", "L2"])
def test_decay(client, metric, shape):
    name, rows = made(client, metric)
    query = [0.5, 0.5, 0, 0]
    decay = Function(
        name="near", function_type=FunctionType.RERANK, input_field_names=["weight"],
        params={"reranker": "decay", "function": shape, "origin": 5, "scale": 2, "offset": 0.5, "decay": 0.4})

    def factor(value):
        distance = max(0, abs(value - 5) - 0.5)
        if shape == "gauss":
            return math.exp(math.log(0.4) * (distance / 2) ** 2)
        return math.exp(math.log(0.4) * distance / 2) if shape == "exp" else max(0.4, 1 - 0.6 * distance / 2)

    def expected(hits):
        turned = [(pk, value if metric == "COSINE" else normalized("L2", value)) for pk, value in hits]
        ranked = [(pk, value * factor(rows[pk]["weight"])) for pk, value in turned]
        return sorted(ranked, key=lambda hit: (-hit[1], hit[0]))

    same(client.search(name, [query], limit=50, ranker=decay)[0], expected(ranking(metric, rows, query, 50)))
    paged = client.search(name, [query], limit=20, offset=10, ranker=decay, output_fields=["kind"])[0]
    same(paged, expected(ranking(metric, rows, query, 30))[10:])
    assert paged[0]["entity"] == {"kind": rows[paged[0]["pk"]]["kind"]}
    requests = [AnnSearchRequest([query], "v", {}, limit=30)]
    same(client.hybrid_search(name, requests, decay, limit=30)[0], expected(ranking(metric, rows, query, 30)))


def test_decay_without_what_it_needs(shop):
    client, name, _ = shop
    for inputs, params, says in [
            (["weight"], {"function": "gauss", "scale": 1}, "lost param: origin"),
            (["weight"], {"function": "gauss", "origin": 1}, "lost param: scale"),
            (["weight"], {"function": "round", "origin": 1, "scale": 1}, "Invalid decay function: round"),
            (["weight"], {"function": "exp", "origin": 1, "scale": 0}, "scale must > 0"),
            (["weight"], {"function": "exp", "origin": 1, "scale": 1, "decay": 1}, "decay must 0 < decay < 1"),
            (["weight"], {"function": "exp", "origin": "x", "scale": 1}, "Param origin:x is not a number"),
            (["kind"], {"function": "exp", "origin": 1, "scale": 1}, "only support numeric field"),
            (["nothing"], {"function": "exp", "origin": 1, "scale": 1}, "not found in collection schema"),
            ([], {"function": "exp", "origin": 1, "scale": 1}, "only supports single input")]:
        function = Function(
            name="f", function_type=FunctionType.RERANK, input_field_names=inputs, params={"reranker": "decay", **params})
        refused(says, client.search, name, [[1.0, 0, 0, 0]], limit=5, ranker=function)


@pytest.mark.parametrize("metric", ["COSINE", "L2"])
def test_boost(client, metric):
    name, rows = made(client, metric)
    query = [0.5, 0.5, 0, 0]

    def boost(weight, filter=None):
        params = {"reranker": "boost", "weight": weight, **({"filter": filter} if filter else {})}
        return Function(name="b", function_type=FunctionType.RERANK, input_field_names=[], params=params)

    def expected(change):
        ranked = [(pk, change(rows[pk], value)) for pk, value in ranking(metric, rows, query, 40)]
        return sorted(ranked, key=lambda hit: (hit[1] if metric == "L2" else -hit[1], hit[0]))

    hits = client.search(name, [query], limit=40, ranker=boost(0.5, "kind == 'a'"))[0]
    same(hits, expected(lambda row, value: value * 0.5 if row["kind"] == "a" else value))
    several = FunctionScore(
        functions=[boost(0.5, "kind == 'a'"), boost(3, "sold == true")], params={"boost_mode": "sum", "function_mode": "sum"})

    def added(row, value):
        return value + (0.5 if row["kind"] == "a" else 0) + (3 if row["sold"] else 0)
    same(client.search(name, [query], limit=40, ranker=several)[0], expected(added))
    refused("must set weight params", client.search, name, [query], limit=5, ranker=Function(
        name="b", function_type=FunctionType.RERANK, input_field_names=[], params={"reranker": "boost"}))


def test_a_search_in_another_order(server, shop):
    """The scores say which hits, the fields in which order; null comes first where it ascends."""
    client, name, rows = shop
    query = [1.0, 0, 0, 0]
    best = [pk for pk, _ in ranking("IP", rows, query, 30)]

    def ordered(field, descending, keys):
        valued = [pk for pk in keys if rows[pk][field] is not None]
        valued.sort(key=lambda pk: rows[pk][field], reverse=descending)
        if descending:  # equal ones stay in the order of their scores
            valued = [pk for value in sorted({rows[pk][field] for pk in valued}, reverse=True)
                      for pk in keys if rows[pk][field] == value]
        without = [pk for pk in keys if rows[pk][field] is None]
        return valued + without if descending else without + valued

    for field in ("price", "kind", "weight", "light", "sold", "shop"):
        for order in ("asc", "desc"):
            found = client.search(name, [query], limit=30, order_by_fields=[{"field": field, "order": order}])[0]
            assert [hit["pk"] for hit in found] == ordered(field, order == "desc", best), (field, order)
    found = client.search(name, [query, query], limit=10, offset=5, order_by_fields=[{"field": "pk", "order": "desc"}])
    assert [[hit["pk"] for hit in hits] for hits in found] == [sorted(best[5:15], reverse=True)] * 2
    answer = server.rest("entities/search", {
        "collectionName": name, "data": [query], "limit": 30, "orderByFields": ["kind:desc", "pk"]})
    assert [row["pk"] for row in answer["data"]] == sorted(best, key=lambda pk: (-ord(rows[pk]["kind"]), pk))
    for by, says in (("nothing", "field nothing not exist"), ("meta", "unsupported data type JSON"),
                     ("v", "unsupported data type FloatVector")):
        refused(says, client.search, name, [query], limit=3, order_by_fields=[{"field": by, "order": "asc"}])
    refused("goes with neither grouping", client.search, name, [query], limit=3, group_by_field="kind",
            order_by_fields=[{"field": "pk", "order": "asc"}])


def test_random_scores(shop):
    client, name, rows = shop
    query = [1.0, 0, 0, 0]

    def boost(random_score):
        return Function(name="r", function_type=FunctionType.RERANK, input_field_names=[], params={
            "reranker": "boost", "weight": 1, "random_score": random_score})

    def found(random_score):
        hits = client.search(name, [query], limit=60, ranker=boost(random_score))[0]
        return {hit["pk"]: hit["distance"] for hit in hits}

    plain = dict(ranking("IP", rows, query, 60))
    first = found({"seed": 7, "field": "pk"})
    assert first == found({"seed": 7, "field": "pk"}) and first.keys() == plain.keys()
    assert first != found({"seed": 8, "field": "pk"})
    factors = [first[pk] / score for pk, score in plain.items() if score]
    assert all(0 <= factor < 1 for factor in factors) and 0.3 < sum(factors) / len(factors) < 0.7
    # The same value has the same factor.
    by_kind = found({"seed": 7, "field": "kind"})
    for kind in "abcd":
        own = {round(by_kind[pk] / score, 4) for pk, score in plain.items() if score > 0.1 and rows[pk]["kind"] == kind}
        assert len(own) == 1, own
    assert found({"seed": 1}) == found({"seed": 1})
    refused("random_score takes an object", client.search, name, [query], limit=3, ranker=boost({"sed": 1}))
    refused("should be an integer", client.search, name, [query], limit=3, ranker=boost({"seed": "x"}))
    refused("field nothing of random_score", client.search, name, [query], limit=3,
            ranker=boost({"seed": 1, "field": "nothing"}))


def test_what_would_change_the_answer_is_refused(shop):
    """Members of messages and parameters that this version does not know are not passed over in silence."""
    client, name, _ = shop
    query = [[1.0, 0, 0, 0]]
    aggregation = SearchAggregation(fields=["kind"], size=3)
    refused("search_aggregation is not supported", client.search, name, query, search_aggregation=aggregation)
    highlighter = LexicalHighlighter(pre_tags=["<b>"], post_tags=["</b>"], highlight_search_text=True)
    refused("highlighter is not supported", client.search, name, query, highlighter=highlighter)
    refused("group_by_fields of a search", client.search, name, query, group_by_fields=["kind"])


def test_the_older_interface(server, shop):
    client, name, rows = shop
    connections.connect("older", uri=server.uri, token=TOKEN)
    collection = Collection(name, using="older")
    request = AnnSearchRequest([[1.0, 0, 0, 0]], "v", {"metric_type": "IP"}, limit=5)
    hits = collection.hybrid_search([request], RRFRanker(), limit=5)[0]
    assert list(hits.ids) == [pk for pk, _ in ranking("IP", rows, [1.0, 0, 0, 0], 5)]
    connections.disconnect("older")


def test_rest_gives_the_same(server, shop):
    client, name, rows = shop
    ordered = server.rest(
        "entities/query", {"collectionName": name, "orderByFields": ["price:desc"], "limit": 9, "outputFields": ["pk"]})
    assert keys(ordered["data"]) == by(rows.values(), "price", True)[:9]
    request = AnnSearchRequest([[1.0, 0, 0, 0]], "v", {}, limit=9)
    hits = client.hybrid_search(name, [request, request], WeightedRanker(0.2, 0.7), limit=9)[0]
    part = {"data": [[1, 0, 0, 0]], "annsField": "v", "limit": 9}
    answer = server.rest("entities/hybrid_search", {
        "collectionName": name, "search": [part, part], "limit": 9,
        "rerank": {"strategy": "weighted", "params": {"weights": [0.2, 0.7]}}})
    assert [(row["pk"], pytest.approx(row["distance"])) for row in answer["data"]] == [
        (hit["pk"], hit["distance"]) for hit in hits]
