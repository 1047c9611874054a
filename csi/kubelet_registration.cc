#include "csi/kubelet_registration.h"

#include <grpcpp/grpcpp.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/server_posix.h>
#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "common/unix_socket.h"
#include "csi/identity_service.h"

namespace sluice::csi {
namespace {

constexpr const char* kSpecification = "1.0.0";  // of CSI; the kubelet wants one of major version 1
constexpr int kBacklog = 16;

}  // namespace

KubeletRegistration::KubeletRegistration(const std::string& directory, std::string csi_socket)
    : path_(fmt::format("{}/{}-reg.sock", directory, kDriverName)),
      hidden_path_(fmt::format("{}/.{}-new", directory, kDriverName)),
      csi_socket_(std::move(csi_socket)) {}

StatusOr<std::unique_ptr<KubeletRegistration>> KubeletRegistration::Start(const std::string& directory,
                                                                          const std::string& csi_socket) {
  const std::string flag = fmt::format("--registration-dir {}", directory);
  std::unique_ptr<KubeletRegistration> registration(new KubeletRegistration(directory, csi_socket));
  const auto address = UnixAddress(registration->path_);
  if (!address.ok()) return Annotate(address.status(), flag);
  registration->address_ = *address;
  registration->event_ = UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!registration->event_.valid()) return ErrnoStatus(errno, "eventfd");
  grpc::ResourceQuota quota("registration");
  quota.SetMaxThreads(kThreadsMax);
  grpc::ServerBuilder builder;
  builder.SetResourceQuota(quota);
  builder.SetMaxReceiveMessageSize(kMessageBytesMax);
  builder.RegisterService(registration.get());
  registration->server_ = builder.BuildAndStart();
  if (registration->server_ == nullptr) return Internal("gRPC does not start");
  if (registration->Look() == Place::kTaken) {
    spdlog::info("somebody answers at {} already: the registration of {} is left to it", registration->path_,
                 kDriverName);
  } else {
    RETURN_IF_ERROR(Annotate(registration->Announce(), flag));
  }
  registration->next_ = Clock::System().Now() + kLookEvery;
  registration->thread_ = std::thread([raw = registration.get()] { raw->Run(); });
  return registration;
}

KubeletRegistration::~KubeletRegistration() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  Wake();
  if (thread_.joinable()) thread_.join();
  if (listener_.valid() && Look() == Place::kOurs) ::unlink(path_.c_str());
  if (server_ != nullptr) server_->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(1));
}

grpc::Status KubeletRegistration::GetInfo(grpc::ServerContext*, const pluginregistration::InfoRequest*,
                                          pluginregistration::PluginInfo* reply) {
  reply->set_type("CSIPlugin");
  reply->set_name(kDriverName);
  reply->set_endpoint(csi_socket_);
  reply->add_supported_versions(kSpecification);
  return grpc::Status::OK;
}

grpc::Status KubeletRegistration::NotifyRegistrationStatus(grpc::ServerContext*,
                                                           const pluginregistration::RegistrationStatus* request,
                                                           pluginregistration::RegistrationStatusResponse*) {
  if (request->plugin_registered()) {
    spdlog::info("the kubelet has registered {} at {}", kDriverName, csi_socket_);
    const std::lock_guard lock(mutex_);
    is_refused_ = false;
    backoff_ = kBackoffFirst;
    return grpc::Status::OK;
  }
  {
    const std::lock_guard lock(mutex_);
    if (!is_refused_) next_ = Clock::System().Now() + TakeBackoff();
    is_refused_ = true;
  }
  spdlog::error("the kubelet does not register {}: {}", kDriverName, request->error());
  Wake();
  return grpc::Status::OK;
}

// REQUIRES: mutex_ is held.
Duration KubeletRegistration::TakeBackoff() {
  const Duration backoff = backoff_;
  backoff_ = std::min(backoff_ * 2, kBackoffMax);
  return backoff;
}

void KubeletRegistration::Wake() const { (void)::eventfd_write(event_.get(), 1); }

// The mode leaves the umask as it is (CsiServer::Start), which other threads may need meanwhile.
Status KubeletRegistration::Announce() {
  ASSIGN_OR_RETURN(UniqueFd listener, ListenAt(hidden_path_, SOCK_STREAM, 0700, kBacklog));
  struct stat file{};
  if (::lstat(hidden_path_.c_str(), &file) != 0) return ErrnoStatus(errno, hidden_path_);
  if (::rename(hidden_path_.c_str(), path_.c_str()) != 0) return ErrnoStatus(errno, path_);
  listener_ = std::move(listener);
  file_ = file;
  return absl::OkStatus();
}

KubeletRegistration::Place KubeletRegistration::Look() const {
  struct stat now{};
  const bool is_there = ::lstat(path_.c_str(), &now) == 0;
  if (listener_.valid() && is_there && now.st_dev == file_.st_dev && now.st_ino == file_.st_ino) return Place::kOurs;
  return is_there && IsAnswered(address_, SOCK_STREAM | SOCK_NONBLOCK) ? Place::kTaken : Place::kFree;
}

void KubeletRegistration::Run() {
  for (;;) {
    WaitForEvent();
    UniqueFd connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (connection.valid()) {
      grpc::AddInsecureChannelFromFd(server_.get(), connection.release());
    } else if (errno != EAGAIN) {
      std::this_thread::sleep_for(std::chrono::milliseconds(100));  // out of descriptors, or there is no listener
    }
    {
      const std::lock_guard lock(mutex_);
      if (stop_) return;
      if (Clock::System().Now() < next_) continue;
    }
    const Instant next = Tend();
    const std::lock_guard lock(mutex_);
    next_ = is_refused_ ? std::min(next_, next) : next;
  }
}

// A connection, Wake, or the time of next_.
void KubeletRegistration::WaitForEvent() {
  Duration left;
  {
    const std::lock_guard lock(mutex_);
    left = std::max(next_ - Clock::System().Now(), Duration(0));
  }
  pollfd waiting[] = {{event_.get(), POLLIN, 0}, {listener_.get(), POLLIN, 0}};  // without a listener -1: passed over
  ::poll(waiting, 2, static_cast<int>(left / std::chrono::milliseconds(1)) + 1);
  eventfd_t ignored = 0;
  (void)::eventfd_read(event_.get(), &ignored);
}

Instant KubeletRegistration::Tend() {
  const Place place = Look();
  bool is_refused = false;
  {
    const std::lock_guard lock(mutex_);
    is_refused = std::exchange(is_refused_, false);
  }
  const Instant now = Clock::System().Now();
  if (place == Place::kTaken || (place == Place::kOurs && !is_refused)) return now + kLookEvery;
  if (place == Place::kFree) spdlog::info("nobody answers at {}: it is made anew", path_);
  const Status announced = Announce();
  if (announced.ok()) return now + kLookEvery;
  spdlog::error("{} cannot be registered with the kubelet: {}", kDriverName, Message(announced));
  const std::lock_guard lock(mutex_);
  is_refused_ |= is_refused;
  return now + TakeBackoff();
}

}  // namespace sluice::csi
