"""How build, switch and search grow with the rows: sets of rising size made from a real one. compare.py starts it."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy

import curves
import report
from contestants import MOULT, Moult
from targets import GRAPH_WIDTHS, GROWTH_ROWS, SWITCH_CODES, SWITCH_QUERIES, SWITCH_THREADS, TARGET_RECALL

GROUP = "growth"
CODE = "int8"
RECALLS = (0.95, TARGET_RECALL)
LONGEST = 3_600  # seconds of one command


class Growth:
    """`figures` maps what is measured to its value at each size that could be measured."""

    def __init__(self, session, rows=()):
        self.session, self.rows = session, sorted(rows or GROWTH_ROWS)
        self.figures = {}
        self.lines = []

    def run(self):
        with tempfile.TemporaryDirectory(prefix="moult-growth-") as folder:
            largest = self.made(folder)
            for rows in self.rows:
                self.measure(self.first(rows, largest, folder), rows)
        self.session.growth = self

    def made(self, folder):
        """The file of the largest set: the real one, or one made from it."""
        source = f"{self.session.moult.directory}/base.npy"
        if self.rows[-1] <= self.session.rows:
            return source
        target = f"{folder}/made.npy"
        subprocess.run(
            [MOULT, "bench", "generate", "--vectors", source, "--count", str(self.rows[-1]), "--to", target], check=True)
        return target

    def first(self, rows, largest, folder):
        """A set of the first rows of the largest: the real ones are in each."""
        own = pathlib.Path(folder, str(rows))
        own.mkdir()
        numpy.save(own / "base.npy", numpy.load(largest, mmap_mode="r")[:rows])
        os.symlink(pathlib.Path(self.session.moult.directory, "queries.npy").resolve(), own / "queries.npy")
        return Moult(str(own))

    def measure(self, made, rows):
        folder = made.directory
        exact = self.ask(made, rows, f"exact --k 10 --seconds 0.01 --batch 1000 --write-truth {folder}/gt.npy", "exact", 2, truth=False)
        if exact is None:
            return
        lines = self.ask(
            made, rows, f"graph --quantization {CODE} --write-graph {folder}/graph --ef 10 --seconds 0.01", "graph-build", SWITCH_THREADS)
        if lines is not None:
            self.keep("build of the graph, s", rows, lines[0]["seconds"])
            self.keep("bytes a vector, codes and graph", rows, lines[0]["bytes_per_vector"])
        sweep = self.ask(
            made, rows, f"graph --quantization {CODE} --read-graph {folder}/graph --ef {GRAPH_WIDTHS},1280 --rescore 1,2,4 --seconds 0.3",
            "graph", 1)
        for recall in RECALLS if sweep is not None else ():
            rate = curves.at([(one["recall"], one["qps"]) for one in sweep], recall)
            if rate:
                self.keep(f"search at recall {recall}, one thread, ms", rows, 1000 / rate)
        through = ",".join(SWITCH_CODES[:-1])
        steps = self.ask(
            made, rows, f"switch --index hnsw --through {through} --quantization {SWITCH_CODES[-1]} --gate-queries {SWITCH_QUERIES} "
            "--seconds 0.1", "switch", SWITCH_THREADS, truth=False)
        for step in (steps or [])[1:]:  # the first one builds the graph
            what = f"{step['switched_from']} → {step['quantization']}"
            self.keep(f"verified switch {what}, s", rows, step["seconds"])
            self.lines.append(f"{rows:,} rows, {what}: graph {step['graph']}; {step['note']}")

    def ask(self, made, rows, command, benchmark, threads, truth=True):
        answer = made.lines(command, benchmark, threads=threads, longest=LONGEST, truth=truth)
        self.session.moult.commit = made.commit
        lines = [{"missing": answer["missing"]}] if isinstance(answer, dict) else answer
        for line in lines:
            self.session.records.append({"group": GROUP, "who": "moult", "name": command.split()[0], "set_rows": rows, **line})
        print(f"bench-peers: growth: {rows:,} rows: {command.split()[0]}: {lines[-1].get('missing', 'done')}", file=sys.stderr)
        if isinstance(answer, dict):
            self.lines.append(f"{rows:,} rows, {command.split()[0]}: {answer['missing']}")
            return None
        return lines

    def keep(self, what, rows, value):
        self.figures.setdefault(what, {})[rows] = value

    # Report.

    def text(self, path):
        """The part of the table's file, and the picture beside it."""
        columns = ["what", *(f"{rows:,}" for rows in self.rows), f"× for {self.rows[-1] // self.rows[0]:,} × the rows"]
        table = []
        for what, values in self.figures.items():
            cells = [report.number(values.get(rows)) for rows in self.rows]
            ends = [values.get(rows) for rows in (self.rows[0], self.rows[-1])]
            table.append([what, *cells, f"{ends[1] / ends[0]:,.1f}" if all(ends) else ""])
        pathlib.Path(f"{path}.svg").write_text(self.picture(), encoding="utf-8")
        return [
            f"\n## Growth: sets made from {self.session.name}, {CODE} codes, M = 16, efConstruction = 128, {SWITCH_THREADS} threads "
            "unless said\n",
            f"![growth with the rows]({pathlib.Path(f'{path}.svg').name})\n", *report.markdown(columns, table), "",
            *(f"- {line}" for line in self.lines)]

    def picture(self):
        series = {
            what: [(rows, values[rows] / values[self.rows[0]]) for rows in self.rows if rows in values]
            for what, values in self.figures.items() if self.rows[0] in values}
        series["rows themselves"] = [(rows, rows / self.rows[0]) for rows in self.rows]
        return curves.growth_svg(f"Growth from {self.rows[0]:,} to {self.rows[-1]:,} rows, {self.session.name}", series)
