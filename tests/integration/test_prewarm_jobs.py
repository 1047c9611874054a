"""Jobs that a program starts: with ids of its own, for volumes that are mounted later, for names alone; and what it is
told of volumes that could not be mounted."""

import json
import random
import signal
import time

import grpc
import pytest

import harness

MIB = 1 << 20


@pytest.fixture
def bucket(s3):
    root = s3.bucket("jobs")
    choose = random.Random(31)
    for i in range(12):
        (root / f"d{i % 3}").mkdir(exist_ok=True)
        (root / f"d{i % 3}/f{i}.bin").write_bytes(choose.randbytes(MIB))
    yield root
    for file in root.rglob("*.new"):
        file.unlink()


def job(plugin, name):
    return next((j for j in plugin.json("jobs").get("jobs", []) if j["id"] == name), None)


def ended(plugin, name):
    return harness.wait_until(lambda: (j := job(plugin, name))["state"] not in ("RUNNING", "WAITING") and j, 60, f"the end of {name}")


def test_a_job_waits_for_its_volume(make_plugin, s3_volume, bucket):
    plugin = make_plugin()
    waiting = plugin.json("prewarm", "data", "--id", "load-1")
    assert (waiting["id"], waiting["state"]) == ("load-1", "WAITING")
    plugin.kill_daemon()
    assert job(plugin, "load-1")["state"] == "WAITING"
    plugin.mount("data", *s3_volume("jobs"))
    assert ended(plugin, "load-1")["files_done"] == "12"
    assert plugin.json("prewarm", "data", "--id", "load-1")["state"] == "SUCCEEDED", "it is not begun again"
    plugin.kill_daemon(signal.SIGTERM)
    assert plugin.json("prewarm", "data", "--id", "load-1")["files_done"] == "12"
    other = plugin.sluice("prewarm", "data", "d1", "--id", "load-1", check=False)
    assert other.returncode == 1 and "patterns" in other.stderr
    assert plugin.json("job", "forget", "load-1")["state"] == "SUCCEEDED"
    assert job(plugin, "load-1") is None
    assert plugin.sluice("job", "forget", "load-1", check=False).returncode == 4


def test_a_job_goes_on_with_the_next_mount(make_plugin, s3_volume, bucket):
    plugin = make_plugin()
    plugin.mount("data", *s3_volume("jobs"))
    plugin.sluice("prewarm", "data", "--id", "load-1", "--limit", "64KiB/s")
    harness.wait_until(lambda: int(job(plugin, "load-1")["bytes_done"]) > 0, what="the first bytes")
    plugin.unmount("data")
    harness.wait_until(lambda: job(plugin, "load-1")["state"] == "WAITING", 20, "the job's stop, whatever its limit")
    plugin.sluice("job", "limit", "load-1", "none")
    plugin.mount("data", *s3_volume("jobs"))
    assert ended(plugin, "load-1")["state"] == "SUCCEEDED"


def test_a_daemon_ends_whatever_the_limit(make_plugin, s3_volume, bucket):
    plugin = make_plugin()
    plugin.mount("data", *s3_volume("jobs"))
    plugin.sluice("prewarm", "data", "--id", "load-1", "--limit", "1KiB/s")
    harness.wait_until(lambda: int(job(plugin, "load-1")["bytes_done"]) > 0, what="the first bytes")
    plugin.sluice("upgrade", "--csi-socket", str(plugin.endpoint), "--deadline", "20")
    assert job(plugin, "load-1")["state"] == "RUNNING"


def test_a_limit_changes_while_the_job_runs(make_plugin, s3_volume, bucket):
    plugin = make_plugin()
    plugin.mount("data", *s3_volume("jobs"))
    plugin.sluice("prewarm", "data", "--id", "load-1", "--limit", "64KiB/s")
    harness.wait_until(lambda: int(job(plugin, "load-1")["bytes_done"]) > 0, what="the first bytes")
    time.sleep(0.5)
    assert job(plugin, "load-1")["state"] == "RUNNING", "12 MiB at 64 KiB/s take minutes"
    assert plugin.json("job", "limit", "load-1", "1GiB/s")["request"]["limit_bytes_per_second"] == str(1 << 30)
    assert ended(plugin, "load-1")["state"] == "SUCCEEDED"
    late = plugin.sluice("job", "limit", "load-1", "1MiB/s", check=False)
    assert late.returncode == 1 and "has ended" in late.stderr


@pytest.mark.parametrize("parameters, patterns, files", [
    ({"metadataTtl": "1h"}, [], 13), ({"consistency": "strong"}, [], 13), ({"consistency": "immutable"}, [], 12), ({"metadataTtl": "1h"}, ["d1"], 5),
], ids=["eventual", "strong", "immutable", "patterns"])
def test_names_are_asked_for_anew(make_plugin, s3_volume, bucket, parameters, patterns, files):
    plugin = make_plugin()
    path = plugin.mount("data", *s3_volume("jobs", **parameters))
    assert len(list(path.rglob("*.bin"))) == 12
    (bucket / "d1/f99.new").write_bytes(b"new")
    plugin.sluice("prewarm", "data", *patterns, "--id", "names", "--metadata-only")
    done = ended(plugin, "names")
    assert (done["state"], done["listed"], int(done["files_total"])) == ("SUCCEEDED", True, files)
    assert int(done["bytes_total"]) > 0 and int(done["bytes_fetched"]) == int(done["files_done"]) == 0
    assert plugin.source_bytes() == 0


def test_refresh_sees_new_objects(make_plugin, s3_volume, bucket):
    plugin = make_plugin()
    path = plugin.mount("data", *s3_volume("jobs", metadataTtl="1h"))
    assert len(list(path.rglob("*.bin"))) == 12
    (bucket / "d1/f99.new").write_bytes(b"new")
    plugin.sluice("prewarm", "data", "--id", "known")
    assert ended(plugin, "known")["files_done"] == "12"
    plugin.sluice("prewarm", "data", "--id", "anew", "--refresh")
    assert ended(plugin, "anew")["files_done"] == "13"


def test_names_that_cannot_be_asked_for_fail_the_job(make_plugin, s3_volume, bucket, s3):
    plugin = make_plugin()
    server = harness.LyingServer(s3.port)
    try:
        context, secrets = s3_volume("jobs", metadataTtl="1h")
        plugin.mount("data", {**context, "endpoint": server.url}, secrets)
        server.fault = lambda request, reply: reply.update(status=403, body=b"<Error><Code>AccessDenied</Code><Message>not \xff yours</Message></Error>")
        plugin.sluice("prewarm", "data", "--id", "names", "--metadata-only")
        failed = ended(plugin, "names")
        assert failed["state"] == "FAILED" and "yours" in failed["message"]
    finally:
        server.stop()


def test_why_a_volume_is_not_there(make_plugin, s3_volume, bucket):
    plugin = make_plugin()
    context, secrets = s3_volume("jobs")
    wrong = {**secrets, "secretAccessKey": "not-this-one"}
    with pytest.raises(grpc.RpcError):
        plugin.stage("data", context, wrong)
    with pytest.raises(grpc.RpcError):
        plugin.stage("other", {**context, "source": "s3://no-such-bucket"}, secrets)
    failures = plugin.json("mounts")["failures"]
    assert [(f["volume_id"], f["code"]) for f in failures] == [("data", "UNAUTHENTICATED"), ("other", "NOT_FOUND")]
    assert all(abs(int(f["at_seconds"]) - time.time()) < 60 and f["message"] for f in failures)
    shown = json.dumps(failures) + plugin.sluice("mounts").stdout
    assert "data could not be mounted at 20" in shown
    assert harness.SECRET_KEY not in shown and "not-this-one" not in shown
    plugin.mount("data", context, secrets)
    assert [f["volume_id"] for f in plugin.json("mounts")["failures"]] == ["other"]
