// User namespaces in which a daemon's ids stand for the ones that a volume shows: what idmapped mounts are made with.
//
// To map ids that are not one's own takes CAP_SETUID, CAP_SETGID and CAP_SETFCAP. The plugin gives those up; a process
// of its own keeps them and nothing else, from Start to the destructor, and writes the maps.
//
// Threads:  Start before any other thread; Make from any thread.
// Owns:     that process. It ends with the plugin, however that ends.
// Limits:   kAnswerDeadline.
// Errors:   Make: UNAVAILABLE when the process has gone; what the kernel says.
#pragma once

#include <sys/types.h>

#include <memory>
#include <mutex>

#include "common/message_socket.h"
#include "common/status.h"
#include "common/unique_fd.h"

namespace sluice::csi {

struct Owners {
  uid_t daemon_uid;
  gid_t daemon_gid;
  uid_t shown_uid;
  gid_t shown_gid;
};

class OwnerMaps {
 public:
  static constexpr Duration kAnswerDeadline = std::chrono::seconds(5);

  static StatusOr<std::unique_ptr<OwnerMaps>> Start();
  ~OwnerMaps();

  // A descriptor of the namespace.
  StatusOr<UniqueFd> Make(const Owners& owners);

 private:
  OwnerMaps(MessageSocket socket, pid_t writer) : socket_(std::move(socket)), writer_(writer) {}
  Status Write(pid_t child, const Owners& owners);

  std::mutex mutex_;  // one request at a time
  MessageSocket socket_;
  const pid_t writer_;
};

}  // namespace sluice::csi
