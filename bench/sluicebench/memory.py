"""What the daemon needs for each object it knows: a bucket of many names, listed by a server that makes them up."""

import http.server
import subprocess
import threading
import time
import urllib.parse

from . import systems
from .common import remember

PREFIXES = 100
PAGE = 1000


class Listing:
    """An S3 server of one bucket with `count` small objects in PREFIXES directories. It answers ListObjectsV2 and HEAD."""

    def __init__(self, count):
        each = count // PREFIXES
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                query = dict(urllib.parse.parse_qsl(urllib.parse.urlparse(self.path).query, keep_blank_values=True))
                body = outer.page(query, each).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/xml")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @staticmethod
    def page(query, each):
        prefix, start = query.get("prefix", ""), int(query.get("continuation-token") or 0)
        limit = min(PAGE, int(query.get("max-keys") or PAGE))
        head = '<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><EncodingType>url</EncodingType>'
        if not prefix:
            folders = "".join(f"<CommonPrefixes><Prefix>part{i:04}/</Prefix></CommonPrefixes>" for i in range(PREFIXES)[:limit])
            return f"{head}<IsTruncated>false</IsTruncated>{folders}</ListBucketResult>"
        if not prefix.startswith("part") or not prefix.endswith("/"):
            return f"{head}<IsTruncated>false</IsTruncated></ListBucketResult>"
        end = min(each, start + limit)
        keys = "".join(f"<Contents><Key>{prefix}image-{i:08}.jpg</Key><LastModified>2026-01-01T00:00:00Z</LastModified>"
                       f"<ETag>&quot;{i:032x}&quot;</ETag><Size>102400</Size></Contents>" for i in range(start, end))
        more = f"<IsTruncated>true</IsTruncated><NextContinuationToken>{end}</NextContinuationToken>" if end < each else \
            "<IsTruncated>false</IsTruncated>"
        return f"{head}{more}{keys}</ListBucketResult>"

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def memory_of(pid):
    """(resident, anonymous) bytes: the difference is files that are mapped, which the kernel may take back."""
    values = {}
    for line in open(f"/proc/{pid}/smaps_rollup"):
        words = line.split()
        if len(words) == 3 and words[2] == "kB":
            values[words[0]] = int(words[1]) * 1024
    return values["Rss:"], values["Anonymous:"]


def measure(directory, count):
    """Rows: bytes per known object, and how long it takes to learn all names and to walk them again."""
    listing = Listing(count)
    node = systems.Node(directory, listing, 256)
    try:
        context = {"source": "s3://many", "endpoint": listing.url, "consistency": "immutable"}
        pid = node.plugin.daemon_pid()
        before = memory_of(pid)
        path = node.plugin.mount("many", context)
        seconds = []
        remember(["find DIRECTORY | wc -l"])
        for _ in range(2):
            begin = time.perf_counter()
            found = int(subprocess.run(f"find {path} -type f | wc -l", shell=True, check=True, capture_output=True, text=True, timeout=1200).stdout)
            seconds.append(time.perf_counter() - begin)
        after = memory_of(pid)
        node.plugin.unmount("many")
    finally:
        node.destroy()
        listing.stop()
    rows = [{"what": f"memory per known object, {found} objects: {name}", "system": "daemon", "value": (b - a) / found, "unit": "bytes"}
            for name, a, b in zip(("resident", "anonymous"), before, after)]
    rows += [{"what": f"find over {found} objects, {name}", "system": "daemon", "value": s, "unit": "s"}
             for name, s in zip(("first time", "again"), seconds)]
    return rows
