"""The groups about graphs: search, build, memory and switch. compare.py starts them."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

import curves
import report
from contestants import CORE, ONE_THREAD, SECONDS
from targets import (
    GRAPH_BUILDS, GRAPH_CODES, GRAPH_PEERS, GRAPH_RESCORING, GRAPH_WIDTHS, SWITCH_CODES, SWITCH_QUERIES, SWITCH_SECONDS,
    SWITCH_THREADS, TARGET_RECALL)

# Times that the codes are passed through while searches run.
LOAD_ROUNDS = 5
GROUPS = ("graph-search", "graph-build", "graph-memory", "switch")
RECALLS = (0.95, TARGET_RECALL)
UNTIL = 0.995  # a sweep ends with the first point that reaches it
THREADS = len(os.sched_getaffinity(0))  # of builds
LONGEST = 3_600  # seconds of one Moult command


class GraphPeer:
    """A peer in a process of its own: whatever it does to itself, the others go on."""

    def __init__(self, directory, name, rows):
        self.name = name
        self.talk = tempfile.TemporaryFile("w+")
        driver = pathlib.Path(__file__).with_name("graph_peer.py")
        self.process = subprocess.Popen(
            [sys.executable, driver, directory, name, *([str(rows)] if rows else [])], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=self.talk, text=True,
            env=os.environ | {"MOULT_BENCH_CORE": CORE, "OMP_NUM_THREADS": str(THREADS), "OPENBLAS_NUM_THREADS": "1"})

    def ask(self, do, **command):
        try:
            self.process.stdin.write(json.dumps({"do": do, **command}) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if line:
            return json.loads(line)
        self.process.wait()
        self.talk.seek(0)
        last = (self.talk.read().strip().splitlines() or [f"exit status {self.process.returncode}"])[-1]
        return {"missing": f"its process ended: {last}"[:300]}

    def close(self):
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        self.process.wait()


class Graphs:
    """Measures one data set; tables and records go to the session, curves into its picture."""

    def __init__(self, session, rounds, peers=(), rows=None):
        self.session, self.rows = session, rows
        self.rounds, self.seconds = (1, 0.05) if rows else (rounds, SECONDS)
        session.graph_rows = rows or session.rows
        self.directory = session.moult.directory
        self.names = peers or GRAPH_PEERS

    def run(self, only):
        chosen = [group for group in GROUPS if not only or group in only]
        if set(chosen) & {"graph-search", "graph-memory"}:
            self.search(chosen)
        if "graph-build" in chosen:
            self.build()
        if "switch" in chosen:
            self.switch()

    # Plumbing.

    def record(self, group, who, name, answer):
        record = {"group": group, "who": who, "name": name, **answer}
        self.session.records.append(record)
        figure = answer.get("missing") or {key: answer[key] for key in ("build_seconds", "bytes_per_vector", "seconds") if key in answer}
        print(f"bench-peers: {self.session.name}: {group}: {name}: {figure}", file=sys.stderr)
        return record

    def peer(self, name):
        return GraphPeer(self.directory, name, self.rows)

    def moult(self, command, benchmark, threads=1):
        rows = f" --rows {self.rows}" if self.rows else ""
        return self.session.moult.lines(
            command + rows, benchmark, threads=threads, longest=LONGEST, truth=not self.rows and "switch" not in command)

    # Search and memory.

    def search(self, chosen):
        found = {}
        with tempfile.TemporaryDirectory() as folder:
            contestants = self.peers_built(found) + self.moults_built(folder, found)
            for turn in range(self.rounds):
                for name, sweep in contestants:
                    if "missing" in found[name]:
                        continue
                    answer = sweep()
                    if "missing" in answer:
                        found[name] |= answer
                        continue
                    kept = found[name].setdefault("points", {})
                    for recall, qps, parameter in answer["points"]:
                        old = kept.get(parameter, (recall, 0))
                        kept[parameter] = (recall, max(qps, old[1]))
                    print(f"bench-peers: {self.session.name}: graph-search: {name}: round {turn + 1}", file=sys.stderr)
            for peer in self.processes:
                peer.close()
        for name, answer in found.items():
            points = answer.pop("points", {})
            answer["sweep"] = [{"parameter": parameter, "recall": recall, "qps": qps} for parameter, (recall, qps) in points.items()]
            answer["points"] = list(points.values())
            answer["who"] = "moult" if name.startswith("Moult") else "peer"
            answer["name"] = name
            if points or answer["who"] == "moult":  # a peer that was not built has its line
                self.session.records.append(
                    {"group": "graph-search", **{key: answer[key] for key in answer if key != "points"}})
        good = [one for one in found.values() if one["points"]]
        moults, peers = ([one for one in good if one["who"] == who] for who in ("moult", "peer"))
        if "graph-search" in chosen:
            self.search_table(moults, peers)
            self.session.curves = [one | {"at": [curves.at(one["points"], recall) for recall in RECALLS]} for one in found.values()]
        if "graph-memory" in chosen:
            self.memory_table(moults, peers)

    def peers_built(self, found):
        contestants, self.processes = [], []
        for name in self.names:
            peer = self.peer(name)
            answer = peer.ask("build", threads=THREADS)
            found[name] = answer
            self.record("graph-search", "peer", name, answer)
            if "missing" in answer:
                peer.close()
                continue
            self.session.peers.about["versions"] |= answer["version"]
            self.processes.append(peer)
            contestants.append((name, lambda peer=peer: self.peer_sweep(peer)))
        return contestants

    def peer_sweep(self, peer):
        answer = peer.ask("sweep", seconds=self.seconds, until=UNTIL)
        if "missing" in answer:
            return answer
        return {"points": [(point["recall"], point["qps"], str(point["parameter"])) for point in answer["points"]]}

    def moults_built(self, folder, found):
        """All codes are searched over one graph, built with the first code."""
        graph = f"{folder}/graph"
        built = self.moult(
            f"graph --quantization {GRAPH_CODES[0]} --write-graph {graph} --ef 10 --seconds 0.01", "graph-build", THREADS)
        contestants = []
        for code in GRAPH_CODES:
            name = f"Moult {code.replace(' --bits ', ':')}"
            found[name] = {} if isinstance(built, dict) else {"build_seconds": built[0]["seconds"]}
            contestants.append((name, lambda name=name, code=code: self.moult_sweep(found[name], code, graph)))
        return contestants

    def moult_sweep(self, kept, code, graph):
        lines = self.moult(
            f"graph --quantization {code} --read-graph {graph} --ef {GRAPH_WIDTHS} --rescore {GRAPH_RESCORING} "
            f"--seconds {self.seconds}", "graph")
        if isinstance(lines, dict):
            return lines
        kept["bytes_per_vector"] = lines[0]["bytes_per_vector"]
        return {"points": [(one["recall"], one["qps"], f"{one['ef']} × {one['oversampling']:g}") for one in lines]}

    def search_table(self, moults, peers):
        for recall in RECALLS:
            what = f"graph search, one thread, recall {recall}"
            best = [
                max(((curves.at(one["points"], recall) or 0, one) for one in group), key=lambda pair: pair[0], default=(0, None))
                for group in (moults, peers)]
            (moult_qps, moult), (peer_qps, peer) = best
            if not moult_qps or not peer_qps:
                who = "Moult" if not moult_qps else "peer"
                self.session.row(what, {"name": "graph", "missing": f"no {who} reaches {recall}"}, target=1.2, note=f"no {who} reaches {recall}")
                continue
            ratio = moult_qps / peer_qps
            self.session.row(
                what, moult | {"best": moult_qps, "recall": recall}, peer | {"best": peer_qps}, ratio, 1.2, ratio >= 1.2, recall,
                "interpolated on the sweep")

    def memory_table(self, moults, peers):
        what = f"bytes a vector searched in memory, codes + graph, at recall {TARGET_RECALL}"
        enough = [one for one in moults if max(recall for recall, _ in one["points"]) >= TARGET_RECALL]
        hnswlib = next((one for one in peers if one["name"] == "hnswlib"), None)
        if not enough or not hnswlib:
            note = "hnswlib did not run" if enough else f"no code of Moult reaches {TARGET_RECALL}"
            return self.session.row(what, {"name": "graph", "missing": note}, target=3, note=note)
        for moult in sorted(enough, key=lambda one: one["bytes_per_vector"]):
            ratio = hnswlib["bytes_per_vector"] / moult["bytes_per_vector"]
            self.session.row(
                what, moult | {"best": moult["bytes_per_vector"]}, hnswlib | {"best": hnswlib["bytes_per_vector"]}, ratio, 3,
                ratio >= 3, note=f"at recall {TARGET_RECALL}: {report.number(curves.at(moult['points'], TARGET_RECALL))} / "
                f"{report.number(curves.at(hnswlib['points'], TARGET_RECALL))} queries/s; vectors for rescoring are on disk")

    # Build.

    def build(self):
        what = f"build of a graph that reaches {TARGET_RECALL}, seconds, {THREADS} threads"
        names = [name for name in ("hnswlib", "usearch-i8") if name in self.names]
        peers = {name: self.peer(name) for name in names}
        seconds = {}
        recalls = {}
        for _ in range(self.rounds):
            for name, peer in peers.items():
                answer = peer.ask("rebuild", threads=THREADS)
                self.record("graph-build", "peer", name, answer)
                if "missing" not in answer:
                    seconds[name] = min(seconds.get(name, answer["build_seconds"]), answer["build_seconds"])
            for code in GRAPH_BUILDS:
                # Searched with int8 and rescored, so that the recall is the graph's.
                lines = self.moult(
                    f"graph --quantization int8 --build-with {code} --ef 512 --rescore 4 --seconds 0.01", "graph-build graph", THREADS)
                answer = lines if isinstance(lines, dict) else lines[0]
                self.record("graph-build", "moult", f"graph --build-with {code}", answer)
                if "missing" not in answer:
                    seconds[code] = min(seconds.get(code, answer["seconds"]), answer["seconds"])
                    recalls[code] = lines[-1]["recall"]
        for peer in peers.values():
            peer.close()
        for name in names:
            for code in GRAPH_BUILDS:
                moult = {"name": f"graph --build-with {code}", "best": seconds.get(code), "recall": recalls.get(code)}
                if code not in seconds or name not in seconds:
                    self.session.row(what, moult | {"missing": ""}, target=3, note=f"{name if code in seconds else code} did not run")
                    continue
                ratio = seconds[name] / seconds[code]
                met = ratio >= 3 and recalls[code] >= TARGET_RECALL
                self.session.row(
                    what, moult, {"name": name, "best": seconds[name]}, ratio, 3, met,
                    note="training and encoding included; recall with a beam of 512")

    # Switch.

    def switch(self):
        through = ",".join(SWITCH_CODES[:-1])
        command = (
            f"switch --index hnsw --through {through} --quantization {SWITCH_CODES[-1]} --gate-queries {SWITCH_QUERIES}")
        steps, peers = {}, {}
        for _ in range(min(2, self.rounds)):
            self.switch_peers(peers)
            lines = self.moult(command, "switch", SWITCH_THREADS)
            for line in [lines] if isinstance(lines, dict) else lines:
                record = self.record("switch", "moult", f"switch to {line.get('quantization', '')}", line)
                if "missing" in line:
                    return self.session.row("switch", record, target=20, note=line["missing"])
                step = (line["switched_from"], line["quantization"])
                if step not in steps or line["seconds"] < steps[step]["seconds"]:
                    steps[step] = record
        for (before, after), moult in list(steps.items())[1:]:  # the first one builds the graph
            what = f"switch {before} → {after}, seconds, {SWITCH_THREADS} threads, {moult['query_count']} queries"
            moult = moult | {"best": moult["seconds"]}
            for name, seconds in peers.items():
                ratio = seconds / moult["seconds"]
                self.session.row(
                    what, moult, {"name": name, "best": seconds}, ratio, 20,
                    ratio >= 20 and moult["seconds"] <= SWITCH_SECONDS and moult["query_count"] >= SWITCH_QUERIES,
                    note=f"and ≤ {SWITCH_SECONDS} s; graph {moult['graph']}; {moult['note']}")
            if not peers:
                self.session.row(what, moult, met=moult["seconds"] <= SWITCH_SECONDS, note=f"no peer ran; ≤ {SWITCH_SECONDS} s")
            if "extra_mb" in moult:
                self.session.row(
                    f"peak memory of the switch {before} → {after}, beside the new codes, ≤ 64 MiB", moult,
                    met=moult["extra_mb"] <= 64, note=f"{moult['extra_mb']} MiB")
        self.switch_load()

    def switch_peers(self, best):
        """Seconds of the peers' ways to another code: the fastest change of qdrant-edge, a rebuild of faiss."""
        peer = self.peer("qdrant-edge")
        answer = peer.ask("requantize", codes=["int8", "binary", "int8"], threads=SWITCH_THREADS)
        peer.close()
        self.record("switch", "peer", "qdrant-edge", answer)
        if "missing" not in answer:
            seconds = min(change["seconds"] for change in answer["changes"])
            best["qdrant-edge re-quantization"] = min(best.get("qdrant-edge re-quantization", seconds), seconds)
            self.session.peers.about["versions"] |= answer["version"]
        peer = self.peer("faiss-HNSWSQ8")
        answer = peer.ask("rebuild", threads=SWITCH_THREADS)
        peer.close()
        self.record("switch", "peer", "faiss HNSW-SQ8 rebuild", answer)
        if "missing" not in answer:
            seconds = answer["build_seconds"]
            best["faiss HNSW-SQ8 rebuild"] = min(best.get("faiss HNSW-SQ8 rebuild", seconds), seconds)

    def switch_load(self):
        """Searches by one client meanwhile; each switch several times, since one has but a thousand searches."""
        through = ",".join((SWITCH_CODES * LOAD_ROUNDS)[:-1])
        command = (
            f"switch --index hnsw --through {through} --quantization {SWITCH_CODES[-1]} --gate-queries {SWITCH_QUERIES} "
            "--clients 1 --seconds 2")
        lines = self.moult(command, "switch", SWITCH_THREADS)
        if isinstance(lines, dict):
            return self.session.row("searches during a switch", {"name": command, **lines}, note=lines["missing"])
        steps = {}
        for line in lines[1:]:
            steps.setdefault((line["switched_from"], line["quantization"]), []).append(line)
        for (before, after), lines in steps.items():
            records = [self.record("switch", "moult", f"switch to {after} --clients 1", line) for line in lines]
            ratios = sorted(line["p99_ms"] / line["idle_p99_ms"] for line in lines)
            middle = sorted(lines, key=lambda line: line["p99_ms"] / line["idle_p99_ms"])[len(lines) // 2]
            failed, stale = (sum(line[name] for line in lines) for name in ("failed", "stale"))
            self.session.row(
                f"searches during the switch {before} → {after}: p99 ≤ 1.25 × idle, the median of {len(lines)} switches",
                records[0], met=ratios[len(ratios) // 2] <= 1.25 and failed == 0 and stale == 0,
                note=f"{ratios[len(ratios) // 2]:.2f} × ({ratios[0]:.2f} … {ratios[-1]:.2f}): p50 {middle['p50_ms']:.2f}, p99 "
                f"{middle['p99_ms']:.2f}, longest {middle['max_ms']:.1f} ms of {middle['requests']:,} searches; idle "
                f"{middle['idle_p50_ms']:.2f}, {middle['idle_p99_ms']:.2f}, {middle['idle_max_ms']:.1f} ms of "
                f"{middle['idle_requests']:,}; switch {middle['seconds']:.2f} s; {failed} failed, {stale} stale")
