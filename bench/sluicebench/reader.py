"""Programs of users, in plain Python: each runs as a process of its own, is ready, waits for a word, reads, and says how
long the reading took, so that starting an interpreter is not measured.

    reader.py loader|tensors|table DIRECTORY PROCESSES          a line on standard input starts one pass
"""

import multiprocessing
import pathlib
import random
import sys
import time
import zlib

BATCH = 32


def load_batch(paths):
    """A worker of a data loader: reads files and does a little with the bytes."""
    total = 0
    for path in paths:
        with open(path, "rb", buffering=0) as f:
            data = f.read()
        zlib.adler32(data[:4096])
        total += len(data)
    return total


class Loader:
    """An epoch as torch's DataLoader does it: the order is shuffled anew, batches go to worker processes."""

    def __init__(self, directory, processes):
        self.paths = sorted(str(p) for p in (directory / "small").iterdir())
        self.pool = multiprocessing.get_context("fork").Pool(processes)
        self.epoch = 0

    def read(self):
        self.epoch += 1
        random.Random(self.epoch).shuffle(self.paths)
        batches = [self.paths[i:i + BATCH] for i in range(0, len(self.paths), BATCH)]
        return sum(self.pool.imap_unordered(load_batch, batches))


def load_tensors(path):
    from safetensors import safe_open  # imported before: see Tensors

    total = 0
    with safe_open(path, framework="numpy") as f:
        for name in f.keys():
            tensor = f.get_tensor(name)
            total += tensor.nbytes
    return total


class Tensors:
    """A model file loaded through mmap, by several processes at once."""

    def __init__(self, directory, processes):
        import numpy  # noqa: F401
        import safetensors  # noqa: F401  the workers inherit both

        self.path, self.processes = str(directory / "model.safetensors"), processes
        self.pool = multiprocessing.get_context("fork").Pool(processes)

    def read(self):
        return sum(self.pool.map(load_tensors, [self.path] * self.processes, chunksize=1))


class Table:
    """A scan of a Parquet dataset: two columns of four, filtered."""

    def __init__(self, directory, _):
        import pyarrow.dataset

        self.arrow = pyarrow.dataset
        self.files = sorted(str(p) for p in (directory / "table").iterdir())

    def read(self):
        dataset = self.arrow.dataset(self.files)
        return dataset.to_table(columns=["id", "value"], filter=self.arrow.field("group") == 7).num_rows


def main():
    kind = {"loader": Loader, "tensors": Tensors, "table": Table}[sys.argv[1]]
    reader = kind(pathlib.Path(sys.argv[2]), int(sys.argv[3]))
    print("ready", flush=True)
    for _ in sys.stdin:
        begin = time.perf_counter()
        amount = reader.read()
        print(time.perf_counter() - begin, amount, flush=True)


if __name__ == "__main__":
    main()
