"""Qdrant's gRPC API below qdrant-client: older methods, and messages that no client sends."""

import random

import grpc
import pytest
import requests
from conftest import API_KEY, READ_ONLY_KEY
from qdrant_client import grpc as messages
from qdrant_client import models


@pytest.fixture
def channel(qdrant_server):
    with grpc.insecure_channel(f"127.0.0.1:{qdrant_server.qdrant_grpc_port}") as channel:
        yield channel


def call(channel, method, message, key=API_KEY):
    """The answer's bytes, or the failure's code and text."""
    if not isinstance(message, bytes):
        message = message.SerializeToString()
    metadata = [("api-key", key)] if key else []
    try:
        return channel.unary_unary(f"/qdrant.{method}")(message, metadata=metadata, timeout=60)
    except grpc.RpcError as error:
        return error.code(), error.details()


@pytest.fixture
def points(qdrant_server):
    client = qdrant_server.qdrant(grpc=True)
    client.create_collection("p", vectors_config=models.VectorParams(size=4, distance=models.Distance.DOT))
    draw = random.Random(8)
    client.upsert("p", [
        models.PointStruct(id=n, vector=[draw.uniform(-1, 1) for _ in range(4)], payload={"n": n % 3})
        for n in range(60)])
    yield client
    client.delete_collection("p")
    client.close()


def test_it_says_who_it_is(channel):
    reply = messages.HealthCheckReply.FromString(call(channel, "Qdrant/HealthCheck", messages.HealthCheckRequest()))
    assert reply.title == "qdrant - vector search engine" and reply.version.startswith("1.")


def test_keys(channel, points):
    delete = messages.DeletePoints(
        collection_name="p", points=messages.PointsSelector(points=messages.PointsIdsList(ids=[messages.PointId(num=1)])))
    for key in (None, "", "another"):
        assert call(channel, "Points/Delete", delete, key)[0] == grpc.StatusCode.UNAUTHENTICATED, key
    assert call(channel, "Points/Delete", delete, READ_ONLY_KEY)[0] == grpc.StatusCode.PERMISSION_DENIED
    assert points.count("p").count == 60
    counted = call(channel, "Points/Count", messages.CountPoints(collection_name="p"), READ_ONLY_KEY)
    assert messages.CountResponse.FromString(counted).result.count == 60


@pytest.mark.parametrize("method", [
    "Points/Upsert", "Points/Delete", "Points/Query", "Points/Scroll", "Points/UpdateBatch", "Points/SetPayload",
    "Collections/Create", "Collections/Update", "Collections/UpdateAliases"])
def test_bytes_that_are_no_message(channel, points, method):
    draw = random.Random(method)
    for length in (1, 2, 7, 64, 4_096):
        for _ in range(8):
            answer = call(channel, method, draw.randbytes(length))
            if isinstance(answer, tuple):
                # What happens to be a message has no collection, or nothing to do.
                assert answer[0] in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND), answer
    assert points.count("p").count == 60


def test_what_is_not_served(channel):
    for method in ("Points/Explode", "Snapshots/Explode", "Collections/CreateShardKey"):
        assert call(channel, method, b"")[0] == grpc.StatusCode.UNIMPLEMENTED, method


def test_filters_that_lie_too_deep(channel, points):
    for depth in (90, 5_000):
        message = messages.Filter(must=[messages.Condition(is_empty=messages.IsEmptyCondition(key="n"))]).SerializeToString()

        def wrapped(number, inner):
            size = len(inner)
            length = b""
            while size > 127:
                length += bytes([size & 127 | 128])
                size >>= 7
            return bytes([number << 3 | 2]) + length + bytes([size]) + inner

        for _ in range(depth):
            message = wrapped(2, wrapped(4, message))
        code, text = call(channel, "Points/Count", wrapped(1, b"p") + wrapped(2, message))
        assert code == grpc.StatusCode.INVALID_ARGUMENT, (depth, code, text)


def test_vectors_that_cannot_be(channel, points):
    for vector in ([1, 2, 3], [1, 2, 3, 4, 5], [float("nan")] * 4, [float("inf"), 0, 0, 0]):
        message = messages.UpsertPoints(collection_name="p", wait=True, points=[messages.PointStruct(
            id=messages.PointId(num=99), vectors=messages.Vectors(vector=messages.Vector(
                dense=messages.DenseVector(data=vector))))])
        assert call(channel, "Points/Upsert", message)[0] == grpc.StatusCode.INVALID_ARGUMENT, vector
    no_id = messages.UpsertPoints(collection_name="p", points=[messages.PointStruct()])
    assert call(channel, "Points/Upsert", no_id)[0] == grpc.StatusCode.INVALID_ARGUMENT
    assert points.count("p").count == 60


def hits(message, answer):
    return [(point.id.num, point.score) for point in message.FromString(answer).result]


def test_older_methods_are_queries(channel, points):
    ids = [messages.PointId(num=n) for n in range(6)]
    vector = [0.3, -0.2, 0.9, 0.1]
    only = messages.Filter(must=[messages.Condition(field=messages.FieldCondition(
        key="n", match=messages.Match(integer=1)))])
    first = hits(messages.SearchResponse, call(channel, "Points/Search", messages.SearchPoints(
        collection_name="p", vector=vector, limit=9, filter=only, offset=1)))
    found = points.query_points(
        "p", query=vector, limit=9, offset=1, query_filter=models.Filter(must=[models.FieldCondition(
            key="n", match=models.MatchValue(value=1))])).points
    assert first == [(hit.id, pytest.approx(hit.score)) for hit in found] and len(first) == 9
    # Of the form in which vectors stand flat, as older clients send them.
    flat = messages.UpsertPoints(collection_name="p", wait=True, points=[messages.PointStruct(
        id=messages.PointId(num=70), vectors=messages.Vectors(vector=messages.Vector(data=vector)))])
    assert isinstance(call(channel, "Points/Upsert", flat), bytes)
    assert points.retrieve("p", [70], with_vectors=True)[0].vector == pytest.approx(vector)
    recommended = hits(messages.RecommendResponse, call(channel, "Points/Recommend", messages.RecommendPoints(
        collection_name="p", positive=ids[:2], negative=ids[2:3], limit=5)))
    found = points.query_points("p", query=models.RecommendQuery(recommend=models.RecommendInput(
        positive=[0, 1], negative=[2])), limit=5).points
    assert recommended == [(hit.id, pytest.approx(hit.score)) for hit in found] and len(recommended) == 5
    discovered = hits(messages.DiscoverResponse, call(channel, "Points/Discover", messages.DiscoverPoints(
        collection_name="p", limit=5, target=messages.TargetVector(single=messages.VectorExample(id=ids[0])),
        context=[messages.ContextExamplePair(
            positive=messages.VectorExample(id=ids[3]), negative=messages.VectorExample(id=ids[4]))])))
    found = points.query_points("p", query=models.DiscoverQuery(discover=models.DiscoverInput(
        target=0, context=[models.ContextPair(positive=3, negative=4)])), limit=5).points
    assert discovered == [(hit.id, pytest.approx(hit.score)) for hit in found] and len(discovered) == 5


def rest(server, method, path, body=None):
    answer = requests.request(
        method, f"{server.qdrant_uri}/collections/{path}", json=body, headers={"api-key": API_KEY}, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.json()["result"]


def got(channel, number):
    return call(channel, "Points/Get", messages.GetPoints(
        collection_name="p", ids=[messages.PointId(num=number)],
        with_payload=messages.WithPayloadSelector(enable=True)))


def test_payloads_keep_numbers_under_names_of_vectors(qdrant_server, channel, points):
    rest(qdrant_server, "PUT", "p/points?wait=true", {"points": [
        {"id": 80, "vector": [1, 2, 3, 4], "payload": {"vector": [16777217, 123456789]}}]})
    payload = messages.GetResponse.FromString(got(channel, 80)).result[0].payload
    assert [value.integer_value for value in payload["vector"].list_value.values] == [16777217, 123456789]


def test_payloads_as_deep_as_rest_takes_them(qdrant_server, channel, points):
    payload = "deepest"
    for _ in range(61):
        payload = {"a": payload}
    rest(qdrant_server, "PUT", "p/points?wait=true", {"points": [
        {"id": 81, "vector": [1, 2, 3, 4], "payload": payload}]})
    assert rest(qdrant_server, "GET", "p/points/81")["payload"] == payload
    # Too deep for Python's reader of messages.
    answer = got(channel, 81)
    assert isinstance(answer, bytes) and b"deepest" in answer, answer


def test_settings_that_messages_cannot_hold_are_left_out(qdrant_server, channel):
    rest(qdrant_server, "PUT", "odd", {
        "vectors": {"size": 4, "distance": "Dot"}, "wal_config": {"wal_capacity_mb": -1, "wal_segments_ahead": 3},
        "optimizers_config": {"deleted_threshold": "x", "vacuum_min_vector_number": 7}})
    try:
        answer = call(channel, "Collections/Get", messages.GetCollectionInfoRequest(collection_name="odd"))
        assert isinstance(answer, bytes), answer
        config = messages.GetCollectionInfoResponse.FromString(answer).result.config
        assert not config.optimizer_config.HasField("deleted_threshold")
        assert config.optimizer_config.vacuum_min_vector_number == 7
        assert not config.wal_config.HasField("wal_capacity_mb") and config.wal_config.wal_segments_ahead == 3
        assert config.params.vectors_config.params.size == 4
    finally:
        rest(qdrant_server, "DELETE", "odd")


def test_bytes_of_vectors_are_made_of_finite_numbers_only(qdrant_server, channel):
    rest(qdrant_server, "PUT", "u8", {"vectors": {"size": 2, "distance": "Dot", "datatype": "uint8"}})
    try:
        for number in ("nan", "inf", "-inf"):
            message = messages.UpsertPoints(collection_name="u8", wait=True, points=[messages.PointStruct(
                id=messages.PointId(num=1), vectors=messages.Vectors(vector=messages.Vector(
                    dense=messages.DenseVector(data=[float(number), 1]))))])
            assert call(channel, "Points/Upsert", message)[0] == grpc.StatusCode.INVALID_ARGUMENT, number
    finally:
        rest(qdrant_server, "DELETE", "u8")
