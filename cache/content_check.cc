#include "cache/content_check.h"

#include <spdlog/spdlog.h>
#include <xxhash.h>

#include <algorithm>

#include "common/bytes.h"
#include "io/thread.h"

namespace sluice::cache {
namespace {

io::BlockingPool& Begun(std::optional<io::BlockingPool>& pool, io::Loop& loop, size_t threads) {
  if (!pool) pool.emplace(loop, threads);
  return *pool;
}

}  // namespace

ContentChecks::ContentChecks(BlockStore& store, io::Loop& loop, Registry& metrics)
    : store_(store),
      loop_(loop),
      gate_(loop),
      turn_(loop, 1),
      progressed_(loop),
      proven_bytes_(
          metrics.AddCounter("sluice_source_proven_bytes_total", "Bytes compared with a checksum of their source's")),
      bad_objects_(metrics.AddCounter("sluice_source_bad_objects_total",
                                      "Times an object's bytes were not what its source says of them")),
      odd_etags_total_(metrics.AddCounter("sluice_source_odd_etags_total",
                                          "Objects whose ETag looks like an MD5 of their bytes and is none")) {}

bool ContentChecks::HoldsBack(const Object& object, const source::Source& source) {
  return object.block_count() == 1 && object.size() <= kHeldBackBytesMax && source.GivesDigests();
}

Status ContentChecks::MayFetch(const Object& object) const {
  if (suspects_.empty()) return absl::OkStatus();
  const auto found = suspects_.find(object.id);
  if (found == suspects_.end() || found->second.refused_until <= loop_.clock().Now()) return absl::OkStatus();
  return DataLoss("{} of {}: what comes is not what the source itself says of it", object.version.path,
                  object.version.dataset);
}

bool ContentChecks::NeedsProof(const Object& object, const source::Source& source) {
  return (object.proof == Proof::kUnknown || object.proof == Proof::kUnderWay) && object.block_count() > 0 &&
         object.cached_blocks() == object.block_count() && source.GivesDigests();
}

// The server's ETags are not believed to be MD5s any more.
bool ContentChecks::IsOdd(const Digest& digest, const Object& object) const {
  const auto found = digest.is_guess ? odd_etags_.find(object.version.dataset) : odd_etags_.end();
  return found != odd_etags_.end() && found->second >= kOddEtagsMax;
}

io::Task<bool> ContentChecks::Judge(std::shared_ptr<Object> object, std::optional<Digest> digest,
                                    std::span<const std::byte> bytes) {
  const io::Gate::Holder holder = gate_.Enter();
  bool good = true;
  if (digest && !IsOdd(*digest, *object)) {
    const std::string actual = co_await Begun(threads_, loop_, kThreads).Run([&] {
      DigestStream stream(digest->algorithm);
      stream.Add(bytes);
      return stream.Finish();
    });
    proven_bytes_.Add(bytes.size());
    good = Decide(object, *digest, actual);
  }
  object->proof = good ? Proof::kProven : Proof::kUnknown;
  co_return good;
}

void ContentChecks::OnFetched(Object& object, uint32_t block, std::span<const std::byte> bytes) {
  if (object.proof != Proof::kProven || XXH3_64bits(bytes.data(), bytes.size()) == object.checksum(block)) return;
  store_.SetProof(object, Proof::kUnknown);
}

void ContentChecks::Begin(const std::shared_ptr<Object>& object, const std::shared_ptr<source::Source>& source) {
  if (object->proof == Proof::kUnknown && NeedsProof(*object, *source) && !gate_.closed())
    io::Spawn(Run(object, source));
}

io::Task<bool> ContentChecks::Prove(std::shared_ptr<Object> object, const std::shared_ptr<source::Source>& source,
                                    const io::Gate& waiter) {
  Begin(object, source);
  const io::Gate::Holder holder = gate_.Enter();
  while (object->proof == Proof::kUnderWay && !waiter.closed()) co_await progressed_.Wait();
  co_return object->cached_blocks() == object->block_count() || !suspects_.contains(object->id);
}

io::Task<bool> ContentChecks::AwaitProof(std::shared_ptr<Object> object,
                                         const std::shared_ptr<source::Source>& source) {
  if (!NeedsProof(*object, *source)) co_return true;
  Begin(object, source);
  const io::Gate::Holder holder = gate_.Enter();
  const Instant end = loop_.clock().Now() + kOpenWait;
  constexpr Duration kPoll = std::chrono::milliseconds(2);
  while (object->proof == Proof::kUnderWay && loop_.clock().Now() < end && !gate_.closed()) co_await loop_.Sleep(kPoll);
  co_return object->proof == Proof::kProven || object->proof == Proof::kUnasked;
}

io::Task<void> ContentChecks::Run(std::shared_ptr<Object> object, std::shared_ptr<source::Source> source) {
  const io::Gate::Holder holder = gate_.Enter();
  object->proof = Proof::kUnderWay;
  object->opens().fetch_add(1);  // not forgotten meanwhile
  store_.SetProof(*object, co_await Compare(object, std::move(source)));
  progressed_.Notify();
  store_.Release(object);
}

io::Task<Proof> ContentChecks::Compare(std::shared_ptr<Object> object, std::shared_ptr<source::Source> source) {
  const auto digest = co_await source->DigestOf(object->version.path, object->version.version);
  if (!digest.ok()) {
    spdlog::info("{} cannot be compared with what its source says of it: {}", object->version.path,
                 Message(digest.status()));
    co_return Proof::kUnasked;
  }
  if (!*digest || IsOdd(**digest, *object)) co_return Proof::kProven;  // nothing to compare with
  co_await turn_.Acquire(1, io::Urgency::kPrewarm);
  const auto actual = co_await HashCached(object, (*digest)->algorithm);
  turn_.Release(1);
  if (!actual) co_return Proof::kUnknown;
  if (Decide(object, **digest, *actual)) co_return Proof::kProven;
  co_await store_.DropAll(object);
  co_return Proof::kUnknown;
}

io::Task<std::optional<std::string>> ContentChecks::HashCached(std::shared_ptr<Object> object,
                                                               Digest::Algorithm algorithm) {
  DigestStream stream(algorithm);
  const AlignedBuffer buffer(object->BlockLength(0));
  const uint32_t generation = object->generation;
  for (uint32_t block = 0; block < object->block_count(); ++block) {
    const auto bytes = buffer.span().first(object->BlockLength(block));
    if (gate_.closed() || !co_await store_.ReadBlock(object, block, 0, bytes)) co_return std::nullopt;
    co_await Begun(thread_behind_, loop_, 1).Run([&] {
      thread_local const bool begun = (io::BeginThread("content-check", io::Turns::kBehind), true);
      (void)begun;
      stream.Add(bytes);
      return true;
    });
    proven_bytes_.Add(bytes.size());
    progressed_.Notify();
  }
  // SUSPENDED: a block that left meanwhile may have come back as another one.
  if (generation != object->generation) co_return std::nullopt;
  co_return stream.Finish();
}

bool ContentChecks::Decide(const std::shared_ptr<Object>& object, const Digest& digest, const std::string& actual) {
  const ObjectVersion& version = object->version;
  if (actual == digest.value) {
    Acquit(*object);
    return true;
  }
  Suspect& suspect = SuspectOf(object);
  const bool same_question = suspect.expected == digest.value;
  const bool same_bytes = same_question && suspect.actual == actual;
  if (same_bytes && digest.is_guess) {
    odd_etags_total_.Add();
    if (++odd_etags_[version.dataset] == kOddEtagsMax) {
      spdlog::warn("ETags of {} look like MD5s of their objects and are none; they are not compared any more",
                   version.dataset);
    }
    Acquit(*object);
    return true;
  }
  bad_objects_.Add();
  object->had_bad_bytes = true;
  spdlog::error("{} of {} is not what its source says: its {}{} is {}, and that of the bytes that came is {}",
                version.path, version.dataset, NameOf(digest.algorithm), digest.is_guess ? " (by its ETag)" : "",
                Hex(digest.value), Hex(actual));
  suspect.fetches = same_question ? suspect.fetches + 1 : 1;
  suspect.expected = digest.value;
  suspect.actual = actual;
  if (same_bytes || suspect.fetches >= kFetchesMax) suspect.refused_until = loop_.clock().Now() + kRefusal;
  return false;
}

ContentChecks::Suspect& ContentChecks::SuspectOf(const std::shared_ptr<Object>& object) {
  if (const auto found = suspects_.find(object->id); found != suspects_.end()) return found->second;
  if (suspects_.size() >= kSuspectsMax) Acquit(*suspects_.begin()->second.object);
  object->opens().fetch_add(1);
  Suspect& suspect = suspects_[object->id];
  suspect.object = object;
  return suspect;
}

void ContentChecks::Acquit(const Object& object) {
  const auto found = suspects_.find(object.id);
  if (found == suspects_.end()) return;
  const std::shared_ptr<Object> held = found->second.object;
  suspects_.erase(found);
  store_.Release(held);
}

}  // namespace sluice::cache
