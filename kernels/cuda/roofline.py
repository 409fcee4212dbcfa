#!/usr/bin/env python3
"""What arithmetic allows the GPU kernels for the figures that they are to reach: bytes over the memory's rate, products
over the matrix rate, instructions over the schedulers', whichever takes longest, and the same for the peer. It is no
measurement: `check` and `peer_torch.py` are, on a machine with a GPU. Rates are those of an H200 (copies and bfloat16 as
measured by others, the rest by its data sheet at 1.755 GHz) unless options say otherwise; instructions a row are counted
from the sources (encode.cu, rotate.h, encode_u8.cu, hamming.cu).

    python3 kernels/cuda/roofline.py [--copy 4.3e12] [--bf16 3.95e14] [--json] …
"""

import argparse
import json


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    rates = {
        "copy": (4.3e12, "bytes/s of memory, read and written"),
        "cache": (7e12, "bytes/s of the second-level cache"),
        "bf16": (3.95e14, "multiply-adds/s, tensor cores"),
        "int8": (7.9e14, "multiply-adds/s, tensor cores"),
        "float32": (3.3e13, "multiply-adds/s"),
        "issue": (132 * 4 * 1.755e9, "instructions of a warp a second"),
        "shuffle": (132 * 1.755e9, "shuffles of a warp a second"),
    }
    for name, (value, text) in rates.items():
        parser.add_argument(f"--{name}", type=float, default=value, help=text)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def main():
    given = arguments()
    rows, dimension, queries = 1_000_000, 768, 10_000
    products = rows * dimension * queries
    # 128 queries × 256 rows a tile: 48 KiB from the cache for 64 dimensions in bfloat16, for 128 in int8.
    tiles = rows / 256 * queries / 128
    survivors = queries * 300 * 4 * dimension
    # As torch does it: the product, and scores written once and read once by topk.
    peer = {"float32": products / given.float32, "scores": 2 * 4 * rows * queries / given.copy}
    link = 4 * rows * dimension
    table = [
        ("exact kNN in bfloat16", "2 × torch", sum(peer.values()) / 2, {
            "matrix": products / given.bf16, "cache": tiles * dimension / 64 * 49152 / given.cache}, survivors / given.copy),
        ("exact kNN in int8", "2 × torch", sum(peer.values()) / 2, {
            "matrix": products / given.int8, "cache": tiles * dimension / 128 * 49152 / given.cache},
         3 * survivors / given.copy),
        # 3 words XORed and counted, a lane a row.
        ("Hamming, 1 query, 1 bit", "70 % of memory", rows * dimension / 8 / given.copy / 0.7, {
            "memory": rows * dimension / 8 / given.copy, "issue": rows / 32 * (24 * 3 + 40) / given.issue}, 5e-6),
        ("encode to lloyd4", "70 % of copying", rows * (4 * dimension + 392) / given.copy / 0.7, {
            "memory": rows * (4 * dimension + 392) / given.copy, "issue": rows * 2150 / given.issue,
            "shuffles": rows * (4 * 80 + 24 + 96 + 30) / given.shuffle}, 0),
        ("encode to int8", "70 % of copying", rows * (4 * dimension + 800) / given.copy / 0.7, {
            "memory": rows * (4 * dimension + 800) / given.copy, "issue": rows * 600 / given.issue,
            "shuffles": rows * 130 / given.shuffle}, 0),
        # graph.cu: the scan of 32 clusters of 1024 rows each, two rounds of descent of 800 rows each.
        ("neighbour lists 1 M × 768", "10 × the CPU", None, {
            "matrix": rows * 32 * 1024 * dimension / given.bf16, "memory": rows * 2 * 800 * 4 * dimension / given.copy}, 0),
    ]
    records = []
    for name, target, most, bounds, rest in table:
        bound = max(bounds, key=bounds.get)
        seconds = bounds[bound] + rest
        records.append({"kernel": name, "to_reach": target, "to_reach_ms": most and most * 1e3, "bound": bound,
                        "bound_ms": bounds[bound] * 1e3, "with_rest_ms": seconds * 1e3,
                        "allowed": None if most is None else seconds <= most})
    if given.json:
        print(json.dumps({"rates": {k: v for k, v in vars(given).items() if k != "json"}, "link_bytes": link,
                          "peer_ms": {k: v * 1e3 for k, v in peer.items()}, "kernels": records}))
        return
    print("| kernel | to reach | ms | bound by | ms | with its rest | allowed |\n|---|---|---|---|---|---|---|")
    for record in records:
        most = "" if record["to_reach_ms"] is None else f"{record['to_reach_ms']:.3g}"
        allowed = {True: "yes", False: "no", None: ""}[record["allowed"]]
        print(f"| {record['kernel']} | {record['to_reach']} | {most} | {record['bound']} | {record['bound_ms']:.3g} | "
              f"{record['with_rest_ms']:.3g} | {allowed} |")


if __name__ == "__main__":
    main()
