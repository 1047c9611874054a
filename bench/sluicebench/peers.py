"""Other programs that mount a bucket."""

PEERS = {}
