#include "bench/traces.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>
#include <numeric>
#include <random>
#include <set>

namespace sluice::bench {
namespace {

constexpr uint64_t kBlockBytes = 1 << 20;
constexpr int kEpochs = 6;

// The dataset in the first byte, then a hash: as uniform as real identities are.
Access AccessTo(uint8_t dataset, uint32_t number) {
  Access access;
  access.key.block = number % 16;
  uint64_t word = (uint64_t{dataset} << 32 | number / 16) * 0x9e3779b97f4a7c15u;
  for (size_t i = 0; i < access.key.object.bytes.size(); ++i) {
    word ^= word >> 29;
    word *= 0xbf58476d1ce4e5b9u;
    access.key.object.bytes[i] = static_cast<uint8_t>(word >> 56);
  }
  access.bytes = kBlockBytes;
  return access;
}

class Maker {
 public:
  Maker(uint32_t blocks, uint32_t seed) : blocks_(blocks), random_(seed) { trace.dataset_blocks = blocks; }

  void Shuffled(uint8_t dataset, int epochs) {
    std::vector<uint32_t> order(blocks_);
    std::iota(order.begin(), order.end(), 0);
    for (int i = 0; i < epochs; ++i) {
      Shuffle(order);
      for (const uint32_t number : order) trace.accesses.push_back(AccessTo(dataset, number));
    }
  }

  void Cyclic(uint8_t dataset, int epochs) {
    for (int i = 0; i < epochs; ++i) {
      for (uint32_t number = 0; number < blocks_; ++number) trace.accesses.push_back(AccessTo(dataset, number));
    }
  }

  // Each block's weight is 1 / rank. `scan_every`: every so many-th access is to a block that is never read again.
  void Zipf(uint8_t dataset, uint64_t count, uint32_t scan_every = 0) {
    for (uint64_t i = 0; i < count; ++i) {
      trace.accesses.push_back(scan_every > 0 && i % scan_every == 0 ? AccessTo(255, scanned_++)
                                                                     : AccessTo(dataset, Rank()));
    }
  }

  // `epochs` shuffled epochs, and between their reads as many of a hot set of a twentieth of the blocks.
  void EpochsWithHotSet(int epochs) {
    Trace epochs_only = std::exchange(trace, {});
    Shuffled(0, epochs);
    std::swap(trace, epochs_only);
    trace.dataset_blocks = blocks_ + blocks_ / 20;
    for (const Access& access : epochs_only.accesses) {
      trace.accesses.push_back(access);
      trace.accesses.push_back(AccessTo(1, static_cast<uint32_t>(random_() % std::max(blocks_ / 20, 1u))));
    }
  }

  void MeasureFromHere() { trace.measured_from = trace.accesses.size(); }

  Trace trace;

 private:
  void Shuffle(std::vector<uint32_t>& order) {  // std::shuffle differs from library to library
    for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random_() % i]);
  }

  uint32_t Rank() {
    if (cumulative_.empty()) {
      double sum = 0;
      for (uint32_t i = 1; i <= blocks_; ++i) cumulative_.push_back(sum += 1.0 / i);
    }
    const double at = static_cast<double>(random_() >> 11) * 0x1p-53 * cumulative_.back();
    const auto found = std::upper_bound(cumulative_.begin(), cumulative_.end(), at);
    return static_cast<uint32_t>(std::min<size_t>(static_cast<size_t>(found - cumulative_.begin()), blocks_ - 1));
  }

  const uint32_t blocks_;
  std::mt19937_64 random_;
  std::vector<double> cumulative_;
  uint32_t scanned_ = 0;
};

}  // namespace

const std::vector<Shape> kShapes = {
    {"shuffled", "shuffled epochs over one dataset; counted from the second on"},
    {"steady", "the same; counted from the fourth on"},
    {"cyclic", "the same, in order, counted from the second epoch on"},
    {"zipf", "blocks with weight 1 / rank"},
    {"scan", "every block once"},
    {"zipf-scan", "Zipf, and every third read is of a block that is read once"},
    {"hot-epochs", "shuffled epochs, and as many reads of a hot set of a twentieth of the size"},
    {"epochs-zipf", "six shuffled epochs, then Zipf over other blocks; counted from the second epoch's worth of it on"},
    {"epochs-same", "the same, with Zipf over the same blocks"},
    {"zipf-epochs", "Zipf, then shuffled epochs over other blocks; counted from the third on"},
    {"a-b", "six shuffled epochs over one dataset, then over another; counted from the second on of those"},
    {"validated", "shuffled epochs, with a tenth of other data read once after the fourth; counted from the second on"},
};

StatusOr<Trace> MakeTrace(std::string_view shape, uint32_t blocks, uint32_t seed) {
  Maker maker(blocks, seed);
  if (shape == "shuffled" || shape == "steady" || shape == "validated") {
    maker.Shuffled(0, 1);
    if (shape != "steady") maker.MeasureFromHere();
    maker.Shuffled(0, 2);
    if (shape == "steady") maker.MeasureFromHere();
    maker.Shuffled(0, 1);
    if (shape == "validated") maker.Zipf(1, blocks / 10, 1);
    maker.Shuffled(0, kEpochs - 2);
  } else if (shape == "cyclic") {
    maker.Cyclic(0, 1);
    maker.MeasureFromHere();
    maker.Cyclic(0, kEpochs);
  } else if (shape == "zipf") {
    maker.Zipf(0, uint64_t{blocks} * 10);
  } else if (shape == "scan") {
    maker.Zipf(0, blocks, 1);
  } else if (shape == "zipf-scan") {
    maker.Zipf(0, uint64_t{blocks} * 10, 3);
  } else if (shape == "hot-epochs") {
    maker.EpochsWithHotSet(kEpochs);
    maker.trace.measured_from = 2 * blocks;
  } else if (shape == "epochs-zipf" || shape == "epochs-same") {
    const uint8_t dataset = shape == "epochs-same" ? 0 : 1;
    maker.Shuffled(0, kEpochs);
    maker.Zipf(dataset, blocks);
    maker.MeasureFromHere();
    maker.Zipf(dataset, uint64_t{blocks} * kEpochs);
  } else if (shape == "zipf-epochs") {
    maker.Zipf(1, uint64_t{blocks} * kEpochs);
    maker.Shuffled(0, 2);
    maker.MeasureFromHere();
    maker.Shuffled(0, kEpochs - 2);
  } else if (shape == "a-b") {
    maker.Shuffled(0, kEpochs);
    maker.Shuffled(1, 1);
    maker.MeasureFromHere();
    maker.Shuffled(1, kEpochs - 1);
  } else {
    return InvalidArgument("no workload '{}'; there are those that --help lists", shape);
  }
  maker.trace.name = std::string(shape);
  return std::move(maker.trace);
}

namespace {

bool ParseLine(std::string_view line, Access* access) {
  const size_t object_end = line.find(' ');
  if (object_end == std::string_view::npos || object_end == 0 || object_end > 32) return false;
  const std::string digits = std::string(32 - object_end, '0') + std::string(line.substr(0, object_end));
  for (size_t i = 0; i < 16; ++i) {
    const char* const at = digits.data() + 2 * i;
    const auto parsed = std::from_chars(at, at + 2, access->key.object.bytes[i], 16);
    if (parsed.ec != std::errc() || parsed.ptr != at + 2) return false;
  }
  const char* const end = line.data() + line.size();
  const auto block = std::from_chars(line.data() + object_end + 1, end, access->key.block);
  if (block.ec != std::errc() || block.ptr == end || *block.ptr != ' ') return false;
  const auto bytes = std::from_chars(block.ptr + 1, end, access->bytes);
  return bytes.ec == std::errc() && bytes.ptr == end && access->bytes > 0;
}

}  // namespace

StatusOr<Trace> ReadTrace(const std::string& path) {
  std::ifstream in(path);
  if (!in) return ErrnoStatus(errno, path);
  Trace trace;
  trace.name = path;
  std::set<std::pair<cache::ObjectId, uint32_t>> seen;
  std::string line;
  for (uint64_t number = 1; std::getline(in, line); ++number) {
    if (line.empty() || line.front() == '#') continue;
    Access access;
    if (!ParseLine(line, &access)) return InvalidArgument("{}:{}: expected OBJECT BLOCK BYTES: {}", path, number, line);
    seen.emplace(access.key.object, access.key.block);
    trace.accesses.push_back(access);
  }
  trace.dataset_blocks = seen.size();
  return trace;
}

Status WriteTrace(const Trace& trace, const std::string& path) {
  std::ofstream out(path);
  for (const Access& access : trace.accesses) {
    out << access.key.object.Hex() << ' ' << access.key.block << ' ' << access.bytes << '\n';
  }
  out.close();
  return out ? absl::OkStatus() : ErrnoStatus(errno, path);
}

}  // namespace sluice::bench
