#include "csi/owner_maps.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "csi/privileges.h"

namespace sluice::csi {
namespace {

// A packet each way: what to write, and the errno.
struct Request {
  pid_t process;
  Owners owners;
};
using Answer = int;

template <typename T>
std::string_view BytesOf(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

int WriteMap(pid_t process, const char* file, uint32_t inside, uint32_t outside) {
  const UniqueFd fd(::open(fmt::format("/proc/{}/{}", process, file).c_str(), O_WRONLY | O_CLOEXEC));
  const std::string line = fmt::format("{} {} 1", inside, outside);
  if (!fd.valid() || ::write(fd.get(), line.data(), line.size()) < 0) return errno;
  return 0;
}

[[noreturn]] void RunWriter(MessageSocket socket) {
  const auto others_below = static_cast<unsigned>(socket.fd());
  if (others_below > STDERR_FILENO + 1) ::close_range(STDERR_FILENO + 1, others_below - 1, 0);
  ::close_range(others_below + 1, ~0U, 0);
  if (!KeepCapabilities({CAP_SETUID, CAP_SETGID, CAP_SETFCAP}).ok()) ::_exit(1);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::prctl(PR_SET_NAME, "owner-maps");
  for (;;) {
    const auto received = socket.Receive();
    if (!received.ok() || received->bytes.size() != sizeof(Request)) ::_exit(0);
    Request request{};
    std::memcpy(&request, received->bytes.data(), sizeof request);
    const Owners& owners = request.owners;
    Answer error = WriteMap(request.process, "uid_map", owners.daemon_uid, owners.shown_uid);
    if (error == 0) error = WriteMap(request.process, "gid_map", owners.daemon_gid, owners.shown_gid);
    if (!socket.Send(BytesOf(error)).ok()) ::_exit(0);
  }
}

}  // namespace

StatusOr<std::unique_ptr<OwnerMaps>> OwnerMaps::Start() {
  ASSIGN_OR_RETURN(auto pair, MessageSocket::Pair());
  const pid_t writer = ::fork();
  if (writer < 0) return ErrnoStatus(errno, "start the writer of owner maps");
  if (writer == 0) RunWriter(std::move(pair.second));
  pair.first.SetReceiveDeadline(kAnswerDeadline);
  return std::unique_ptr<OwnerMaps>(new OwnerMaps(std::move(pair.first), writer));
}

OwnerMaps::~OwnerMaps() {
  socket_.Shutdown();
  ::waitpid(writer_, nullptr, 0);
}

Status OwnerMaps::Write(pid_t child, const Owners& owners) {
  const std::lock_guard lock(mutex_);
  RETURN_IF_ERROR(socket_.Send(BytesOf(Request{child, owners})));
  ASSIGN_OR_RETURN(const auto received, socket_.Receive());
  Answer error = EPROTO;
  if (received.bytes.size() == sizeof error) std::memcpy(&error, received.bytes.data(), sizeof error);
  return ErrnoStatus(error, "map the owners of an idmapped mount");
}

// It takes a process to make a namespace.
StatusOr<UniqueFd> OwnerMaps::Make(const Owners& owners) {
  const long pid = ::syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, nullptr, nullptr, nullptr, nullptr);
  if (pid < 0) return ErrnoStatus(errno, "a user namespace for an idmapped mount");
  if (pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) ::pause();
  }
  const auto child = static_cast<pid_t>(pid);
  Status status = Write(child, owners);
  UniqueFd map(::open(fmt::format("/proc/{}/ns/user", child).c_str(), O_RDONLY | O_CLOEXEC));
  if (status.ok() && !map.valid()) status = ErrnoStatus(errno, "the user namespace");
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  if (!status.ok()) return status;
  return map;
}

}  // namespace sluice::csi
