"""Qdrant's filter language over qdrant-client, against its own engine in memory: random filters of random payloads."""

import random

import pytest
from qdrant_client import models
from qdrant_oracle import Both

D = models.Distance
TEXTS = ["", "a", "b", "Ab", "red fox", "Red, fox!", "fox red", "ünï", "2024-01-31", "2024-02-01T12:00:00+01:00", "1", "*"]
UUIDS = [f"00000000-0000-4000-8000-{n:012d}" for n in range(20)]


def scalar(draw):
    return draw.choice([draw.choice(TEXTS), draw.choice(TEXTS), draw.choice(TEXTS), draw.random() < 0.5, None,
                        draw.randrange(-4, 5) / 2, draw.randrange(-2, 3), draw.randrange(-2, 3)])


def place(draw):
    return {"lat": draw.randrange(-3, 4), "lon": draw.choice([0.5, -1.5, 2, "x", None])}


def value(draw, depth):
    kind = draw.randrange(10 if depth > 0 else 6)
    if kind < 5:
        return scalar(draw)
    if kind == 5:
        return place(draw)
    if kind < 8:
        return [value(draw, depth - 1) for _ in range(draw.randrange(4))]
    return payload(draw, depth)


def payload(draw, depth=4):
    return {name: value(draw, depth - 1) for name in ("a", "b", "c d") if draw.random() < 0.75}


def key(draw):
    parts = []
    for _ in range(draw.choice([1, 1, 2])):
        part = draw.choice(["a", "b", '"c d"'])
        for _ in range(2):
            if draw.random() < 0.3:
                part += draw.choice(["[]", "[0]", "[1]"])
        parts.append(part)
    return ".".join(parts)


def bounds(draw, numbers):
    return {name: draw.choice(numbers) for name in ("lt", "lte", "gt", "gte") if draw.random() < 0.4}


def ring(corners):
    return models.GeoLineString(points=[models.GeoPoint(lat=lat, lon=lon) for lat, lon in corners + corners[:1]])


def condition(draw, depth):
    kind = draw.randrange(22 if depth > 0 else 18)
    text = draw.choice(TEXTS)
    point = models.GeoPoint(lat=draw.randrange(-3, 4), lon=draw.randrange(-3, 4))
    field = {
        0: lambda: {"match": models.MatchValue(value=draw.choice([text, draw.randrange(-2, 3), draw.random() < 0.5]))},
        1: lambda: {"match": models.MatchAny(any=draw.choice([[], draw.sample(TEXTS, 3), [-1, 0, 2]]))},
        2: lambda: {"match": models.MatchExcept(**{"except": draw.choice([[], draw.sample(TEXTS, 3), [-1, 0, 2]])})},
        3: lambda: {"match": models.MatchText(text=text)},
        4: lambda: {"match": models.MatchTextAny(text_any=text)},
        5: lambda: {"match": models.MatchPhrase(phrase=text)},
        6: lambda: {"match": models.MatchPrefix(prefix=text)},
        7: lambda: {"match": models.MatchSubstring(substring=text)},
        8: lambda: {"range": models.Range(**bounds(draw, [-2, -0.5, 0, 1, 1.5]))},
        9: lambda: {"range": models.DatetimeRange(
            **{"gte": "2024-01-31T00:00:00Z", **bounds(draw, ["2024-01-31", "2024-02-01T11:00:00Z", "2024-02-02 00:00:00"])})},
        10: lambda: {"geo_bounding_box": models.GeoBoundingBox(
            top_left=models.GeoPoint(lat=2, lon=draw.choice([-1, 1])), bottom_right=models.GeoPoint(lat=-2, lon=draw.choice([1, -1])))},
        11: lambda: {"geo_radius": models.GeoRadius(center=point, radius=draw.uniform(1, 500_000))},
        12: lambda: {"geo_polygon": models.GeoPolygon(
            exterior=ring([(-3, -3), (3, -3), (3, 3), (-3, 3)]),
            interiors=draw.choice([None, [ring([(-1, -1), (1.5, 0), (0, 1)])]]))},
        13: lambda: {"values_count": models.ValuesCount(**bounds(draw, [0, 1, 2, 3]))},
        14: lambda: {"is_empty": draw.random() < 0.5},
        15: lambda: {"is_null": draw.random() < 0.5},
    }
    if kind in field:
        return models.FieldCondition(key=key(draw), **field[kind]())
    if kind == 16:
        return draw.choice([
            models.IsEmptyCondition(is_empty=models.PayloadField(key=key(draw))),
            models.IsNullCondition(is_null=models.PayloadField(key=key(draw)))])
    if kind == 17:
        return draw.choice([
            models.HasIdCondition(has_id=draw.sample(range(200), 30) + UUIDS[:5]),
            models.HasVectorCondition(has_vector=draw.choice(["x", "y-z", "words", "none"])),
            models.SliceCondition(slice=models.Slice(total=3, index=draw.randrange(3)))])
    if kind < 20:
        return models.NestedCondition(nested=models.Nested(key=key(draw), filter=some_filter(draw, depth - 1)))
    return some_filter(draw, depth - 1)


def some_filter(draw, depth=3):
    def conditions():
        some = [condition(draw, depth) for _ in range(draw.randrange(1, 4))]
        return some[0] if len(some) == 1 and draw.random() < 0.5 else some

    clauses = {name: conditions() for name in ("must", "should", "must_not") if draw.random() < 0.4}
    if draw.random() < 0.2:
        some = [condition(draw, depth) for _ in range(3)]
        clauses["min_should"] = models.MinShould(conditions=some, min_count=draw.randrange(1, 4))
    return models.Filter(**clauses)


@pytest.fixture
def both(remote, local):
    both = Both(remote, local)
    both.write(
        "create_collection", "c",
        vectors_config={name: models.VectorParams(size=2, distance=D.DOT) for name in ("x", "y-z")},
        sparse_vectors_config={"words": models.SparseVectorParams()})
    return both


@pytest.mark.parametrize("seed", range(4))
def test_random_filters(both, seed):
    draw = random.Random(seed)
    points = []
    for id in list(range(200)) + UUIDS:
        vector = {name: [draw.uniform(-1, 1), 1] for name in ("x", "y-z") if draw.random() < 0.6}
        if draw.random() < 0.5:
            vector["words"] = models.SparseVector(indices=[draw.randrange(5)], values=[1])
        points.append(models.PointStruct(id=id, vector=vector, payload=payload(draw)))
    both.write("upsert", "c", points)
    matched = 0
    for number in range(150):
        wanted = some_filter(draw)
        try:
            found = both.scroll("c", scroll_filter=wanted, limit=300, with_payload=False)
            both.count("c", count_filter=wanted)
            both.query_points("c", query=[1, 2], using="x", query_filter=wanted, limit=20)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}, {wanted.model_dump_json(exclude_none=True)}: {error}") from error
        matched += 0 < len(found[0]) < len(points)
    # Filters that let all or nothing through show little.
    assert matched > 30


def test_refused(both):
    both.write("upsert", "c", [models.PointStruct(id=1, vector={}, payload={"a": 1})])
    for wanted in (
        models.Filter(min_should=models.MinShould(conditions=[models.HasIdCondition(has_id=[1])], min_count=0)),
        models.Filter(must=models.SliceCondition(slice=models.Slice(total=2, index=2))),
        models.Filter(must=models.IsNullCondition(is_null=models.PayloadField(key="a..b"))),
        models.Filter(must=models.FieldCondition(key="a[", match=models.MatchValue(value=1))),
    ):
        assert both.scroll("c", scroll_filter=wanted) is None


def test_filters_in_writes(both):
    points = [models.PointStruct(id=n, vector={}, payload={"list": [{"n": n}, {"n": n + 1}]}) for n in range(30)]
    both.write("upsert", "c", points)
    some = models.Filter(must=models.NestedCondition(nested=models.Nested(
        key="list", filter=models.Filter(must=models.FieldCondition(key="n", range=models.Range(gte=10, lt=12))))))
    both.write("set_payload", "c", payload={"seen": True}, points=some)
    both.same_points("c")
    both.write("delete", "c", points_selector=models.FilterSelector(filter=some))
    both.same_points("c")
