#include "tests/simulation/origin.h"

#include <cstring>

namespace sluice::simulation {

Origin::Origin(World& world, uint64_t bytes, uint32_t block_size_bytes)
    : world_(world), random_(world.seed, "origin"), block_size_bytes_(block_size_bytes) {
  for (uint64_t total = 0; total < bytes; total += objects_.back().size_bytes) {
    const uint64_t number = objects_.size();
    objects_.push_back({fmt::format("object-{}", number), number, 1, DrawSize()});
  }
}

uint64_t Origin::DrawSize() {
  switch (random_.Below(4)) {
    case 0:
      return random_.Between(1, block_size_bytes_);  // one block, not full
    case 1:
      return random_.Between(1, 4) * block_size_bytes_;
    case 2:
      return random_.Between(1, 12 * block_size_bytes_);
    default:
      return random_.Between(1, 100 * uint64_t{block_size_bytes_}) / random_.Between(1, 4) + 1;
  }
}

const OriginObject* Origin::Find(const std::string& path) const {
  for (const OriginObject& object : objects_) {
    if (object.path == path) return &object;
  }
  return nullptr;
}

void Origin::Replace(size_t number) {
  OriginObject& object = objects_[number];
  ++object.version;
  if (random_.OneIn(2)) object.size_bytes = DrawSize();
  world_.Note("origin: {} is version {} now, of {} bytes", object.path, object.version, object.size_bytes);
}

void Origin::Fill(uint64_t number, uint64_t version, uint64_t offset_bytes, std::span<std::byte> target) const {
  const uint64_t base = Mix(world_.seed + Mix(number * 1'000'003 + version));
  size_t done = 0;
  while (done < target.size()) {
    const uint64_t at = offset_bytes + done;
    const uint64_t word = (base + at / 8) * 0x9e3779b97f4a7c15u ^ base >> 7;
    const size_t in_word = at % 8;
    const size_t count = std::min<size_t>(8 - in_word, target.size() - done);
    std::memcpy(target.data() + done, reinterpret_cast<const std::byte*>(&word) + in_word, count);
    done += count;
  }
}

std::optional<uint64_t> Origin::FirstWrong(uint64_t number, uint64_t version, uint64_t offset_bytes,
                                           std::span<const std::byte> bytes) const {
  std::vector<std::byte> right(bytes.size());
  Fill(number, version, offset_bytes, right);
  const auto found = std::mismatch(bytes.begin(), bytes.end(), right.begin());
  if (found.first == bytes.end()) return std::nullopt;
  return offset_bytes + static_cast<uint64_t>(found.first - bytes.begin());
}

io::Task<StatusOr<source::Entry>> SimulatedSource::Stat(std::string path) {
  co_return Unimplemented("{} stat {}", kMark, path);
}

io::Task<StatusOr<source::Page>> SimulatedSource::List(std::string directory, std::string) {
  co_return Unimplemented("{} list {}", kMark, directory);
}

Status SimulatedSource::Failure(std::string_view what) const {
  if (world_.plant == Plant::kStrangeErrors) return Internal("{}", what);
  return Unavailable("{} {}", kMark, what);
}

uint64_t SimulatedSource::Begin(const source::ReadRequest& request) {
  const uint64_t block = origin_.block_size_bytes();
  const ByteRange range{request.offset_bytes, request.target.size()};
  // A piece is at most half a block (cache/cache.cc).
  const bool is_fill = range.offset % block == 0 && range.length * 2 > block;
  uint64_t fill_bytes = is_fill ? range.length : 0;
  for (const UnderWay& other : under_way_) {
    if (!other.is_fill || !is_fill) continue;
    fill_bytes += other.range.length;
    const bool same = other.path == request.path && other.version == request.version;
    world_.Check(!same || other.range.end() <= range.offset || range.end() <= other.range.offset, "one-fetch",
                 "{} {}: [{}, +{}) is fetched while [{}, +{}) is", request.path, request.version, range.offset,
                 range.length, other.range.offset, other.range.length);
  }
  under_way_.push_back({++next_id_, request.path, request.version, range, is_fill});
  world_.Check(under_way_.size() <= limits_.requests_max, "budget", "{} requests to the source at a time; {} allowed",
               under_way_.size(), limits_.requests_max);
  world_.Check(fill_bytes <= limits_.fetch_memory_bytes || fill_bytes == range.length, "budget",
               "fetches of {} bytes under way; {} allowed", fill_bytes, limits_.fetch_memory_bytes);
  return next_id_;
}

void SimulatedSource::End(uint64_t id) {
  std::erase_if(under_way_, [id](const UnderWay& one) { return one.id == id; });
}

io::Task<Status> SimulatedSource::Read(source::ReadRequest request) {
  const uint64_t id = Begin(request);
  world_.Note("source: {} {} [{}, +{})", request.path, request.version, request.offset_bytes, request.target.size());
  if (world_.plant == Plant::kDoubleFetch && random_.OneIn(20)) io::Spawn(FetchAgain(request));
  const Status status = co_await Answer(request);
  world_.Note("source: {} [{}, +{}) ends: {}", request.path, request.offset_bytes, request.target.size(),
              status.ToString());
  End(id);
  co_return status;
}

io::Task<void> SimulatedSource::FetchAgain(source::ReadRequest request) {
  const uint64_t id = Begin(request);
  co_await world_.loop.Sleep(std::chrono::milliseconds(1));
  End(id);
}

io::Task<Status> SimulatedSource::Answer(source::ReadRequest& request) {
  const Faults& faults = world_.faults;
  co_await world_.loop.Sleep(std::chrono::microseconds(random_.Between(100, 5000)));
  if (faults.Happens(random_, faults.slow_source)) {
    co_await world_.loop.Sleep(std::chrono::milliseconds(random_.Between(1, 500)));
  }
  if (world_.plant == Plant::kSilentSource && random_.OneIn(200)) co_await world_.loop.Sleep(std::chrono::hours(1000));
  if (faults.Happens(random_, faults.source_stalls)) {
    co_await world_.loop.Sleep(kDeadline);
    co_return DeadlineExceeded("{} no answer", kMark);
  }
  if (faults.Happens(random_, faults.source_error)) co_return Failure("no service");
  const OriginObject* object = origin_.Find(request.path);
  if (object == nullptr) co_return NotFound("{} no {}", kMark, request.path);
  if (Origin::VersionName(object->version) != request.version) co_return Aborted("{} replaced", kMark);
  world_.Check(request.offset_bytes + request.target.size() <= object->size_bytes, "bytes",
               "[{}, +{}) is asked of {}, which has {}", request.offset_bytes, request.target.size(), request.path,
               object->size_bytes);
  co_return co_await Deliver(*object, object->version, request);
}

// What began as one version goes on as that, as an object store does it: or breaks off.
io::Task<Status> SimulatedSource::Deliver(const OriginObject& object, uint64_t version, source::ReadRequest& request) {
  const Faults& faults = world_.faults;
  const std::span<std::byte> target = request.target;
  const bool breaks = faults.Happens(random_, faults.source_breaks);
  const size_t breaks_at = breaks ? random_.Below(target.size()) : target.size();
  const bool is_wrong = world_.plant == Plant::kWrongVersion && version > 1 && random_.OneIn(4);
  for (size_t done = 0; done < target.size();) {
    const size_t part = random_.OneIn(2) ? target.size() - done : random_.Between(1, target.size() - done);
    const size_t end = std::min(done + part, breaks_at);
    origin_.Fill(object.number, is_wrong ? version - 1 : version, request.offset_bytes + done,
                 target.subspan(done, end - done));
    done = end;
    if (request.on_progress && (done < target.size() || random_.OneIn(2))) request.on_progress(done);
    if (done == breaks_at && breaks) {
      if (random_.OneIn(2)) co_return DataLoss("{} {} bytes of {}", kMark, done, target.size());
      co_return Failure("connection reset");
    }
    co_await world_.loop.Sleep(std::chrono::microseconds(random_.Between(0, 1000)));
  }
  co_return absl::OkStatus();
}

}  // namespace sluice::simulation
