#include "tests/simulation/workload.h"

#include <unistd.h>

namespace sluice::simulation {
namespace {

using Object = std::shared_ptr<cache::Object>;

// An object that somebody has open: the version that was current then.
struct Opened {
  OriginObject about;
  Object object;
};

Opened Open(Life& life, Random& random) {
  const size_t count = life.origin().count();
  // Some are read more often than others.
  const size_t number = random.OneIn(2) ? random.Below(count) : random.Below(std::min<size_t>(count, 4));
  const OriginObject& about = life.origin().object(number);
  return {about, life.store().Acquire({Origin::DatasetOf(about), about.path, Origin::VersionName(about.version),
                                       about.size_bytes, life.origin().block_size_bytes()})};
}

void CheckBytes(Life& life, const OriginObject& about, uint64_t offset_bytes, std::span<const std::byte> bytes,
                std::string_view how) {
  const auto wrong = life.origin().FirstWrong(about.number, about.version, offset_bytes, bytes);
  life.world().Check(!wrong, "bytes", "{} version {} of {} bytes, {} [{}, +{}): byte {} is wrong", about.path,
                     about.version, about.size_bytes, how, offset_bytes, bytes.size(), wrong.value_or(0));
}

// False: it failed, as the source did.
io::Task<bool> ReadAndCheck(Life& life, const Opened& opened, ByteRange range) {
  const std::string what = fmt::format("read {} [{}, +{})", opened.about.path, range.offset, range.length);
  const Life::Operation operation(life, what);
  const AlignedBuffer buffer(range.length);
  StatusOr<size_t> got(0);
  std::string_view how = "at once";
  if (const auto at_once = life.cache().TryRead(opened.object, life.source(), range.offset, buffer.span())) {
    got = *at_once;
  } else {
    how = "on the loop";
    got = co_await life.cache().Read(opened.object, life.source(), range.offset, buffer.span());
  }
  life.world().Note("reader: {} {}: {}", what, how, got.ok() ? "ok" : got.status().ToString());
  if (!got.ok()) {
    life.CheckError(got.status(), what);
    co_return false;
  }
  const uint64_t size = opened.about.size_bytes;
  const uint64_t expected = range.offset >= size ? 0 : std::min(range.length, size - range.offset);
  life.world().Check(*got == expected, "bytes", "{} got {} bytes of {}", what, *got, expected);
  CheckBytes(life, opened.about, range.offset, buffer.span().first(*got), how);
  co_return true;
}

// Where the next read of a kind of reader is.
class Steps {
 public:
  Steps(Random& random, uint64_t size, uint64_t block)
      : random_(random), kind_(random.Below(4)), size_(size), length_(random.Between(1, 3 * block)) {
    if (kind_ == 1) length_ = random.Between(1, block / 4);  // here and there
    at_ = random.OneIn(2) ? 0 : random.Below(size);
  }

  ByteRange Next() {
    const uint64_t at = at_;
    if (kind_ == 0 || kind_ == 3) at_ += length_;  // on and on; beyond its end it begins anew
    if (kind_ == 1) at_ = random_.Below(size_);
    if (at_ >= size_) at_ = 0;
    return {at, length_};
  }

 private:
  Random& random_;
  const uint64_t kind_;  // 2: the same place again and again
  const uint64_t size_;
  uint64_t length_;
  uint64_t at_;
};

Duration Pause(Random& random) {
  if (random.OneIn(2)) return Duration(0);
  return std::chrono::microseconds(random.Between(1, random.OneIn(8) ? 100'000 : 1000));
}

io::Task<void> HoldAndRead(Life& life, const Opened& opened, Random& random) {
  const Life::Operation operation(life, "hold " + opened.about.path);
  // It may not be whole by itself; what comes of it does not matter.
  if (random.OneIn(2))
    (void)co_await life.cache().Warm(opened.object, life.source(), 0, opened.object->block_count(), {});
  co_await life.store().Settle(opened.object);
  const auto tier = opened.object->WholeIn();
  if (!tier) co_return;
  const cache::Stay hold(*opened.object);
  const auto file = co_await life.store().OpenReadOnly(opened.object, *tier);
  if (!file.ok()) co_return;
  std::vector<std::byte> bytes(opened.about.size_bytes);
  for (uint64_t i = random.Between(1, 5); i > 0; --i) {
    const ssize_t got = ::pread(file->get(), bytes.data(), bytes.size(), 0);
    life.world().Check(got == static_cast<ssize_t>(bytes.size()), "bytes", "{}: {} bytes of a held file",
                       opened.about.path, got);
    CheckBytes(life, opened.about, 0, bytes, "held");
    co_await life.world().loop.Sleep(Pause(random));
  }
}

io::Task<void> Warm(Life& life, const Opened& opened, Random& random) {
  const auto first = static_cast<uint32_t>(random.Below(opened.object->block_count()));
  const auto count = static_cast<uint32_t>(random.Between(1, opened.object->block_count() - first));
  std::optional<uint8_t> medium;
  if (random.OneIn(2)) medium = static_cast<uint8_t>(random.Below(cache::kMedia));
  const auto warmed = co_await life.cache().Warm(opened.object, life.source(), first, count, medium);
  life.world().Note("warm: {}", warmed.ok() ? "ok" : warmed.status().ToString());
  if (!warmed.ok() && warmed.status().code() != StatusCode::kResourceExhausted) {
    life.CheckError(warmed.status(), "warm " + opened.about.path);
  }
}

io::Task<void> Administer(Life& life, const Opened& opened, Random& random) {
  constexpr std::string_view kOrders[] = {"warm", "warm", "evict", "verify", "touch", "settle", "gather", "pin"};
  const uint64_t order = random.Below(std::size(kOrders));
  life.world().Note("administrator: {} {}", kOrders[order], opened.about.path);
  const Life::Operation operation(life, fmt::format("{} {}", kOrders[order], opened.about.path));
  cache::BlockStore& store = life.store();
  if (kOrders[order] == "warm") co_await Warm(life, opened, random);
  if (kOrders[order] == "evict") co_await store.Evict(opened.object);
  if (kOrders[order] == "verify") co_await store.Verify(opened.object);
  if (kOrders[order] == "touch") store.TouchAll(opened.object);
  if (kOrders[order] == "settle") co_await store.Settle(opened.object);
  if (kOrders[order] == "pin") store.SetPinned(opened.object, random.OneIn(3));
  if (kOrders[order] == "gather") {
    const auto& tiers = store.tiers();
    co_await store.Gather(
        opened.object, tiers[random.Below(tiers.size())]->index(),
        random.OneIn(2) ? cache::BlockStore::Admission::kAlways : cache::BlockStore::Admission::kPolicy);
  }
}

}  // namespace

io::Task<void> RunReader(Life* life, Random random) {
  const io::Gate::Holder holder = life->users().Enter();
  while (!life->stopping) {
    const Opened opened = Open(*life, random);
    Steps steps(random, opened.about.size_bytes, life->origin().block_size_bytes());
    for (uint64_t i = random.Between(1, 40); i > 0 && !life->stopping; --i) {
      if (!co_await ReadAndCheck(*life, opened, steps.Next())) break;
      co_await life->world().loop.Sleep(Pause(random));
    }
    if (life->world().plant != Plant::kLostHandle || !random.OneIn(20)) life->store().Release(opened.object);
    co_await life->world().loop.Sleep(Pause(random) + std::chrono::microseconds(10));
  }
}

io::Task<void> RunAdministrator(Life* life, Random random) {
  const io::Gate::Holder holder = life->users().Enter();
  while (!life->stopping) {
    const Opened opened = Open(*life, random);
    co_await Administer(*life, opened, random);
    life->store().Release(opened.object);
    co_await life->world().loop.Sleep(std::chrono::microseconds(random.Between(10, 50'000)));
  }
}

io::Task<void> RunHolder(Life* life, Random random) {
  const io::Gate::Holder holder = life->users().Enter();
  while (!life->stopping) {
    const Opened opened = Open(*life, random);
    co_await HoldAndRead(*life, opened, random);
    life->store().Release(opened.object);
    co_await life->world().loop.Sleep(std::chrono::microseconds(random.Between(10, 20'000)));
  }
}

io::Task<void> RunReplacer(Life* life, Random random) {
  const io::Gate::Holder holder = life->users().Enter();
  while (!life->stopping) {
    co_await life->world().loop.Sleep(std::chrono::milliseconds(random.Between(1, 50)));
    if (life->world().faults.Happens(random, life->world().faults.source_changes)) {
      life->origin().Replace(random.Below(life->origin().count()));
    }
  }
}

io::Task<void> RunLimiter(Life* life, Random random) {
  const io::Gate::Holder holder = life->users().Enter();
  while (!life->stopping) {
    const std::string_view dataset = Origin::kDatasets[random.Below(std::size(Origin::kDatasets))];
    life->SetLimits(std::string(dataset), life->DrawLimits(random));
    co_await life->world().loop.Sleep(std::chrono::microseconds(random.Between(10, 100'000)));
  }
}

io::Task<void> ReadAll(Life* life) {
  for (size_t number = 0; number < life->origin().count(); ++number) {
    const OriginObject& about = life->origin().object(number);
    const Opened opened{about,
                        life->store().Acquire({Origin::DatasetOf(about), about.path, Origin::VersionName(about.version),
                                               about.size_bytes, life->origin().block_size_bytes()})};
    const bool good = co_await ReadAndCheck(*life, opened, {0, about.size_bytes});
    life->world().Check(good, "progress", "{} cannot be read although nothing fails any more", about.path);
    life->store().Release(opened.object);
  }
}

}  // namespace sluice::simulation
