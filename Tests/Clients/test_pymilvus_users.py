"""Users, roles and privileges through pymilvus."""

import signal

import grpc
import pytest
from pymilvus import MilvusClient, MilvusException, Role, connections, utility

from conftest import TOKEN
from milvus_refusal import refused


@pytest.fixture
def ann(client):
    """The name of a user with a role `worker`, to whom nothing is granted."""
    client.create_user("ann", "password")
    client.create_role("worker")
    client.grant_role("ann", "worker")
    yield "ann"
    client.drop_user("ann")
    client.drop_role("worker", force_drop=True)


def denied(call, *arguments, **named):
    with pytest.raises((MilvusException, grpc.RpcError)) as caught:
        call(*arguments, **named)
    assert "permission deny" in str(caught.value), caught.value


def test_users_and_roles(client, ann):
    assert sorted(client.list_users()) == ["ann", "root"]
    assert sorted(client.list_roles()) == ["admin", "public", "worker"]
    assert client.describe_user("ann")["roles"] == ("worker",)
    assert client.describe_user("root")["roles"] == ("admin",)
    client.grant_privilege("worker", "Collection", "Insert", "*")
    client.grant_privilege_v2("worker", "Query", "one", db_name="default")
    described = client.describe_role("worker")
    assert described["role"] == "worker"
    assert {(grant["object_type"], grant["object_name"], grant["privilege"]) for grant in described["privileges"]} == {
        ("Collection", "*", "Insert"), ("Collection", "one", "Query")}
    client.revoke_privilege("worker", "Collection", "Insert", "*")
    client.revoke_privilege_v2("worker", "Query", "one", db_name="default")
    assert client.describe_role("worker")["privileges"] == []
    client.revoke_role("ann", "worker")
    assert client.describe_user("ann")["roles"] == ()


def test_refusals(client, ann):
    assert "user already exists" in refused(65535, client.create_user, "ann", "password")
    assert refused(1100, client.create_user, "ben", "short") == (
        "invalid password length: invalid parameter[5 out of range 6 <= value <= 72]")
    assert "root user cannot be deleted" in refused(1401, client.drop_user, "root")
    assert "builtin role, which can't be dropped" in refused(1401, client.drop_role, "admin")
    assert "not found the role" in refused(65535, client.drop_role, "none")
    client.grant_privilege_v2("worker", "Query", "*", db_name="default")
    assert "Use REVOKE API" in refused(65535, client.drop_role, "worker")
    client.drop_user("nobody")


def test_what_is_granted_is_allowed_and_nothing_else(server, client, ann):
    for name in ("one", "two"):
        client.create_collection(name, dimension=2)
        client.insert(name, [{"id": 1, "vector": [1.0, 0.0]}])
    own = MilvusClient(uri=server.uri, token="ann:password")
    denied(own.query, "one", "id > 0")
    denied(own.insert, "one", [{"id": 2, "vector": [0.0, 1.0]}])
    denied(own.create_collection, "three", dimension=2)
    denied(own.list_users)
    client.grant_privilege_v2("worker", "CollectionReadOnly", "one", db_name="default")
    assert [row["id"] for row in own.query("one", "id > 0")] == [1]
    assert [hit["id"] for hit in own.search("one", [[1.0, 0.0]])[0]] == [1]
    assert own.list_collections() == ["one"]
    denied(own.query, "two", "id > 0")
    denied(own.delete, "one", ids=[1])
    client.grant_privilege_v2("worker", "CollectionReadWrite", "two", db_name="default")
    assert own.insert("two", [{"id": 2, "vector": [0.0, 1.0]}])["insert_count"] == 1
    denied(own.drop_collection, "two")
    client.grant_role("ann", "admin")
    own.drop_collection("two")
    client.revoke_role("ann", "admin")
    denied(own.drop_collection, "one")
    own.close()


def test_own_password(server, client, ann):
    own = MilvusClient(uri=server.uri, token="ann:password")
    assert own.describe_user("ann")["roles"] == ("worker",)
    assert "old password not correct" in refused(1100, own.update_password, "ann", "wrong!!", "other password")
    own.update_password("ann", "password", "other password")
    with pytest.raises(Exception):
        MilvusClient(uri=server.uri, token="ann:password").list_collections()
    again = MilvusClient(uri=server.uri, token="ann:other password")
    assert again.list_collections() == []
    again.close()
    own.close()


def test_older_interface(server, client, ann):
    connections.connect("admin", uri=server.uri, token=TOKEN)
    role = Role("worker", using="admin")
    assert role.is_exist() and role.get_users() == ("ann",)
    role.grant("Collection", "*", "Query")
    assert [item.privilege for item in role.list_grants().groups] == ["Query"]
    role.revoke("Collection", "*", "Query")
    assert sorted(utility.list_usernames(using="admin")) == ["ann", "root"]
    connections.disconnect("admin")


def test_after_a_kill(server, client, ann):
    client.create_collection("one", dimension=2)
    client.grant_privilege_v2("worker", "Query", "one", db_name="default")
    server.stop(signal.SIGKILL)
    server.start()
    own = MilvusClient(uri=server.uri, token="ann:password")
    assert own.query("one", "id > 0") == []
    denied(own.insert, "one", [{"id": 1, "vector": [1.0, 0.0]}])
    own.close()
    # The log of the server says nothing of it.
    assert "password" not in (server.directory / "log").read_text()


def test_groups_of_privileges(server, client, ann):
    client.create_collection("one", dimension=2)
    client.create_privilege_group("writers")
    try:
        client.add_privileges_to_group("writers", ["Insert", "Upsert"])
        groups = {group["privilege_group"]: set(group["privileges"]) for group in client.list_privilege_groups()}
        assert groups["writers"] == {"Insert", "Upsert"} and "Query" in groups["CollectionReadOnly"]
        assert len(groups) == 10
        own = MilvusClient(uri=server.uri, token="ann:password")
        row = [{"id": 1, "vector": [1.0, 0.0]}]
        denied(own.insert, "one", row)
        client.grant_privilege_v2("worker", "writers", "one", db_name="default")
        assert own.insert("one", row)["insert_count"] == 1
        assert [grant["privilege"] for grant in client.describe_role("worker")["privileges"]] == ["writers"]
        denied(own.delete, "one", ids=[1])
        client.add_privileges_to_group("writers", ["Delete"])
        assert own.delete("one", ids=[1])["delete_count"] == 1
        client.remove_privileges_from_group("writers", ["Insert", "Delete"])
        denied(own.insert, "one", row)
        assert own.upsert("one", row)["upsert_count"] == 1
        denied(own.list_privilege_groups)
        assert "is used by role [worker]" in refused(1100, client.drop_privilege_group, "writers")
        assert "not the same privilege level" in refused(
            1100, client.add_privileges_to_group, "writers", ["CreateDatabase"])
        assert "can only contain numbers, letters and underscores" in refused(
            1100, client.create_privilege_group, "a-b")
        assert "there is no privilege group name [none]" in refused(
            1100, client.add_privileges_to_group, "none", ["Query"])
        own.close()
        server.stop(signal.SIGKILL)
        server.start()
        again = MilvusClient(uri=server.uri, token="ann:password")
        assert again.upsert("one", row)["upsert_count"] == 1
        denied(again.delete, "one", ids=[1])
        again.close()
    finally:
        client.revoke_privilege_v2("worker", "writers", "one", db_name="default")
        client.drop_privilege_group("writers")
    assert len(client.list_privilege_groups()) == 9
    client.drop_privilege_group("writers")


def test_roles_are_described(client, ann):
    client.alter_role("worker", "who works")
    assert client.describe_role("worker")["description"] == "who works"
    assert "not found the role" in refused(65535, client.alter_role, "none", "x")
