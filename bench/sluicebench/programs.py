"""Programs of users over every system, in interleaved rounds: a shuffled loader, model files, Parquet, git, tar, find."""

import os
import pathlib
import subprocess
import sys
import time

from . import warm
from .common import median, remember, run

READER = pathlib.Path(__file__).with_name("reader.py")


class Reading:
    """A process of reader.py that is ready; each pass is a number of seconds."""

    def __init__(self, kind, system, processes):
        self.process = subprocess.Popen([sys.executable, str(READER), kind, str(system.directory), str(processes)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.process.stdout.readline()

    def seconds(self):
        self.process.stdin.write("read\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().split()
        if len(answer) != 2:
            raise RuntimeError("reader.py ended early; its words are above")
        return float(answer[0])

    def end(self):
        self.process.stdin.close()
        self.process.wait(30)


class Command:
    """A shell command; each pass is the time it takes."""

    def __init__(self, text, system, state):
        self.environment = {**os.environ, "DATA": str(system.directory), "STATE": str(state / system.name), "GIT_OPTIONAL_LOCKS": "0"}
        self.text = text

    def seconds(self):
        begin = time.perf_counter()
        run(["sh", "-c", self.text], env=self.environment)
        return time.perf_counter() - begin

    def end(self):
        pass


GIT = 'git --git-dir="$STATE" --work-tree="$DATA/tree" -c core.fileMode=false -c safe.directory="*"'
PROGRAMS = {
    "shuffled loader, small files, 2 processes": ("loader", 2),
    "safetensors through mmap, 1 process": ("tensors", 1),
    "safetensors through mmap, 4 processes": ("tensors", 4),
    "Parquet scan, 2 of 4 columns": ("table", 1),
    "git status": f'cd "$DATA/tree" && {GIT} status --porcelain > /dev/null',
    "tar c": 'tar -cf - -C "$DATA" tree | cat > /dev/null',
    "find": 'find "$DATA" -type f -newermt 2000-01-01 > /dev/null',
}


def prepare_git(system, state):
    """An index of the tree, kept beside: git status compares names and attributes with it."""
    environment = {**os.environ, "DATA": str(system.directory), "STATE": str(state / system.name)}
    run(["sh", "-c", f'cd "$DATA/tree" && {GIT} init -q && {GIT} add -A'], env=environment)


def rounds(systems, running, size):
    """Seconds of each system in each round."""
    seconds = {s.name: [] for s in systems}
    for program in running.values():
        program.seconds()  # once for nothing: warm
    for turn in range(size.rounds):
        for i in range(len(systems)):
            at = systems[(i + turn) % len(systems)].name
            seconds[at].append(running[at].seconds())
    return seconds


def measure(systems, state, size):
    """Rows {program, system, seconds, ratio}: warm, ratio of speed to the first system, median of the rounds' ratios."""
    state.mkdir()
    for system in systems:
        prepare_git(system, state)
    rows = []
    for name, what in PROGRAMS.items():
        remember([f"reader.py {what[0]} DIRECTORY {what[1]}" if isinstance(what, tuple) else what])
        running = {s.name: Reading(what[0], s, what[1]) if isinstance(what, tuple) else Command(what, s, state) for s in systems}
        try:
            seconds = warm.undisturbed(systems, lambda r=running: rounds(systems, r, size))
        finally:
            for program in running.values():
                program.end()
        first = seconds[systems[0].name]
        for system in systems:
            mine = seconds[system.name]
            rows.append({"program": name, "system": system.name, "seconds": median(mine),
                         "ratio": median([a / b for a, b in zip(first, mine)])})
    return rows
