"""The S3 server of a run, its presigned addresses and its log of requests."""

import json
import re
import subprocess

import boto3
import botocore.config
import harness

from . import dataset
from .common import remember, tools_directory


class Server(harness.S3Server):
    """versitygw with its access log on: who asked how often."""

    def __init__(self, directory):
        self.access_log = directory / "access.log"
        super().__init__(directory, ["--access-log", str(self.access_log)])

    def requests(self, agent):
        """How many requests a client sent whose User-Agent has `agent` in it; `agent` may be a pattern."""
        pattern = re.compile(agent)
        with open(self.access_log, errors="replace") as log:
            return sum(1 for line in log if pattern.search(line))

    def addresses(self, bucket, below=""):
        """("URL", bytes) of every object, presigned for a day."""
        config = botocore.config.Config(signature_version="s3v4")
        client = boto3.client("s3", endpoint_url=self.url, aws_access_key_id=harness.ACCESS_KEY, aws_secret_access_key=harness.SECRET_KEY,
                              region_name="us-east-1", config=config)
        return [(client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=86400), size)
                for key, size in dataset.objects(self.root / bucket, below)]

    def raw(self, addresses, *arguments):
        """rawget over the addresses; its report."""
        remember(["rawget", *arguments])
        text = "".join(f"{url} {size}\n" for url, size in addresses)
        done = subprocess.run([tools_directory() / "rawget", *map(str, arguments)], input=text, capture_output=True, text=True, timeout=900)
        if done.returncode:
            raise RuntimeError(done.stderr)
        return json.loads(done.stdout)
