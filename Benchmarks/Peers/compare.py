"""Runs Moult and the peers in turn and compares them with the targets. Started by Benchmarks/Peers/run."""

import argparse
import json
import math
import os
import pathlib
import statistics
import subprocess
import sys

import graphs
import growth
import report
from contestants import MOULT, SECONDS, Moult, Peers
from targets import TARGET_RECALL, best_recall, groups

SETS = ("wordnet-minilm-384", "wordnet-mpnet-mrl-768", "wordnet-bge-384")
ROUNDS = 3
FURTHER = 3  # of Moult's many prefilters, those that are measured more than once


def code_bytes(moult):
    """What is stored: scans may hold more in memory."""
    return moult.get("code_bytes_per_vector", moult.get("bytes_per_vector", 0))


class Session:
    """Measures one data set. `records` are the lines of the .jsonl file."""

    def __init__(self, directory):
        self.name = pathlib.Path(directory).name
        self.moult, self.peers = Moult(directory), Peers(directory)
        self.dimension, self.rows = self.peers.about["dimension"], self.peers.about["rows"]
        self.records = []
        self.table = []
        self.curves = []  # of the graphs: a contestant each
        self.growth = None

    def measure(self, who, command, group="", figure=None):
        answer = self.peers.ask(command) if who == "peer" else self.moult.run(command)
        name = command.get("peer", "numpy sgemm") if who == "peer" else command
        print(f"bench-peers: {self.name}: {name}: {answer.get('missing') or answer.get(figure, '')}", file=sys.stderr)
        return {"group": group, "who": who, "name": name, "command": command, **answer}

    def in_turn(self, group):
        """Every command once a round, peers and Moult alternating. The best and the median of the rounds are kept.

        Where Moult rescores, one round shows which commands have the recall; only the fastest of them stay.
        """
        commands = [("peer", one | {"seconds": SECONDS}) for one in group.peers] + [("moult", one) for one in group.moult]
        kept, out = {}, set()
        for _ in range(ROUNDS):
            for place, (who, command) in enumerate(commands):
                if place in out or "missing" in kept.get(place, {}):
                    continue
                record = self.measure(who, command, group.what, group.figure)
                record["rounds"] = kept.get(place, {}).get("rounds", []) + [record.get(group.figure)]
                kept[place] = record
            if group.rescored and not out:
                moults = {place: one for place, one in kept.items() if one["who"] == "moult" and "missing" not in one}
                enough = [place for place, one in moults.items() if one["recall"] >= TARGET_RECALL]
                enough.sort(key=lambda place: -moults[place][group.figure])
                out = set(moults) - set(enough[:FURTHER])
        for record in kept.values():
            if "missing" not in record:
                record |= {"best": max(record["rounds"]), "median": statistics.median(record["rounds"])}
        self.records += kept.values()
        good = [record for record in kept.values() if "missing" not in record or record["who"] == "moult"]
        return [[record for record in good if record["who"] == who] for who in ("peer", "moult")]

    def speed(self, group):
        """One of Moult's commands stands for it; where there are few, the others are shown beside it."""
        peers, all_moults = self.in_turn(group)
        moults = [moult for moult in all_moults if "missing" not in moult]
        for moult in all_moults:
            if "missing" in moult or not peers:
                self.row(group.what, moult, target=group.target, note=moult.get("missing", "no peer ran"))
        if not moults or not peers:
            return
        chosen = group.chosen(moults, peers)
        self.compare(group, chosen, fastest(peers), peers)
        if group.rescored:
            small = [peer for peer in peers if peer["bytes_per_vector"] <= chosen["bytes_per_vector"]]
            if small:
                self.compare(group, chosen, fastest(small), small, "fastest peer with no more bytes than Moult")
            return
        for moult in moults:
            if moult is not chosen:
                ratio = moult["best"] / fastest(peers)["best"]
                self.row(
                    group.what, moult, fastest(peers), ratio, recall=best_recall(peers), note="the other choice")

    def compare(self, group, moult, peer, peers, note=""):
        ratio = moult["best"] / peer["best"]
        met = ratio >= group.target
        recall = best_recall(peers)
        if group.no_less_recall:
            met = met and moult["recall"] >= recall
        if group.rescored:
            met = met and moult["recall"] >= TARGET_RECALL and moult["bytes_per_vector"] <= peer["bytes_per_vector"]
            note, recall = note or "fastest peer of all", peer["recall"]
        if group.name == "exact":
            same = moult["checksum"] == self.peers.ask({"do": "float64"}).get("checksum")
            met, note = met and same, f"{'identical to' if same else 'DIFFERS from'} float64 brute force"
        self.row(group.what, moult, peer, ratio, group.target, met if group.target else None, recall, note)

    def row(self, what, moult, peer=None, ratio=None, target=None, met=None, recall=None, note=""):
        self.table.append([
            what, f"`{moult['name']}`", peer["name"] if peer else "", report.number(moult.get("best")),
            report.number(peer.get("best")) if peer else "", f"{ratio:.2f}" if ratio else "", f"≥ {target}" if target else "",
            {None: "", True: "yes", False: "**no**"}[met] if "missing" not in moult else "missing",
            report.pair(moult.get("recall"), recall, "{:.4f}"),
            report.pair(moult.get("bytes_per_vector"), peer and peer.get("bytes_per_vector"), "{:.0f}"), note])

    def encode_with_all_cores(self):
        what = "encode int8, all cores, share of memory bandwidth"
        answer = self.moult.run("encode --quantization int8", threads=0)
        moult = {"group": what, "who": "moult", "name": "encode --quantization int8 --threads 0", **answer}
        self.records.append(moult)
        if "missing" in moult:
            return self.row(what, moult, target=0.6, note=moult["missing"])
        doctor = subprocess.run([MOULT, "doctor", "--json"], capture_output=True, check=True)
        bandwidth = json.loads(doctor.stdout)["machine"]["memoryReadGbPerS"]
        moved = moult["rows_per_s"] * (4 * self.dimension + moult["bytes_per_vector"]) / 1e9
        moult |= {"best": moult["rows_per_s"], "gb_per_s": moved, "memory_read_gb_per_s": bandwidth}
        self.row(what, moult, None, moved / bandwidth, 0.6, moved >= 0.6 * bandwidth,
                 note=f"float32 read + code written: {moved:.1f} of {bandwidth:.1f} GB/s")

    def memory(self):
        for code in ("int8", "lloyd4", "binary", "segmented --bits 2"):
            record = self.measure("moult", f"encode --stream --quantization {code}", "memory", "extra_mb")
            self.records.append(record)
            what = "memory while encoding, beside input and output, ≤ 64 MiB"
            if "missing" in record:
                self.row(what, record, note=record["missing"])
                continue
            self.row(what, record, met=record["extra_mb"] <= 64, note=f"{record['extra_mb']} MiB; {record['note']}")

    def recall(self):
        for bits, points in ((1, 5), (2, 4), (4, 1)):
            what = f"recall@10 without rescoring, {bits} bit a dimension"
            peers = [f"faiss-RaBitQ{bits}", f"faiss-RaBitQ{bits}-rotated"]
            peers += [f"turbovec-{bits}", f"turbovec-{bits}-calibrated"] if bits > 1 else []
            codes = (f"segmented --bits {bits}", f"lloyd{bits}", f"rabitq{bits}")
            found = [self.measure("peer", {"do": "scan", "peer": peer, "seconds": 0}, what, "recall") for peer in peers]
            own = [self.measure("moult", plain(code), what, "recall") for code in codes]
            self.records += found + own
            segmented, lloyd, own_rabitq = own
            both = [record for record in [*found, own_rabitq] if "RaBitQ" in record["name"] or record is own_rabitq]
            rabitq = most_accurate(both)
            self.points(what, segmented, rabitq, points)
            self.points(what, lloyd, rabitq, 0)
            if bits > 1:
                self.same_bytes(what, bits, segmented, most_accurate(found[2:]))

    def same_bytes(self, what, bits, segmented, peer):
        """Against turbovec at no more bytes: with fewer bits where segmented's factors make it longer."""
        units = bits * self.dimension // 32  # codes grow by a bit of a segment of 32 dimensions, 4 bytes
        for _ in range(3):
            over = code_bytes(segmented) - peer["bytes_per_vector"] if peer else 0
            if over <= 0:
                break
            units -= math.ceil(over / 4)
            bits = (units - 0.5) * 32 / self.dimension  # rounded up to units
            segmented = self.measure("moult", plain(f"segmented --bits {bits:.3f}"), what, "recall")
            self.records.append(segmented)
        self.points(what, segmented, peer, 0, same_bytes=True)

    def points(self, what, moult, peer, target, same_bytes=False):
        if "missing" in moult or not peer:
            return self.row(what, moult, note=moult.get("missing", "no peer ran"))
        gain = 100 * (moult["recall"] - peer["recall"])
        met = gain >= target and (not same_bytes or code_bytes(moult) <= peer["bytes_per_vector"])
        note = f"{gain:+.1f} points, target {target:+d}" + (" at the same bytes" if same_bytes else "")
        self.row(what, moult, peer, None, None, met, peer["recall"], note)

    def run(self, only):
        for group in groups(self.dimension):
            if not only or group.name in only:
                self.speed(group)
        others = {"encode": self.encode_with_all_cores, "recall": self.recall, "memory": self.memory}
        for name, measurement in others.items():
            if not only or name in only:
                measurement()


def plain(quantization):
    return f"scan --quantization {quantization} --oversampling 1"


def fastest(records):
    return max(records, key=lambda one: one["best"])


def most_accurate(records):
    return max((one for one in records if "recall" in one), key=lambda one: one["recall"], default=None)


def words(text):
    return text.replace(",", " ").split()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--sets", default="")
    parser.add_argument("--only", default="")
    parser.add_argument("--peers", default="", help="of those with graphs")
    parser.add_argument("--graph-rows", type=int, help="of the graph groups: only the first rows, for trials")
    parser.add_argument("--growth-rows", default="", help="sizes of the sets of the group growth")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="of the graph groups")
    arguments = parser.parse_args()
    present = sorted(path.parent.name for path in pathlib.Path(arguments.data).glob("*/gt.npy"))
    usual = [one for one in SETS if one in present]
    known = sorted({group.name for group in groups(384)} | {"recall", "memory", *graphs.GROUPS, growth.GROUP})
    if not present:
        sys.exit(f"bench-peers: '{arguments.data}' has no sets: folders with base.npy, "
                 "queries.npy, queries_train.npy and gt.npy. Say where they are: make bench-peers DATA=/path/to/data")
    for chosen, choices in ((words(arguments.sets), present), (words(arguments.only), known)):
        wrong = sorted(set(chosen) - set(choices))
        if wrong:
            sys.exit(f"bench-peers: no {', '.join(wrong)}; {arguments.data} and the targets have: {', '.join(choices)}")
    for name in words(arguments.sets) or usual:
        session = Session(f"{arguments.data}/{name}")
        session.run(words(arguments.only))
        graphs.Graphs(session, arguments.rounds, words(arguments.peers), arguments.graph_rows).run(words(arguments.only))
        if growth.GROUP in words(arguments.only):  # a quarter of an hour, so only when asked for
            growth.Growth(session, [int(rows) for rows in words(arguments.growth_rows)]).run()
        session.peers.close()
        report.write(session, arguments.rounds, words(arguments.only))


main()
