"""An alias that moves while unmodified clients search through it: none fails, none sees what was no longer current."""

import os
import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "Benchmarks" / "Milvus"))
import swaps

SWAPS = int(os.environ.get("MOULT_SWAPS", "60"))


def test_an_alias_moves_under_grpc_and_rest(server, client):
    counts = swaps.swap_under_load(server.uri, SWAPS)
    assert counts["reads"] > counts["swaps"] == SWAPS
    assert (counts["failed"], counts["stale"], counts["mixed"]) == (0, 0, 0), counts


class Remembering(swaps.GRPC):
    """The broken twin: asks which collection the alias stands for once in twenty searches."""

    remembered, searches = None, 0

    def search(self, alias):
        if self.searches % 20 == 0:
            self.remembered = self.client.describe_alias(alias)["collection_name"]
        self.searches += 1
        return super().search(self.remembered)


def test_a_client_that_remembers_the_target_is_found_out(server, client):
    counts = swaps.swap_under_load(server.uri, 20, [Remembering], seconds_between=(0.01, 0.02))
    assert counts["stale"] > 0 and counts["failed"] == 0, counts
