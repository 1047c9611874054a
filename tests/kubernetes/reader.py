"""A pod that reads all the time, whatever happens to what serves it."""

import contextlib

import harness


class Reader:
    """Of a pod whose script is dataset.READ_ON."""

    def __init__(self, namespace):
        self.namespace = namespace

    def passes(self):
        lines = self.namespace.log("reader").splitlines()
        return int(lines[-1].removeprefix("pass ")) if lines else 0

    def goes_on(self):
        """Two passes from now on: one of them began after this."""
        before = self.passes()
        harness.wait_until(lambda: self.passes() >= before + 2, seconds=90, what="two passes of the reader")


@contextlib.contextmanager
def reading(namespace, script, claim, sums, bucket):
    """The Reader of a pod that has begun. In the end every byte was right, nothing failed, and the container is the one
    that began."""
    namespace.start("reader", script, claim, sums)
    namespace.wait_for_phase("reader", "Running")
    reader = Reader(namespace)
    reader.goes_on()
    yield reader
    reader.goes_on()
    (bucket / "stop").write_bytes(b"")
    assert namespace.wait_for_exit("reader") == (0, 0), namespace.log("reader")
