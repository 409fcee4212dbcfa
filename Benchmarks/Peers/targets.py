"""The speeds to reach: which peers and which commands of Moult are measured in turn."""

import dataclasses


TARGET_RECALL = 0.99
# Codes and rescoring that are tried for the prefilter: recall is a matter of both.
PREFILTERS = ("binary", "segmented --bits 0.5", "segmented --bits 0.75", "segmented --bits 1")
RESCORINGS = (f"--target-recall {TARGET_RECALL}", "--oversampling 5", "--oversampling 8", "--oversampling 12")

# Graphs: the first code builds the graph that all are searched over.
GRAPH_CODES = ("int8", "lloyd4", "segmented --bits 4", "segmented --bits 2", "binary")
GRAPH_BUILDS = ("int8", "lloyd4")
GRAPH_WIDTHS = "10,14,20,28,40,56,80,112,160,224,320,448,640"
GRAPH_RESCORING = "1,2,4,8"
GRAPH_PEERS = (
    "hnswlib", "faiss-HNSWFlat", "faiss-HNSWSQ8", "usearch-f32", "usearch-bf16", "usearch-i8", "svs-f32", "svs-lvq-8x0",
    "svs-lvq-4x8", "svs-leanvec-192", "ngt", "scann", "voyager-f32", "voyager-i8")
# The first switch, to the first code, builds the graph; the others are measured.
SWITCH_CODES = ("int8", "binary", "segmented")
SWITCH_QUERIES = 400
SWITCH_SECONDS = 1
SWITCH_THREADS = 2
# The largest set is made from a real one, the smaller ones are its first rows.
GROWTH_ROWS = (10_000, 100_000, 1_000_000)


def scans(*names, batch, rescored=False):
    return [{"do": "scan", "peer": name, "batch": batch, "rescored": rescored} for name in names]


def encodes(*names):
    return [{"do": "encode", "peer": name} for name in names]


def scan(quantization, batch, rescoring="--oversampling 1"):
    return f"scan --quantization {quantization} --batch {batch} {rescoring}"


@dataclasses.dataclass
class Group:
    """One line of the issue's table: peers and Moult's commands that are measured in turn."""

    name: str
    what: str
    target: float
    peers: list
    moult: list
    figure: str = "qps"
    no_less_recall: bool = False
    rescored: bool = False

    def chosen(self, moults, peers):
        """The fastest of Moult's commands whose recall is enough, or else the one that comes nearest."""
        if not self.no_less_recall and not self.rescored:
            return max(moults, key=lambda one: one["best"])
        least = TARGET_RECALL if self.rescored else best_recall(peers)
        enough = [one for one in moults if one["recall"] >= least]
        return max(enough, key=lambda one: one["best"]) if enough else max(moults, key=lambda one: one["recall"])


def best_recall(records):
    return max((one["recall"] for one in records if "recall" in one), default=None)


def groups(dimension):
    tv4, tv2 = (("turbovec-4", "turbovec-4-calibrated"), ("turbovec-2", "turbovec-2-calibrated"))
    prefilters = (
        *tv4, *tv2, "faiss-RaBitQfs", "faiss-RaBitQfs-rotated",
        *(f"faiss-PQ{dimension // part}" for part in (2, 3, 4, 6, 8)))
    found = [
        Group("four-bit", "flat scan, 4-bit class, 128 queries", 3, scans(*tv4, "faiss-SQ4", batch=128),
              [scan("lloyd4", 128), scan("segmented --bits 4", 128)], no_less_recall=True),
        Group("one-query", "flat scan, 4-bit class, 1 query", 1.2, scans(*tv4, batch=1),
              [scan("lloyd4", 1), scan("segmented --bits 4", 1)], no_less_recall=True),
        Group("one-query", "flat scan, 2-bit class, 1 query", 1.2, scans(*tv2, batch=1),
              [scan("lloyd2", 1), scan("segmented --bits 2", 1)], no_less_recall=True),
        Group("int8", "flat scan, int8, 128 queries", 10, scans("faiss-SQ8", batch=128), [scan("int8", 128)]),
        Group("int8", "the same against usearch (no target)", 0, scans("usearch-i8", batch=128), [scan("int8", 128)]),
    ]
    for batch in (1, 128):
        queries = "1 query" if batch == 1 else f"{batch} queries"
        found.append(Group(
            "prefilter", f"1-bit prefilter + rescoring, recall ≥ 0.99, {queries}", 3,
            scans(*prefilters, batch=batch, rescored=True),
            [scan(code, batch, rescoring) for code in PREFILTERS for rescoring in RESCORINGS], rescored=True))
    return found + [
        Group("exact", "certified exact, 1,000 queries, against one sgemm", 3, [{"do": "exact"}], ["exact --batch 1000"]),
        Group("encode", "encode int8", 5, encodes("faiss-SQ8"), ["encode --quantization int8"], "rows_per_s"),
        Group("encode", "encode lloyd4", 3, encodes("turbovec-4"), ["encode --quantization lloyd4"], "rows_per_s"),
        Group("encode", "encode binary", 8, encodes("faiss-RaBitQ1"), ["encode --quantization binary"], "rows_per_s"),
    ]
