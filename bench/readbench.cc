// Reads several directories with the same files in interleaved rounds of short slices, and prints how fast each is and
// how much CPU time it costs, as JSON.
//
//   readbench [--rounds N] [--slice MS] [--threads 1,4] [--shapes LIST] [--pid NAME=PID]... NAME=DIRECTORY...
//
// A machine's speed drifts, and other programs run: rates of two runs say nothing of each other. So every round reads
// all targets, each for one slice, and a figure is the median of the rounds' ratios to the first target. CPU time per
// operation, of this process and of the processes that --pid names for the target, suffers least from other load.
//
// With --once a slice is one pass over the data (all files, or 2,000 random reads) and not a time; --drop-caches
// empties the kernel's caches before each slice; --latency times single operations. The program ends by itself: after
// the rounds, or by SIGALRM at --limit.
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <barrier>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>

#include "bench/read_shapes.h"

namespace sluice::bench {
namespace {

struct Options {
  size_t rounds = 9;
  unsigned slice_ms = 100;
  std::vector<size_t> threads = {1};
  std::vector<std::string> shapes;
  std::vector<std::string> pids;
  std::vector<std::string> targets;
  std::string large = "large";
  std::string small = "small";
  unsigned limit_seconds = 900;
  unsigned seed = 1;
  bool once = false;
  bool drop_caches = false;
  bool latency = false;
};

struct Sample {
  double operations_per_second = 0;
  double bytes_per_operation = 0;
  double client_cpu_ns = 0;   // per operation
  double process_cpu_ns = 0;  // per operation, of the target's processes
  double cpu_ns() const { return client_cpu_ns + process_cpu_ns; }
};

double Nanoseconds(clockid_t clock) {
  timespec t{};
  clock_gettime(clock, &t);
  return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_nsec);
}

// All its threads, also those that have ended.
double ProcessCpu(const std::vector<int>& pids) {
  double total = 0;
  for (const int pid : pids) {
    clockid_t clock{};
    if (clock_getcpuclockid(pid, &clock) != 0) {
      std::fprintf(stderr, "readbench: no process %d\n", pid);
      std::_Exit(1);
    }
    total += Nanoseconds(clock);
  }
  return total;
}

void DropCaches() {
  sync();
  std::ofstream("/proc/sys/vm/drop_caches") << "3" << std::flush;
}

class Bench {
 public:
  explicit Bench(Options options) : options_(std::move(options)) {}

  nlohmann::json Run() {
    MakeTargets();
    nlohmann::json results = nlohmann::json::array();
    for (const std::string& name : options_.shapes) {
      const Shape* shape = FindShape(name);
      if (shape == nullptr) throw CLI::ValidationError("--shapes", "no shape " + name);
      for (const size_t threads : options_.threads) {
        RunShape(*shape, threads);
        for (size_t i = 0; i < targets_.size(); ++i) results.push_back(Summary(*shape, threads, i));
      }
    }
    return {{"rounds", options_.rounds},
            {"slice_ms", options_.slice_ms},
            {"once", options_.once},
            {"drop_caches", options_.drop_caches},
            {"results", std::move(results)}};
  }

 private:
  void MakeTargets() {
    for (const std::string& text : options_.targets) {
      const size_t equals = text.find('=');
      if (equals == std::string::npos) throw CLI::ValidationError("target", text + " is not NAME=DIRECTORY");
      Target target{text.substr(0, equals), text.substr(equals + 1), {}, options_.large, options_.small, {}};
      for (const std::string& pid : options_.pids) {
        if (pid.starts_with(target.name + "=")) target.pids.push_back(std::stoi(pid.substr(target.name.size() + 1)));
      }
      targets_.push_back(std::move(target));
    }
    std::vector<std::string> names;
    std::error_code none;
    for (const auto& entry : std::filesystem::directory_iterator(targets_[0].directory + "/" + options_.small, none)) {
      names.push_back(entry.path().filename());
    }
    std::sort(names.begin(), names.end());
    std::shuffle(names.begin(), names.end(), std::mt19937(options_.seed));
    for (Target& target : targets_) target.names = names;
  }

  void RunShape(const Shape& shape, size_t threads) {
    samples_.assign(targets_.size(), {});
    latencies_ns_.assign(targets_.size(), {});
    std::vector<std::vector<std::unique_ptr<Worker>>> workers(targets_.size());
    for (size_t i = 0; i < targets_.size(); ++i) {
      for (size_t t = 0; t < threads; ++t) workers[i].push_back(std::make_unique<Worker>(targets_[i], t, threads));
    }
    for (size_t round = 0; round < options_.rounds; ++round) {
      for (size_t i = 0; i < targets_.size(); ++i) {
        const size_t at = (i + round) % targets_.size();  // nobody is always the first after the same neighbour
        samples_[at].push_back(RunSlice(shape, at, workers[at]));
      }
    }
  }

  Sample RunSlice(const Shape& shape, size_t at, std::vector<std::unique_ptr<Worker>>& workers) {
    if (options_.drop_caches) DropCaches();
    std::barrier start(static_cast<std::ptrdiff_t>(workers.size() + 1));
    std::vector<std::vector<float>> latencies(workers.size());
    double end = 0;
    std::vector<std::jthread> threads;
    for (size_t t = 0; t < workers.size(); ++t) {
      Worker& worker = *workers[t];
      worker.bytes = worker.operations = 0;
      threads.emplace_back([&, t] {
        start.arrive_and_wait();
        Work(shape, *workers[t], end, latencies[t]);
      });
    }
    const double others = ProcessCpu(targets_[at].pids);
    const double client = Nanoseconds(CLOCK_PROCESS_CPUTIME_ID);
    const double begin = Nanoseconds(CLOCK_MONOTONIC);
    end = begin + options_.slice_ms * 1e6;
    start.arrive_and_wait();
    threads.clear();
    const double seconds = (Nanoseconds(CLOCK_MONOTONIC) - begin) * 1e-9;
    uint64_t operations = 0;
    uint64_t bytes = 0;
    for (const auto& worker : workers) operations += worker->operations, bytes += worker->bytes;
    for (const auto& part : latencies) latencies_ns_[at].insert(latencies_ns_[at].end(), part.begin(), part.end());
    const auto n = static_cast<double>(std::max<uint64_t>(1, operations));
    return {n / seconds, static_cast<double>(bytes) / n, (Nanoseconds(CLOCK_PROCESS_CPUTIME_ID) - client) / n,
            (ProcessCpu(targets_[at].pids) - others) / n};
  }

  void Work(const Shape& shape, Worker& worker, const double& end, std::vector<float>& latencies) const {
    if (options_.once) worker.Rewind();
    if (shape.maps) worker.Map();
    const size_t pass = options_.once ? shape.pass(worker) : SIZE_MAX;
    const size_t batch = options_.latency ? 1 : shape.batch;
    for (size_t steps = 0; steps < pass;) {
      const double begin = options_.latency ? Nanoseconds(CLOCK_MONOTONIC) : 0;
      for (size_t i = 0; i < batch && steps < pass; ++i, ++steps) {
        shape.step(worker);
        ++worker.operations;
      }
      if (options_.once && !options_.latency) continue;
      const double now = Nanoseconds(CLOCK_MONOTONIC);
      if (options_.latency) latencies.push_back(static_cast<float>(now - begin));
      if (!options_.once && now >= end) break;
    }
    worker.Unmap();
  }

  static double Quantile(std::vector<double> values, double q) {
    std::sort(values.begin(), values.end());
    const double at = q * static_cast<double>(values.size() - 1);
    const auto low = static_cast<size_t>(at);
    const size_t high = std::min(low + 1, values.size() - 1);
    return values[low] + (values[high] - values[low]) * (at - static_cast<double>(low));
  }

  template <typename Get>
  std::vector<double> Column(size_t at, Get get) const {
    std::vector<double> column;
    for (const Sample& sample : samples_[at]) column.push_back(get(sample));
    return column;
  }

  nlohmann::json Summary(const Shape& shape, size_t threads, size_t at) const {
    const auto rates = Column(at, [](const Sample& s) { return s.operations_per_second; });
    const auto cpu = Column(at, [](const Sample& s) { return s.cpu_ns(); });
    std::vector<double> ratios, cpu_ratios;
    for (size_t round = 0; round < rates.size(); ++round) {
      ratios.push_back(rates[round] / samples_[0][round].operations_per_second);
      cpu_ratios.push_back(samples_[0][round].cpu_ns() / std::max(1.0, cpu[round]));
    }
    nlohmann::json summary = {
        {"shape", shape.name},
        {"title", shape.title},
        {"threads", threads},
        {"target", targets_[at].name},
        {"operations_per_second", Quantile(rates, 0.5)},
        {"bytes_per_operation", Quantile(Column(at, [](const Sample& s) { return s.bytes_per_operation; }), 0.5)},
        {"ratio", Quantile(ratios, 0.5)},
        {"ratio_p10", Quantile(ratios, 0.1)},
        {"ratio_p90", Quantile(ratios, 0.9)},
        {"cpu_ns", Quantile(cpu, 0.5)},
        {"client_cpu_ns", Quantile(Column(at, [](const Sample& s) { return s.client_cpu_ns; }), 0.5)},
        {"process_cpu_ns", Quantile(Column(at, [](const Sample& s) { return s.process_cpu_ns; }), 0.5)},
        {"cpu_ratio", Quantile(cpu_ratios, 0.5)},
        {"rates", rates},
    };
    if (options_.latency) {
      const std::vector<double> all(latencies_ns_[at].begin(), latencies_ns_[at].end());
      summary["latency_ns"] = {{"p50", Quantile(all, 0.5)}, {"p99", Quantile(all, 0.99)}, {"max", Quantile(all, 1)}};
    }
    return summary;
  }

  const Options options_;
  std::vector<Target> targets_;
  std::vector<std::vector<Sample>> samples_;      // by target and round, of the shape at hand
  std::vector<std::vector<float>> latencies_ns_;  // by target
};

}  // namespace
}  // namespace sluice::bench

int main(int argc, char** argv) {
  sluice::bench::Options options;
  for (const auto& shape : sluice::bench::Shapes()) options.shapes.emplace_back(shape.name);
  CLI::App app{"Reads directories with the same files in interleaved slices; ratios to the first, as JSON."};
  app.add_option("targets", options.targets, "NAME=DIRECTORY; ratios are to the first")->required();
  app.add_option("--pid", options.pids, "NAME=PID of a process that serves the target: its CPU time counts")
      ->allow_extra_args(false);
  app.add_option("--rounds", options.rounds, "Rounds; 7 or more for a figure to quote")->capture_default_str();
  app.add_option("--slice", options.slice_ms, "Milliseconds of a slice")->capture_default_str();
  app.add_option("--threads", options.threads, "Numbers of threads")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->capture_default_str();
  app.add_option("--shapes", options.shapes, "Shapes")->delimiter(',')->allow_extra_args(false)->capture_default_str();
  app.add_option("--large", options.large, "The large file's name in each directory")->capture_default_str();
  app.add_option("--small", options.small, "The directory of small files")->capture_default_str();
  app.add_option("--seed", options.seed, "Order of the small files")->capture_default_str();
  app.add_option("--limit", options.limit_seconds, "Seconds after which it is ended")->capture_default_str();
  app.add_flag("--once", options.once, "A slice is one pass over the data");
  app.add_flag("--drop-caches", options.drop_caches, "Empty the kernel's caches before each slice; as root");
  app.add_flag("--latency", options.latency, "Time single operations: p50 and p99");
  CLI11_PARSE(app, argc, argv);
  alarm(options.limit_seconds);
  try {
    std::cout << sluice::bench::Bench(std::move(options)).Run().dump(2) << std::endl;
  } catch (const CLI::Error& error) {
    return app.exit(error);
  }
  return 0;
}
