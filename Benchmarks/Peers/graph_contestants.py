"""The peers that search graphs (and ScaNN, which searches partitions): one class a library.

Each builds an index over normalized vectors, has a sweep of its one search parameter, and saves itself. Inner product is
the metric; for unit vectors that is cosine. Libraries are imported when they are used, so that a missing one is an
answer and no crash. M = 16 and efConstruction = 128 everywhere, Moult's own defaults, or what comes nearest.
"""

import importlib.metadata
import pathlib
import shutil

import numpy as np

M = 16
EF_CONSTRUCTION = 128
WIDTHS = (10, 14, 20, 28, 40, 56, 80, 112, 160, 224, 320, 448, 640)


class Contestant:
    package = ""
    sweep = WIDTHS

    def __init__(self, option):
        self.option = option

    def version(self):
        return {self.package: importlib.metadata.version(self.package)}

    def build(self, vectors, threads):
        raise NotImplementedError

    def before_search(self):
        """Called after the build: searches run on one thread."""

    def set(self, parameter):
        raise NotImplementedError

    def search(self, queries, k):
        """Ids of each query, a row a query."""
        raise NotImplementedError

    def save(self, folder):
        """Writes the index into `folder`; the size of what is there is its memory."""
        raise NotImplementedError


class Hnswlib(Contestant):
    package = "hnswlib"

    def build(self, vectors, threads):
        import hnswlib
        self.index = hnswlib.Index("ip", vectors.shape[1])
        self.index.init_index(len(vectors), ef_construction=EF_CONSTRUCTION, M=M)
        self.index.add_items(vectors, num_threads=threads)

    def before_search(self):
        self.index.set_num_threads(1)

    def set(self, parameter):
        self.index.set_ef(parameter)

    def search(self, queries, k):
        return self.index.knn_query(queries, k)[0]

    def save(self, folder):
        self.index.save_index(f"{folder}/index")


class Faiss(Contestant):
    """HNSWFlat, or HNSWSQ8 with rescoring by full precision where the option ends in +r."""

    package = "faiss-cpu"

    def build(self, vectors, threads):
        import faiss
        faiss.omp_set_num_threads(threads)
        dimension = vectors.shape[1]
        if self.option == "HNSWFlat":
            self.index = faiss.IndexHNSWFlat(dimension, M, faiss.METRIC_INNER_PRODUCT)
        else:
            self.index = faiss.IndexHNSWSQ(dimension, faiss.ScalarQuantizer.QT_8bit, M, faiss.METRIC_INNER_PRODUCT)
        self.index.hnsw.efConstruction = EF_CONSTRUCTION
        self.index.train(vectors)
        self.index.add(vectors)

    def before_search(self):
        import faiss
        faiss.omp_set_num_threads(1)

    def set(self, parameter):
        self.index.hnsw.efSearch = parameter

    def search(self, queries, k):
        return self.index.search(queries, k)[1]

    def save(self, folder):
        import faiss
        faiss.write_index(self.index, f"{folder}/index")


class Usearch(Contestant):
    package = "usearch"

    def build(self, vectors, threads):
        import usearch.index
        metric = "cos" if self.option == "i8" else "ip"  # its i8 is defined for cosine
        self.index = usearch.index.Index(
            ndim=vectors.shape[1], metric=metric, dtype=self.option, connectivity=M, expansion_add=EF_CONSTRUCTION)
        self.index.add(np.arange(len(vectors)), vectors, threads=threads)

    def set(self, parameter):
        self.index.expansion_search = parameter

    def search(self, queries, k):
        return np.atleast_2d(self.index.search(queries, k, threads=1).keys)

    def save(self, folder):
        self.index.save(f"{folder}/index")


class Svs(Contestant):
    """Vamana on float32, LVQ codes (lvq-PRIMARYxRESIDUAL) or LeanVec (leanvec-DIMENSIONS)."""

    package = "scalable-vs"

    def build(self, vectors, threads):
        import svs
        import tempfile
        parameters = svs.VamanaBuildParameters(
            alpha=0.95, graph_max_degree=2 * M, window_size=EF_CONSTRUCTION, prune_to=2 * M - 4)
        with tempfile.TemporaryDirectory() as folder:
            svs.write_vecs(vectors, f"{folder}/vectors.fvecs")
            loader = svs.VectorDataLoader(f"{folder}/vectors.fvecs", svs.DataType.float32, dims=vectors.shape[1])
            data = self.coded(svs, loader, vectors)
            self.index = svs.Vamana.build(parameters, data, svs.DistanceType.MIP, num_threads=threads)

    def coded(self, svs, loader, vectors):
        kind, _, option = self.option.partition("-")
        if kind == "lvq":
            primary, residual = map(int, option.split("x"))
            return svs.LVQLoader(loader, primary=primary, residual=residual, padding=32)
        if kind == "leanvec":
            return svs.LeanVecLoader(
                loader, leanvec_dims=int(option), primary_kind=svs.LeanVecKind.lvq8, secondary_kind=svs.LeanVecKind.lvq8)
        return vectors

    def before_search(self):
        self.index.num_threads = 1

    def set(self, parameter):
        self.index.search_window_size = parameter

    def search(self, queries, k):
        return self.index.search(queries, k)[0]

    def save(self, folder):
        self.index.save(f"{folder}/config", f"{folder}/graph", f"{folder}/data")


class Ngt(Contestant):
    """ANNG. An ONNG takes minutes for 10,000 rows (81 s, 0.956 at 820 queries/s: slower than the ANNG it is made of)."""

    package = "ngt"
    sweep = (-0.05, 0.0, 0.02, 0.04, 0.06, 0.08, 0.1, 0.13, 0.16, 0.2, 0.25, 0.3)

    def build(self, vectors, threads):
        import ngtpy
        import tempfile
        self.folder = tempfile.mkdtemp(prefix="moult-ngt-")
        self.path = f"{self.folder}/index"
        ngtpy.create(
            self.path, vectors.shape[1], distance_type="Normalized Cosine", object_type="Float",
            edge_size_for_creation=2 * M)
        self.index = ngtpy.Index(self.path)
        self.index.batch_insert(vectors, num_threads=threads)
        self.index.save()

    def set(self, parameter):
        self.index.set(epsilon=parameter)

    def search(self, queries, k):
        found = [self.index.search(query, k, with_distance=False) for query in queries]
        return np.array([list(ids) + [-1] * (k - len(ids)) for ids in found])

    def save(self, folder):
        shutil.copytree(self.path, f"{folder}/index")

    def __del__(self):
        if hasattr(self, "folder"):
            shutil.rmtree(self.folder, ignore_errors=True)


class Scann(Contestant):
    """Partitions, anisotropic 4-bit product codes and rescoring; its parameters go up together."""

    package = "scann"
    parts = (0.008, 0.012, 0.02, 0.03, 0.045, 0.07, 0.1, 0.14, 0.2, 0.3, 0.45, 0.7)
    reordered = (40, 50, 60, 70, 80, 100, 120, 150, 200, 250, 300, 400)
    sweep = tuple(zip(parts, reordered))

    def build(self, vectors, threads):
        import scann
        self.leaves = max(16, int(1.5 * len(vectors) ** 0.5))
        builder = scann.scann_ops_pybind.builder(vectors, 10, "dot_product")
        builder.set_n_training_threads(threads)
        self.index = (
            builder.tree(num_leaves=self.leaves, num_leaves_to_search=1, training_sample_size=min(len(vectors), 250_000))
            .score_ah(2, anisotropic_quantization_threshold=0.2).reorder(100).build())

    def set(self, parameter):
        part, self.candidates = parameter
        self.searched = max(1, round(part * self.leaves))

    def search(self, queries, k):
        return self.index.search_batched(
            queries, final_num_neighbors=k, pre_reorder_num_neighbors=self.candidates, leaves_to_search=self.searched)[0]

    def save(self, folder):
        self.index.serialize(folder)


class Voyager(Contestant):
    package = "voyager"

    def build(self, vectors, threads):
        import voyager
        kind = {"f32": voyager.StorageDataType.Float32, "i8": voyager.StorageDataType.Float8}[self.option]
        self.index = voyager.Index(
            voyager.Space.Cosine, num_dimensions=vectors.shape[1], M=M, ef_construction=EF_CONSTRUCTION,
            storage_data_type=kind)
        self.index.add_items(vectors, num_threads=threads)

    def set(self, parameter):
        self.width = parameter

    def search(self, queries, k):
        return self.index.query(queries, k=k, num_threads=1, query_ef=self.width)[0]

    def save(self, folder):
        self.index.save(f"{folder}/index")


LIBRARIES = {
    "hnswlib": Hnswlib, "faiss": Faiss, "usearch": Usearch, "svs": Svs, "ngt": Ngt, "scann": Scann, "voyager": Voyager}


def contestant(name):
    """By name: LIBRARY or LIBRARY-OPTION."""
    library, _, option = name.partition("-")
    return LIBRARIES[library](option)


def size_bytes(folder):
    return sum(path.stat().st_size for path in pathlib.Path(folder).rglob("*") if path.is_file())
