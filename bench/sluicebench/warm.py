"""Shapes over data that is cached: with the kernel's page caches warm, and with them dropped before every slice."""

from . import dataset
from .common import readbench

# One pass costs seconds here, so the dropped state has fewer shapes.
DROPPED = "seq1m,rnd128k,rnd4k,mmap4k,small"


def hot(systems, size):
    """Everything cached and read before: what the kernel can answer without the daemon, it does."""
    for system in systems:
        dataset.read_all(system.directory)
    before = {s.name: s.requests() for s in systems}
    results = readbench({s.name: s.directory for s in systems}, "--rounds", size.rounds, "--threads", size.threads,
                        pids={s.name: s.pids() for s in systems})
    sent = {s.name: s.requests() - before[s.name] for s in systems}
    return results, sent


def dropped(systems, size):
    """Everything cached, but no page of it in memory: the cache's own disk is read."""
    before = {s.name: s.requests() for s in systems}
    results = readbench({s.name: s.directory for s in systems}, "--once", "--drop-caches", "--rounds", size.rounds, "--shapes", DROPPED,
                        pids={s.name: s.pids() for s in systems})
    sent = {s.name: s.requests() - before[s.name] for s in systems}
    return results, sent
