"""Bytes that change on their way from the source, where it says what they are: nobody keeps them."""

import errno
import functools
import hashlib
import http.server
import json
import os
import random
import re
import threading

import pytest

import harness

KIB, MIB = 1 << 10, 1 << 20
CONFIG = "pools: {default: {tiers: [{medium: ssd, quota: 256MiB}], source: {deadline: 6s}}}"
BAD = "sluice_source_bad_objects_total"
PROVEN = "sluice_source_proven_bytes_total"
PASSED = 'sluice_opens_total{path="passthrough"}'
LARGE = 12 * MIB + 321


@pytest.fixture
def liar(s3):
    server = harness.LyingServer(s3.port)
    yield server
    server.stop()


class Flips:
    """A fault that flips one bit of what comes of an object: `times` of its replies, or all of them. The server is one
    that makes no checksums of its own, unless `with_checksums`."""

    def __init__(self, times, choose, with_checksums=False):
        self.times, self.choose, self.replies, self.ranges = times, choose, {}, set()
        self.with_checksums = with_checksums
        self.lock = threading.Lock()

    def __call__(self, request, reply):
        if not self.with_checksums:
            reply["headers"] = {name: value for name, value in reply["headers"].items() if name.lower() != "x-amz-checksum-crc64nvme"}
        key = request.path.split("?")[0]
        if request.command != "GET" or "list-type" in request.path or reply["status"] not in (200, 206):
            return
        with self.lock:
            if "Range" in request.headers:
                self.ranges.add(key)
            self.replies[key] = self.replies.get(key, 0) + 1
            if self.replies[key] > self.times:
                return
        body = bytearray(reply["body"])
        body[self.choose(len(body))] ^= 1
        reply["body"] = bytes(body)


@pytest.fixture
def bucket(s3):
    """24 small files and a large one, as clients put them: with MD5 ETags. Returns their contents."""
    choose = random.Random(21)
    want = {f"f{i:02}": choose.randbytes(choose.randrange(1, 300 * KIB)) for i in range(24)} | {"large": choose.randbytes(LARGE)}
    s3.bucket("digests")
    for name, content in want.items():
        s3.client().put_object(Bucket="digests", Key=name, Body=content)
    return want


def mount(plugin, s3_volume, liar, **extra):
    context, secrets = s3_volume("digests", consistency="immutable", access="large-files", **extra)
    return plugin.mount("v", {**context, "endpoint": liar.url}, secrets)


def put_in_parts(s3, name, content):
    """As a multipart upload with a CRC32 of the whole object: its ETag says nothing."""
    import base64
    import zlib

    client = s3.client()
    upload = client.create_multipart_upload(Bucket="digests", Key=name, ChecksumAlgorithm="CRC32", ChecksumType="FULL_OBJECT")["UploadId"]
    parts = []
    for number, start in enumerate(range(0, len(content), 5 * MIB), 1):
        body = content[start:start + 5 * MIB]
        checksum = base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()
        part = client.upload_part(Bucket="digests", Key=name, UploadId=upload, PartNumber=number, Body=body, ChecksumCRC32=checksum)
        parts.append({"PartNumber": number, "ETag": part["ETag"], "ChecksumCRC32": checksum})
    client.complete_multipart_upload(Bucket="digests", Key=name, UploadId=upload, MultipartUpload={"Parts": parts}, ChecksumType="FULL_OBJECT")


def test_a_wrong_byte_of_a_small_file_is_never_read(make_plugin, s3, s3_volume, liar, bucket):
    put_in_parts(s3, "f00", bucket["f00"])
    plugin = make_plugin(CONFIG)
    path = mount(plugin, s3_volume, liar)
    liar.fault = Flips(1, random.Random(1).randrange)
    small = {name: content for name, content in bucket.items() if name != "large"}
    for name, content in small.items():
        assert (path / name).read_bytes() == content, name
    assert plugin.metric(BAD) == len(small) and plugin.metric(PROVEN) == 2 * sum(map(len, small.values()))
    assert not liar.fault.ranges, "S3 says nothing of the whole object in a reply to a range"
    name, content = list(small.items())[1]
    assert re.search(f"{name} of s3://digests.* is not what its source says: its MD5 .* is {hashlib.md5(content).hexdigest()}", plugin.log())
    for name, content in small.items():
        assert (path / name).read_bytes() == content, name
    assert plugin.metric(PASSED) == len(small) and plugin.metric(BAD) == len(small)


def test_a_small_file_that_never_comes_right_is_an_error(make_plugin, s3_volume, liar, bucket):
    plugin = make_plugin(CONFIG)
    path = mount(plugin, s3_volume, liar)
    liar.fault = Flips(10**9, random.Random(2).randrange)
    for _ in range(3):
        with pytest.raises(OSError) as error:
            (path / "f00").read_bytes()
        assert error.value.errno == errno.EIO
    assert list(liar.fault.replies.values()) == [3]


@pytest.mark.parametrize("how", ["etag", "crc32", "crc64nvme"])
def test_a_wrong_byte_of_a_large_file_is_dropped(make_plugin, s3, s3_volume, liar, bucket, how):
    if how == "crc32":
        put_in_parts(s3, "large", bucket["large"])
    plugin = make_plugin(CONFIG)
    path = mount(plugin, s3_volume, liar)
    liar.fault = Flips(1, random.Random(3).randrange, with_checksums=how == "crc64nvme")
    with open(path / "large", "rb") as f:
        assert len(f.read()) == LARGE
        harness.wait_until(lambda: plugin.metric(BAD) == 1, what="the check")
        harness.wait_until(lambda: os.getxattr(path / "large", "user.sluice.cached").startswith(b"0/"), what="the drop")
    assert {"etag": "its MD5 (by its ETag) is", "crc32": "its CRC32 is", "crc64nvme": "its CRC64NVME is"}[how] in plugin.log()
    assert (path / "large").read_bytes() == bucket["large"], "fetched again, and no page of before"

    def passed_through():
        assert (path / "large").read_bytes() == bucket["large"]
        return plugin.metric(PASSED) > 0

    harness.wait_until(passed_through)
    assert plugin.metric(BAD) == 1


def test_prewarm_and_native_publish_have_right_bytes(make_plugin, s3_volume, liar, bucket):
    plugin = make_plugin(CONFIG)
    context, secrets = s3_volume("digests", consistency="immutable")
    plugin.stage("n", {**context, "endpoint": liar.url}, secrets)
    liar.fault = Flips(1, random.Random(4).randrange)
    plugin.sluice("prewarm", "n", "--publish-native", "--wait")
    assert plugin.metric(BAD) == len(bucket)
    path = plugin.publish("n", {**context, "endpoint": liar.url})
    assert next(line for line in open("/proc/self/mountinfo") if f" {path} " in line).split(" - ")[1].split()[0] != "fuse"
    for name, content in bucket.items():
        assert (path / name).read_bytes() == content, name


def test_what_is_not_proven_yet_is_read_through_the_daemon(make_plugin, s3_volume, liar, bucket):
    """The server does not say yet what the large file is: neither passthrough nor native publish have its wrong bytes."""
    plugin = make_plugin(CONFIG)
    context, secrets = s3_volume("digests", consistency="immutable")
    context["endpoint"] = liar.url
    path = plugin.mount("v", context, secrets)
    flips, asked = Flips(1, random.Random(7).randrange), threading.Event()

    def fault(request, reply):
        flips(request, reply)
        if request.command == "HEAD" and request.path.endswith("/large"):
            asked.wait(60)

    liar.fault = fault
    for name in os.listdir(path):
        (path / name).read_bytes()
    (path / "large").read_bytes()
    assert plugin.metric(PASSED) == 0
    target = plugin.publish("v", context, target=plugin.directory / "second")
    assert next(line for line in open("/proc/self/mountinfo") if f" {target} " in line).split(" - ")[1].split()[0].startswith("fuse")
    asked.set()
    harness.wait_until(lambda: plugin.metric(BAD) == len(bucket), what="the check")
    assert (target / "large").read_bytes() == bucket["large"]
    plugin.unpublish("v", target)


def test_etags_that_are_no_md5_do_not_make_files_unreadable(make_plugin, s3_volume, liar, bucket):
    """The same bytes each time, and not those of the ETag: for a client that is a server whose ETags are something else."""
    plugin = make_plugin(CONFIG)
    path = mount(plugin, s3_volume, liar)
    liar.fault = Flips(10**9, lambda _: 0)

    def served(content):
        return bytes([content[0] ^ 1]) + content[1:]

    for name, content in bucket.items():
        if name != "large":
            assert (path / name).read_bytes() == served(content), name
    assert plugin.metric("sluice_source_odd_etags_total") == 3 and plugin.metric(BAD) == 3
    assert plugin.log().count("they are not compared any more") == 1
    assert sum(liar.fault.replies.values()) == len(bucket) - 1 + 3


def test_a_proof_outlives_the_daemon(make_plugin, s3_volume, liar, bucket):
    plugin = make_plugin(CONFIG)
    path = mount(plugin, s3_volume, liar)
    plugin.sluice("prewarm", "v", "--wait")
    plugin.kill_daemon()
    for name, content in bucket.items():
        assert (path / name).read_bytes() == content, name
    assert plugin.metric(PASSED) == len(bucket) and plugin.metric(PROVEN) == 0


@pytest.fixture
def web():
    """A web server with the files of a dictionary; /hub/NAME redirects to NAME and says its SHA-256. `flip`: replies to come with
    a wrong byte."""

    class Server(http.server.ThreadingHTTPServer):
        files, digests, flip, gets = {}, {}, 0, 0
        lock = threading.Lock()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            name = self.path.lstrip("/")
            if name.startswith("hub/"):
                name = name.removeprefix("hub/")
                self.send_response(302)
                self.send_header("Location", f"/{name}")
                self.send_header("X-Linked-ETag", f'"{self.server.digests[name]}"')
                self.send_header("Content-Length", "0")
                return self.end_headers()
            body = self.server.files[name]
            span = self.headers.get("Range")
            self.send_response(206 if span else 200)
            if span:
                first, last = map(int, span.removeprefix("bytes=").split("-"))
                self.send_header("Content-Range", f"bytes {first}-{last}/{len(body)}")
                body = body[first:last + 1]
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                with self.server.lock:
                    self.server.gets += name != "list.json"
                    flips = name != "list.json" and self.server.flip > 0
                    self.server.flip -= flips
                self.wfile.write(bytes([body[0] ^ 1]) + body[1:] if flips else body)

        do_HEAD = do_GET

        def log_message(self, *_):
            pass

    server = Server(("127.0.0.1", 0), Handler)
    server.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()


def list_files(web, entries):
    web.files["list.json"] = json.dumps({"files": entries}).encode()
    return {"source": f"{web.url}/list.json#manifest", "consistency": "immutable", "access": "large-files"}


def test_a_manifest_says_what_its_files_are(make_plugin, web):
    choose = random.Random(5)
    web.files |= {"small": choose.randbytes(200 * KIB), "large": choose.randbytes(LARGE)}
    right = {name: hashlib.sha256(content).hexdigest() for name, content in web.files.items()}
    entry = functools.partial(lambda path, name, sha256: {"path": path, "url": name, "size": len(web.files[name]), "sha256": sha256})
    plugin = make_plugin(CONFIG)
    path = plugin.mount("m", list_files(web, [entry("small", "small", right["small"]), entry("large", "large", right["large"]),
                                              entry("wrong-small", "small", right["large"]), entry("wrong-large", "large", right["small"])]))
    web.flip = 1
    assert (path / "small").read_bytes() == web.files["small"] and plugin.metric(BAD) == 1
    web.flip = 1
    plugin.sluice("prewarm", "m", "large", "--wait")
    assert (path / "large").read_bytes() == web.files["large"] and plugin.metric(BAD) == 2 and plugin.metric(PASSED) == 1
    web.gets = 0
    with pytest.raises(OSError) as error:
        (path / "wrong-small").read_bytes()
    assert error.value.errno == errno.EIO and web.gets == 2
    assert plugin.sluice("prewarm", "m", "wrong-large", "--wait", check=False).returncode != 0
    gets = web.gets
    with pytest.raises(OSError) as error:
        (path / "wrong-large").read_bytes()
    assert error.value.errno == errno.EIO and web.gets == gets
    assert f"wrong-large of {web.url}/list.json" in plugin.log() and right["small"] in plugin.log()


def test_a_model_hub_says_what_its_files_are(make_plugin, web):
    choose = random.Random(6)
    web.files |= {"small": choose.randbytes(200 * KIB), "large": choose.randbytes(LARGE)}
    web.digests |= {name: hashlib.sha256(content).hexdigest() for name, content in web.files.items()}
    plugin = make_plugin(CONFIG)
    path = plugin.mount("h", list_files(web, [{"path": name, "url": f"hub/{name}", "size": len(content)} for name, content in web.files.items()]))
    web.flip = 1
    assert (path / "small").read_bytes() == web.files["small"] and plugin.metric(BAD) == 1
    web.flip = 1
    plugin.sluice("prewarm", "h", "--wait")
    assert (path / "large").read_bytes() == web.files["large"] and plugin.metric(BAD) == 2
