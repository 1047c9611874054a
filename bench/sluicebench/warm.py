"""Shapes over data that is cached: with the kernel's page caches warm, and with them dropped before every slice."""

from . import dataset
from .common import drop_caches, readbench

# And what each reads the bytes of.
SHAPES = {"seq1m": "large", "rnd128k": "large", "rnd4k": "large", "mmap4k": "large", "small": "small", "open": None, "stat": None,
          "readdir": None, "ls-l": None}
# One pass costs seconds here, so the dropped state has fewer shapes.
DROPPED = "seq1m,rnd128k,rnd4k,mmap4k,small"
ATTEMPTS = 4


def drops():
    """How often anybody on this machine has dropped the page caches."""
    return int(next(line.split()[1] for line in open("/proc/vmstat") if line.startswith("drop_pagecache")))


def undisturbed(systems, below, measure):
    """`measure` with the page caches of `below` warm from beginning to end; once more when another program has dropped them."""
    for _ in range(ATTEMPTS):
        for system in systems * 2 if below else []:  # a kernel may take back what nobody used for seconds: the second time is short
            dataset.read_all(system.directory / below)
        seen = drops()
        got = measure()
        if drops() == seen:
            return got
    raise RuntimeError("another program keeps dropping the page caches: nothing stays warm")


def counted(systems, measure):
    """What `measure` returns, and the requests that each system sent meanwhile."""
    before = {s.name: s.requests() for s in systems}
    got = measure()
    return got, {s.name: s.requests() - before[s.name] for s in systems}


def hot(systems, size):
    """Everything cached and read before: what the kernel can answer without the daemon, it does."""
    targets, pids = {s.name: s.directory for s in systems}, {s.name: s.pids() for s in systems}
    drop_caches()  # pages that a write left are of other sizes than those that a read brings: all begin alike
    for system in systems:
        dataset.read_all(system.directory)

    def measure():
        return [result for shape, below in SHAPES.items() for result in undisturbed(
            systems, below, lambda s=shape: readbench(targets, "--rounds", size.rounds, "--threads", size.threads, "--shapes", s, pids=pids))]

    return counted(systems, measure)


def dropped(systems, size):
    """Everything cached, but no page of it in memory: the cache's own disk is read."""
    targets, pids = {s.name: s.directory for s in systems}, {s.name: s.pids() for s in systems}
    return counted(systems, lambda: readbench(targets, "--once", "--drop-caches", "--rounds", size.rounds, "--shapes", DROPPED, pids=pids))
