// Where the simulated data is: objects whose bytes follow from seed, name and version, and a source that serves them
// badly: late, in parts, not at all, until they are replaced.
//
// The source counts on its side what the cache promises: one fetch per block, requests at a time, memory of fetches.
//
// Threads:  on the world's loop.
#pragma once

#include <vector>

#include "common/bytes.h"
#include "source/source.h"
#include "tests/simulation/world.h"

namespace sluice::simulation {

struct OriginObject {
  std::string path;
  uint64_t number = 0;
  uint64_t version = 1;
  uint64_t size_bytes = 0;
};

class Origin {
 public:
  // Objects of all sizes, `bytes` of them or a little more.
  Origin(World& world, uint64_t bytes, uint32_t block_size_bytes);

  size_t count() const { return objects_.size(); }
  const OriginObject& object(size_t number) const { return objects_[number]; }
  const OriginObject* Find(const std::string& path) const;
  uint32_t block_size_bytes() const { return block_size_bytes_; }

  // The objects are of two datasets, each with an account of its own.
  static constexpr std::string_view kDatasets[] = {"even", "odd"};
  static std::string DatasetOf(const OriginObject& object) { return std::string(kDatasets[object.number % 2]); }

  // Another version, often of another size.
  void Replace(size_t number);

  static std::string VersionName(uint64_t version) { return fmt::format("v{}", version); }
  // What an object's bytes are, in any of its versions.
  void Fill(uint64_t number, uint64_t version, uint64_t offset_bytes, std::span<std::byte> target) const;
  // The first byte that is not right; nullopt when all are.
  std::optional<uint64_t> FirstWrong(uint64_t number, uint64_t version, uint64_t offset_bytes,
                                     std::span<const std::byte> bytes) const;

 private:
  uint64_t DrawSize();

  World& world_;
  Random random_;
  const uint32_t block_size_bytes_;
  std::vector<OriginObject> objects_;
};

struct SourceLimits {
  uint64_t requests_max = 0;
  uint64_t fetch_memory_bytes = 0;
};

class SimulatedSource final : public source::Source {
 public:
  // What stands in the message of every error that is the source's.
  static constexpr std::string_view kMark = "simulated:";
  static constexpr Duration kDeadline = std::chrono::seconds(2);

  SimulatedSource(World& world, Origin& origin, SourceLimits limits)
      : world_(world), origin_(origin), limits_(limits), random_(world.seed, "source") {}

  io::Task<StatusOr<source::Entry>> Stat(std::string path) override;
  io::Task<StatusOr<source::Page>> List(std::string directory, std::string continuation) override;
  io::Task<Status> Read(source::ReadRequest request) override;

  size_t under_way() const { return under_way_.size(); }

 private:
  struct UnderWay {
    uint64_t id;
    std::string path;
    std::string version;
    ByteRange range;
    bool is_fill;  // whole blocks; else a piece, or too short to tell
  };
  uint64_t Begin(const source::ReadRequest& request);
  void End(uint64_t id);
  io::Task<Status> Answer(source::ReadRequest& request);
  io::Task<Status> Deliver(const OriginObject& object, uint64_t version, source::ReadRequest& request);
  io::Task<void> FetchAgain(source::ReadRequest request);
  Status Failure(std::string_view what) const;

  World& world_;
  Origin& origin_;
  const SourceLimits limits_;
  Random random_;
  std::vector<UnderWay> under_way_;
  uint64_t next_id_ = 0;
};

}  // namespace sluice::simulation
