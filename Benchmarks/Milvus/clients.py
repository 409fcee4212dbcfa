"""What clients do: each is a process of its own with its own connection, all begin at the same moment."""

import multiprocessing
import queue
import time

import numpy as np
from pymilvus import MilvusClient

K = 10
BATCH = 1_000
WAIT_SECONDS_MAX = 1_200


def insert(client, about, share, _):
    """Rows of its share in batches, each answered before the next is sent."""
    vectors = np.load(about["base"], mmap_mode="r")
    latencies = []
    for first in range(share.start, share.stop, BATCH):
        rows = vectors[first:min(first + BATCH, share.stop)]
        # Lists of floats are what applications have; making them is not the server's time.
        data = [{"id": first + place, "vector": row} for place, row in enumerate(rows.tolist())]
        start = time.perf_counter()
        answer = client.insert(about["collection"], data)
        latencies.append(time.perf_counter() - start)
        if answer["insert_count"] != len(data):
            raise RuntimeError(f"{len(data)} rows were sent, {answer} was answered")
    return {"count": len(share), "latencies": latencies}


def search(client, about, share, begin):
    """One query after the other, from its own place in the list, for about["seconds"]; checks what comes back."""
    queries = np.load(about["queries"])
    truth = np.load(about["truth"])[:, :K]
    inputs = [[row] for row in queries.tolist()]
    latencies, found, place = [], 0, share.start
    while not latencies or time.perf_counter() < begin + about["seconds"]:
        start = time.perf_counter()
        answer = client.search(
            about["collection"], inputs[place], limit=K, search_params={"params": about["params"]})
        latencies.append(time.perf_counter() - start)
        found += len({hit["id"] for hit in answer[0]} & set(truth[place].tolist()))
        place = (place + 1) % len(inputs)
    return {"count": len(latencies), "latencies": latencies, "recall": found / (K * len(latencies))}


def work(uri, what, about, share, gate, answers):
    try:
        client = MilvusClient(uri, token="root:Milvus")
        client.describe_collection(about["collection"])
        if what is search:
            search(client, about | {"seconds": 0}, share, 0)
        gate.wait()
        begin = time.perf_counter()
        answer = what(client, about, share, begin)
        answers.put(answer | {"begin": begin, "end": time.perf_counter()})
    except Exception as error:  # told to the parent, which raises it
        gate.abort()
        answers.put({"error": f"{type(error).__name__}: {error}"})


def run(uri, what, about, shares):
    """What all clients together did: rate, seconds, p50 and p99 of a call in milliseconds, recall where it was looked at."""
    processes = multiprocessing.get_context("spawn")
    gate, answers = processes.Barrier(len(shares)), processes.Queue()
    clients = [processes.Process(target=work, args=(uri, what, about, share, gate, answers)) for share in shares]
    for client in clients:
        client.start()
    try:
        results = [answers.get(timeout=WAIT_SECONDS_MAX) for _ in clients]
    except queue.Empty:
        raise RuntimeError(f"clients did not end within {WAIT_SECONDS_MAX} s") from None
    finally:
        for client in clients:
            client.join(5)
            client.kill()
    errors = [result["error"] for result in results if "error" in result and "BrokenBarrier" not in result["error"]]
    if errors:
        raise RuntimeError(errors[0])
    seconds = max(result["end"] for result in results) - min(result["begin"] for result in results)
    latencies = 1e3 * np.concatenate([result["latencies"] for result in results])
    count = sum(result["count"] for result in results)
    summary = {
        "count": count, "seconds": seconds, "rate": count / seconds,
        "p50_ms": float(np.percentile(latencies, 50)), "p99_ms": float(np.percentile(latencies, 99))}
    if "recall" in results[0]:
        summary["recall"] = float(np.average(
            [result["recall"] for result in results], weights=[result["count"] for result in results]))
    return summary
