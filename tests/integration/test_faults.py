"""Sources that break, stall, lie and change: right bytes or a clear error, never wrong bytes and never a hang."""

import errno
import os
import random
import time

import grpc
import pytest

import harness

MIB = 1 << 20
SIZE = 12 * MIB + 321


@pytest.fixture(scope="module")
def want():
    return random.Random(11).randbytes(SIZE)


@pytest.fixture
def bucket(s3, want):
    client = s3.client()
    s3.bucket("faults")
    client.put_object(Bucket="faults", Key="file", Body=want)
    client.put_object(Bucket="faults", Key="other", Body=b"other")
    return "faults"


@pytest.fixture
def proxy(s3):
    directory = harness.new_directory("sluice-proxy-")
    proxy = harness.FaultProxy(directory, s3.port)
    yield proxy
    proxy.stop()
    harness.remove_directory(directory)


@pytest.fixture
def liar(s3):
    server = harness.LyingServer(s3.port)
    yield server
    server.stop()


CONFIG = "pools: {default: {tiers: [{medium: ssd, quota: 64MiB}], source: {deadline: 6s}}}"


def mount(plugin, s3_volume, bucket, url, **extra):
    context, secrets = s3_volume(bucket, **extra)
    return plugin.mount("v", {**context, "endpoint": url}, secrets)


def read_uncached(path):
    with open(path, "rb") as f:
        os.posix_fadvise(f.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        return f.read()


@pytest.mark.parametrize("toxic", [
    ("limit_data", {"bytes": 3 * MIB}),              # cut in the middle of a body
    ("slicer", {"average_size": 20_000, "size_variation": 10_000, "delay": 10}),
    ("latency", {"latency": 30, "jitter": 20}),
    ("bandwidth", {"rate": 20_000}),
])
def test_network_faults_heal(make_plugin, s3_volume, bucket, proxy, want, toxic):
    plugin = make_plugin(CONFIG)
    path = mount(plugin, s3_volume, bucket, proxy.url)
    proxy.toxic(toxic[0], **toxic[1])
    assert (path / "file").read_bytes() == want


def test_resets_now_and_then(make_plugin, s3_volume, bucket, proxy, want):
    plugin = make_plugin(CONFIG)
    path = mount(plugin, s3_volume, bucket, proxy.url)
    proxy.toxic("reset_peer", toxicity=0.3, timeout=5)
    assert (path / "file").read_bytes() == want
    assert plugin.sluice("metrics").stdout.count("sluice_source_retries_total")


def test_source_away_and_back(make_plugin, s3_volume, bucket, proxy, want):
    """Cached bytes stay readable; others fail in bounded time; all is well when the source is back."""
    plugin = make_plugin(CONFIG)
    path = mount(plugin, s3_volume, bucket, proxy.url, consistency="immutable")
    assert (path / "other").read_bytes() == b"other"
    os.listdir(path)
    proxy.enable(False)
    assert read_uncached(path / "other") == b"other"
    start = time.monotonic()
    with pytest.raises(OSError) as error:
        (path / "file").read_bytes()
    assert error.value.errno in (errno.EIO, errno.ETIMEDOUT)
    assert time.monotonic() - start < 60
    assert plugin.json("status")["tiers"], "the admin socket answers meanwhile"
    proxy.enable(True)
    assert (path / "file").read_bytes() == want


def test_stall_ends_in_an_error_and_heals(make_plugin, s3_volume, bucket, proxy, want):
    plugin = make_plugin("pools: {default: {tiers: [{medium: ssd, quota: 64MiB}], source: {deadline: 1s}}}")
    path = mount(plugin, s3_volume, bucket, proxy.url)
    os.listdir(path)
    proxy.toxic("timeout", timeout=0)
    with pytest.raises(OSError):
        (path / "file").read_bytes()
    proxy.clear()
    assert (path / "file").read_bytes() == want


@pytest.mark.parametrize("status", [500, 503, 429])
def test_server_errors_now_and_then(make_plugin, s3_volume, bucket, liar, want, status):
    plugin = make_plugin(CONFIG)
    path = mount(plugin, s3_volume, bucket, liar.url, blockSize="256KiB")

    def every_third(request, reply):
        if liar.requests % 3 == 0:
            reply.update(status=status, body=b"<Error><Code>SlowDown</Code></Error>")

    liar.fault = every_third
    assert (path / "file").read_bytes() == want


def test_truncated_bodies(make_plugin, s3_volume, bucket, liar, want):
    plugin = make_plugin(CONFIG)
    path = mount(plugin, s3_volume, bucket, liar.url)

    def cut(request, reply):
        if "Range" in request.headers and len(reply["body"]) > 100_000:
            reply["truncate"] = len(reply["body"]) // 2

    liar.fault = cut
    assert (path / "file").read_bytes() == want


LIES = {
    "another range": lambda reply: reply["headers"].update({"Content-Range": "bytes 5-9/10"}),
    "another object": lambda reply: reply["headers"].update({"Etag": '"00000000000000000000000000000000"', "ETag": '"00000000000000000000000000000000"'}),
    "too much": lambda reply: reply.update(body=reply["body"] + b"more"),
    "the whole object": lambda reply: reply.update(status=200),
}


@pytest.mark.parametrize("lie", LIES)
def test_lies_never_become_bytes(make_plugin, s3_volume, bucket, liar, lie):
    plugin = make_plugin(CONFIG)
    path = mount(plugin, s3_volume, bucket, liar.url)
    os.listdir(path)

    def tell(request, reply):
        if "Range" in request.headers:
            LIES[lie](reply)

    liar.fault = tell
    with pytest.raises(OSError) as error:
        with open(path / "file", "rb") as f:
            f.seek(MIB)
            f.read(5000)
    assert error.value.errno in (errno.EIO, errno.ESTALE)


@pytest.mark.parametrize("listing", [b"", b"not xml", b"<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
                                     b"<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>same</NextContinuationToken></ListBucketResult>"])
def test_listings_that_make_no_sense(make_plugin, s3_volume, bucket, liar, listing):
    plugin = make_plugin(CONFIG)
    path = mount(plugin, s3_volume, bucket, liar.url)

    def garbage(request, reply):
        if "list-type" in request.path:
            reply.update(body=listing)

    liar.fault = garbage
    with pytest.raises(OSError):
        os.listdir(path)
    liar.fault = None
    assert sorted(os.listdir(path)) == ["file", "other"]


@pytest.mark.parametrize("consistency", ["strong", "eventual", "immutable"])
def test_object_replaced_under_an_open_file(make_plugin, s3, s3_volume, bucket, want, consistency):
    plugin = make_plugin("pools: {default: {tiers: [{medium: ssd, quota: 64MiB}], limits: {readAhead: 0MiB}, source: {deadline: 5s}}}")
    context, secrets = s3_volume(bucket, consistency=consistency, metadataTtl="300ms")
    path = plugin.mount("v", context, secrets)
    new = random.Random(12).randbytes(SIZE)
    with open(path / "file", "rb", buffering=0) as f:
        os.posix_fadvise(f.fileno(), 0, 0, os.POSIX_FADV_RANDOM)
        assert os.pread(f.fileno(), 4096, 0) == want[:4096]
        s3.client().put_object(Bucket=bucket, Key="file", Body=new)
        assert os.pread(f.fileno(), 4096, 0) == want[:4096], "what was read stays as it was"
        with pytest.raises(OSError) as error:
            os.pread(f.fileno(), 4096, 8 * MIB)
        assert error.value.errno == errno.ESTALE
        if consistency == "immutable":
            return
        if consistency == "eventual":
            time.sleep(0.5)
        assert (path / "file").read_bytes() == new
        assert os.pread(f.fileno(), 4096, 0) == want[:4096]


def test_bucket_vanishes_while_mounted(make_plugin, s3, s3_volume):
    s3.bucket("vanishing")
    client = s3.client()
    client.put_object(Bucket="vanishing", Key="kept", Body=b"kept")
    client.put_object(Bucket="vanishing", Key="gone", Body=b"gone")
    plugin = make_plugin(CONFIG)
    path = plugin.mount("v", *s3_volume("vanishing", consistency="immutable"))
    assert (path / "kept").read_bytes() == b"kept"
    os.listdir(path)
    for key in ["kept", "gone"]:
        client.delete_object(Bucket="vanishing", Key=key)
    client.delete_bucket(Bucket="vanishing")
    assert read_uncached(path / "kept") == b"kept"
    with pytest.raises(OSError):
        (path / "gone").read_bytes()


def test_tier_fills_up(make_plugin, s3_volume, bucket, want):
    """A file system that is full takes its tier out of service, and reads go on."""
    directory = harness.new_directory("sluice-full-")
    import subprocess

    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m,mode=0777", "tmpfs", directory], check=True)
    try:
        plugin = make_plugin(f"pools: {{default: {{tiers: [{{medium: ssd, path: {directory}, quota: 12MiB}}], source: {{deadline: 5s}}}}}}")
        (directory / "filler").write_bytes(bytes(9 * MIB))
        path = mount(plugin, s3_volume, bucket, s3_volume(bucket)[0]["endpoint"])
        for _ in range(2):
            assert read_uncached(path / "file") == want
        tier = plugin.json("status")["tiers"][0]
        assert tier["in_service"] or "No space" in tier["failure"]
    finally:
        subprocess.run(["umount", "-l", directory], check=False)
        harness.remove_directory(directory)


def test_manifest_and_single_file_over_http(make_plugin, want):
    """A plain web server: one file, a manifest of files, conditional reads."""
    import functools
    import http.server
    import json
    import threading

    directory = harness.new_directory("sluice-www-")
    (directory / "one.bin").write_bytes(want[:3 * MIB])
    (directory / "list.json").write_text(json.dumps({"files": [
        {"path": "sub/dir/one.bin", "size": 3 * MIB, "url": "one.bin"},
        {"path": "../escape", "size": 1},
        {"path": "sub", "size": 1, "url": "one.bin"},
    ]}))

    class Ranges(http.server.SimpleHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            file = directory / self.path.lstrip("/")
            body = file.read_bytes()
            span = self.headers.get("Range")
            if span:
                first, last = map(int, span.removeprefix("bytes=").split("-"))
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {first}-{last}/{len(body)}")
                body = body[first:last + 1]
            else:
                self.send_response(200)
            self.send_header("ETag", f'"{file.stat().st_mtime_ns}"')
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        do_HEAD = do_GET

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Ranges, directory=directory))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    plugin = make_plugin(CONFIG)
    single = plugin.mount("single", {"source": f"{url}/one.bin"})
    assert os.listdir(single) == ["one.bin"] and (single / "one.bin").read_bytes() == want[:3 * MIB]
    listed = plugin.mount("listed", {"source": f"{url}/list.json#manifest"})
    assert os.listdir(listed) == ["sub"] and (listed / "sub/dir/one.bin").read_bytes() == want[:3 * MIB]
    assert next(m for m in plugin.json("mounts")["mounts"] if m["volume_id"] == "listed")["hidden_entries"] == "1"
    with pytest.raises(grpc.RpcError) as error:
        plugin.stage("none", {"source": f"{url}/one.bin#manifest"})
    assert error.value.code().name == "INVALID_ARGUMENT" and "files" in error.value.details()
    server.shutdown()
    plugin.destroy()
    harness.remove_directory(directory)


def test_tls_is_verified_and_a_ca_file_may_be_given(make_plugin, want, tmp_path):
    import http.server
    import ssl
    import subprocess
    import threading

    certificate, key = tmp_path / "ca.pem", tmp_path / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=127.0.0.1",
                    "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    directory = harness.new_directory("sluice-tls-")
    (directory / "file").write_bytes(want[:MIB])

    class Whole(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=str(directory))

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Whole)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    source = {"source": f"https://127.0.0.1:{server.server_address[1]}/file"}

    plugin = make_plugin(CONFIG)
    with pytest.raises(grpc.RpcError) as error:
        plugin.stage("tls", source)
    assert error.value.code().name == "PERMISSION_DENIED" and "certificate" in error.value.details()
    public = directory / "ca.pem"  # the daemon's user must be able to read it
    public.write_bytes(certificate.read_bytes())
    trusting = make_plugin(f"pools: {{default: {{tiers: [{{medium: ssd, quota: 64MiB}}], source: {{deadline: 5s, caFile: {public}}}}}}}")
    path = trusting.mount("tls", source)
    assert (path / "file").read_bytes() == want[:MIB]
    server.shutdown()
    harness.remove_directory(directory)
