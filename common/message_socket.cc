#include "common/message_socket.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace sluice {
namespace {

void SetTimeout(int socket, int option, Duration deadline) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(deadline);
  const auto rest = std::chrono::duration_cast<std::chrono::microseconds>(deadline - seconds);
  const timeval timeout{seconds.count(), rest.count()};
  ::setsockopt(socket, SOL_SOCKET, option, &timeout, sizeof timeout);
}

}  // namespace

MessageSocket::MessageSocket(UniqueFd socket) : socket_(std::move(socket)) {
  SetTimeout(socket_.get(), SO_SNDTIMEO, kSendDeadline);
}

void MessageSocket::SetReceiveDeadline(Duration deadline) { SetTimeout(socket_.get(), SO_RCVTIMEO, deadline); }

StatusOr<std::pair<MessageSocket, MessageSocket>> MessageSocket::Pair() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return ErrnoStatus(errno, "socketpair");
  return std::pair(MessageSocket(UniqueFd(ends[0])), MessageSocket(UniqueFd(ends[1])));
}

Status MessageSocket::Send(std::string_view bytes, std::span<const int> descriptors) {
  if (bytes.size() > kMessageBytesMax || descriptors.size() > kDescriptorsMax) {
    return InvalidArgument("a message of {} bytes with {} descriptors is over the limit of {} and {}", bytes.size(),
                           descriptors.size(), kMessageBytesMax, kDescriptorsMax);
  }
  iovec vector{const_cast<char*>(bytes.data()), bytes.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(kDescriptorsMax * sizeof(int))] = {};
  msghdr header{};
  header.msg_iov = &vector;
  header.msg_iovlen = 1;
  if (!descriptors.empty()) {
    header.msg_control = control;
    header.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
    cmsghdr* message = CMSG_FIRSTHDR(&header);
    message->cmsg_level = SOL_SOCKET;
    message->cmsg_type = SCM_RIGHTS;
    message->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(message), descriptors.data(), descriptors.size_bytes());
  }
  while (::sendmsg(socket_.get(), &header, MSG_NOSIGNAL) < 0) {
    if (errno == EAGAIN) {
      Shutdown();
      return DeadlineExceeded("the peer of the broker socket has read nothing for {} s",
                              kSendDeadline / std::chrono::seconds(1));
    }
    if (errno != EINTR) return Unavailable("the peer of the broker socket has gone: {}", std::strerror(errno));
  }
  return absl::OkStatus();
}

StatusOr<MessageSocket::Message> MessageSocket::Receive() {
  Message message;
  message.bytes.resize(kMessageBytesMax);
  iovec vector{message.bytes.data(), message.bytes.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(kDescriptorsMax * sizeof(int))];
  msghdr header{};
  header.msg_iov = &vector;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  ssize_t length;
  do {
    length = ::recvmsg(socket_.get(), &header, MSG_CMSG_CLOEXEC);
  } while (length < 0 && errno == EINTR);
  if (length < 0 && errno == EAGAIN) return DeadlineExceeded("the peer of the broker socket says nothing");
  if (length < 0) return Unavailable("the peer of the broker socket has gone: {}", std::strerror(errno));
  for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr; part = CMSG_NXTHDR(&header, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd;
      std::memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof fd);
      message.descriptors.emplace_back(fd);
    }
  }
  // The end, or an empty message: whose descriptors have arrived nevertheless.
  if (length == 0) return Unavailable("the peer of the broker socket has gone");
  if ((header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
    return InvalidArgument("a message over the limit of {} bytes and {} descriptors arrived", kMessageBytesMax,
                           kDescriptorsMax);
  }
  message.bytes.resize(static_cast<size_t>(length));
  return message;
}

void MessageSocket::Shutdown() { ::shutdown(socket_.get(), SHUT_RDWR); }

}  // namespace sluice
