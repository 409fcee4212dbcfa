"""Databases through pymilvus, and the same collections through REST."""

import signal

import pytest
from pymilvus import Collection, MilvusClient, MilvusException, connections, db

from conftest import TOKEN
from milvus_refusal import refused


@pytest.fixture
def tenants(server, client):
    """A client of `default` and one of a database of its own; both are empty afterwards."""
    client.create_database("tenant", properties={"database.max.collections": 10})
    other = MilvusClient(uri=server.uri, token=TOKEN, db_name="tenant")
    yield client, other
    for name in other.list_collections():
        for alias in other.list_aliases(name)["aliases"]:
            other.drop_alias(alias)
        other.drop_collection(name)
    other.close()
    client.drop_database("tenant")


def test_names_of_one_are_unknown_in_the_other(server, tenants):
    default, tenant = tenants
    assert sorted(default.list_databases()) == ["default", "tenant"]
    for client, word in ((default, "here"), (tenant, "there")):
        client.create_collection("same", dimension=2)
        client.insert("same", [{"id": 1, "vector": [1.0, 0.0], "word": word}])
        assert [hit["entity"]["word"] for hit in client.search("same", [[1.0, 0.0]], output_fields=["word"])[0]] == [word]
    tenant.create_collection("own", dimension=2)
    tenant.create_alias("own", "alias")
    assert default.list_collections() == ["same"] and sorted(tenant.list_collections()) == ["own", "same"]
    assert not default.has_collection("own") and not default.has_collection("alias")
    assert tenant.describe_alias("alias") == {"alias": "alias", "collection_name": "own", "db_name": "tenant"}
    assert refused(100, default.describe_collection, "own") == "can't find collection[database=default][collection=own]"
    assert refused(1600, default.describe_alias, "alias") == "alias not found[database=default][alias=alias]"
    # The same data by the other protocol.
    body = {"collectionName": "same", "filter": "id == 1", "outputFields": ["word"]}
    assert server.rest("entities/query", body)["data"] == [{"id": 1, "word": "here"}]
    assert server.rest("entities/query", body | {"dbName": "tenant"})["data"] == [{"id": 1, "word": "there"}]
    # What names a database is no name of a collection.
    assert refused(1100, default.describe_collection, "tenant.same").startswith("Invalid collection name")


def test_use_database(server, tenants):
    default, tenant = tenants
    tenant.create_collection("own", dimension=2)
    client = MilvusClient(uri=server.uri, token=TOKEN)
    client.use_database("tenant")
    assert client.list_collections() == ["own"]
    assert refused(800, client.use_database, "none") == "database not found[database=none]"
    client.use_database("default")
    assert client.list_collections() == []
    client.close()
    with pytest.raises(MilvusException) as caught:
        MilvusClient(uri=server.uri, token=TOKEN, db_name="none").list_collections()
    assert caught.value.code == 800


def test_create_and_drop(tenants):
    default, tenant = tenants
    assert refused(65535, default.create_database, "tenant") == "database already exist: tenant"
    assert "invalid database name[database=a-b]" in refused(802, default.create_database, "a-b")
    tenant.create_collection("own", dimension=2)
    assert refused(1100, default.drop_database, "tenant") == (
        "database:tenant not empty, must drop all collections before drop database: invalid parameter")
    assert "can not drop default database" in refused(1100, default.drop_database, "default")
    refused(800, default.drop_database, "none")


def test_properties(tenants):
    default, _ = tenants
    described = default.describe_database("tenant")
    assert described["name"] == "tenant" and described["database.max.collections"] == "10"
    default.alter_database_properties("tenant", {"a": "b"})
    default.drop_database_properties("tenant", ["database.max.collections"])
    described = default.describe_database("tenant")
    assert described["a"] == "b" and "database.max.collections" not in described
    assert default.describe_database("default")["name"] == "default"


def test_rename_into_another(tenants):
    default, tenant = tenants
    default.create_collection("moving", dimension=2)
    default.insert("moving", [{"id": 1, "vector": [1.0, 0.0]}])
    default.create_alias("moving", "alias")
    assert "must drop all aliases" in refused(1100, default.rename_collection, "moving", "moved", target_db="tenant")
    default.drop_alias("alias")
    refused(800, default.rename_collection, "moving", "moved", target_db="none")
    default.rename_collection("moving", "moved", target_db="tenant")
    assert default.list_collections() == [] and tenant.get_collection_stats("moved") == {"row_count": 1}


def test_older_interface(server, tenants):
    _, tenant = tenants
    tenant.create_collection("own", dimension=2)
    connections.connect("older", uri=server.uri, token=TOKEN, db_name="tenant")
    assert Collection("own", using="older").num_entities == 0
    assert sorted(db.list_database(using="older")) == ["default", "tenant"]
    db.using_database("default", using="older")
    with pytest.raises(Exception):
        Collection("own", using="older")
    connections.disconnect("older")


def test_after_a_kill(server, tenants):
    _, tenant = tenants
    tenant.create_collection("own", dimension=2)
    tenant.insert("own", [{"id": 1, "vector": [1.0, 0.0]}])
    server.stop(signal.SIGKILL)
    server.start()
    again = MilvusClient(uri=server.uri, token=TOKEN, db_name="tenant")
    assert again.list_collections() == ["own"]
    assert [row["id"] for row in again.query("own", "id > 0")] == [1]
    again.close()
