"""What is fetched for the ways in which programs read a large file that is not cached: bytes per byte that was asked for."""

import mmap
import os
import random
import time

from .cold import make_cold
from .common import MIB, median

KIB = 1 << 10


def records(fd, length, choose):
    """A shuffled sampler: records of 100 KiB, in random order."""
    places = choose.sample(range(length // (100 * KIB)), 200)
    return sum(len(os.pread(fd, 100 * KIB, place * 100 * KIB)) for place in places)


def columns(fd, length, choose):
    """A Parquet scan of some columns: the footer's length, the footer, then chunks of 500 KiB."""
    done = len(os.pread(fd, 8, length - 8)) + len(os.pread(fd, 64 * KIB, length - 64 * KIB))
    for place in choose.sample(range(length // (500 * KIB) - 1), 20):
        done += len(os.pread(fd, 500 * KIB, place * 500 * KIB))
    return done


def samples(fd, length, choose):
    """Samples of 4 MiB of a tar file, each read on in pieces of 64 KiB."""
    done = 0
    for place in choose.sample(range(length // (4 * MIB)), min(20, length // (8 * MIB))):
        for offset in range(0, 4 * MIB, 64 * KIB):
            done += len(os.pread(fd, 64 * KIB, place * 4 * MIB + offset))
    return done


def mapped(fd, length, _):
    """A safetensors file: mapped, and touched from beginning to end."""
    with mmap.mmap(fd, length, prot=mmap.PROT_READ) as m:
        for offset in range(0, length, 4096):
            m[offset]
    return length


PATTERNS = [("records of 100 KiB in random order", records), ("a footer and 20 chunks of 500 KiB", columns),
            ("20 samples of 4 MiB of a tar", samples), ("a mapped file", mapped)]


def measure(volume, server, bucket, size):
    rows = []
    for what, pattern in PATTERNS:
        shares, requests, rates = [], [], []
        for turn in range(size.passes):
            make_cold(volume, server, bucket, "large")
            before = volume.metric("sluice_source_read_bytes_total"), volume.requests()
            begin = time.perf_counter()
            fd = os.open(volume.directory / "large", os.O_RDONLY)
            asked = pattern(fd, os.fstat(fd).st_size, random.Random(turn))
            seconds = time.perf_counter() - begin
            os.close(fd)
            shares.append((volume.metric("sluice_source_read_bytes_total") - before[0]) / asked)
            requests.append(volume.requests() - before[1])
            rates.append(asked / seconds / MIB)
        rows.append({"what": f"cold, {what}: bytes fetched per byte read", "system": volume.name, "value": median(shares), "unit": "",
                     "requests": median(requests), "mib_per_second": median(rates)})
    return rows
