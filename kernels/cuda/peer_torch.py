#!/usr/bin/env python3
"""Others' exact nearest neighbours on the same GPU: torch.matmul (float32, TF32 off) + topk, and cuVS brute force where
it can be imported. The shape is that of `check`'s rates: 1 M × 768, 10,000 queries, k = 10, inner product of unit
vectors and squared Euclidean distance. Prints JSON lines; times are medians of --rounds after one warm-up, with the rows
on the device already, queries and results there too.

    python3 kernels/cuda/peer_torch.py [--rows 1000000] [--queries 10000] [--dimension 768] [--k 10] [--rounds 5]
"""

import argparse
import json
import statistics
import sys
import time


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, value in (("rows", 1_000_000), ("queries", 10_000), ("dimension", 768), ("k", 10), ("rounds", 5)):
        parser.add_argument(f"--{name}", type=int, default=value)
    return parser.parse_args()


def made(torch, count, centres, seed):
    """Vectors around a thousand centres, as the check's."""
    generator = torch.Generator(device="cuda").manual_seed(seed)
    vectors = torch.empty(count, centres.shape[1], device="cuda")
    for first in range(0, count, 100_000):
        part = vectors[first : first + 100_000]
        chosen = torch.randint(0, centres.shape[0], (len(part),), generator=generator, device="cuda")
        part.copy_(centres[chosen] + torch.randn(part.shape, generator=generator, device="cuda"))
    return vectors


def seconds(torch, rounds, work):
    times = []
    for _ in range(rounds + 1):
        torch.cuda.synchronize()
        start = time.perf_counter()
        work()
        torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


def matmul_topk(torch, rows, queries, k, is_distance, tile=32_768, group=2_048):
    """Tiles, because all products together would be 40 GB; of each tile the k best, then the best of those."""
    squares = (rows * rows).sum(1) if is_distance else None
    scores, found = [], []
    for q in range(0, len(queries), group):
        part = queries[q : q + group]
        best, best_rows = None, None
        for first in range(0, len(rows), tile):
            products = torch.matmul(part, rows[first : first + tile].T)
            if is_distance:
                products = 2 * products - squares[first : first + tile]
            values, places = torch.topk(products, min(k, products.shape[1]), dim=1)
            places = places + first
            if best is not None:
                values, places = torch.cat((best, values), 1), torch.cat((best_rows, places), 1)
                values, order = torch.topk(values, k, dim=1)
                places = torch.gather(places, 1, order)
            best, best_rows = values, places
        scores.append(best)
        found.append(best_rows)
    return torch.cat(scores), torch.cat(found)


def main():
    options = arguments()
    try:
        import torch
    except ImportError:
        print("torch is not installed: nothing measured", file=sys.stderr)
        return 77
    if not torch.cuda.is_available():
        print("no GPU for torch: nothing measured", file=sys.stderr)
        return 77
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.set_float32_matmul_precision("highest")
    generator = torch.Generator(device="cuda").manual_seed(9)
    centres = torch.randn(1000, options.dimension, generator=generator, device="cuda")
    rows = made(torch, options.rows, centres, 1)
    queries = made(torch, options.queries, centres, 2)
    operations = 2 * options.rows * options.queries * options.dimension

    def report(peer, metric, time_taken):
        print(json.dumps({"peer": peer, "metric": metric, "rows": options.rows, "queries": options.queries,
                          "dimension": options.dimension, "k": options.k, "device": torch.cuda.get_device_name(),
                          "seconds": time_taken, "tflops": operations / time_taken / 1e12}), flush=True)

    for metric in ("cosine", "squared_l2"):
        x, q = rows, queries
        if metric == "cosine":
            x = torch.nn.functional.normalize(rows)
            q = torch.nn.functional.normalize(queries)
        report("torch.matmul + topk", metric, seconds(
            torch, options.rounds, lambda: matmul_topk(torch, x, q, options.k, metric == "squared_l2")))
        try:
            import cupy
            from cuvs.neighbors import brute_force
        except ImportError:
            print("cuvs or cupy is not installed", file=sys.stderr)
            continue
        index = brute_force.build(cupy.asarray(x), metric="inner_product" if metric == "cosine" else "sqeuclidean")
        given = cupy.asarray(q)
        report("cuVS brute force", metric, seconds(
            torch, options.rounds, lambda: brute_force.search(index, given, options.k)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
