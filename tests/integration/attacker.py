#!/usr/bin/python3
"""Takes the daemon's place and attacks the plugin, which starts it instead of sluiced.

It answers FUSE_INIT itself, so that the kernel would say yes. In its tier it writes what it got:

    report.json     for the volume "v": {attempt at a backing file: [status code, whether there was a backing id]}
    changes.json    {attempt at a change of a volume: [status code, whether there was a volume]}
    told.json       the volumes that the second plugin told it to unmount, to which it had lied about what it serves
    renewed.json    how often it was handed new credentials; it refuses them once, and has the volume changed over the third
    deaf.json       its process id, once it reads nothing that the third plugin says
"""

import array
import contextlib
import json
import os
import socket
import struct
import sys
import time

HELLO, MOUNT, UNMOUNT, RESULT, OPEN_BACKING, BACKING, RESUMED, HELD, RENEW, CHANGE, CHANGED = 2, 3, 4, 5, 6, 8, 9, 12, 15, 16, 17  # of Message in proto/broker.proto
BACKINGS_MAX = 4096
VERSION = b"@VERSION@"  # of another one the plugin would not want it; the test puts it here


def varint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out + bytes([value]))


def number(field, value):
    return varint(field << 3) + varint(value)


def text(field, value):
    return varint(field << 3 | 2) + varint(len(value)) + value


def parse(data):
    """{field: last value} of one protobuf message: numbers and strings only."""
    fields, at = {}, 0

    def read():
        nonlocal at
        value, shift = 0, 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(data):
        key = read()
        value = read()
        if key & 7 == 2:
            value, at = data[at:at + value], at + value
        fields[key >> 3] = value
    return fields


def answer_init(fuse_fd, request):
    """FUSE 7.40 with FUSE_PASSTHROUGH and a stack depth of 1."""
    unique = struct.unpack_from("<IIQ", request)[2]
    init_ext, passthrough = 1 << 30, 1 << (37 - 32)
    body = struct.pack("<IIIIHHIIHHIIIHH5I", 7, 40, 1 << 20, init_ext, 16, 12, 1 << 17, 1, 32, 0, passthrough, 1, 0, 0, 0, 0, 0, 0, 0, 0)[:64]
    os.write(fuse_fd, struct.pack("<IiQ", 16 + len(body), 0, unique) + body)


class Broker:
    def __init__(self, connection):
        self.socket = connection
        self.next = 1

    def receive(self):
        data, ancillary, _, _ = self.socket.recvmsg(1 << 17, socket.CMSG_SPACE(16))
        descriptors = array.array("i")
        for _, _, content in ancillary:
            descriptors.frombytes(content)
        return parse(data), list(descriptors)

    def open_backing(self, descriptors, inode, volume=b"v"):
        self.next += 1
        body = number(1, self.next) + text(OPEN_BACKING, text(1, volume) + number(2, inode))
        socket.send_fds(self.socket, [body], descriptors) if descriptors else self.socket.send(body)
        while True:
            message, _ = self.receive()
            if BACKING in message and message.get(1) == self.next:
                backing = parse(message[BACKING])
                return [backing.get(2, 0), backing.get(1, 0) > 0]

    def change_volume(self, volume, parameters, times=1):
        """Asks so often before it reads an answer. The worst one."""
        pairs = b"".join(text(2, text(1, key) + text(2, value)) for key, value in parameters.items())
        for _ in range(times):
            self.next += 1
            self.socket.send(number(1, self.next) + text(CHANGE, text(1, volume) + pairs))
        answers = []
        while len(answers) < times:
            message, _ = self.receive()
            if CHANGED in message:
                changed = parse(message[CHANGED])
                answers.append([changed.get(1, 0), 3 in changed])
        return max(answers)


def ask_for_changes(broker, tier):
    report = {
        "nonsense": broker.change_volume(b"v", {b"soruce": b"s3://b"}),
        "its own volume": broker.change_volume(b"v", {b"source": b"s3://b", b"uid": b"7"}),
        "one of another pool": broker.change_volume(b"other", {b"source": b"s3://b"}),
    }
    report["a flood"] = max(broker.change_volume(b"v", {b"soruce": b"s3://b"}, times=50) for _ in range(200))
    write(f"{tier}/changes.json", report)


def ask_for_backing_files(broker, tier):
    own = f"{tier}/own"
    with open(own, "w") as f:
        f.write("mine")
    with open(f"{tier}/unlinked", "w") as f:
        f.write("mine")
    with open(f"/tmp/sluice-attacker-{os.getpid()}", "w") as f:
        f.write("mine")
    unlinked = os.open(f"{tier}/unlinked", os.O_RDONLY)
    os.unlink(f"{tier}/unlinked")
    elsewhere = os.open(f.name, os.O_RDONLY)
    os.symlink("/etc/passwd", f"{tier}/link")
    os.mkdir(f"{tier}/directory")
    mine = os.open(own, os.O_RDONLY)
    attempts = {
        "a file of root": os.open("/etc/passwd", os.O_RDONLY),
        "a link to a file of root": os.open(f"{tier}/link", os.O_RDONLY),
        "a file of root in the tier": os.open(f"{tier}/root", os.O_RDONLY),
        "its own program": os.open(sys.argv[0], os.O_RDONLY),
        "a directory": os.open(f"{tier}/directory", os.O_RDONLY | os.O_DIRECTORY),
        "a device": os.open("/dev/zero", os.O_RDONLY),
        "a pipe": os.pipe()[0],
        "a socket": socket.socket(socket.AF_UNIX).detach(),
        "opened for writing": os.open(own, os.O_RDWR),
        "opened as a path": os.open(own, os.O_PATH),
        "a file elsewhere": elsewhere,
        "a file without a name": unlinked,
    }
    report = {name: broker.open_backing([fd], 100 + i) for i, (name, fd) in enumerate(attempts.items())}
    report["a cache file"] = broker.open_backing([mine], 1)
    report["the same inode again"] = broker.open_backing([mine], 1)
    report["no descriptor"] = broker.open_backing([], 2)
    report["two descriptors"] = broker.open_backing([mine, mine], 2)
    report["another volume"] = broker.open_backing([mine], 2, b"other")
    for inode in range(1000, 1000 + BACKINGS_MAX - 1):
        broker.open_backing([mine], inode)
    report["one too many"] = broker.open_backing([mine], 2)
    for _ in range(300):
        report["a flood"] = broker.open_backing([unlinked], 3)
    os.unlink(os.readlink(f"/proc/self/fd/{elsewhere}"))
    write(f"{tier}/report.json", report)


def write(path, value):
    with open(path + ".new", "w") as f:
        json.dump(value, f)
    os.rename(path + ".new", path)


def lie_about_mounts(broker, served):
    """`served`: {volume id: its real descriptor}. Everything but "v" comes with something that is no FUSE descriptor."""
    liar = text(2, b"s3://elsewhere") + number(10, 0)  # source, uid
    null, file = os.open("/dev/null", os.O_RDWR), os.open(sys.argv[0], os.O_RDONLY)
    descriptors = {b"none": [], b"two": [served[b"v"]] * 2, b"null": [null], b"file": [file], b"stranger": [served[b"v"]], b"v": [served[b"v"]]}
    for volume, sent in descriptors.items():
        backings = b"".join(text(3, number(1, inode) + number(2, inode)) for inode in range(1, BACKINGS_MAX + 100))
        held = text(1, text(1, volume) + liar) + text(2, b"no FUSE_INIT") + backings
        body = text(HELD, held)
        socket.send_fds(broker.socket, [body], sent) if sent else broker.socket.send(body)
    for i in range(2000):
        broker.socket.send(text(HELD, text(1, text(1, b"stranger-%d" % i))))


def converse(broker, tier, served, lies):
    """Serves one plugin to its end."""
    if lies:
        lie_about_mounts(broker, served)
    broker.socket.send(text(HELLO, number(1, 3) + text(2, VERSION)))
    told = []
    renewed = 0
    while True:
        message, descriptors = broker.receive()
        if not message:
            return
        if UNMOUNT in message:
            told.append(parse(message[UNMOUNT])[1].decode())
        elif RENEW in message:
            renewed += 1
            if renewed == 3:
                broker.change_volume(b"v", {b"mounts": b'[{"path": "/a", "source": "s3://b"}]'})
            write(f"{tier}/renewed.json", renewed)
            broker.socket.send(number(1, message[1]) + text(RESULT, number(1, 13) + text(2, b"no") if renewed == 1 else b""))
        elif RESUMED in message and lies:
            write(f"{tier}/told.json", told)
        elif MOUNT in message:
            mount = parse(message[MOUNT])
            volume = parse(mount[1])[1]
            served[volume] = descriptors[0]
            resumed = mount.get(3, 0)
            if not resumed:
                answer_init(descriptors[0], mount[2])
            broker.socket.send(number(1, message[1]) + text(RESULT, b""))
            if volume == b"v" and not resumed:
                ask_for_changes(broker, tier)
                ask_for_backing_files(broker, tier)


def be_deaf(broker, tier, served):
    """Lets the plugin say more than a socket holds, and reads nothing."""
    lie_about_mounts(broker, served)
    broker.socket.send(text(HELLO, number(1, 3) + text(2, VERSION)))
    write(f"{tier}/deaf.json", os.getpid())
    time.sleep(600)


def main():
    arguments = dict(zip(sys.argv[1::2], sys.argv[2::2]))
    pool = f"{arguments['--state-dir']}/pools/{arguments['--pool']}"
    tier = f"{pool}/ssd"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(f"{pool}/broker.sock")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(f"{pool}/broker.sock")
    listener.listen()
    served = {}
    converse(Broker(listener.accept()[0]), tier, served, lies=False)
    converse(Broker(listener.accept()[0]), tier, served, lies=True)
    be_deaf(Broker(listener.accept()[0]), tier, served)


main()
