"""What all parts share: the programs, the sizes of a run, running things, taking medians."""

import dataclasses
import json
import os
import pathlib
import statistics
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
PEERS = ROOT / "build" / "peers"
MIB = 1 << 20


def build_directory():
    return pathlib.Path(os.environ["SLUICE_BUILD"])


def tools_directory():
    """Where readbench and rawget are: beside the product, or where SLUICE_BENCH_TOOLS says."""
    return pathlib.Path(os.environ.get("SLUICE_BENCH_TOOLS", build_directory() / "bin"))


@dataclasses.dataclass
class Size:
    """How much data, and how often. A quick run is for trying things out: its figures are not to be quoted."""

    rounds: int = 9
    large_mib: int = 1024
    small_files: int = 10_000
    tree_files: int = 4000
    tensors_mib: int = 512
    parquet_rows: int = 4_000_000
    known_objects: int = 1_000_000
    listed_files: tuple = (10_000, 100_000)
    volumes: int = 500
    passes: int = 5  # of what takes seconds: cold reads, prewarms, programs
    threads: str = "1,4"

    @classmethod
    def quick(cls):
        return cls(rounds=7, large_mib=256, small_files=1000, tree_files=800, tensors_mib=128, parquet_rows=500_000,
                   known_objects=50_000, listed_files=(10_000,), volumes=100, passes=3)


COMMANDS = []  # every measuring command of this run, for the report


def run(arguments, **options):
    """Runs a program to its end; its completed process. Raises with its last words when it fails."""
    done = subprocess.run([str(a) for a in arguments], capture_output=True, text=True, timeout=options.pop("timeout", 1200), **options)
    if done.returncode:
        raise RuntimeError(f"{arguments[0]} ended with {done.returncode}: {done.stderr[-2000:] or done.stdout[-2000:]}")
    return done


def readbench(targets, *arguments, pids=None, note=True):
    """Runs readbench over {name: directory}; the list of its results."""
    command = [tools_directory() / "readbench", *arguments]
    for name in targets:
        command += [f"--pid={name}={pid}" for pid in (pids or {}).get(name, ())]
    command += [f"{name}={directory}" for name, directory in targets.items()]
    if note:
        remember(["readbench", *arguments, *(f"{name}=DIRECTORY" for name in targets)])
    return json.loads(run(command).stdout)["results"]


def remember(words):
    line = " ".join(map(str, words))
    if line not in COMMANDS:
        COMMANDS.append(line)


def drop_caches():
    os.sync()
    pathlib.Path("/proc/sys/vm/drop_caches").write_text("3")


def busy_seconds():
    """What all processors have worked so far, in seconds of one."""
    user, nice, system, _, _, irq, softirq, *_ = map(int, open("/proc/stat").readline().split()[1:])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


def median(values):
    return statistics.median(values)


def quantile(values, q):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))]
