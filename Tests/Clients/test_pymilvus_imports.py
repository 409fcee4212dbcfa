"""Imports of files through REST and pymilvus' utility."""

import importlib.util
import json
import os
import pathlib
import signal
import threading
import time

import numpy
import pymilvus
import pytest
from pymilvus import DataType, MilvusClient, MilvusException, connections, utility

from conftest import TOKEN, Server

# Its package wants libraries for remote storage; the file alone does not.
path = pathlib.Path(pymilvus.__file__).parent / "bulk_writer" / "bulk_import.py"
specification = importlib.util.spec_from_file_location("bulk_import", path)
bulk = importlib.util.module_from_spec(specification)
specification.loader.exec_module(bulk)


@pytest.fixture(scope="module")
def importing(tmp_path_factory):
    """A server that imports from `files` in its directory."""
    directory = tmp_path_factory.mktemp("importing")
    (directory / "files").mkdir()
    server = Server(directory, "--import-directory", str(directory / "files"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def target(importing):
    client = MilvusClient(uri=importing.uri, token=TOKEN)
    schema = client.create_schema(auto_id=False, enable_dynamic_field=True)
    schema.add_field("pk", DataType.INT64, is_primary=True)
    schema.add_field("v", DataType.FLOAT_VECTOR, dim=2)
    schema.add_field("age", DataType.INT16, nullable=True)
    index = client.prepare_index_params()
    index.add_index("v", index_type="FLAT", metric_type="L2")
    client.create_collection("target", schema=schema, index_params=index)
    yield client
    client.drop_collection("target")
    client.close()


def ended(server, job):
    """The description of a job that has ended."""
    while True:
        found = server.rest("jobs/import/get_progress", {"jobId": job})["data"]
        if found["state"] in ("Completed", "Failed"):
            return found
        time.sleep(0.02)


def create(server, files, **more):
    return server.rest("jobs/import/create", {"collectionName": "target", "files": files, **more})


def test_rows_and_columns(importing, target):
    files = importing.directory / "files"
    rows = [{"pk": pk, "v": [float(pk), 0.5], "age": pk % 100, "word": f"w{pk}"} for pk in range(5000)]
    (files / "lines.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows[:2500]))
    (files / "rows.json").write_text(json.dumps({"rows": rows[2500:4000]}))
    (files / "list.json").write_text(json.dumps(rows[4000:]))
    (files / "set").mkdir(exist_ok=True)
    numpy.save(files / "set" / "pk.npy", numpy.arange(5000, 40000, dtype=numpy.int64))
    numpy.save(files / "set" / "v.npy", numpy.arange(70000, dtype=numpy.float32).reshape(35000, 2))
    numpy.save(files / "set" / "age.npy", numpy.arange(35000, dtype=numpy.int32) % 7)
    sets = [["lines.jsonl"], ["rows.json"], [str(files / "list.json")], ["set/pk.npy", "set/v.npy", "set/age.npy"]]
    answer = bulk.bulk_import(url=importing.uri, collection_name="target", files=sets, api_key=TOKEN).json()
    found = ended(importing, answer["data"]["jobId"])
    assert found["state"] == "Completed" and found["progress"] == 100, found
    assert found["importedRows"] == 40000 and found["fileSize"] > 0 and found["collectionName"] == "target"
    assert target.get_collection_stats("target") == {"row_count": 40000}
    assert target.get("target", [7])[0] == rows[7]
    assert target.get("target", [4321])[0] == rows[4321]
    assert target.get("target", [39999])[0] == {"pk": 39999, "v": [69998.0, 69999.0], "age": 34999 % 7}
    progress = bulk.get_import_progress(url=importing.uri, job_id=answer["data"]["jobId"], api_key=TOKEN).json()
    assert progress["data"]["state"] == "Completed"
    listed = bulk.list_import_jobs(url=importing.uri, collection_name="target", api_key=TOKEN).json()
    assert answer["data"]["jobId"] in [record["jobId"] for record in listed["data"]["records"]]


def test_utility(importing, target):
    target.create_partition("target", "part")
    (importing.directory / "files" / "one.json").write_text(json.dumps([{"pk": 1, "v": [1, 2]}]))
    connections.connect("older", uri=importing.uri, token=TOKEN)
    task = utility.do_bulk_insert("target", ["one.json"], partition_name="part", using="older")
    while (state := utility.get_bulk_insert_state(task, using="older")).state_name not in ("Completed", "Failed"):
        time.sleep(0.02)
    assert state.state_name == "Completed" and state.row_count == 1 and state.infos["collection"] == "target"
    assert [task.task_id for task in utility.list_bulk_insert_tasks(using="older", collection_name="target")][0] == task
    assert [row["pk"] for row in target.query("target", "pk > 0", partition_names=["part"])] == [1]
    with pytest.raises(MilvusException) as caught:
        utility.do_bulk_insert("target", ["none.json"], using="older")
    assert caught.value.code == 2100
    connections.disconnect("older")


def test_outside_of_the_folder(importing, target):
    files = importing.directory / "files"
    (importing.directory / "secret.json").write_text("[]")
    (importing.directory / "files2").mkdir(exist_ok=True)
    (importing.directory / "files2" / "near.json").write_text("[]")
    if not (files / "link.json").exists():
        os.symlink(importing.directory / "secret.json", files / "link.json")
    for name in ("../secret.json", "/etc/passwd", str(importing.directory / "secret.json"), "link.json", "none.json",
                 "../files2/near.json", "..", ".", "a\0b.json"):
        answer = create(importing, [[name]])
        assert answer["code"] == 2100, (name, answer)
        assert name == "." or "is not in the folder" in answer["message"], answer
    assert create(importing, [])["code"] == 2100
    assert create(importing, [[]])["code"] == 2100


@pytest.mark.parametrize("name, text, says", [
    ("row.jsonl", '{"pk": 1, "v": [1, 2]}\n{"pk": 2, "v": [1]}\n', "doesn't equal to vector dimension"),
    ("line.jsonl", '{"pk": 1, "v": [1, 2]}\nnonsense\n', "line 2"),
    ("broken.json", '{"rows": [', "is no JSON"),
    ("shape.json", '{"lines": []}', "expected an array of objects"),
    ("kind.csv", "a,b", "expected .json, .jsonl or .npy"),
    ("missing.json", '[{"v": [1, 2]}]', "primary key"),
])
def test_bad_files(importing, target, name, text, says):
    (importing.directory / "files" / name).write_text(text)
    found = ended(importing, create(importing, [[name]])["data"]["jobId"])
    assert found["state"] == "Failed" and says in found["reason"] and name in found["reason"], found
    assert target.get_collection_stats("target") == {"row_count": 0}


def test_goes_on_after_a_kill(importing, target):
    lines = "".join(json.dumps({"pk": pk, "v": [pk, 0]}) + "\n" for pk in range(40000))
    (importing.directory / "files" / "many.jsonl").write_text(lines)
    job = create(importing, [["many.jsonl"]])["data"]["jobId"]
    while importing.rest("jobs/import/get_progress", {"jobId": job})["data"]["importedRows"] == 0:
        time.sleep(0.005)
    importing.stop(signal.SIGKILL)
    importing.start()
    found = ended(importing, job)
    assert found["state"] == "Completed" and found["importedRows"] == 40000, found
    assert importing.rest("collections/get_stats", {"collectionName": "target"})["data"] == {"rowCount": 40000}


@pytest.mark.parametrize("kind", [DataType.INT64, DataType.VARCHAR])
def test_keys_of_the_collection(importing, kind):
    client = MilvusClient(uri=importing.uri, token=TOKEN)
    schema = client.create_schema(auto_id=True)
    schema.add_field("pk", kind, is_primary=True, max_length=40)
    schema.add_field("v", DataType.FLOAT_VECTOR, dim=2)
    schema.add_field("number", DataType.INT64)
    index = client.prepare_index_params()
    index.add_index("v", index_type="FLAT", metric_type="L2")
    client.create_collection("target", schema=schema, index_params=index)
    try:
        files = importing.directory / "files"
        count = 60000
        (files / "own.jsonl").write_text("".join(
            json.dumps({"v": [number, 0], "number": number}) + "\n" for number in range(count)))
        job = create(importing, [["own.jsonl"]])["data"]["jobId"]
        inserted = 0
        # Killed wherever it is, again and again; others write in between.
        for rows in (1, 9000, 20000, 35000, 45000):
            while importing.rest("jobs/import/get_progress", {"jobId": job})["data"]["importedRows"] < rows:
                time.sleep(0.003)
            importing.stop(signal.SIGKILL)
            importing.start()
            row = {"v": [0, 1], "number": count + inserted}
            assert importing.rest("entities/insert", {"collectionName": "target", "data": [row]})["code"] == 0
            inserted += 1
        found = ended(importing, job)
        assert found["state"] == "Completed" and found["importedRows"] == count, found
        client.close()
        client = MilvusClient(uri=importing.uri, token=TOKEN)
        total = client.query("target", "", output_fields=["count(*)"])[0]["count(*)"]
        assert total == count + inserted
        numbers = set()
        for first in range(0, count + inserted, 10000):
            rows = client.query("target", f"number >= {first} and number < {first + 10000}", output_fields=["number"])
            numbers |= {row["number"] for row in rows}
        assert numbers == set(range(count + inserted))
        # Columns, and the older interface; keys go on behind those that were given.
        (files / "columns").mkdir(exist_ok=True)
        numpy.save(files / "columns" / "v.npy", numpy.zeros((50, 2), dtype=numpy.float32))
        numpy.save(files / "columns" / "number.npy", numpy.arange(50, dtype=numpy.int64) + 10**6)
        connections.connect("own", uri=importing.uri, token=TOKEN)
        task = utility.do_bulk_insert("target", ["columns/v.npy", "columns/number.npy"], using="own")
        while (state := utility.get_bulk_insert_state(task, using="own")).state_name not in ("Completed", "Failed"):
            time.sleep(0.02)
        assert state.state_name == "Completed", state
        connections.disconnect("own")
        assert len(client.query("target", f"number >= {10**6}")) == 50
        # Keys are the collection's to give.
        (files / "keyed.json").write_text(json.dumps([{"pk": 1, "v": [1, 2], "number": 1}]))
        refused = ended(importing, create(importing, [["keyed.json"]])["data"]["jobId"])
        assert refused["state"] == "Failed" and "autoID == true" in refused["reason"], refused
        numpy.save(files / "columns" / "pk.npy", numpy.arange(50, dtype=numpy.int64))
        refused = ended(importing, create(
            importing, [["columns/v.npy", "columns/number.npy", "columns/pk.npy"]])["data"]["jobId"])
        assert refused["state"] == "Failed" and "leave the file out" in refused["reason"], refused
    finally:
        client.drop_collection("target")
        client.close()


def test_options(importing, target):
    (importing.directory / "files" / "option.json").write_text(json.dumps([{"pk": 1, "v": [1, 2]}]))
    found = create(importing, [["option.json"]], options={"timeout": "300s", "auto_commit": "true"})
    assert ended(importing, found["data"]["jobId"])["state"] == "Completed"
    for name, value in (("auto_commit", "maybe"), ("backup", "true"), ("sep", ";")):
        answer = create(importing, [["option.json"]], options={name: value})
        assert answer["code"] == 2100 and f"option {name}={value}" in answer["message"], answer


def reached(server, job, *states):
    """The state of a job that has got so far."""
    while True:
        state = server.rest("jobs/import/describe", {"jobId": job})["data"]["state"]
        if state in states:
            return state
        assert state not in ("Completed", "Failed"), state
        time.sleep(0.005)


def rows_of(client):
    """As a query, a search and the statistics count them."""
    counted = client.query("target", "", output_fields=["count(*)"])[0]["count(*)"]
    found = client.search("target", [[0.0, 0.0]], limit=16000)[0]
    assert len(found) == min(counted, 16000)
    return counted


def test_one_moment(importing, target):
    """Readers through both protocols, from the order to the end: they see the rows that were there, or all."""
    (importing.directory / "files" / "moment.jsonl").write_text("".join(
        json.dumps({"pk": pk, "v": [pk, 1], "age": 7}) + "\n" for pk in range(15000)))
    target.insert("target", [{"pk": pk, "v": [0, 0], "age": 1} for pk in range(5000)])
    seen, ends, failures = set(), [], []
    over = threading.Event()

    def read(look):
        try:
            while not over.is_set():
                seen.add(look())
            seen.add(look())
            ends.append(look())
        except Exception as error:
            failures.append(error)

    def query():
        client = clients.pop()
        return lambda: tuple(
            client.query("target", f"age == {age}", output_fields=["count(*)"])[0]["count(*)"] for age in [7])

    def rest():
        answer = importing.rest("entities/query", {
            "collectionName": "target", "filter": "age == 7", "outputFields": ["count(*)"]})
        return (answer["data"][0]["count(*)"],)

    def search():
        hits = importing.rest("entities/search", {
            "collectionName": "target", "data": [[0, 0]], "limit": 15000, "outputFields": ["age"]})["data"]
        return (sum(hit["age"] == 7 for hit in hits),)

    clients = [MilvusClient(uri=importing.uri, token=TOKEN)]
    threads = [threading.Thread(target=read, args=(look,)) for look in (query(), rest, search)]
    for thread in threads:
        thread.start()
    job = create(importing, [["moment.jsonl"]])["data"]["jobId"]
    assert ended(importing, job)["state"] == "Completed"
    over.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert seen <= {(0,), (15000,)} and ends == [(15000,)] * 3, seen


def test_commit(importing, target):
    (importing.directory / "files" / "two.jsonl").write_text("".join(
        json.dumps({"pk": pk, "v": [pk, 1]}) + "\n" for pk in range(9000)))
    wait = {"options": {"auto_commit": "false"}}
    job = create(importing, [["two.jsonl"]], **wait)["data"]["jobId"]
    reached(importing, job, "Uncommitted")
    (importing.directory / "files" / "two.jsonl").unlink()
    described = importing.rest("jobs/import/describe", {"jobId": job})["data"]
    assert described["importedRows"] == described["totalRows"] == 9000 and described["progress"] < 100
    assert described["details"][0]["totalRows"] == 9000 and described["details"][0]["fileSize"] == described["fileSize"] > 0
    assert rows_of(target) == 0
    # Neither writes nor a crash change anything.
    target.insert("target", [{"pk": 100000, "v": [1, 1]}, {"pk": 7, "v": [5, 5]}])
    importing.stop(signal.SIGKILL)
    importing.start()
    assert reached(importing, job, "Uncommitted") and rows_of(target) == 2
    assert importing.rest("jobs/import/commit", {"jobId": job}) == {"code": 0, "data": {}}
    assert ended(importing, job)["state"] == "Completed"
    assert rows_of(target) == 9001
    assert target.get("target", [7])[0]["v"] == [7.0, 1.0]
    # Again is harmless, and it is too late to abort.
    assert importing.rest("jobs/import/commit", {"jobId": job}) == {"code": 0, "data": {}}
    answer = importing.rest("jobs/import/abort", {"jobId": job})
    assert answer["code"] == 2100 and "abort not allowed" in answer["message"], answer
    target.drop_collection("target")


def test_killed_while_committing(importing, target):
    (importing.directory / "files" / "killed.jsonl").write_text("".join(
        json.dumps({"pk": pk, "v": [pk, 1]}) + "\n" for pk in range(20000)))
    for delay in (0, 0.01, 0.03, 0.1):
        job = create(importing, [["killed.jsonl"]], options={"auto_commit": "false"})["data"]["jobId"]
        reached(importing, job, "Uncommitted")
        assert importing.rest("jobs/import/commit", {"jobId": job})["code"] == 0
        time.sleep(delay)
        importing.stop(signal.SIGKILL)
        importing.start()
        assert importing.rest("collections/get_stats", {"collectionName": "target"})["data"]["rowCount"] in (0, 20000)
        assert ended(importing, job)["state"] == "Completed"
        assert importing.rest("collections/get_stats", {"collectionName": "target"})["data"]["rowCount"] == 20000
        assert importing.rest("entities/delete", {"collectionName": "target", "filter": "pk >= 0"})["code"] == 0


def test_abort(importing, target):
    (importing.directory / "files" / "three.jsonl").write_text("".join(
        json.dumps({"pk": pk, "v": [pk, 1]}) + "\n" for pk in range(30000)))
    wait = {"options": {"auto_commit": "false"}}
    job = create(importing, [["three.jsonl"]], **wait)["data"]["jobId"]
    early = importing.rest("jobs/import/commit", {"jobId": job})
    if early["code"] != 0:
        assert early["code"] == 2100 and "expected Uncommitted" in early["message"], early
    assert importing.rest("jobs/import/abort", {"jobId": job}) == {"code": 0, "data": {}}
    found = importing.rest("jobs/import/describe", {"jobId": job})["data"]
    assert found["state"] == "Failed" and found["reason"] == "aborted by user", found
    held = create(importing, [["three.jsonl"]], **wait)["data"]["jobId"]
    reached(importing, held, "Uncommitted")
    assert [record["state"] for record in importing.rest(
        "jobs/import/list", {"collectionName": "target"})["data"]["records"]][:2] == ["Uncommitted", "Failed"]
    assert importing.rest("jobs/import/abort", {"jobId": held}) == {"code": 0, "data": {}}
    assert importing.rest("jobs/import/abort", {"jobId": held}) == {"code": 0, "data": {}}
    assert rows_of(target) == 0
    answer = importing.rest("jobs/import/commit", {"jobId": held})
    assert answer["code"] == 2100 and "state Failed" in answer["message"], answer
    # What commits itself.
    (importing.directory / "files" / "own.json").write_text(json.dumps([{"pk": 1, "v": [1, 2]}]))
    done = create(importing, [["own.json"]])["data"]["jobId"]
    ended(importing, done)
    for action, says in (("commit", "auto_commit"), ("abort", "Completed")):
        answer = importing.rest(f"jobs/import/{action}", {"jobId": done})
        assert answer["code"] == 2100 and says in answer["message"], answer
        assert importing.rest(f"jobs/import/{action}", {})["code"] == 1802
        assert importing.rest(f"jobs/import/{action}", {"jobId": "987654321"})["code"] == 2100
        assert importing.rest(f"jobs/import/{action}", {"jobId": "no number"})["code"] == 2100
    assert list((importing.directory / "data" / "imports").iterdir()) == []


def test_commit_of_an_older_interface(importing, target):
    (importing.directory / "files" / "older.json").write_text(json.dumps([{"pk": 1, "v": [1, 2]}]))
    connections.connect("wait", uri=importing.uri, token=TOKEN)
    # It has no way to ask for that, and shows it.
    task = int(create(importing, [["older.json"]], options={"auto_commit": "false"})["data"]["jobId"])
    reached(importing, str(task), "Uncommitted")
    assert utility.get_bulk_insert_state(task, using="wait").state_name not in ("Completed", "Failed")
    assert rows_of(target) == 0
    assert importing.rest("jobs/import/commit", {"jobId": str(task)})["code"] == 0
    while utility.get_bulk_insert_state(task, using="wait").state_name != "Completed":
        time.sleep(0.01)
    connections.disconnect("wait")
    assert rows_of(target) == 1


def test_without_a_folder(server, client):
    client.create_collection("target", dimension=2)
    answer = create(server, [["a.json"]])
    assert answer["code"] == 2100 and "--import-directory" in answer["message"]
