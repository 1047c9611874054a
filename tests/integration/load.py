"""A mixed load on volumes: threads that read in every way a program may, compare every byte, and note what went wrong."""

import json
import mmap
import os
import pathlib
import random
import select
import subprocess
import sys
import tempfile
import threading

MIB = 1 << 20


def data(size, seed):
    return random.Random(seed).randbytes(size)


def large_files(bucket, count=24, size=2 * MIB):
    """Fills a bucket; {name: content}."""
    want = {f"f{i:02}": data(size + i, i) for i in range(count)}
    for name, content in want.items():
        (bucket / name).write_bytes(content)
    return want


def small_files(bucket, count=300, size=20_000):
    want = {f"d{i % 6}/s{i:03}": data(size + i, 1000 + i) for i in range(count)}
    for name, content in want.items():
        (bucket / name).parent.mkdir(exist_ok=True)
        (bucket / name).write_bytes(content)
    return want


class Load:
    """`volumes`: {path: {name: content}}. Runs between entering and leaving."""

    def __init__(self, volumes, also=()):
        self.volumes = list(volumes.items())
        self.problems, self.reads, self.over = [], 0, threading.Event()
        works = [self.whole, self.sequential, self.scattered, self.mapped, self.held, self.listing, *also]
        self.threads = [threading.Thread(target=self.run, args=(work, random.Random(seed))) for seed, work in enumerate(works)]

    def run(self, work, choose):
        while not self.over.is_set():
            path, want = choose.choice(self.volumes)
            name = choose.choice(list(want))
            try:
                work(path, want, name, choose)
                self.reads += 1
            except Exception as error:  # noqa: BLE001: whatever it is, it is wrong
                self.problems.append(f"{work.__name__} {path / name}: {error!r}")

    def whole(self, path, want, name, choose):
        assert (path / name).read_bytes() == want[name]

    def sequential(self, path, want, name, choose):
        with open(path / name, "rb", buffering=0) as f:
            got = b"".join(iter(lambda: f.read(100_000), b""))
        assert got == want[name]

    def scattered(self, path, want, name, choose):
        with open(path / name, "rb") as f:
            os.posix_fadvise(f.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            for _ in range(20):
                at = choose.randrange(len(want[name]))
                assert os.pread(f.fileno(), 4096, at) == want[name][at:at + 4096]

    def mapped(self, path, want, name, choose):
        with open(path / name, "rb") as f, mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ) as m:
            for _ in range(20):
                at = choose.randrange(len(m))
                assert m[at:at + 5000] == want[name][at:at + 5000]

    def held(self, path, want, name, choose):
        """A handle that outlives what happens meanwhile."""
        with open(path / name, "rb") as f:
            first = f.read(1000)
            self.over.wait(choose.random() / 2)
            assert first + f.read() == want[name]

    def listing(self, path, want, name, choose):
        found = {os.path.relpath(os.path.join(directory, file), path) for directory, _, files in os.walk(path) for file in files}
        assert found == set(want)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join(120)
        assert not any(thread.is_alive() for thread in self.threads), "a reader hangs"


class Apart:
    """A Load on the large files at a path, in a process of its own: a page fault that waits for a daemon stops whole
    Python processes, which then cannot start one."""

    def __init__(self, path, count):
        self.output = tempfile.TemporaryFile()
        self.process = subprocess.Popen([sys.executable, __file__, str(path), str(count)], stdin=subprocess.PIPE, stdout=self.output, text=True)
        self.problems = None

    @property
    def reads(self):
        """So far."""
        return max([0, *(said["reads"] for said in self.said())])

    def said(self):
        """Every whole line. By pread: the process writes where the file's offset is, which both share."""
        text = os.pread(self.output.fileno(), os.fstat(self.output.fileno()).st_size, 0).decode()
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        try:
            self.process.wait(60)
        finally:
            self.process.kill()
        self.problems = self.said()[-1]["problems"]


def main(path, count):
    want = {f"f{i:02}": data(2 * MIB + i, i) for i in range(count)}
    with Load({pathlib.Path(path): want}) as readers:
        while not select.select([sys.stdin], [], [], 0.02)[0]:
            print(json.dumps({"reads": readers.reads}), flush=True)
    print(json.dumps({"reads": readers.reads, "problems": readers.problems}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
