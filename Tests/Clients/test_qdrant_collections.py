"""Collections, names of vectors and aliases, with unmodified qdrant-client."""

import random
import time

import grpc
import pytest
import requests
from conftest import API_KEY, READ_ONLY_KEY
from qdrant_client import models
from qdrant_client.http.exceptions import UnexpectedResponse

L2 = models.VectorParams(size=4, distance=models.Distance.EUCLID)


# Codes of gRPC, as the statuses of HTTP that say the same.
STATUSES = {
    grpc.StatusCode.INVALID_ARGUMENT: 400, grpc.StatusCode.NOT_FOUND: 404, grpc.StatusCode.ALREADY_EXISTS: 409,
    grpc.StatusCode.PERMISSION_DENIED: 403, grpc.StatusCode.UNAUTHENTICATED: 401,
}


def failure(call):
    with pytest.raises((UnexpectedResponse, grpc.RpcError)) as caught:
        call()
    if isinstance(caught.value, grpc.RpcError):
        return STATUSES[caught.value.code()], caught.value.details()
    return caught.value.status_code, caught.value.content.decode()


@pytest.mark.parametrize(
    "vectors",
    [
        models.VectorParams(size=3, distance=models.Distance.COSINE),
        models.VectorParams(
            size=5, distance=models.Distance.DOT, datatype=models.Datatype.FLOAT16, on_disk=True,
            hnsw_config=models.HnswConfigDiff(m=32, ef_construct=200)),
        {
            "image": models.VectorParams(
                size=3, distance=models.Distance.EUCLID,
                quantization_config=models.BinaryQuantization(binary=models.BinaryQuantizationConfig(always_ram=True))),
            "text-körper": models.VectorParams(size=8, distance=models.Distance.MANHATTAN),
        },
        {},
    ],
)
def test_what_was_configured_is_told_again(remote, vectors):
    sparse = {"words": models.SparseVectorParams(index=models.SparseIndexParams(on_disk=True))}
    quantization = models.ScalarQuantization(
        scalar=models.ScalarQuantizationConfig(type=models.ScalarType.INT8, quantile=0.75, always_ram=True))  # a float32 has it
    remote.create_collection(
        "told", vectors_config=vectors, sparse_vectors_config=sparse, quantization_config=quantization,
        optimizers_config=models.OptimizersConfigDiff(indexing_threshold=0), metadata={"model": {"name": "m"}},
        hnsw_config=models.HnswConfigDiff(m=24))
    info = remote.get_collection("told")
    assert (info.config.params.vectors or {}) == vectors  # gRPC has no word for a map that is there and empty
    assert info.config.params.sparse_vectors == sparse
    assert info.config.quantization_config == quantization
    assert info.config.optimizer_config.indexing_threshold == 0
    assert info.config.hnsw_config.m == 24 and info.config.hnsw_config.ef_construct == 100
    assert info.config.metadata == {"model": {"name": "m"}}
    assert (info.points_count, info.status) == (0, models.CollectionStatus.GREEN)


@pytest.mark.parametrize("name", ["a", "my-collection", "a.b c", "0", "Ж", "_x2D", "mail@x.y", "c%2Fd"])
def test_names_of_any_characters(remote, name):
    remote.create_collection(name, vectors_config=L2)
    remote.upsert(name, [models.PointStruct(id=1, vector=[1, 2, 3, 4])])
    assert [one.name for one in remote.get_collections().collections] == [name]
    assert remote.collection_exists(name) and remote.count(name).count == 1
    remote.update_collection_aliases(
        [models.CreateAliasOperation(create_alias=models.CreateAlias(collection_name=name, alias_name=name + "-now"))])
    assert remote.count(name + "-now").count == 1
    assert remote.delete_collection(name) and not remote.collection_exists(name)


def test_failures_as_clients_match_them(remote):
    remote.create_collection("there", vectors_config=L2)
    assert failure(lambda: remote.create_collection("there", vectors_config=L2))[0] == 409
    status, text = failure(lambda: remote.get_collection("absent"))
    assert status == 404 and "Not found: Collection `absent` doesn't exist!" in text
    assert failure(lambda: remote.create_collection("a/b", vectors_config=L2))[0] in (400, 404, 422)
    assert failure(lambda: remote.create_collection("a:b", vectors_config=L2))[0] in (400, 422)
    assert remote.delete_collection("absent") is False
    status, text = failure(lambda: remote.query_points("there", query=[1, 2, 3, 4], using="other"))
    assert status == 400 and "Wrong input: Not existing vector name error: other" in text
    status, text = failure(lambda: remote.upsert("there", [models.PointStruct(id=1, vector=[1, 2])]))
    assert status == 400 and "Vector dimension error: expected dim: 4, got 2" in text
    nan = float("nan")
    assert 400 <= failure(lambda: remote.upsert("there", [models.PointStruct(id=1, vector=[1, 2, 3, nan])]))[0] < 500
    assert remote.count("there").count == 0


def test_an_update_keeps_what_it_does_not_name(remote):
    remote.create_collection(
        "c", vectors_config={"a": L2}, hnsw_config=models.HnswConfigDiff(m=8), metadata={"a": 1, "b": 2})
    remote.update_collection(
        "c", optimizers_config=models.OptimizersConfigDiff(indexing_threshold=5),
        hnsw_config=models.HnswConfigDiff(ef_construct=50), metadata={"b": 3},
        vectors_config={"a": models.VectorParamsDiff(on_disk=True)})
    config = remote.get_collection("c").config
    assert (config.hnsw_config.m, config.hnsw_config.ef_construct) == (8, 50)
    assert config.optimizer_config.indexing_threshold == 5
    assert config.metadata == {"a": 1, "b": 3}
    assert config.params.vectors["a"] == models.VectorParams(size=4, distance=models.Distance.EUCLID, on_disk=True)


def test_aliases(remote):
    for name in ("blue", "green"):
        remote.create_collection(name, vectors_config=L2)
    remote.upsert("green", [models.PointStruct(id=7, vector=[0, 0, 0, 1])])

    def point(collection, alias="prod"):
        return models.CreateAliasOperation(
            create_alias=models.CreateAlias(collection_name=collection, alias_name=alias))

    assert remote.update_collection_aliases([point("blue")])
    assert remote.count("prod").count == 0
    assert remote.update_collection_aliases(
        [models.DeleteAliasOperation(delete_alias=models.DeleteAlias(alias_name="prod")), point("green")])
    assert remote.count("prod").count == 1
    assert [(one.alias_name, one.collection_name) for one in remote.get_aliases().aliases] == [("prod", "green")]
    assert remote.get_collection_aliases("green").aliases[0].alias_name == "prod"
    assert remote.get_collection_aliases("blue").aliases == []
    assert remote.get_collection_aliases("absent").aliases == []

    # Nothing of a batch happens when one of its actions cannot.
    assert failure(lambda: remote.update_collection_aliases([point("blue"), point("absent", "other")]))[0] == 404
    assert remote.count("prod").count == 1
    assert failure(lambda: remote.update_collection_aliases([point("green", "blue")]))[0] == 409
    rename = models.RenameAliasOperation(
        rename_alias=models.RenameAlias(old_alias_name="prod", new_alias_name="live"))
    assert remote.update_collection_aliases([rename])
    assert failure(lambda: remote.update_collection_aliases([rename]))[0] == 404
    assert failure(lambda: remote.create_collection("live", vectors_config=L2))[0] == 400
    assert failure(lambda: remote.delete_collection("live"))[0] == 400
    assert remote.delete_collection("green") and remote.get_aliases().aliases == []


def test_vectors_are_added_and_removed_online(remote):
    remote.create_collection("c", vectors_config={"old": L2})
    remote.upsert("c", [models.PointStruct(id=n, vector={"old": [n, 0, 0, 0]}, payload={"n": n}) for n in range(5)])

    def dense(size):
        return models.DenseVectorNameConfig(dense=models.DenseVectorConfig(size=size, distance=models.Distance.DOT))

    for _ in range(2):
        assert remote.create_vector_name("c", "new", dense(2)).status == models.UpdateStatus.COMPLETED
    assert failure(lambda: remote.create_vector_name("c", "new", dense(3)))[0] == 400
    remote.create_vector_name("c", "words", models.SparseVectorNameConfig(sparse=models.SparseVectorConfig()))
    assert set(remote.get_collection("c").config.params.vectors) == {"old", "new"}
    assert set(remote.get_collection("c").config.params.sparse_vectors) == {"words"}
    assert remote.query_points("c", query=[1.0, 0.0], using="new").points == []
    sparse = models.SparseVector(indices=[3], values=[2.0])
    remote.update_vectors("c", [models.PointVectors(id=2, vector={"new": [1.0, 2.0], "words": sparse})])
    assert [one.id for one in remote.query_points("c", query=[1.0, 0.0], using="new").points] == [2]
    assert [one.id for one in remote.query_points("c", query=sparse, using="words").points] == [2]
    record = remote.retrieve("c", [2], with_vectors=True)[0]
    assert record.vector == {"old": [2, 0, 0, 0], "new": [1, 2], "words": sparse} and record.payload == {"n": 2}
    remote.delete_vector_name("c", "new")
    remote.delete_vector_name("c", "words")
    record = remote.retrieve("c", [2], with_vectors=True)[0]
    assert record.vector == {"old": [2, 0, 0, 0]} and record.payload == {"n": 2}
    # The names come back empty.
    remote.create_vector_name("c", "new", dense(2))
    remote.create_vector_name("c", "words", models.SparseVectorNameConfig(sparse=models.SparseVectorConfig()))
    assert remote.query_points("c", query=[1.0, 0.0], using="new").points == []
    assert remote.query_points("c", query=sparse, using="words").points == []


def test_service_and_keys(qdrant_server, remote):
    remote.create_collection("c", vectors_config=L2)
    info = requests.get(qdrant_server.qdrant_uri + "/", timeout=60).json()
    assert set(info) == {"title", "version", "commit"} and info["title"] == "qdrant - vector search engine"
    assert requests.get(qdrant_server.qdrant_uri + "/healthz", timeout=60).text == "healthz check passed"
    assert requests.get(qdrant_server.qdrant_uri + "/readyz", timeout=60).text == "all shards are ready"
    url = qdrant_server.qdrant_uri + "/collections"
    for headers in ({}, {"api-key": "wrong"}, {"Authorization": "Bearer wrong"}):
        assert requests.get(url, headers=headers, timeout=60).status_code == 401
    for headers in ({"api-key": API_KEY}, {"Authorization": f"Bearer {API_KEY}"}):
        assert requests.get(url, headers=headers, timeout=60).json()["result"] == {"collections": [{"name": "c"}]}
    reader = qdrant_server.qdrant(READ_ONLY_KEY)
    assert reader.count("c").count == 0
    assert failure(lambda: reader.delete_collection("c"))[0] == 403
    assert failure(lambda: reader.upsert("c", [models.PointStruct(id=1, vector=[1, 2, 3, 4])]))[0] == 403
    assert remote.count("c").count == 0
    assert "collections_total 1" in requests.get(
        qdrant_server.qdrant_uri + "/metrics", headers={"api-key": API_KEY}, timeout=60).text
    reader.close()


def wait_until_green(remote, name):
    deadline = time.monotonic() + 120
    while remote.get_collection(name).status == models.CollectionStatus.YELLOW and time.monotonic() < deadline:
        time.sleep(0.1)
    info = remote.get_collection(name)
    assert info.status == models.CollectionStatus.GREEN and info.optimizer_status == "ok"


def test_a_quantization_given_at_creation_comes_into_effect(remote):
    draw = random.Random(6)
    scalar = models.ScalarQuantization(scalar=models.ScalarQuantizationConfig(type=models.ScalarType.INT8))
    remote.create_collection(
        "of-int8", vectors_config={"v-1": models.VectorParams(size=8, distance=models.Distance.DOT)},
        quantization_config=scalar)
    points = [models.PointStruct(id=n, vector={"v-1": [draw.gauss(0, 1) for _ in range(8)]}) for n in range(1_200)]
    remote.upsert("of-int8", points[:900])
    assert remote.get_optimizations("of-int8", with_="completed").completed == []
    remote.upsert("of-int8", points[900:])
    wait_until_green(remote, "of-int8")
    done = remote.get_optimizations("of-int8", with_="completed").completed
    assert [(one.optimizer, one.status) for one in done] == [("switch", "done")]


def test_another_quantization_is_a_switch(remote):
    random.seed(5)
    size = 32
    remote.create_collection("c", vectors_config=models.VectorParams(size=size, distance=models.Distance.COSINE))
    for start in range(0, 2_000, 500):
        remote.upsert("c", [
            models.PointStruct(id=start + n, vector=[random.gauss(0, 1) for _ in range(size)]) for n in range(500)])
    binary = models.BinaryQuantization(binary=models.BinaryQuantizationConfig(always_ram=True))
    assert remote.update_collection("c", quantization_config=binary)
    assert remote.get_collection("c").config.quantization_config == binary
    wait_until_green(remote, "c")
    done = remote.get_optimizations("c", with_="completed")
    assert (done.completed[0].optimizer, done.completed[0].status) == ("switch", "done")
    # Placement alone begins nothing.
    moved = models.BinaryQuantization(binary=models.BinaryQuantizationConfig(always_ram=False))
    assert remote.update_collection("c", quantization_config=moved)
    assert remote.get_collection("c").status == models.CollectionStatus.GREEN
    assert remote.update_collection("c", quantization_config=models.Disabled.DISABLED)
    assert remote.get_collection("c").config.quantization_config is None
