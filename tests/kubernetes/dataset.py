"""Files in a bucket, and the shell script of a pod that reads them."""

import hashlib
import os

SIZES = [0, 1, 4096, 100_000, 3_000_000, 10_000_000]

# Compares every byte once.
READ = 'echo "$SUMS" | sha256sum -c'

# Over and over, until there is a file `stop`; it ends at once when a byte is wrong, or cannot be read.
READ_ON = """
passes=0
while [ ! -e stop ]; do
  echo "$SUMS" | sha256sum -c -s || exit 1
  passes=$((passes + 1))
  echo "pass $passes"
done
"""


def fill(bucket):
    """Writes files and returns what a pod needs to know of them."""
    sums = []
    for number, size in enumerate(SIZES):
        content = os.urandom(size)
        path = bucket / f"shard-{number % 2}" / f"{number}.bin"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        sums.append(f"{hashlib.sha256(content).hexdigest()}  {path.relative_to(bucket)}")
    return {"SUMS": "\n".join(sums)}
