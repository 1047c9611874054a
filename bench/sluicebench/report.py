"""The results of a run as Markdown and JSON."""

import datetime
import json
import os
import pathlib
import platform
import subprocess

from . import chart
from .common import COMMANDS, MIB, ROOT


def machine():
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "unknown CPU")
    memory = int(next(line.split()[1] for line in open("/proc/meminfo") if line.startswith("MemTotal"))) // MIB
    distribution = platform.freedesktop_os_release().get("PRETTY_NAME", "")
    revision = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], capture_output=True, text=True).stdout.strip()
    return {"date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"), "cpu": f"{os.cpu_count()} x {cpu}",
            "memory": f"{memory} GiB", "kernel": platform.release(), "distribution": distribution, "revision": revision,
            "load_before": os.getloadavg()[0]}


def table(header, rows):
    lines = ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    return "\n".join(lines + ["| " + " | ".join(str(c) for c in row) + " |" for row in rows]) + "\n"


def rate(result):
    per_second, size = result["operations_per_second"], result["bytes_per_operation"]
    if size >= 65536:
        return f"{per_second * size / MIB:,.0f} MiB/s"
    return f"{per_second:,.0f}/s"


def shapes(results, names):
    """One row a shape and number of threads: the first system's rate and CPU time, the others' ratios and CPU ratios."""
    rows = []
    for key in dict.fromkeys((r["title"], r["threads"]) for r in results):
        cells = {r["target"]: r for r in results if (r["title"], r["threads"]) == key}
        first = cells[names[0]]
        row = [f"{key[0]}, {key[1]} thread{'s' if key[1] > 1 else ''}", f"{rate(first)}, {first['cpu_ns'] / 1e3:,.1f} µs"]
        for name in names[1:]:
            cell = cells.get(name)
            row.append(f"{cell['ratio']:.2f} ({cell['cpu_ratio']:.2f})" if cell else "–")
        rows.append(row)
    return table(["", f"{names[0]}: rate, CPU per operation", *names[1:]], rows)


def programs(rows, names):
    out = []
    for program in dict.fromkeys(r["program"] for r in rows):
        cells = {r["system"]: r for r in rows if r["program"] == program}
        out.append([f"`{program}`" if program.split()[0] in ("git", "tar", "find") else program, f"{cells[names[0]]['seconds'] * 1e3:,.0f} ms",
                    *(f"{cells[n]['ratio']:.2f}" if n in cells else "–" for n in names[1:])])
    return table(["", names[0], *names[1:]], out)


def figures(rows):
    out = []
    for row in rows:
        notes = [f"{key.replace('_', ' ')} {row[key]:,.4g}" for key in NOTES if key in row]
        reference = f"{row['reference']:,.2f}" if "reference" in row else ""
        ratio = f"{row['ratio']:.2f}" if "ratio" in row else ""
        out.append([row["what"], row["system"], f"{row['value']:,.2f} {row['unit']}", reference, ratio, ", ".join(notes)])
    return table(["", "volume", "measured", "reference", "ratio", "also"], out)


NOTES = ("requests", "requests_at_a_time", "processor_seconds_per_gib", "of_the_raw_client_with_its_server", "p99", "daemon_resident_mib", "threads",
         "mib_per_second", "reader_processor_us_per_mib", "native_reader_processor_us_per_mib")


def markdown(result):
    names = [s["name"] for s in result["systems"]]
    about = result["machine"]
    parts = [f"# Figures of `{result['command']}`\n",
             f"{about['date']}; {about['cpu']}, {about['memory']}; Linux {about['kernel']}, {about['distribution']}; revision {about['revision']}; "
             f"load when it began {about['load_before']:.1f}. Everything on loopback, one S3 server.\n"]
    if result["quick"]:
        parts.append("**A quick run: small data, few passes. Not to be quoted.**\n")
    parts.append(table(["system", "version", "options"], [[s["name"], s["version"], f"`{s['options']}`" if s["options"] else ""] for s in result["systems"]]))
    if result.get("mounts"):
        parts.append(table(["volume", "files are read by"], [[name, f"`{how}`"] for name, how in result["mounts"].items()]))
    if "hot" in result:
        parts += ["## Warm\n", f"Ratio of speed to {names[0]} (of CPU time per operation, client and servers), median of {result['rounds']} rounds.\n",
                  shapes(result["hot"], names)]
    if "dropped" in result:
        parts += ["## Cached, page caches dropped\n", shapes(result["dropped"], names)]
    if result.get("programs"):
        parts += ["## Programs, warm\n", "Ratio of speed.\n", programs(result["programs"], names)]
    if result["requests"]:
        parts += ["## Requests to S3 during the warm runs\n",
                  table(["system", *result["requests"]], [[n, *(result["requests"][state].get(n, "") for state in result["requests"])] for n in names])]
    if result["figures"]:
        parts += ["## Cold, prewarm, metadata\n", figures(result["figures"])]
    parts += ["## Commands\n", "```", *result["commands"], "```\n"]
    if result["failures"]:
        parts += ["## What failed\n", *(f"- {f}\n" for f in result["failures"])]
    return "\n".join(parts)


def write(result, directory):
    """results.json, results.md, warm.svg in `directory`."""
    result["commands"] = list(COMMANDS)
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "results.json").write_text(json.dumps(result, indent=1) + "\n")
    text = markdown(result)
    (directory / "results.md").write_text(text)
    if "hot" in result:
        (directory / "warm.svg").write_text(chart.bars(result["hot"], [s["name"] for s in result["systems"]],
                                                       f"Warm reads, 1 thread: speed relative to {result['systems'][0]['name']}", result["machine"]["date"]))
    return text
