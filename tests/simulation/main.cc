// simulation: runs seeds, each in a process of its own, and names the first that a checker finds something in.
#include <spdlog/spdlog.h>
#include <sys/personality.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <optional>

#include "common/unique_fd.h"
#include "tests/simulation/simulation.h"
#include "tests/support/temp_dir.h"

namespace sluice::simulation {
namespace {

// Real time; under a sanitizer a seed takes seconds.
constexpr unsigned kSeedSecondsMax = 300;

struct Options {
  uint64_t seeds = 1000;
  uint64_t first_seed = 1;
  uint64_t compare_every = 20;
  std::string plant = "none";
  std::string sealing = "by-seed";
  bool trace = false;
};

// Containers hash by where they are, so that programs do not come to rely on their order. Here it is to be the same
// each time: the program begins anew, without chance in its addresses.
void FixAddresses(char** arguments) {
  const int now = ::personality(0xffffffff);
  if (now < 0 || (now & ADDR_NO_RANDOMIZE) != 0) return;
  if (::personality(static_cast<unsigned long>(now) | ADDR_NO_RANDOMIZE) < 0) {
    fmt::print(stderr, "addresses stay random here: a seed may run differently the next time\n");
    return;
  }
  ::execv("/proc/self/exe", arguments);
}

// In a child, so that each seed begins with the same state, and one that crashes is known. nullopt: it failed.
std::optional<Outcome> RunSeed(uint64_t seed, Plant plant, Sealing sealing, bool trace) {
  // In a tmpfs where there is one; removed here, however the child ends.
  const TempDir directory(::access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
  int ends[2];
  if (::pipe(ends) != 0) std::abort();
  const UniqueFd reading(ends[0]);
  UniqueFd writing(ends[1]);
  std::fflush(stdout);
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(kSeedSecondsMax);
    const Outcome outcome = Simulate(seed, plant, sealing, trace, directory.path());
    const bool told = ::write(writing.get(), &outcome, sizeof outcome) == sizeof outcome;
    std::fflush(stdout);
    ::_exit(told ? 0 : 1);
  }
  writing.reset();
  Outcome outcome;
  const bool told = ::read(reading.get(), &outcome, sizeof outcome) == sizeof outcome;
  int status = 0;
  ::waitpid(child, &status, 0);
  if (told && status == 0) return outcome;
  if (WIFSIGNALED(status)) fmt::print("ended by signal {}\n", WTERMSIG(status));
  return std::nullopt;
}

int Fail(const Options& options, uint64_t seed) {
  fmt::print("seed {} failed; again, with every step: simulation --first-seed {} --seeds 1 --trace", seed, seed);
  if (options.plant != "none") fmt::print(" --plant {}", options.plant);
  if (options.sealing != "by-seed") fmt::print(" --sealing {}", options.sealing);
  fmt::print("\n");
  return 1;
}

int RunSeeds(const Options& options) {
  const auto plant = static_cast<Plant>(std::ranges::find(kPlantNames, options.plant) - std::begin(kPlantNames));
  const auto sealing =
      static_cast<Sealing>(std::ranges::find(kSealingNames, options.sealing) - std::begin(kSealingNames));
  size_t checks = 0;
  for (uint64_t i = 0; i < options.seeds; ++i) {
    const uint64_t seed = options.first_seed + i;
    const auto outcome = RunSeed(seed, plant, sealing, options.trace);
    if (!outcome) return Fail(options, seed);
    checks += outcome->checks;
    if (options.compare_every == 0 || i % options.compare_every != 0) continue;
    const auto again = RunSeed(seed, plant, sealing, false);
    if (!again || again->trace_hash != outcome->trace_hash) {
      fmt::print("checker determinism: two runs differ\n");
      return Fail(options, seed);
    }
  }
  fmt::print("{} seeds, {} checks, nothing found\n", options.seeds, checks);
  return 0;
}

}  // namespace
}  // namespace sluice::simulation

int main(int argc, char** argv) {
  using namespace sluice::simulation;
  FixAddresses(argv);
  Options options;
  CLI::App app(
      "The whole cache on a simulated clock, device and source, from one seed. Exit code 1: a checker found "
      "something, or a run crashed.");
  app.add_option("--seeds", options.seeds, "How many seeds")->capture_default_str();
  app.add_option("--first-seed", options.first_seed, "The first of them")->capture_default_str();
  app.add_option("--compare-every", options.compare_every,
                 "Runs one seed in so many twice, and compares what happened; 0: none")
      ->capture_default_str();
  app.add_option("--plant", options.plant, "A defect beside the cache, which a checker must find")
      ->check(CLI::IsMember(std::vector<std::string>(std::begin(kPlantNames), std::end(kPlantNames))))
      ->capture_default_str();
  app.add_option("--sealing", options.sealing, "Whether the tiers seal whole files")
      ->check(CLI::IsMember(std::vector<std::string>(std::begin(kSealingNames), std::end(kSealingNames))))
      ->capture_default_str();
  app.add_flag("--trace", options.trace, "Prints every step");
  CLI11_PARSE(app, argc, argv);
  if (!options.trace) spdlog::set_level(spdlog::level::off);
  return RunSeeds(options);
}
