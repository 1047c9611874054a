#include "tests/simulation/simulation.h"

#include <filesystem>

#include "tests/simulation/workload.h"

namespace sluice::simulation {
namespace {

// RocksDB merges files in the background from the fourth life on.
constexpr uint64_t kLivesMax = 3;

enum class End : uint8_t { kClean, kAbrupt, kKilled, kPower };
constexpr std::string_view kEndNames[] = {"in order", "while it is used", "killed", "loss of power"};

void StartUsers(Life& life, Random& random, uint64_t number) {
  const auto own = [&](std::string_view what, uint64_t i) {
    return Random(life.world().seed * 1000 + number * 100 + i, what);
  };
  const uint64_t readers = random.Between(1, 6);
  for (uint64_t i = 0; i < readers; ++i) io::Spawn(RunReader(&life, own("reader", i)));
  if (random.OneIn(2)) io::Spawn(RunAdministrator(&life, own("administrator", 0)));
  if (random.OneIn(2)) io::Spawn(RunHolder(&life, own("holder", 0)));
  io::Spawn(RunReplacer(&life, own("replacer", 0)));
  Random limits = own("limits", 0);
  for (const std::string_view dataset : Origin::kDatasets) {
    life.SetLimits(std::string(dataset), limits.OneIn(2) ? life.DrawLimits(limits) : std::nullopt);
  }
  if (limits.OneIn(2)) io::Spawn(RunLimiter(&life, limits));
}

class Run {
 public:
  Run(World& world, std::string directory)
      : world_(world),
        random_(world.seed, "simulation"),
        directory_(std::move(directory)),
        setup_(Setup::Draw(random_)),
        origin_(world, setup_.data_bytes, setup_.block_size_bytes),
        medium_(world) {
    world_.faults = Faults::Draw(random_);
  }

  void Live() {
    const uint64_t lives = random_.Between(1, kLivesMax);
    for (uint64_t number = 0; number < lives; ++number) {
      const std::string root = Root(number);
      std::filesystem::create_directory(root);
      world_.faults.quiet = false;
      const auto end = static_cast<End>(random_.Below(4));
      world_.Note("life {} of {} begins; it ends: {}", number + 1, lives, kEndNames[static_cast<size_t>(end)]);
      {
        Life life(world_, origin_, medium_, setup_, root);
        world_.loop.Block(LiveOnce(life, number, end, number + 1 == lives));
      }
      if (end <= End::kAbrupt) Copy(number, Medium::Loss::kNothing);
      medium_.Forget();
      std::filesystem::remove_all(root);
    }
  }

 private:
  std::string Root(uint64_t life) const { return directory_ + "/" + std::to_string(life); }

  void Copy(uint64_t life, Medium::Loss loss) {
    medium_.CopyTo(Root(life + 1), loss);
    CopyIndex(world_, random_, Root(life) + "/index", Root(life + 1) + "/index", loss);
  }

  io::Task<int> LiveOnce(Life& life, uint64_t number, End end, bool last) {
    StartUsers(life, random_, number);
    co_await world_.loop.Sleep(std::chrono::milliseconds(random_.Between(1, random_.OneIn(2) ? 300 : 30)));
    if (end == End::kKilled || end == End::kPower) {
      Copy(number, end == End::kPower ? Medium::Loss::kPower : Medium::Loss::kNothing);
    }
    life.stopping = true;
    world_.Note("life {} ends", number + 1);
    if (end != End::kAbrupt) {
      co_await life.users().Close();
      co_await life.Settle();
      life.CheckAddsUp();
      world_.faults.quiet = true;
      if (last || random_.OneIn(4)) co_await ReadAll(&life);
      co_await life.Settle();
      life.CheckAddsUp();
      if (last) co_await life.Empty();
    }
    co_await life.Close(/*empty=*/last && end != End::kAbrupt);
    co_return 0;
  }

  World& world_;
  Random random_;
  const std::string directory_;
  const Setup setup_;
  Origin origin_;
  Medium medium_;
};

}  // namespace

Outcome Simulate(uint64_t seed, Plant plant, Sealing sealing, bool print_trace, const std::string& directory) {
  World world(seed, plant, sealing, print_trace);
  Run(world, directory).Live();
  return {world.trace.hash(), world.checks};
}

}  // namespace sluice::simulation
