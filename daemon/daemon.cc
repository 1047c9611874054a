#include "daemon/daemon.h"

#include <spdlog/spdlog.h>
#include <sys/resource.h>

#include <filesystem>
#include <thread>

#include "cache/cache.h"
#include "daemon/admin_service.h"
#include "daemon/admin_socket.h"
#include "daemon/broker_client.h"
#include "daemon/cache_options.h"
#include "daemon/live_config.h"
#include "daemon/metrics_server.h"
#include "daemon/scrubber.h"
#include "daemon/tree_prover.h"
#include "io/call.h"
#include "io/thread.h"
#include "source/http_client.h"

namespace sluice::daemon {
namespace {

constexpr size_t kPoolThreads = 4;

void RaiseDescriptorLimit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

// Whether the loop's ring may be used; the configuration may insist on one or the other.
StatusOr<bool> UseRing(const std::string& io) {
  if (io == "threads") return false;
  const Status probe = io::Ring::Probe();
  if (probe.ok()) return true;
  if (io == "io_uring") return Annotate(probe, "'io: io_uring' is configured");
  spdlog::warn("{}; files are read by a thread pool instead", Message(probe));
  return false;
}

}  // namespace

struct Daemon::Parts {
  explicit Parts(bool use_ring, DaemonOptions o)
      : options(std::move(o)),
        uses_ring(use_ring),
        loop(use_ring),
        pool(loop, kPoolThreads),
        source_metrics(metrics),
        session_metrics(metrics),
        open_files_metrics(metrics),
        backings(broker_link, loop),
        throttled_ns(metrics.AddCounter("sluice_throttled_seconds_total",
                                        "Time that reads and jobs waited for a throttle", {}, 1e-9)),
        mounts_gauge(metrics.AddGauge("sluice_mounts", "Volumes that are served")),
        node_limits(loop, &throttled_ns) {
    metrics.AddCounter("sluice_daemon_restarts_total", "Times this daemon was started again").Add(options.restarts);
    metrics.AddGauge("sluice_start_time_seconds", "When the daemon started, in seconds since 1970")
        .Set(std::chrono::duration_cast<std::chrono::seconds>(Clock::System().Wall().time_since_epoch()).count());
  }

  DaemonOptions options;
  BrokerLink broker_link;
  const bool uses_ring;
  Registry metrics;
  io::Loop loop;
  io::BlockingPool pool;
  source::SourceMetrics source_metrics;
  fuse::SessionMetrics session_metrics;
  fuse::OpenFilesMetrics open_files_metrics;
  BackingClient backings;
  Counter& throttled_ns;
  Gauge& mounts_gauge;
  cache::ReadLimits node_limits;
  std::unique_ptr<io::FileIo> file_io;
  std::unique_ptr<io::Sealer> sealer;
  std::shared_ptr<source::HttpClient> http;
  std::optional<source::SourceContext> sources;
  std::unique_ptr<cache::Cache> cache;
  std::unique_ptr<cache::PublishedTrees> trees;
  std::unique_ptr<Mounts> mounts;
  std::unique_ptr<TreeProver> prover;
  std::unique_ptr<Prewarmer> prewarmer;
  std::unique_ptr<Scrubber> scrubber;
  std::unique_ptr<VolumeChanger> changer;
  std::unique_ptr<LiveConfig> live_config;
  std::unique_ptr<AdminService> admin_service;
  std::unique_ptr<AdminSocket> admin_socket;
  std::unique_ptr<MetricsServer> metrics_server;
  std::unique_ptr<BrokerSocket> broker_socket;
  std::unique_ptr<BrokerClient> broker;
  std::thread loop_thread;

  Status Open();
  void OnResumed();
  void Close();
};

Status Daemon::Parts::Open() {
  const std::string& directory = options.pool_directory;
  const PoolConfig& config = options.config.in_force();
  const std::string catalogs = directory + "/catalogs";
  std::error_code error;
  std::filesystem::create_directories(catalogs, error);
  if (error) return Unavailable("{}: {}", catalogs, error.message());
  file_io = uses_ring ? io::MakeUringFileIo(loop) : io::MakeThreadFileIo(pool);
  http = std::make_shared<source::HttpClient>(loop, config.ca_file);
  sources.emplace(source::SourceContext{loop, *file_io, pool, http, source_metrics});
  sealer = io::MakeVeritySealer(pool);
  ASSIGN_OR_RETURN(cache::CacheOptions cache_options, CacheOptionsOf(config, directory));
  cache_options.store.sealer = sealer.get();
  ASSIGN_OR_RETURN(cache, cache::Cache::Open(cache_options, loop, *file_io, metrics));
  trees = std::make_unique<cache::PublishedTrees>(cache->store(), loop, pool);
  trees->Load();
  // What the kernel reads by itself must not leave before its volume has said so.
  cache->store().SetEvictionAllowed(false);
  mounts = std::make_unique<Mounts>(MountContext{.catalogs_directory = catalogs,
                                                 .cache = *cache,
                                                 .loop = loop,
                                                 .sources = *sources,
                                                 .retry = {.deadline = config.source_deadline},
                                                 .node_limits = node_limits,
                                                 .throttled_ns = throttled_ns,
                                                 .session_metrics = session_metrics,
                                                 .open_files_metrics = open_files_metrics,
                                                 .backings = backings,
                                                 .mounts_gauge = mounts_gauge,
                                                 .session_threads = config.session_threads,
                                                 .push_bytes_max = config.push_memory_bytes,
                                                 .source_directories = config.source_directories});
  metrics.AddGauges("sluice_volume_cached_bytes", "Bytes that the blocks of a volume's source take in a tier",
                    [this] { return mounts->CachedBytes(); });
  prover = std::make_unique<TreeProver>(*trees, *cache, loop);
  prewarmer = std::make_unique<Prewarmer>(*mounts, *cache, *trees, *prover, loop);
  RETURN_IF_ERROR(prewarmer->Load());
  scrubber = std::make_unique<Scrubber>(ScrubOptionsOf(config), *mounts, *cache, loop, metrics);
  loop.Post([this] { scrubber->Start(); });
  loop_thread = std::thread([this] {
    io::BeginThread("loop", io::Turns::kShort);
    loop.Run();
  });
  ASSIGN_OR_RETURN(broker_socket, BrokerSocket::Listen(directory + "/broker.sock"));
  changer = std::make_unique<VolumeChanger>(broker_link, *mounts);
  broker = std::make_unique<BrokerClient>(*broker_socket, broker_link, *mounts, *prewarmer, *trees, *prover, backings,
                                          *changer, loop, [this] { loop.Post([this] { OnResumed(); }); });
  live_config = std::make_unique<LiveConfig>(options.config, LiveConfig::Parts{*cache, *mounts, *scrubber, loop});
  admin_service = std::make_unique<AdminService>(AdminContext{.config = *live_config,
                                                              .restart = [this] { broker->Stop(); },
                                                              .mounts = *mounts,
                                                              .prewarmer = *prewarmer,
                                                              .cache = *cache,
                                                              .changer = *changer,
                                                              .trees = *trees,
                                                              .node_limits = node_limits,
                                                              .loop = loop,
                                                              .metrics = metrics,
                                                              .file_io = std::string(file_io->name()),
                                                              .version = options.version,
                                                              .confinement = options.confinement,
                                                              .started = Clock::System().Now()});
  ASSIGN_OR_RETURN(admin_socket, AdminSocket::Listen(directory + "/admin.sock", *admin_service));
  if (!config.metrics_listen.empty()) {
    ASSIGN_OR_RETURN(metrics_server, MetricsServer::Listen(config.metrics_listen, metrics));
  }
  return absl::OkStatus();
}

void Daemon::Parts::OnResumed() {
  cache->store().SetEvictionAllowed(true);
  for (const auto& mount : mounts->All()) prover->OnServed(mount);
}

void Daemon::Parts::Close() {
  admin_socket.reset();
  metrics_server.reset();
  if (!loop_thread.joinable()) return;
  mounts->StopAll();
  io::CallOn(loop, scrubber->Close());
  io::CallOn(loop, prewarmer->Close());
  io::CallOn(loop, prover->Close());
  io::CallOn(loop, trees->Close());
  io::CallOn(loop, cache->Close());
  loop.Stop();
  loop_thread.join();
}

StatusOr<std::unique_ptr<Daemon>> Daemon::Start(DaemonOptions options) {
  RaiseDescriptorLimit();
  ASSIGN_OR_RETURN(const bool use_ring, UseRing(options.config.in_force().io));
  std::unique_ptr<Daemon> daemon(new Daemon(std::make_unique<Parts>(use_ring, std::move(options))));
  RETURN_IF_ERROR(daemon->parts_->Open());
  return daemon;
}

Daemon::Daemon(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Daemon::~Daemon() { parts_->Close(); }

void Daemon::Run() { parts_->broker->Run(parts_->options.version, !parts_->options.attached); }

void Daemon::Stop() {
  if (parts_->options.attached) parts_->broker->AwaitPlugin();
  parts_->broker->Stop();
}

}  // namespace sluice::daemon
