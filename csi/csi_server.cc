#include "csi/csi_server.h"

#include <grpcpp/resource_quota.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "common/unix_socket.h"

namespace sluice::csi {

StatusOr<std::string> ClaimCsiSocket(const std::string& endpoint) {
  if (!endpoint.starts_with("unix://")) return InvalidArgument("--endpoint '{}': write unix:///PATH", endpoint);
  const std::string path = endpoint.substr(7);
  ASSIGN_OR_RETURN(const sockaddr_un address, UnixAddress(path));
  if (IsAnswered(address)) {
    return FailedPrecondition("another plugin serves {}; stop it first", path);
  }
  const std::string directory = path.substr(0, path.rfind('/'));
  if (!directory.empty() && ::mkdir(directory.c_str(), 0750) != 0 && errno != EEXIST) {
    return ErrnoStatus(errno, directory);
  }
  ::unlink(path.c_str());
  return path;
}

StatusOr<std::unique_ptr<CsiServer>> CsiServer::Start(const std::string& path,
                                                      std::initializer_list<grpc::Service*> services) {
  grpc::ResourceQuota quota("csi");
  quota.SetMaxThreads(kThreadsMax);
  grpc::ServerBuilder builder;
  builder.SetResourceQuota(quota);
  builder.AddListeningPort("unix://" + path, grpc::InsecureServerCredentials());
  for (grpc::Service* const service : services) builder.RegisterService(service);
  ::umask(0077);
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) return Unavailable("{} cannot be listened on", path);
  return std::unique_ptr<CsiServer>(new CsiServer(path, std::move(server)));
}

CsiServer::~CsiServer() {
  server_->Shutdown(std::chrono::system_clock::now() + kCallsDeadline);
  ::unlink(path_.c_str());
}

void AwaitSignal(const sigset_t& signals) {
  int signal = 0;
  ::sigwait(&signals, &signal);
  spdlog::info("signal {}: sluice-csi stops", signal);
}

}  // namespace sluice::csi
