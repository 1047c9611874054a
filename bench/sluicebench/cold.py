"""Volumes that have nothing cached, against what the server gives a raw client in the same round."""

import mmap
import os
import random
import threading
import time

from . import dataset, systems
from .common import MIB, busy_seconds, drop_caches, median, quantile, readbench, remember, run

PARALLEL = 64  # connections of a raw client beside a prewarm of one object: `limits.fetches`, the most that the daemon may have
PREWARM_FILES = 8  # files at a time: `sluice prewarm --concurrency`'s default


def ratio_row(what, volume, pairs, unit, better="higher"):
    """`pairs`: (mine, reference) of each round. The ratio is of speeds: above 1 is faster than the reference."""
    ratios = [a / b if better == "higher" else b / a for a, b in pairs]
    return {"what": what, "system": volume.name, "value": median([a for a, _ in pairs]), "reference": median([b for _, b in pairs]),
            "unit": unit, "ratio": median(ratios)}


def first_bytes(directory, places):
    """Milliseconds of an open and a read of 4 KiB at each (name, offset)."""
    times = []
    for name, offset in places:
        path = directory / name
        begin = time.perf_counter()
        fd = os.open(path, os.O_RDONLY)
        os.pread(fd, 4096, offset)
        times.append((time.perf_counter() - begin) * 1e3)
        os.close(fd)
    return times


def make_cold(volume, server, bucket, below):
    """Nothing of the volume is cached, by the daemon or the kernel; the server has what it is asked for in memory."""
    volume.forget()
    drop_caches()
    dataset.read_all(server.root / bucket / below)


def sequential(volume, server, bucket, size):
    """One reader of one large object; the raw client sends as many requests, as many at a time, as the daemon did."""
    addresses = server.addresses(bucket, "large")
    gib = addresses[0][1] / (1 << 30)
    pairs, work, requests, at_a_time = [], [], 0, 0
    for _ in range(size.passes):
        make_cold(volume, server, bucket, "large")
        before = volume.requests(), volume.metric("sluice_source_request_seconds_sum"), busy_seconds()
        mine = readbench({"volume": volume.directory}, "--once", "--rounds", 1, "--shapes", "seq1m")[0]["operations_per_second"]
        mine_work = (busy_seconds() - before[2]) / gib
        seconds = addresses[0][1] / MIB / mine
        requests = max(1, volume.requests() - before[0])
        at_a_time = max(1, round((volume.metric("sluice_source_request_seconds_sum") - before[1]) / seconds))
        before = busy_seconds()
        raw = server.raw(addresses, "--parallel", at_a_time, "--part", min(1 << 30, -(-addresses[0][1] // requests)))
        pairs.append((mine, raw["bytes"] / raw["seconds"] / MIB))
        work.append((mine_work, (busy_seconds() - before) / gib))
    row = ratio_row("cold sequential read of one object", volume, pairs, "MiB/s")
    return {**row, "requests": requests, "requests_at_a_time": at_a_time, "processor_seconds_per_gib": median([a for a, _ in work]),
            "of_the_raw_client_with_its_server": median([b for _, b in work])}


def first_read(volume, server, bucket, size):
    """Open and first 4 KiB: of a small object, and at a random place of a large one."""
    rows = []
    choose = random.Random(5)
    small = [(f"small/{i:06}.jpg", 0) for i in range(200)]
    large = [("large", block * MIB) for block in choose.sample(range(size.large_mib), min(100, size.large_mib))]
    for what, below, places in (("small object", "small", small), ("random place of a large object", "large", large)):
        addresses = server.addresses(bucket, below)
        addresses = addresses * len(places) if below == "large" else addresses[:len(places)]
        pairs, tails = [], []
        for _ in range(size.passes):
            make_cold(volume, server, bucket, below)
            os.listdir(volume.directory / "small")  # names are known: data alone is cold
            mine = first_bytes(volume.directory, places)
            raw = server.raw(addresses, "--parallel", 1, "--part", 4096, "--first", 4096)["request_ms"]
            pairs.append((median(mine), raw["p50"]))
            tails.append(quantile(mine, 0.99))
        rows.append({**ratio_row(f"cold open and 4 KiB, {what}", volume, pairs, "ms", "lower"), "p99": median(tails)})
    return rows


def write_rate(directory, mib):
    """MiB/s that the tier's file system takes: large writes, then one sync."""
    block = random.Random(6).randbytes(8 * MIB)
    path = directory / "write-rate"
    begin = time.perf_counter()
    with open(path, "wb", buffering=0) as f:
        for _ in range(mib // 8):
            f.write(block)
        os.fdatasync(f.fileno())
    seconds = time.perf_counter() - begin
    path.unlink()
    return mib / seconds


def prewarm(volume, server, bucket, size, scratch):
    """Everything into the cache, against a raw client and the write rate of `scratch`, which is a directory of a file system
    like the tier's, whichever is less; then the first pass."""
    rows, first = [], []
    for what, below in (("prewarm of one large object", "large"), ("prewarm of small objects", "small")):
        addresses = server.addresses(bucket, below)
        total = sum(size_bytes for _, size_bytes in addresses) / MIB
        pairs, memory = [], 0
        for _ in range(size.passes):
            make_cold(volume, server, bucket, below)
            begin = time.perf_counter()
            volume.fill(below)
            mine = total / (time.perf_counter() - begin)
            memory = max(memory, systems.resident_mib(volume.pids()[0]))
            raw = server.raw(addresses, "--parallel", PARALLEL if below == "large" else PREWARM_FILES)
            raw_rate = raw["bytes"] / raw["seconds"] / MIB
            pairs.append((mine, min(raw_rate, write_rate(scratch, int(min(total, 1024))))))
        rows.append({**ratio_row(what, volume, pairs, "MiB/s"), "daemon_resident_mib": memory})
    for _ in range(size.passes):
        volume.unmount()
        volume.mount()
        volume.fill("small")
        native = server.root / bucket
        targets = {"native": native, "volume": volume.directory}
        warm = readbench({"native": native}, "--once", "--rounds", 2, "--shapes", "small")[0]["rates"][-1]
        mine = readbench(targets, "--once", "--rounds", 1, "--shapes", "small")[1]["operations_per_second"]
        first.append((mine, warm))
    rows.append(ratio_row("small files, first pass after prewarm and mount, to native warm", volume, first, "files/s"))
    return rows


def foreground(volume, size):
    """Latency of a reader while a prewarm of other files runs, and without: of cached data, and of data that is not."""
    rows = []
    for what, cached in (("cached", True), ("cold", False)):
        quiet, busy = [], []
        for _ in range(size.passes):
            for times, with_prewarm in ((quiet, False), (busy, True)):
                volume.forget()
                if cached:
                    volume.fill("large")
                drop_caches()
                times.append(latencies(volume, with_prewarm, size))
        for i, name in enumerate(("p50", "p99")):
            rows.append(ratio_row(f"{what}: open and 4 KiB, {name} while a prewarm runs, to without", volume,
                                  [(b[i], q[i]) for q, b in zip(quiet, busy)], "ms", "lower"))
    return rows


def latencies(volume, with_prewarm, size):
    """(p50, p99) in ms of one reader of 4 KiB, each in a block that was not read before, while the prewarm runs."""
    done = threading.Event()
    if with_prewarm:
        threading.Thread(target=lambda: (volume.fill("small"), done.set()), daemon=True).start()
        time.sleep(0.05)
    blocks = list(range(size.large_mib))
    random.Random(7).shuffle(blocks)
    times = []
    end = time.monotonic() + 1.5
    for block in blocks:
        if time.monotonic() > end or done.is_set():
            break
        times += first_bytes(volume.directory, [("large", block * MIB)])
    if with_prewarm:
        done.wait(600)
    return median(times), quantile(times, 0.99)


def publish(volume, size):
    """Milliseconds of NodeStageVolume and NodePublishVolume of a dataset that the daemon knows."""
    times = []
    for _ in range(size.rounds):
        volume.unmount()
        begin = time.perf_counter()
        volume.mount()
        times.append((time.perf_counter() - begin) * 1e3)
    return {"what": "stage and publish of a known dataset", "system": volume.name, "value": median(times), "unit": "ms"}


def partly_cached(volume, server, bucket, size):
    """An object that lacks its last part, so that it cannot be passed through. FUSE has no pages of it, the tier's file system has."""
    native = server.root / bucket / "large"
    blocks = size.large_mib * 3 // 4  # read-ahead must not come to the end
    pairs, work = [], []
    for _ in range(size.passes):
        make_cold(volume, server, bucket, "large")
        sequential_pass(volume.directory / "large", blocks)
        volume.unmount()
        volume.mount()
        sequential_pass(native, blocks)
        warm, mine = sequential_pass(native, blocks), sequential_pass(volume.directory / "large", blocks)
        pairs.append((mine[0], warm[0]))
        work.append((mine[1], warm[1]))
    row = ratio_row("partly cached object, 1 MiB sequential, first pass of a mount, to native warm", volume, pairs, "MiB/s")
    return {**row, "reader_processor_us_per_mib": median([a for a, _ in work]), "native_reader_processor_us_per_mib": median([b for _, b in work])}


def sequential_pass(path, blocks):
    """MiB/s of reads of 1 MiB into one aligned buffer, and the reader's own processor time per MiB in microseconds."""
    buffer = mmap.mmap(-1, MIB)
    with open(path, "rb", buffering=0) as f:
        begin, work = time.perf_counter(), time.thread_time()
        for block in range(blocks):
            os.preadv(f.fileno(), [buffer], block * MIB)
        return blocks / (time.perf_counter() - begin), (time.thread_time() - work) / blocks * 1e6


def fresh_listing(volume, server, size):
    """`ls -l` of a directory whose names are known, first thing after the mount, against the same of the local file system, warm."""
    rows = []
    for count in size.listed_files:
        bucket = f"names-{count}"
        native = server.bucket(bucket)
        for i in range(count):
            (native / f"image-{i:07}.jpg").touch()
        names = systems.Volume(volume.node, bucket, volume.mode)
        pairs = []
        for _ in range(size.passes):
            ls(names.directory)
            names.unmount()
            names.mount()
            ls(native)
            mine, warm = ls(names.directory), ls(native)
            pairs.append((mine, warm))
        names.unmount()
        rows.append(ratio_row(f"ls -l of {count} files, first of a mount, to native warm", volume, pairs, "ms", "lower"))
    return rows


def ls(directory):
    """Milliseconds."""
    begin = time.perf_counter()
    run(["ls", "-l", "--color=never", directory])
    remember(["ls", "-l", "DIRECTORY"])
    return (time.perf_counter() - begin) * 1e3
