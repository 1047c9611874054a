"""The files that are read: made once from a seed, in a bucket of the S3 server, and copied for the native references.

    large                one file
    small/000000.jpg …   100 KiB each, as images of a training set
    model.safetensors    tensors
    table/part-0.parquet …
    tree/…               a source tree for git, tar and find
"""

import hashlib
import os
import random
import shutil

from .common import MIB


def write_large(path, mib, seed):
    choose = random.Random(seed)
    with open(path, "wb") as f:
        left = mib
        while left:
            part = min(left, 16)
            f.write(choose.randbytes(part * MIB))
            left -= part


def write_small(directory, count):
    directory.mkdir()
    choose = random.Random(1)
    block = choose.randbytes(8 * MIB)
    for i in range(count):
        start = choose.randrange(len(block) - 102400)
        (directory / f"{i:06}.jpg").write_bytes(block[start:start + 102400])


def write_tree(directory, count):
    choose = random.Random(2)
    words = [bytes(choose.choices(b"abcdefghijklmnopqrstuvwxyz", k=choose.randrange(2, 12))) for _ in range(500)]
    pool = [b" ".join(choose.choices(words, k=10)) for _ in range(5000)]
    for i in range(count):
        folder = directory / f"part{i % 40:02}" / f"module{i % 7}"
        folder.mkdir(parents=True, exist_ok=True)
        lines = choose.choices(pool, k=choose.randrange(10, 300))
        (folder / f"file{i:05}.c").write_bytes(b"\n".join(lines) + b"\n")


def write_tensors(path, mib):
    import numpy
    from safetensors.numpy import save_file

    numbers = numpy.random.default_rng(3)
    save_file({f"layer{i}.weight": numbers.random((4, MIB), dtype=numpy.float32) for i in range(mib // 16)}, path)


def write_tables(directory, rows):
    import numpy
    import pyarrow
    import pyarrow.parquet

    directory.mkdir()
    numbers = numpy.random.default_rng(4)
    for part in range(4):
        count = rows // 4
        table = pyarrow.table({"id": numpy.arange(count) + part * count, "value": numbers.random(count),
                               "group": numbers.integers(0, 1000, count), "weight": numbers.random(count)})
        pyarrow.parquet.write_table(table, directory / f"part-{part}.parquet", row_group_size=100_000)


def make(directory, size):
    """Fills the bucket's directory."""
    write_large(directory / "large", size.large_mib, 0)
    write_small(directory / "small", size.small_files)
    write_tree(directory / "tree", size.tree_files)
    write_tensors(directory / "model.safetensors", size.tensors_mib)
    write_tables(directory / "table", size.parquet_rows)
    for path in directory.rglob("*"):
        if path.is_file():
            give_etag(path)


def give_etag(path):
    """As an upload would have: the server keeps an object's ETag in this attribute of its file."""
    with open(path, "rb") as f:
        os.setxattr(path, "user.etag", f'"{hashlib.file_digest(f, "md5").hexdigest()}"'.encode())


def copy(source, target):
    shutil.copytree(source, target, dirs_exist_ok=True)


def read_all(directory):
    """Reads every file once: what a page cache can keep is in it then. Returns the number of bytes."""
    buffer = bytearray(MIB)
    total = 0
    for path in [directory, *sorted(directory.rglob("*"))]:
        if path.is_file():
            with open(path, "rb", buffering=0) as f:
                while count := f.readinto(buffer):
                    total += count
    return total


def objects(directory, below=""):
    """(key, bytes) of every object, in order."""
    root = directory / below if below else directory
    files = [root] if root.is_file() else sorted(p for p in root.rglob("*") if p.is_file())
    return [(str(p.relative_to(directory)), p.stat().st_size) for p in files]
