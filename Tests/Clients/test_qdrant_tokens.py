"""JSON Web Tokens as Qdrant takes them with `jwt_rbac`, over both wires: what their claims allow, and what not."""

import base64
import hashlib
import hmac
import json
import time

import pytest
import requests
from conftest import API_KEY, QdrantServer
from qdrant_client import models

PARAMS = models.VectorParams(size=2, distance=models.Distance.DOT)


def coded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token(claims, key=API_KEY, header={"alg": "HS256", "typ": "JWT"}):
    signed = coded(json.dumps(header).encode()) + "." + coded(json.dumps(claims).encode())
    return signed + "." + coded(hmac.new(key.encode(), signed.encode(), hashlib.sha256).digest())


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = QdrantServer(tmp_path_factory.mktemp("moult-jwt"), "--jwt-rbac")
    server.start()
    admin = server.qdrant()
    for name in ("a", "b", "users"):
        admin.create_collection(name, vectors_config=PARAMS)
        admin.upsert(name, [models.PointStruct(id=n, vector=[n, 1], payload={"n": n, "who": f"user-{n}"}) for n in range(4)])
    admin.update_collection_aliases([
        models.CreateAliasOperation(create_alias=models.CreateAlias(collection_name="b", alias_name="live"))])
    yield server
    server.stop()


@pytest.fixture(params=["rest", "grpc"])
def client(server, request):
    made = []

    def of(claims, **keywords):
        made.append(server.qdrant(token(claims, **keywords), grpc=request.param == "grpc"))
        return made[-1]

    yield of
    for one in made:
        one.close()


def refused(call, text=None):
    with pytest.raises(Exception) as caught:
        call()
    said = str(caught.value)
    assert "403" in said or "PERMISSION_DENIED" in said, said
    assert text is None or text in said, said


def unknown(call, text=None):
    with pytest.raises(Exception) as caught:
        call()
    said = str(caught.value)
    assert "401" in said or "UNAUTHENTICATED" in said, said
    assert text is None or text in said, said


def upsert(client, name):
    client.upsert(name, [models.PointStruct(id=9, vector=[1, 2])])


def test_a_token_for_everything(client):
    for claims in ({}, {"access": "m"}, {"access": "m", "exp": int(time.time()) + 60, "subject": "x"}):
        one = client(claims)
        one.create_collection("made", vectors_config=PARAMS)
        upsert(one, "made")
        assert one.count("made").count == 1
        assert one.delete_collection("made")


def test_a_token_that_reads(client):
    one = client({"access": "r"})
    assert one.count("a").count >= 4
    assert {c.name for c in one.get_collections().collections} == {"a", "b", "users"}
    refused(lambda: upsert(one, "a"))
    refused(lambda: one.delete_collection("a"))


def test_tokens_that_are_none(client, server):
    unknown(lambda: client({"access": "m"}, key="another key").get_collections())
    unknown(lambda: client({"access": "m", "exp": int(time.time()) - 60}).get_collections(), "expired")
    unknown(lambda: client({"access": "m"}, header={"alg": "none"}).get_collections())
    unknown(lambda: client({"access": [{"collection": "a", "access": "r", "payload": {"n": 1}}]}).get_collections(), "1.16")
    # Of the right form, and without what signs it.
    for given in ("a.b.c", coded(b'{"alg":"none"}') + "." + coded(b"{}") + "."):
        assert requests.get(f"{server.qdrant_uri}/collections", headers={"api-key": given}).status_code == 401


def test_a_token_after_bearer(server):
    header = {"Authorization": f"Bearer {token({'access': 'r'})}"}
    assert requests.get(f"{server.qdrant_uri}/collections", headers=header).status_code == 200


def test_without_the_flag_tokens_are_nothing(qdrant_server):
    unknown(lambda: qdrant_server.qdrant(token({"access": "m"})).get_collections())


def test_a_token_for_some_collections(client):
    one = client({"access": [{"collection": "a", "access": "rw"}, {"collection": "b", "access": "r"}]})
    upsert(one, "a")
    one.create_payload_index("a", field_name="n", field_schema="integer")
    assert one.count("b").count == 4
    refused(lambda: upsert(one, "b"), "Write access to points of collection b is required")
    refused(lambda: one.count("users"), "Access to collection users is required")
    # Not even whether they are there is told of others.
    assert one.collection_exists("a")
    for name in ("users", "nowhere"):
        refused(lambda: one.collection_exists(name), f"Access to collection {name} is required")
    refused(lambda: one.delete_collection("a"), "Global manage access is required")
    refused(lambda: one.update_collection("a", optimizers_config=models.OptimizersConfigDiff(indexing_threshold=1)))
    refused(lambda: one.create_collection("z", vectors_config=PARAMS))
    refused(lambda: one.update_collection_aliases([
        models.CreateAliasOperation(create_alias=models.CreateAlias(collection_name="a", alias_name="x"))]))
    assert {c.name for c in one.get_collections().collections} == {"a", "b"}
    assert one.get_aliases().aliases == []
    # Another collection cannot be reached through one that may be read.
    refused(lambda: one.query_points("a", query=1, lookup_from=models.LookupLocation(collection="users")), "users")
    refused(lambda: one.query_points_groups("a", query=[1.0, 2.0], group_by="n", with_lookup="users"), "users")
    one.delete("a", [9])


def test_names_count_as_they_are_called(client):
    one = client({"access": [{"collection": "live", "access": "r"}]})
    assert one.count("live").count == 4
    refused(lambda: one.count("b"))
    refused(lambda: client({"access": [{"collection": "b", "access": "r"}]}).count("live"))
    both = client({"access": [{"collection": "live", "access": "r"}, {"collection": "b", "access": "r"}]})
    assert [(a.alias_name, a.collection_name) for a in both.get_aliases().aliases] == [("live", "b")]


def test_points_without_indexes(client):
    one = client({"access": [{"collection": "a", "access": "prw"}]})
    upsert(one, "a")
    one.set_payload("a", payload={"k": 1}, points=[9])
    assert one.count("a").count == 5
    refused(lambda: one.create_payload_index("a", field_name="n", field_schema="integer"), "Write access to collection a")
    one.delete("a", [9])


def test_a_token_that_is_good_while_a_point_is_there(client, server):
    admin = server.qdrant()
    claims = {"access": "r", "value_exists": {
        "collection": "users", "matches": [{"key": "who", "value": "user-2"}, {"key": "n", "value": 2}]}}
    one = client(claims)
    assert one.count("a").count >= 4
    admin.set_payload("users", payload={"who": "gone"}, points=[2])
    refused(lambda: one.count("a"), "value_exists")
    admin.set_payload("users", payload={"who": "user-2"}, points=[2])
    assert one.count("a").count >= 4
    claims["value_exists"]["collection"] = "absent"
    refused(lambda: client(claims).count("a"), "absent")
