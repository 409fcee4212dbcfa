"""The same calls to a server and to qdrant-client's engine in memory, with the same outcome."""

import math


def plain(value):
    """A reply as plain data; versions of points are left out."""
    if hasattr(value, "model_dump"):
        value = value.model_dump(exclude_none=True)
    if isinstance(value, dict):
        # gRPC has no word for what is there and empty.
        return {key: plain(inner) for key, inner in value.items()
                if key != "version" and not (key in ("payload", "vector") and inner == {})}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    return value


def difference(a, b, path="", tolerance=1e-4):
    """Where two replies differ, or None."""
    if isinstance(a, bool) or isinstance(b, bool):
        return None if a is b else f"{path}: {a!r} {b!r}"
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        close = a == b or math.isclose(a, b, rel_tol=tolerance, abs_tol=tolerance)
        return None if close else f"{path}: {a!r} {b!r}"
    if isinstance(a, dict) and isinstance(b, dict):
        if a.keys() != b.keys():
            return f"{path}: keys {sorted(map(str, a))} {sorted(map(str, b))}"
        found = (difference(a[key], b[key], f"{path}.{key}", tolerance) for key in a)
        return next((one for one in found if one), None)
    if isinstance(a, list) and isinstance(b, list):
        if len(a) != len(b):
            return f"{path}: {len(a)} and {len(b)} elements: {a!r} {b!r}"[:2000]
        found = (difference(x, y, f"{path}[{place}]", tolerance) for place, (x, y) in enumerate(zip(a, b)))
        return next((one for one in found if one), None)
    return None if a == b else f"{path}: {a!r} {b!r}"


class Both:
    """Calls methods of both clients; what they return must be equal, and where one fails the other must fail."""

    def __init__(self, remote, local):
        self.remote = remote
        self.local = local

    def __getattr__(self, name):
        def call(*arguments, **keywords):
            wanted = failure = None
            try:
                wanted = getattr(self.local, name)(*arguments, **keywords)
            except Exception as error:
                failure = error
            try:
                got = getattr(self.remote, name)(*arguments, **keywords)
            except Exception as error:
                assert failure is not None, f"{name} failed only on the server: {error}"
                return None
            assert failure is None, f"{name} failed only in memory: {failure!r}"
            fault = difference(plain(got), plain(wanted), name)
            assert fault is None, fault
            return got

        return call

    def write(self, name, *arguments, **keywords):
        """A write: its reply is not compared, but whether it failed."""
        failures = []
        for client in (self.local, self.remote):
            try:
                getattr(client, name)(*arguments, **keywords)
                failures.append(None)
            except Exception as error:
                failures.append(error)
        assert (failures[0] is None) == (failures[1] is None), f"{name}: in memory {failures[0]!r}, served {failures[1]!r}"
        return failures[1]

    def same_points(self, collection):
        return self.scroll(collection, limit=10_000, with_vectors=True)
