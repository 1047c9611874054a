"""File system test programs that others wrote, over mounted volumes. docs/semantics.md says which do not fit, and why."""

import pathlib
import re
import shutil
import subprocess

import pytest

import harness
import load

MIB = 1 << 20
PROGRAMS = harness.DEPS / "bin"
ACCESS = ["large-files", "small-files"]
CONFIG = "pools: {default: {tiers: [{medium: dram, quota: 24MiB}, {medium: ssd, quota: 48MiB}], source: {deadline: 10s}}}"


def run(*command, code=0, **options):
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120, **options)
    assert done.returncode == code, f"{command[0]} ended with {done.returncode}:\n{done.stdout[-5000:]}"
    return done.stdout


# What fio reads by: system calls, mapped memory, splice, two rings; what goes past the page cache, and threads together.
ENGINES = {
    "psync": [], "mmap": [], "splice": [], "libaio": ["--iodepth=8"], "io_uring": ["--iodepth=8"],
    "io_uring direct": ["--direct=1", "--iodepth=8"], "pvsync2 by four": ["--numjobs=4", "--thread"],
}


@pytest.mark.parametrize("access", ACCESS)
def test_fio_reads_at_random(make_plugin, s3, s3_volume, access):
    """Any length at any place, like fsx: each 4 KiB has a checksum and its own place in it. A third is always cold."""
    bucket = s3.bucket(f"posix-{access}")
    file = ["--name=f", f"--size={96 * MIB}", "--verify=crc32c", "--verify_interval=4096", "--verify_state_save=0"]
    run("fio", *file, f"--filename={bucket}/f", "--rw=write", "--bs=64k", "--do_verify=0")
    plugin = make_plugin(CONFIG)
    path = plugin.mount("v", *s3_volume(f"posix-{access}", access=access))
    for engine, options in ENGINES.items():
        run("fio", *file, f"--filename={path}/f", "--readonly", "--rw=randread", "--bsrange=4k-300k", "--blockalign=4k", "--verify_fatal=1", "--invalidate=1",
            "--norandommap", "--randrepeat=0", "--number_ios=300", f"--ioengine={engine.split()[0]}", *options)


@pytest.fixture
def tree(s3):
    """A bucket with names and sizes of many kinds, and what must be there."""
    root = s3.bucket("posix-tree")
    shutil.rmtree(root / "deep", ignore_errors=True)
    sizes = [1, 511, 4095, 4096, 4097, 65537, 131072, 262145]
    names = [f"size/{size}" for size in sizes] + ["deep/" + "d/" * 40 + "f", "n" * 255, "odd/ blank ", "odd/ünïcødé", "odd/-dash", "odd/*?[x]"]
    names += [f"many/{i:04}" for i in range(200)]
    for seed, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        size = int(name.split("/")[1]) if name.startswith("size/") else 100 + seed
        (root / name).write_bytes(load.data(size, seed))
    return root, names


@pytest.mark.parametrize("access", ACCESS)
def test_go_finds_a_file_system(make_plugin, tree, s3_volume, access):
    root, names = tree
    plugin = make_plugin(CONFIG)
    path = plugin.mount("v", *s3_volume(root.name, access=access, blockSize="64KiB"))
    run(PROGRAMS / "testfs", path, *names)
    assert "expected but not found: no/such" in run(PROGRAMS / "testfs", path, "no/such", code=1)


@pytest.mark.parametrize("access", ACCESS)
def test_mtree_compares_with_the_source(make_plugin, tree, s3_volume, access):
    root, names = tree
    specification = run("mtree", "-c", "-k", "type,size,sha256", "-p", root)
    plugin = make_plugin(CONFIG)
    path = plugin.mount("v", *s3_volume(root.name, access=access, blockSize="64KiB"))
    for _ in range(2):  # cold and warm
        assert run("mtree", "-p", path, input=specification) == ""
    wrong = specification.replace("size=4097", "size=4098")
    assert "4098" in run("mtree", "-p", path, input=wrong, code=2)


# What makes a file system read-only, for pjdfstest: it has its files made in a writable one, and this "mount" lays a
# volume that shows the same files over it.
MOUNT = """#!/bin/sh -e
case "$2" in
  remount,ro) chmod 755 "$3"/.tmp*; exec {mount} --bind {volume} "$3" ;;
  remount,rw) exec {umount} -l "$3" ;;
esac
exit 1
"""


@pytest.mark.parametrize("access", ACCESS)
def test_pjdfstest_finds_nothing_to_write(make_plugin, access):
    plugin = make_plugin(CONFIG)
    files, written, shims = plugin.directory / "files", plugin.directory / "written", plugin.directory / "shims"
    for directory in (files, written, shims):
        directory.mkdir()
    run("mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", files)
    run("mount", "--bind", files, written)
    path = plugin.mount("v", {"source": f"file://{files}", "consistency": "strong", "access": access})
    shim = shims / "mount"
    shim.write_text(MOUNT.format(volume=path, mount=shutil.which("mount"), umount=shutil.which("umount")))
    shim.chmod(0o755)
    (shims / "config.toml").write_text("""
[features]
[settings]
naptime = 0.01
allow_remount = true
[dummy_auth]
entries = [["nobody", "nogroup"], ["daemon", "daemon"]]
""")
    out = run(PROGRAMS / "pjdfstest", "-c", shims / "config.toml", "-p", written, "erofs", env={"PATH": f"{shims}:/usr/bin:/bin", "NO_COLOR": "1"})
    passed = re.findall(r"^(\S+)::erofs_\w+ +ok", out, re.M)
    assert set(passed) >= {"chmod", "chown", "chown::lchown", "link", "mkdir", "mkfifo", "open", "rename", "rmdir", "symlink", "truncate", "unlink"}, out
    assert " 0 failed, 0 skipped" in out
