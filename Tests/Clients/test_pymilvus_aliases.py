"""What Milvus' aliases do, row by row, through pymilvus and beside it through REST."""

import pytest
from pymilvus import MilvusClient, MilvusException

from conftest import TOKEN
from milvus_refusal import refused


@pytest.fixture
def two(client):
    for name in ("first", "second"):
        client.create_collection(name, dimension=2)
    client.create_alias("first", "bob")
    return client


def test_the_page_manage_aliases(server):
    # The page's code but for the address.
    client = MilvusClient(uri=server.uri, token="root:Milvus")
    for name in ("my_collection_1", "my_collection_2"):
        client.create_collection(name, dimension=5)

    # Create aliases
    client.create_alias(collection_name="my_collection_1", alias="bob")
    client.create_alias(collection_name="my_collection_1", alias="alice")

    # List aliases
    res = client.list_aliases(collection_name="my_collection_1")
    assert sorted(res.pop("aliases")) == ["alice", "bob"]
    assert res == {"collection_name": "my_collection_1", "db_name": "default"}

    # Describe aliases
    res = client.describe_alias(alias="bob")
    assert res == {"alias": "bob", "collection_name": "my_collection_1", "db_name": "default"}

    # Reassign aliases to other collections
    client.alter_alias(collection_name="my_collection_2", alias="alice")
    res = client.list_aliases(collection_name="my_collection_2")
    assert res == {"aliases": ["alice"], "collection_name": "my_collection_2", "db_name": "default"}
    res = client.list_aliases(collection_name="my_collection_1")
    assert res == {"aliases": ["bob"], "collection_name": "my_collection_1", "db_name": "default"}

    # Drop alias
    client.drop_alias(alias="bob")
    client.drop_alias(alias="alice")
    for name in ("my_collection_1", "my_collection_2"):
        client.drop_collection(name)
    client.close()


def test_create_again_is_no_change(two):
    two.create_alias("first", "bob")
    assert two.describe_alias("bob")["collection_name"] == "first"


def test_create_of_one_that_is_bound_elsewhere(two):
    message = refused(1602, two.create_alias, "second", "bob")
    assert message == "bob is alias to another collection: first: alias already exist[database=default][alias=bob]"


def test_create_with_a_collections_name(two):
    for collection in ("first", "second"):
        message = refused(1601, two.create_alias, collection, "first")
        assert message == "alias and collection name conflict[database=default][alias=first]"


def test_missing_collections(two):
    assert refused(100, two.create_alias, "none", "new") == "collection not found[database=default][collection=none]"
    assert refused(100, two.alter_alias, "none", "bob") == "collection not found[collection=none]"


def test_an_alias_for_the_collection(two):
    two.create_alias("bob", "carol")
    assert two.describe_alias("carol")["collection_name"] == "first"
    two.alter_alias("second", "bob")
    assert two.describe_alias("carol")["collection_name"] == "first"


def test_alter(two):
    assert refused(1600, two.alter_alias, "first", "new") == "alias not found[database=default][alias=new]"
    assert two.list_aliases()["aliases"] == ["bob"]
    two.alter_alias("first", "bob")
    two.alter_alias("second", "bob")
    assert two.describe_alias("bob")["collection_name"] == "second"


def test_drop_twice(two):
    two.drop_alias("bob")
    two.drop_alias("bob")
    assert refused(1600, two.describe_alias, "bob") == "alias not found[database=default][alias=bob]"


def test_list(two):
    two.create_alias("second", "alice")
    assert sorted(two.list_aliases()["aliases"]) == ["alice", "bob"]
    assert two.list_aliases("first")["aliases"] == ["bob"]
    assert refused(100, two.list_aliases, "none") == "collection not found[collection=none]"


def test_drop_collection(two):
    assert refused(1100, two.drop_collection, "first") == (
        "unable to drop the collection [first] because it has associated aliases [bob], "
        "please remove all aliases before dropping the collection: invalid parameter")
    assert refused(1100, two.drop_collection, "bob") == (
        "cannot drop the collection via alias = bob: invalid parameter")
    two.drop_collection("nowhere")


def test_rename(two):
    assert refused(1100, two.rename_collection, "bob", "third") == (
        "unsupported use an alias to rename collection, alias:bob: invalid parameter")
    assert refused(1601, two.rename_collection, "first", "bob") == (
        "alias and collection name conflict[database=default][alias=bob]")
    assert "duplicated new collection name second" in refused(1100, two.rename_collection, "first", "second")
    two.rename_collection("first", "third")
    assert two.describe_alias("bob")["collection_name"] == "third"
    assert two.describe_collection("bob")["collection_name"] == "third"
    assert not two.has_collection("first")


def test_create_collection_with_an_alias_name(two):
    assert "please choose a unique name" in refused(1601, two.create_collection, "bob", dimension=2)


def test_describe_collection(server, two):
    # gRPC echoes the alias, the schema has the name; pymilvus shows the latter.
    assert two.describe_collection("bob")["collection_name"] == "first"
    assert server.rest("collections/describe", {"collectionName": "bob"})["data"]["collectionName"] == "bob"
    two.drop_alias("bob")
    assert refused(100, two.describe_collection, "bob") == "can't find collection[database=default][collection=bob]"
    assert not two.has_collection("bob")


@pytest.mark.parametrize("name, says", [
    ("12-s", "the first character of a collection alias must be an underscore or letter: invalid parameter"),
    ("a-b", "collection alias can only contain numbers, letters and underscores: invalid parameter"),
    ("x" * 256, "the length of a collection alias must be less than 255 characters: invalid parameter"),
])
def test_names(two, name, says):
    message = refused(1100, two.create_alias, "first", name)
    assert message == f"Invalid collection alias: {name}. {says}"


def test_everything_through_an_alias(server, two):
    two.insert("bob", [{"id": 1, "vector": [1.0, 0.0], "color": "red"}, {"id": 2, "vector": [0.0, 1.0]}])
    two.flush("bob")
    assert two.get_collection_stats("bob") == {"row_count": 2}
    assert [hit["id"] for hit in two.search("bob", [[1.0, 0.1]], limit=2)[0]] == [1, 2]
    assert list(two.query("bob", "color == 'red'", output_fields=["color"])) == [{"id": 1, "color": "red"}]
    two.release_collection("bob")
    assert "collection not loaded" in refused(101, two.search, "bob", [[1.0, 0.1]])
    two.load_collection("bob")
    assert str(two.get_load_state("bob")["state"]) == "Loaded"
    assert two.list_indexes("bob") == ["vector"]
    assert two.delete("bob", ids=[1])["delete_count"] == 1
    assert two.list_partitions("bob") == ["_default"]
    # The same data by the other protocol.
    rows = server.rest("entities/query", {"collectionName": "first", "filter": "id > 0", "outputFields": ["id"]})
    assert rows["data"] == [{"id": 2}]


def test_cached_schemas_heal_after_a_swap(client):
    """pymilvus keeps a collection's schema under the alias; the server makes it look again."""
    client.create_collection("old", dimension=2)
    schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
    from pymilvus import DataType

    schema.add_field("key", DataType.VARCHAR, is_primary=True, max_length=20)
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=3)
    index = client.prepare_index_params()
    index.add_index("vector", index_type="FLAT", metric_type="L2")
    client.create_collection("new", schema=schema, index_params=index)
    client.create_alias("old", "serving")
    client.insert("serving", [{"id": 1, "vector": [1.0, 0.0]}])
    client.alter_alias("new", "serving")
    client.insert("serving", [{"key": "a", "vector": [1.0, 0.0, 0.0]}])
    assert list(client.query("serving", "key == 'a'", output_fields=["vector"])) == [
        {"key": "a", "vector": [1.0, 0.0, 0.0]}]
    assert client.get_collection_stats("old") == {"row_count": 1}


def test_wrong_token(server):
    with pytest.raises(MilvusException):
        MilvusClient(uri=server.uri, token="root:wrong")
    MilvusClient(uri=server.uri, token=TOKEN).close()
