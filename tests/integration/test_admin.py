"""The admin socket through its command line: prewarm, throttle, evict, pin, verify, and who may use it."""

import json
import os
import pathlib
import random
import signal
import subprocess
import time
import urllib.request

import pytest

import harness

MIB = 1 << 20


@pytest.fixture(scope="module")
def bucket(s3):
    root = s3.bucket("admin")
    choose = random.Random(21)
    for i in range(40):
        (root / f"d{i % 4}").mkdir(exist_ok=True)
        (root / f"d{i % 4}/f{i}.bin").write_bytes(choose.randbytes(MIB + i))
    (root / "model.safetensors").write_bytes(choose.randbytes(20 * MIB))
    return "admin"


@pytest.fixture
def mounted(make_plugin, s3_volume, bucket):
    plugin = make_plugin()
    path = plugin.mount("data", *s3_volume(bucket, consistency="immutable"))
    return plugin, path


def read_all(path):
    return sum(len(f.read_bytes()) for f in path.rglob("*") if f.is_file())


def test_prewarm_everything(mounted):
    plugin, path = mounted
    done = plugin.sluice("prewarm", "data", "--wait")
    assert "succeeded: 41 files" in done.stdout and "100 %" in done.stdout
    fetched = plugin.source_bytes()
    assert read_all(path) == fetched
    assert plugin.source_bytes() == fetched
    again = json.loads(plugin.sluice("--output", "json", "prewarm", "s3://admin", "--wait").stdout.splitlines()[-1])
    assert again["state"] == "SUCCEEDED" and again["bytes_fetched"] == "0" and again["bytes_done"] == again["bytes_total"] == str(fetched)


@pytest.mark.parametrize("patterns, files", [
    (["d1"], 10), (["d1", "d2/f2.bin"], 11), (["d*/f1*.bin"], 11), (["**1.bin"], 4), (["*.safetensors"], 1), (["d3/"], 10), (["nothing"], 0),
])
def test_prewarm_patterns(mounted, patterns, files):
    plugin, _ = mounted
    job = json.loads(plugin.sluice("--output", "json", "prewarm", "data", *patterns, "--wait").stdout.splitlines()[-1])
    assert int(job["files_done"]) == files
    listed = plugin.sluice("prewarm", "data", "--from", "-", "--wait", input="\n".join(patterns) + "\n")
    assert f"succeeded: {files} files" in listed.stdout


def test_prewarm_into_a_tier_with_a_limit(mounted):
    plugin, path = mounted
    start = time.monotonic()
    plugin.sluice("prewarm", "data", "model.safetensors", "--tier", "ssd", "--limit", "10MiB/s", "--wait")
    seconds = time.monotonic() - start
    assert os.getxattr(path / "model.safetensors", "user.sluice.tier") == b"ssd"
    assert 1.0 < seconds < 10, "20 MiB, of which 8 go at once, at 10 MiB/s"


def test_cancel(mounted):
    plugin, _ = mounted
    job = plugin.json("prewarm", "data", "--limit", "1MiB/s")["id"]
    time.sleep(0.3)
    plugin.sluice("job", "cancel", job)
    state = harness.wait_until(lambda: (j := next(j for j in plugin.json("jobs")["jobs"] if j["id"] == job))["state"] != "RUNNING" and j["state"], what="the end")
    assert state == "CANCELLED"
    assert plugin.sluice("job", "cancel", job, check=False).returncode == 1


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_job_goes_on_after_a_restart(mounted, how):
    plugin, path = mounted
    job = plugin.json("prewarm", "data", "--limit", "15MiB/s")["id"]
    time.sleep(0.5)
    plugin.kill_daemon(how)
    done = harness.wait_until(lambda: (j := next(j for j in plugin.json("jobs")["jobs"] if j["id"] == job))["state"] == "SUCCEEDED" and j, 60, "the job")
    assert int(done["bytes_fetched"]) < int(done["bytes_done"]), "what was cached before is not fetched again"
    assert done["bytes_done"] == done["bytes_total"] and done["files_done"] == "41"
    before = plugin.source_bytes()
    read_all(path)
    assert plugin.source_bytes() == before


def read_rate(path, seconds):
    """Bytes per second that uncached sequential reads get over `seconds`."""
    total = 0
    start = time.monotonic()
    while True:
        with open(path, "rb", buffering=0) as f:
            os.posix_fadvise(f.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            while chunk := f.read(256 * 1024):
                total += len(chunk)
                if time.monotonic() - start >= seconds:
                    return total / (time.monotonic() - start)


@pytest.mark.parametrize("who", ["data", "node"])
def test_throttle_holds_and_is_lifted(mounted, who):
    plugin, path = mounted
    read_all(path)
    plugin.sluice("throttle", who, "--read", "20MiB/s")
    rate = read_rate(path / "model.safetensors", 5)
    # An upper bound only: a busy machine may be slower. The kernel's own pages give some bytes without the daemon: at
    # most 2 MiB of read-ahead. That the rate is reached is tested on a clock of its own (tests/unit/throttle_test.cc).
    assert rate < 1.05 * 20 * MIB + 2 * MIB / 5
    plugin.sluice("throttle", who, "--read", "none")
    assert read_rate(path / "model.safetensors", 1) > 1.5 * rate
    assert float(plugin.json("stats")["throttled_seconds"]) > 3


def test_a_new_limit_reaches_those_who_wait(mounted):
    plugin, path = mounted
    plugin.sluice("throttle", "data", "--read", "64KiB/s")
    reader = subprocess.Popen(["cat", path / "model.safetensors"], stdout=subprocess.DEVNULL)
    time.sleep(1)
    assert reader.poll() is None
    plugin.sluice("throttle", "data", "--read", "none")
    start = time.monotonic()
    reader.wait(20)
    assert time.monotonic() - start < 10


def test_evict(mounted):
    plugin, path = mounted
    read_all(path)
    harness.wait_until(lambda: plugin.json("stats")["cached_objects"] == "41", what="all cached")
    time.sleep(0.3)
    result = plugin.json("evict", "data", "d1")
    assert result["files"] == "10"
    assert os.getxattr(path / "d1/f1.bin", "user.sluice.tier") == b"none"
    assert os.getxattr(path / "d0/f0.bin", "user.sluice.tier") != b"none"
    plugin.json("evict", "data")
    assert all(int(tier["used_bytes"]) == 0 for tier in plugin.json("status")["tiers"])
    assert not [f for f in (plugin.state / "pools/default").glob("*/objects/*/*")]
    assert read_all(path) > 0


def test_pinned_files_stay(make_plugin, s3_volume, bucket):
    plugin = make_plugin("pools: {default: {tiers: [{medium: ssd, quota: 24MiB}], source: {deadline: 5s}}}")
    path = plugin.mount("data", *s3_volume(bucket))
    assert plugin.json("pin", "data", "d2")["files"] == "10"
    read_all(path / "d2")
    for _ in range(2):
        (path / "model.safetensors").read_bytes()
        read_all(path / "d1")
    for f in (path / "d2").iterdir():
        assert os.getxattr(f, "user.sluice.cached") == b"2/2 blocks" or f.name == "f0.bin" or os.getxattr(f, "user.sluice.tier") == b"ssd"
    assert plugin.json("unpin", "data", "d2")["files"] == "10"
    for _ in range(2):
        (path / "model.safetensors").read_bytes()
        pathlib.Path("/proc/sys/vm/drop_caches").write_text("3")
    read_all(path / "d1")
    assert any(os.getxattr(f, "user.sluice.tier") == b"none" for f in (path / "d2").iterdir())


def test_verify_finds_damage(make_plugin, s3_volume, bucket):
    plugin = make_plugin("pools: {default: {tiers: [{medium: ssd, quota: 1GiB}], source: {deadline: 5s}}}")
    path = plugin.mount("data", *s3_volume(bucket))
    want = (path / "model.safetensors").read_bytes()
    time.sleep(0.3)
    assert plugin.json("verify", "data")["bad_blocks"] == "0"
    file = max((f for f in (plugin.state / "pools/default/ssd/objects").rglob("*") if f.is_file()), key=lambda f: f.stat().st_size)
    with open(file, "r+b") as f:
        f.seek(7 * MIB)
        f.write(b"damage")
    done = plugin.sluice("--output", "json", "verify", "data", check=False)
    assert done.returncode == 1 and json.loads(done.stdout)["bad_blocks"] == "1"
    pathlib.Path("/proc/sys/vm/drop_caches").write_text("3")
    assert (path / "model.safetensors").read_bytes() == want


@pytest.mark.parametrize("arguments, code, words", [
    (["prewarm", "dat"], 4, "did you mean 'data'"),
    (["prewarm", "data", "--tier", "sdd"], 2, "did you mean 'ssd'"),
    (["prewarm", "data", "--tier", "hdd"], 2, "no hdd tier"),
    (["prewarm", "data", "--limit", "fast"], 2, "200MiB/s"),
    (["prewarm", "data", "--concurrency", "1000"], 2, "at most 64"),
    (["prewarm", "data", "--from", "/no/such/list"], 2, "cannot be read"),
    (["job", "cancel", "j99"], 4, "sluice jobs"),
    (["throttle", "nope", "--read", "1MiB"], 4, "nope"),
    (["throttle", "data", "--read", "much"], 2, "200MiB/s"),
    (["evict", "nope"], 4, "nope"),
    (["prewam", "data"], 2, "did you mean 'prewarm'"),
    ([], 2, "subcommand"),
])
def test_mistakes_get_clear_answers(plugin, s3_volume, bucket, arguments, code, words):
    if not plugin.json("mounts").get("mounts"):
        plugin.mount("data", *s3_volume(bucket))
    done = plugin.sluice(*arguments, check=False)
    assert done.returncode == code, done.stderr
    assert words in done.stderr + done.stdout


def test_no_daemon(tmp_path):
    done = subprocess.run([harness.BUILD / "bin/sluice", "--socket", tmp_path / "none.sock", "mounts"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 3 and "--socket" in done.stderr


def test_socket_is_for_root_and_its_group(plugin):
    socket = plugin.state / "pools/default/admin.sock"
    assert socket.stat().st_mode & 0o777 == 0o660
    command = [harness.BUILD / "bin/sluice", "--socket", str(socket), "status"]
    stranger = subprocess.run(command, capture_output=True, text=True, user=12345, group=12345, extra_groups=[], timeout=60)
    assert stranger.returncode == 3
    # With the file system out of the way the peer's credentials still decide.
    os.chmod(socket, 0o666)
    os.chmod(socket.parent, 0o755)
    try:
        stranger = subprocess.run(command, capture_output=True, text=True, user=12345, group=12345, extra_groups=[], timeout=60)
        assert stranger.returncode != 0
        assert "refused" in plugin.log()
        member = subprocess.run(command, capture_output=True, text=True, user=12345, group=12345, extra_groups=[60480], timeout=60)
        assert member.returncode == 0, member.stderr
    finally:
        os.chmod(socket, 0o660)
        os.chmod(socket.parent, 0o750)


def test_output_of_every_command(mounted):
    plugin, path = mounted
    read_all(path)
    plugin.sluice("prewarm", "data", "--wait")
    for command in (["mounts"], ["status"], ["stats"], ["jobs"], ["config", "show"], ["metrics"]):
        assert plugin.sluice(*command).stdout
        json.loads(plugin.sluice("--output", "json", *command).stdout)
    assert ".TH SLUICE 1" in plugin.sluice("man").stdout
    script = plugin.sluice("completion").stdout
    words = subprocess.run(["bash", "-c", script + "\nCOMP_WORDS=(sluice job ''); COMP_CWORD=2; _sluice; echo ${COMPREPLY[@]}"], capture_output=True, text=True).stdout
    assert words.split() == ["cancel", "watch", "--help"] or {"cancel", "watch"} <= set(words.split())


def test_configuration_can_be_read_back(make_plugin):
    plugin = make_plugin()
    shown = plugin.sluice("config", "show").stdout
    again = make_plugin(shown)
    assert again.sluice("config", "show").stdout == shown.replace(str(plugin.state), str(plugin.state)) and again.ready()


def test_metrics_over_http(make_plugin):
    port = harness.free_port()
    plugin = make_plugin(f"pools: {{default: {{tiers: [{{medium: ssd, quota: 64MiB}}], metrics: {{listen: '127.0.0.1:{port}'}}}}}}")
    text = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5).read().decode()
    assert "# HELP sluice_cache_hits_total" in text and "# TYPE sluice_fuse_request_seconds histogram" in text
    assert urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5).read() == b"ok\n"
    assert text.splitlines()[0].startswith("# HELP")
    assert plugin.ready()


def test_mount_without_kubernetes(plugin, bucket, s3, tmp_path):
    target = plugin.directory / "here"
    target.mkdir()
    secret = tmp_path / "secret.yaml"
    secret.write_text(f"accessKeyId: {harness.ACCESS_KEY}\nsecretAccessKey: {harness.SECRET_KEY}\n")
    arguments = ["mount", f"s3://{bucket}", target, "--csi-socket", plugin.endpoint, "-o", f"endpoint={s3.url}", "--secret-file", secret]
    secret.chmod(0o644)
    assert "chmod 600" in plugin.sluice(*arguments, check=False).stderr
    secret.chmod(0o600)
    plugin.sluice(*arguments)
    assert len(os.listdir(target)) == 5
    plugin.sluice("unmount", target, "--csi-socket", plugin.endpoint)
    assert not any(str(target) in line for line in open("/proc/self/mountinfo"))
    assert target.is_dir() and not list(plugin.directory.glob("staging-*-here"))
