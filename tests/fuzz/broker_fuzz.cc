// What a daemon in the hands of somebody else may send to the plugin over the broker's socket: packets with
// descriptors.
//
// Each packet is a byte (its descriptors: how many, and from which on), two bytes of its length (little endian), and
// its bytes. Properties: the plugin keeps no descriptor that it was sent; a message is parsed or refused, and written
// as the same; no file becomes a backing file but one of the pool's own tier; an answer that is no success is an error,
// whatever its code.
#include <fcntl.h>
#include <sys/socket.h>

#include <fstream>

#include "common/message_socket.h"
#include "csi/backing_files.h"
#include "proto/broker.pb.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/temp_dir.h"

namespace sluice {
namespace {

using fuzz::Expect;

struct Files {
  static constexpr int kInTier = 3;

  TempDir directory{"/dev/shm"};
  csi::TierDirectories tiers;
  std::vector<UniqueFd> sent;  // of kinds that a daemon has, or could have

  Files() {
    const std::string file = directory / "tier/file";
    std::filesystem::create_directory(directory / "tier");
    for (const std::string& path : {file, directory / "elsewhere"}) std::ofstream(path) << "data";
    PoolConfig config;
    config.uid = ::geteuid();
    config.tiers.push_back({.medium = "dram", .path = directory / "tier"});
    tiers = csi::TierDirectories::Open(config);
    for (const char* other : {"/dev/null", "elsewhere", "tier"}) {
      sent.emplace_back(::open((std::filesystem::path(directory.path()) / other).c_str(), O_RDONLY));
    }
    for (const int flags : {O_RDONLY, O_PATH, O_RDWR}) sent.emplace_back(::open(file.c_str(), flags));
  }
};

int LowestFreeDescriptor() { return UniqueFd(::open("/dev/null", O_RDONLY)).get(); }

// As MessageSocket::Send, but with as many descriptors as one likes.
bool SendPacket(int socket, iovec bytes, const Files& files, size_t first, size_t count) {
  alignas(cmsghdr) char control[CMSG_SPACE(8 * sizeof(int))] = {};
  const msghdr header{nullptr, 0, &bytes, 1, control, count > 0 ? CMSG_SPACE(count * sizeof(int)) : 0, 0};
  auto* const rights = reinterpret_cast<cmsghdr*>(control);
  *rights = {CMSG_LEN(count * sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
  auto* const descriptors = reinterpret_cast<int*>(CMSG_DATA(rights));
  for (size_t i = 0; i < count; ++i) descriptors[i] = files.sent[(first + i) % files.sent.size()].get();
  return ::sendmsg(socket, &header, MSG_NOSIGNAL) >= 0;
}

void Take(const Files& files, const MessageSocket::Message& received, bool in_tier, csi::BackingFiles& backings) {
  broker::v1::Message message, again;
  if (!message.ParseFromString(received.bytes)) return;
  const bool read = again.ParseFromString(message.SerializeAsString());
  Expect(read && again.ByteSizeLong() == message.ByteSizeLong(), "what was read can be written");
  const int no_fuse = files.sent[0].get();  // /dev/null: the kernel has no say
  if (message.has_held()) backings.Adopt({message.held().backings().begin(), message.held().backings().end()});
  if (message.has_close_backing()) backings.Close(no_fuse, message.close_backing().inode());
  if (message.has_open_backing() && received.descriptors.size() == 1) {
    const auto id = backings.Open(no_fuse, message.open_backing().inode(), received.descriptors[0].get(), files.tiers);
    Expect(in_tier == (id.status().code() != StatusCode::kPermissionDenied), "only a tier's file is a backing file");
  }
  const auto status = MakeStatus(static_cast<StatusCode>(message.result().code()), message.result().message());
  Expect((ToErrno(status) != 0) == (message.result().code() != 0), "an answer that is no success is an error");
}

}  // namespace
}  // namespace sluice

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sluice;
  static const Files files;
  auto ends = *MessageSocket::Pair();
  const int before = LowestFreeDescriptor();
  csi::BackingFiles backings;
  for (size_t length = 0; size >= 3; data += 3 + length, size -= 3 + length) {
    const size_t count = data[0] % 8;
    const size_t first = data[0] / 8 % files.sent.size();
    length = std::min<size_t>(data[1] + 256 * data[2], size - 3);
    if (!SendPacket(ends.first.fd(), {const_cast<uint8_t*>(data) + 3, length}, files, first, count)) break;
    const auto received = ends.second.Receive();
    fuzz::Expect(received.ok() == (length > 0 && count <= MessageSocket::kDescriptorsMax), "a packet comes as it is");
    if (!received.ok()) break;
    fuzz::Expect(received->descriptors.size() == count && received->bytes.size() == length, "all of it");
    Take(files, *received, count == 1 && first == Files::kInTier, backings);
  }
  fuzz::Expect(LowestFreeDescriptor() == before, "no descriptor is kept");
  return 0;
}
