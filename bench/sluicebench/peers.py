"""Other programs that mount a bucket, each set up for repeated reads as its own documentation advises.

bench/install-peers installs them. `options` of each goes into the report as it was given.
"""

import base64
import json
import os
import shutil
import signal
import struct
import subprocess

import harness

from . import dataset
from .common import PEERS as PROGRAMS

ENDLESS = "9999h"  # the data does not change: what was cached stays valid


class Peer:
    """A mount program that runs in the foreground; its cache and its mount are below `directory`."""

    program = ""  # its file, for a sentence when it is missing
    agent = ""    # a pattern of the User-Agent it sends

    def __init__(self, directory, server, bucket):
        self.server, self.bucket = server, bucket
        self.base = directory
        self.cache, self.mounted = directory / "cache", directory / "mount"
        for path in (directory, self.cache, self.mounted):
            path.mkdir()
        self.path = self.find()
        self.version = self.read_version()
        arguments, environment = self.command()
        self.options = " ".join(str(a) for a in arguments).replace(str(directory), "DIRECTORY").replace(server.url, "ENDPOINT")
        self.process = harness.Process([self.path, *map(str, arguments)], directory / "log", env={**os.environ, **environment})
        try:
            harness.wait_until(lambda: os.path.ismount(self.mounted) or self.process.process.poll() is not None, 60, self.name)
            if not os.path.ismount(self.mounted):
                raise RuntimeError(f"{self.name} did not mount: {self.process.text()[-1000:]}")
        except Exception:
            self.stop()
            raise
        self.directory = self.mounted

    def find(self):
        own = PROGRAMS / self.program
        found = str(own) if own.exists() else shutil.which(self.program)
        if not found:
            raise RuntimeError(f"{self.name} is not installed: bench/install-peers {self.name}")
        return found

    def pids(self):
        return [self.process.process.pid]

    def fill(self):
        """Reads everything twice: once into its own cache, once to see what it keeps."""
        expected = sum(size for _, size in dataset.objects(self.server.root / self.bucket))
        for _ in range(2):
            read = dataset.read_all(self.directory)
            if read != expected:
                raise RuntimeError(f"{self.name} shows {read} bytes of {expected}")

    def requests(self):
        return self.server.requests(self.agent)

    def stop(self):
        self.process.stop(signal.SIGINT)
        harness.unmount_below(self.base)


class Rclone(Peer):
    """`rclone mount --help`: VFS file caching, fast fingerprints and no modification times for S3, 4 MiB in 16 streams."""

    name, program, agent = "rclone", "rclone", r"rclone/"

    def read_version(self):
        lines = subprocess.run(["go", "version", "-m", self.path], capture_output=True, text=True).stdout.splitlines()
        return next((line.split()[2] for line in lines if line.split()[:2] == ["mod", "github.com/rclone/rclone"]), "unknown")

    def command(self):
        remote = {"TYPE": "s3", "PROVIDER": "Other", "ACCESS_KEY_ID": harness.ACCESS_KEY, "SECRET_ACCESS_KEY": harness.SECRET_KEY,
                  "ENDPOINT": self.server.url, "REGION": "us-east-1"}
        environment = {f"RCLONE_CONFIG_BENCH_{key}": value for key, value in remote.items()}
        environment["RCLONE_CONFIG"] = str(self.base / "none.conf")
        return ["mount", f"bench:{self.bucket}", self.mounted, "--read-only", "--allow-other", "--vfs-cache-mode", "full", "--cache-dir", self.cache,
                "--vfs-cache-max-age", ENDLESS, "--dir-cache-time", ENDLESS, "--attr-timeout", ENDLESS, "--poll-interval", "0",
                "--vfs-fast-fingerprint", "--no-modtime", "--no-checksum", "--vfs-read-chunk-streams", "16", "--vfs-read-chunk-size", "4M"], environment


class S3fs(Peer):
    """man s3fs: a disk cache, the kernel's page cache kept, a stat cache that holds all names and does not expire."""

    name, program, agent = "s3fs", "s3fs", r"s3fs/"

    def read_version(self):
        return subprocess.run([self.path, "--version"], capture_output=True, text=True).stdout.splitlines()[0].split("V")[1].split()[0]

    def command(self):
        password = self.base / "password"
        password.touch(0o600)
        password.write_text(f"{harness.ACCESS_KEY}:{harness.SECRET_KEY}\n")
        options = ["ro", f"passwd_file={password}", f"url={self.server.url}", "use_path_request_style", f"use_cache={self.cache}", "kernel_cache",
                   "max_stat_cache_size=2000000", "stat_cache_expire=1000000", "enable_noobj_cache", "complement_stat", "allow_other",
                   "entry_timeout=1000000", "attr_timeout=1000000", "list_object_max_keys=1000", "dbglevel=err"]
        return [self.bucket, self.mounted, "-f", "-o", ",".join(options)], {}


def crc32c_table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


CRC32C_TABLE = crc32c_table()


def crc32c(data):
    """CRC-32C (Castagnoli), as the manifest's lines are protected with."""
    value = 0xFFFFFFFF
    for byte in data:
        value = value >> 8 ^ CRC32C_TABLE[(value ^ byte) & 0xFF]
    return value ^ 0xFFFFFFFF


def base64_of(value):
    return base64.b64encode(struct.pack(">I", value)).decode()


class Mountpoint(Peer):
    """Its example program mounts a list of objects that is made beforehand: names never need a request. Disk cache on."""

    name, program, agent = "mountpoint-s3", "mountpoint-s3", r"mp-exmpl"

    def __init__(self, directory, server, bucket):
        super().__init__(directory, server, bucket)
        self.directory = self.mounted / bucket

    def read_version(self):
        file = PROGRAMS / "mountpoint-s3.version"
        return file.read_text().strip() if file.exists() else "unknown"

    def manifest(self):
        """A line per object: key, ETag, size, checksum. Returns the checksum of all."""
        everything, lines = b"", []
        for page in self.server.client().get_paginator("list_objects_v2").paginate(Bucket=self.bucket):
            for entry in page.get("Contents", ()):
                tag = entry["ETag"].strip('"')
                data = entry["Key"].encode() + tag.encode() + struct.pack(">Q", entry["Size"])
                everything += data
                lines.append(f'"{entry["Key"]}","{tag}",{entry["Size"]},{base64_of(crc32c(data))}\n')
        (self.base / "manifest.csv").write_text("".join(lines))
        return base64_of(crc32c(everything))

    def command(self):
        for folder in ("metadata", "events"):
            (self.base / folder).mkdir()
        config = {"config_version": "0.0.1", "mountpoint": str(self.mounted), "metadata_store_dir": str(self.base / "metadata"),
                  "event_log_dir": str(self.base / "events"), "region": "us-east-1", "endpoint_url": self.server.url, "allow_other": True,
                  "loglevel": "error", "throughput_config": {"type": "Explicit", "throughput": 100.0},
                  "channels": [{"directory_name": self.bucket, "bucket_name": self.bucket, "manifest_path": str(self.base / "manifest.csv"),
                                "manifest_checksum": self.manifest()}],
                  "disk_cache": {"path": str(self.cache)}, "memory_limit_bytes": 2 << 30}
        file = self.base / "config.json"
        file.write_text(json.dumps(config, indent=1))
        return ["--config", file], {"AWS_ACCESS_KEY_ID": harness.ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": harness.SECRET_KEY,
                                    "AWS_EC2_METADATA_DISABLED": "true"}


PEERS = {peer.name: peer for peer in (Rclone, S3fs, Mountpoint)}
