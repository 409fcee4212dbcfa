"""Writes Benchmarks/Results/<date>-peers-<set>.jsonl and .md."""

import datetime
import json
import pathlib
import sys

import curves
from contestants import CORE
from surroundings import processor

RESULTS = pathlib.Path("Benchmarks/Results")


def write(session, rounds, only):
    path = RESULTS / f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}-peers-{session.name}"
    path = "-".join([str(path), *only])  # a part never replaces the whole
    about = {"set": session.name, "core": CORE, "machine": processor(), "commit": session.moult.commit}
    about |= session.peers.about
    with open(f"{path}.jsonl", "w", encoding="utf-8") as file:
        file.writelines(json.dumps(record) + "\n" for record in [about, *session.records])
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    columns = "what|Moult|peer|Moult's figure|peer's|ratio|target|met|recall|bytes a vector|note".split("|")
    speeds = [record for record in session.records if "rounds" in record and "best" in record]
    failed = [
        record for record in session.records
        if "missing" in record and (record["who"] == "peer" or record["group"] == "graph-search")]
    text = [
        f"# Peers beside Moult: {session.name}, {session.rows:,} × {session.dimension}\n",
        f"{about['machine']}, one thread on core {CORE}, Moult {about['commit']}, {versions}. Peers and Moult in turn, "
        f"best of {rounds} rounds; queries or rows a second; recall@10 and bytes: Moult / peer. The peer of a line is "
        "the fastest of its group, its recall the group's best. One run on one machine: read ratios.\n",
        *(markdown(columns, session.table) if session.table else []), *every_contestant(speeds),
        *graph_curves(session, about, path), *(session.growth.text(path) if session.growth else []),
        *(f"\n{one['group']}: {one['name']}: {one['missing']}" for one in failed)]
    pathlib.Path(f"{path}.md").write_text("\n".join(text) + "\n", encoding="utf-8")
    print(f"bench-peers: {path}.md", file=sys.stderr)


def every_contestant(speeds):
    if not speeds:
        return []
    return ["\n## Every contestant\n", *markdown(
        ["what", "who", "best", "median", "recall", "bytes a vector", "candidates"], [
            [one["group"], f"`moult bench {one['name']}`" if one["who"] == "moult" else one["name"],
             number(one["best"]), number(one["median"]),
             pair(one.get("recall"), None, "{:.4f}"), pair(one.get("bytes_per_vector"), None, "{:.0f}"),
             one.get("candidates", "")] for one in speeds])]


def graph_curves(session, about, path):
    """The picture beside the table, and the curves' figures."""
    if not session.curves:
        return []
    measured = [one for one in session.curves if one["points"]]
    measured.sort(key=lambda one: (one["who"] != "moult", -(one["at"][0] or 0)))
    picture = curves.svg(
        f"Graph search: {session.name}, {session.graph_rows:,} × {session.dimension}, cosine",
        f"{about['machine']}, one thread; graphs built with all cores", {one["name"]: one["points"] for one in measured})
    text = [f"\n## Graph search, {session.graph_rows:,} × {session.dimension}\n"]
    if picture:
        pathlib.Path(f"{path}.svg").write_text(picture, encoding="utf-8")
        text += [f"![queries a second over recall]({pathlib.Path(f'{path}.svg').name})\n"]
    columns = ["who", "queries/s at recall 0.95", "at 0.99", "highest recall", "bytes a vector", "build seconds"]
    return text + markdown(columns, [
        [one["name"], *(number(value) or "not reached" for value in one["at"]), f"{max(recall for recall, _ in one['points']):.4f}",
         number(one.get("bytes_per_vector")), number(one.get("build_seconds"))] for one in measured])


def number(value):
    return "" if value is None else f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def pair(first, second, form):
    return " / ".join(form.format(value) for value in (first, second) if value is not None)


def markdown(columns, rows):
    rule = "|---" * len(columns) + "|"
    lines = ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in [columns, *rows]]
    return [lines[0], rule, *lines[1:]]
