#include "fuse/session.h"

#include <fuse_kernel.h>
#include <pthread.h>
#include <signal.h>
#include <spdlog/spdlog.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "fuse/operations.h"
#include "io/call.h"
#include "io/thread.h"

namespace sluice::fuse {
namespace {

// Far above the numbers that the kernel counts up from zero: it answers ENOENT, which libfuse takes in silence.
constexpr uint64_t kUnknownUnique = 0x7ffffff000000;

// Interrupts a thread that waits in read(); its handler does nothing.
constexpr int kWakeSignal = SIGUSR2;

void InstallWakeSignal() {
  struct sigaction action{};
  action.sa_handler = [](int) {};
  ::sigaction(kWakeSignal, &action, nullptr);  // no SA_RESTART: the read must return
}

// What a thread takes requests into. The kernel answers a request with EIO that it cannot copy, and a thread that is
// being killed is given no more pages: so the pages for requests of a read-only volume are there before the first one.
class ReceiveBuffer {
 public:
  ReceiveBuffer() {
    void* const mapped =
        ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapped == MAP_FAILED) return;  // libfuse takes memory of its own
    buffer.mem = mapped_ = mapped;
    std::memset(mapped, 0, kTouchedBytes);
  }
  ~ReceiveBuffer() { mapped_ != nullptr ? (void)::munmap(mapped_, kBytes) : std::free(buffer.mem); }
  ReceiveBuffer(const ReceiveBuffer&) = delete;
  ReceiveBuffer& operator=(const ReceiveBuffer&) = delete;

  fuse_buf buffer{};

 private:
  // The most that libfuse may ask for: fs.fuse.max_pages_limit is below 65,536. Address space only.
  static constexpr size_t kBytes = 65536 * 4096;
  // A header and a name; what is larger (many nodes forgotten at once) nobody waits for.
  static constexpr size_t kTouchedBytes = 8 << 10;
  void* mapped_ = nullptr;
};

Histogram& Latency(Registry& registry, const char* operation) {
  return registry.AddHistogram("sluice_fuse_request_seconds", "Time to answer a request of the kernel",
                               {{"operation", operation}});
}

}  // namespace

SessionMetrics::SessionMetrics(Registry& registry)
    : lookup(Latency(registry, "lookup")),
      open(Latency(registry, "open")),
      read(Latency(registry, "read")),
      readdir(Latency(registry, "readdir")),
      read_bytes(registry.AddCounter("sluice_fuse_read_bytes_total", "Bytes given to the kernel for reads")),
      pushed_bytes(registry.AddCounter("sluice_fuse_pushed_bytes_total",
                                       "Bytes of small files put into the page cache ahead of their first read")),
      errors(registry.AddCounter("sluice_fuse_errors_total", "Requests answered with an error other than ENOENT")) {}

Session::Session(SessionOptions options, cache::Dataset& dataset, cache::Cache& cache, io::Loop& loop,
                 BackingBroker& broker, Metrics metrics)
    : options_(std::move(options)),
      dataset_(dataset),
      cache_(cache),
      loop_(loop),
      metrics_(metrics.requests),
      files_(dataset, cache, loop, &broker, metrics.opens),
      profile_(options_.access, dataset.catalog()),
      push_(dataset, loop, options_.push_bytes_max, metrics.requests.pushed_bytes) {}

void Session::OnListed(const std::vector<cache::Node>& nodes) {
  if (profile_.small_files()) push_.Add(session_, nodes);
}

StatusOr<std::unique_ptr<Session>> Session::Start(UniqueFd fd, std::string init_bytes, SessionOptions options,
                                                  cache::Dataset& dataset, cache::Cache& cache, io::Loop& loop,
                                                  BackingBroker& broker, Metrics metrics) {
  std::unique_ptr<Session> session(new Session(std::move(options), dataset, cache, loop, broker, metrics));
  RETURN_IF_ERROR(session->Begin(std::move(fd), std::move(init_bytes)));
  return session;
}

Status Session::Begin(UniqueFd fd, std::string init_bytes) {
  if (init_bytes.size() < sizeof(fuse_in_header)) return InvalidArgument("the FUSE_INIT request is cut short");
  InstallWakeSignal();
  char program[] = "sluiced";
  char ring[] = "-oio_uring";
  char* arguments[] = {program, ring, nullptr};
  fuse_args args = FUSE_ARGS_INIT(options_.ring ? 2 : 1, arguments);
  session_ = fuse_session_new(&args, &Operations(), sizeof(fuse_lowlevel_ops), this);
  fuse_opt_free_args(&args);  // libfuse puts what it did not take into a copy of its own
  if (session_ == nullptr) return FailedPrecondition("libfuse refuses the session");
  const std::string path = fmt::format("/dev/fd/{}", fd.get());
  if (fuse_session_mount(session_, path.c_str()) != 0) return FailedPrecondition("libfuse refuses {}", path);
  const int fuse_fd = fd.release();  // libfuse's now

  if (options_.resume) {
    fuse_in_header header;
    std::memcpy(&header, init_bytes.data(), sizeof header);
    header.unique = kUnknownUnique;
    std::memcpy(init_bytes.data(), &header, sizeof header);
  }
  fuse_buf buffer{};
  buffer.mem = init_bytes.data();
  buffer.size = init_bytes.size();
  fuse_session_process_buf(session_, &buffer);
  if (fuse_session_exited(session_)) return FailedPrecondition("libfuse refuses the kernel's FUSE_INIT");
  if (options_.resume) {
    io::RunOn(loop_, [this] {
      for (const auto& [ino, id] : options_.backings) files_.Adopt(ino, id);
    });
    fuse_out_header resend{};
    resend.len = sizeof resend;
    resend.error = FUSE_NOTIFY_RESEND;
    if (::write(fuse_fd, &resend, sizeof resend) != sizeof resend) {
      spdlog::warn(
          "the kernel (before 6.9) cannot resend requests: readers that waited during the restart go on waiting");
    }
  }
  SetThreads(options_.threads);
  return absl::OkStatus();
}

void Session::SetThreads(size_t count) {
  const std::lock_guard lock(servers_mutex_);
  if (stopped_) return;
  while (servers_.size() < count) AddServer();
  const size_t too_many = servers_.size() - count;
  for (size_t i = count; i < servers_.size(); ++i) servers_[i]->dismissed = true;
  AwaitServers(too_many);
}

void Session::AddServer() {
  Server& server = *servers_.emplace_back(std::make_unique<Server>());
  ++serving_;
  server.thread = std::thread([this, &server, number = servers_.size() - 1] { Serve(server, number); });
}

void Session::Serve(Server& server, size_t number) {
  io::BeginThread(fmt::format("fuse-{}", number).c_str(), io::Turns::kShort);
  if (options_.ring && number == 0) {
    fuse_session_loop(session_);  // the one call of libfuse that ends the ring's own threads
  } else {
    TakeRequests(server);
  }
  --serving_;
  server.gone = true;
}

void Session::TakeRequests(const Server& server) {
  ReceiveBuffer receive;
  while (fuse_session_exited(session_) == 0 && !server.dismissed) {
    const int length = fuse_session_receive_buf(session_, &receive.buffer);
    if (length == -EINTR || length == -EAGAIN) continue;
    if (length <= 0) break;  // ENODEV: unmounted, or aborted
    fuse_session_process_buf(session_, &receive.buffer);
  }
}

void Session::AwaitServers(size_t count) {
  for (; count > 0; --count) {
    Server& last = *servers_.back();
    // A signal that comes just before read() is lost, so it is sent until the thread is gone.
    while (!last.gone) {
      pthread_kill(last.thread.native_handle(), kWakeSignal);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    last.thread.join();
    servers_.pop_back();
  }
}

int Session::fuse_fd() const { return fuse_session_fd(session_); }

void Session::ForgetNames(const std::vector<std::string>& names) {
  if (fuse_lowlevel_notify_increment_epoch(session_) != 0) {
    for (const std::string& name : names) {
      fuse_lowlevel_notify_inval_entry(session_, cache::kRootIno, name.c_str(), name.size());
    }
  }
  fuse_lowlevel_notify_inval_inode(session_, cache::kRootIno, 0, 0);  // its listing
}

void Session::Stop() {
  push_.Stop();
  const std::lock_guard lock(servers_mutex_);
  stopped_ = true;
  if (servers_.empty()) return;
  fuse_session_exit(session_);
  AwaitServers(servers_.size());
}

Session::~Session() {
  Stop();
  if (session_ != nullptr) fuse_session_destroy(session_);
}

}  // namespace sluice::fuse
