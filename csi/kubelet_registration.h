// Makes the plugin known to the kubelet, so that no node-driver-registrar is needed: the kubelet watches a directory
// for sockets (plugins_registry), asks each that appears who it is, and says what has become of it.
//
// The socket is DIRECTORY/sluice.csi.io-reg.sock, the one that node-driver-registrar makes for this driver. It appears
// by a rename, when somebody listens already. While another process answers there it is left to that one, which
// registers the same driver; when it is gone, removed or stale, it is made anew. When the kubelet refuses the plugin it
// is made anew, too: that is what the kubelet watches for.
//
// At the end the file is removed, as node-driver-registrar does: the kubelet then takes the driver from the node's
// CSINode. What it has to mount and unmount meanwhile it tries again until the next plugin is there, which it would do
// with a socket that nobody answers just so; but a driver that was uninstalled leaves nothing behind.
//
// Threads:  one of its own that listens, and gRPC's, kThreadsMax at most. Start and the destructor from one.
// Limits:   kBackoffFirst after the first refusal, twice as long after each one, kBackoffMax at most; kLookEvery
// between
//           looks at the file.
// Errors:   Start: INVALID_ARGUMENT for a path that is too long for a socket; what the kernel says. Later ones are
// logged.
#pragma once

#include <sys/stat.h>
#include <sys/un.h>

#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "common/clock.h"
#include "common/status.h"
#include "common/unique_fd.h"
#include "proto/plugin_registration.grpc.pb.h"

namespace sluice::csi {

class KubeletRegistration final : public pluginregistration::Registration::Service {
 public:
  static constexpr Duration kBackoffFirst = std::chrono::seconds(1);
  static constexpr Duration kBackoffMax = std::chrono::minutes(1);
  static constexpr Duration kLookEvery = std::chrono::seconds(5);
  static constexpr int kThreadsMax = 8;
  static constexpr int kMessageBytesMax = 64 * 1024;

  // `csi_socket`: the path of the CSI socket, as the kubelet sees it. REQUIRES: it answers.
  static StatusOr<std::unique_ptr<KubeletRegistration>> Start(const std::string& directory,
                                                              const std::string& csi_socket);
  ~KubeletRegistration() override;

  const std::string& path() const { return path_; }

  grpc::Status GetInfo(grpc::ServerContext*, const pluginregistration::InfoRequest*,
                       pluginregistration::PluginInfo* reply) override;
  grpc::Status NotifyRegistrationStatus(grpc::ServerContext*, const pluginregistration::RegistrationStatus* request,
                                        pluginregistration::RegistrationStatusResponse*) override;

 private:
  enum class Place { kOurs, kFree, kTaken };

  KubeletRegistration(const std::string& directory, std::string csi_socket);
  Status Announce();
  Place Look() const;
  void Run();
  void WaitForEvent();
  // Looks after the file; when to do so again.
  Instant Tend();
  Duration TakeBackoff();
  void Wake() const;

  const std::string path_;
  const std::string hidden_path_;  // the kubelet passes over names that begin with a dot
  const std::string csi_socket_;
  sockaddr_un address_{};
  UniqueFd listener_;   // the thread's alone, once it runs
  struct stat file_{};  // the listener's, at path_; the same
  UniqueFd event_;      // an eventfd: something below has changed
  std::unique_ptr<grpc::Server> server_;

  std::mutex mutex_;
  // GUARDED_BY mutex_
  bool stop_ = false;
  bool is_refused_ = false;  // and not announced again since
  Instant next_;             // when to look after the file
  Duration backoff_ = kBackoffFirst;

  std::thread thread_;
};

}  // namespace sluice::csi
