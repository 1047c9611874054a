// Dataset: how directories are listed, for readers and ahead of them.
#include <spdlog/spdlog.h>

#include "cache/dataset.h"

namespace sluice::cache {
namespace {

// Of a directory that a reader may come to. Longer ones are left to be listed when it does.
constexpr size_t kPagesAheadMax = 8;

}  // namespace

std::shared_ptr<Dataset::Listing> Dataset::StartListing(Ino directory) {
  auto& listing = listings_[directory];
  if (listing == nullptr) {
    listing = std::make_shared<Listing>(loop_, NowNs());
    const std::shared_ptr<Listing> started = listing;
    io::Spawn(RunListing(directory, started));
    return started;
  }
  listing->pages_max = SIZE_MAX;
  return listing;
}

void Dataset::OnReader(Ino directory) {
  if (valid_for().count() == 0) return;
  loop_.Post([this, directory] {
    for (const Ino next : list_ahead_->OnRead(directory)) {
      if (!StartListingAhead(next, kPagesAheadMax)) return;
    }
  });
}

bool Dataset::StartListingAhead(Ino directory, size_t pages_max, int64_t since_ns) {
  if (listings_ahead_ >= ListAhead::kMax || gate_.closed()) return false;
  // What is valid for no time would be listed again when somebody comes.
  const bool in_vain = (since_ns == 0 && valid_for().count() == 0) || IsListed(directory, since_ns);
  if (!in_vain && !listings_.contains(directory)) io::Spawn(RunListingAhead(directory, pages_max));
  return true;
}

// What goes wrong here goes wrong again when somebody comes to the directory.
io::Task<void> Dataset::RunListingAhead(Ino directory, size_t pages_max) {
  const io::Gate::Holder holder = gate_.Enter();
  ++listings_ahead_;
  const std::shared_ptr<Listing> listing = StartListing(directory);
  listing->pages_max = pages_max;
  while (!listing->finished) co_await listing->progressed.Wait();
  --listings_ahead_;
}

io::Task<void> Dataset::RunListing(Ino directory, std::shared_ptr<Listing> listing) {
  const io::Gate::Holder holder = gate_.Enter();
  listing->status = co_await ListPages(directory, listing);
  listing->finished = true;
  listings_.erase(directory);
  listing->progressed.Notify();
}

io::Task<Status> Dataset::ListPages(Ino directory, std::shared_ptr<Listing> listing) {
  for (size_t count = 1;; ++count) {
    const uint64_t forgotten = names_forgotten_;
    Status status = co_await ListOnce(directory, listing, count == 1 ? listing->begun_ns : NowNs());
    if (forgotten == names_forgotten_ || count == kBeginningsMax) co_return status;
  }
}

// Breaks off when names are forgotten meanwhile.
io::Task<Status> Dataset::ListOnce(Ino directory, std::shared_ptr<Listing> listing, int64_t started_ns) {
  const uint64_t forgotten = names_forgotten_;
  const std::string path = catalog_->Path(directory);
  auto pages = std::make_shared<DirectoryPages>(*source_, path, loop_, gate_, listing_budget_);
  uint64_t hidden = 0;
  for (size_t count = 0;; ++count) {
    if (count == listing->pages_max) co_return Cancelled("nobody came for the listing of {}", path);
    if (gate_.closed()) co_return Cancelled("the volume is going");
    // One request at a time will do for a listing that nobody waits for.
    auto page = co_await pages->Next(may_cut_ && listing->pages_max == SIZE_MAX);
    if (forgotten != names_forgotten_) co_return Aborted("{} has other names now", path);
    if (!page.ok() && may_cut_ && pages->refused()) {
      spdlog::info("volume {}: {}; long directories are listed by one request after the other", options_.name,
                   Message(page.status()));
      may_cut_ = false;
      pages = std::make_shared<DirectoryPages>(*source_, path, loop_, gate_, listing_budget_);
      hidden = 0;
      continue;
    }
    if (!page.ok()) co_return page.status();
    if (!*page) break;
    for (const source::Entry& entry : (*page)->entries)
      CO_RETURN_IF_ERROR(catalog_->Put(directory, entry, started_ns).status());
    hidden += (*page)->hidden;
    listing->progressed.Notify();
  }
  catalog_->RemoveUnconfirmed(directory, started_ns);
  catalog_->SetListed(directory, started_ns, hidden);
  co_return absl::OkStatus();
}

io::Task<Status> Dataset::List(Ino directory, Ino after) {
  const io::Gate::Holder holder = gate_.Enter();
  if (after == 0 ? IsListed(directory) : catalog_->listed_ns(directory) != 0) co_return absl::OkStatus();
  const std::shared_ptr<Listing> listing = StartListing(directory);
  // A first listing is shown as it comes in; a repeated one when it is whole, so that what is gone is not shown.
  const bool first_listing = catalog_->listed_ns(directory) == 0;
  while (!listing->finished) {
    if (first_listing && !catalog_->Children(directory, after, 1).empty()) co_return absl::OkStatus();
    co_await listing->progressed.Wait();
  }
  co_return listing->status;
}

io::Task<Status> Dataset::ListAll(Ino directory, int64_t since_ns) {
  const io::Gate::Holder holder = gate_.Enter();
  if (IsListed(directory, since_ns)) co_return absl::OkStatus();
  std::shared_ptr<Listing> listing = StartListing(directory);
  // One that was under way may have gone by what is new since then.
  if (listing->begun_ns < since_ns && consistency() != Consistency::kImmutable) {
    while (!listing->finished) co_await listing->progressed.Wait();
    listing = StartListing(directory);
  }
  while (!listing->finished) co_await listing->progressed.Wait();
  co_return listing->status;
}

}  // namespace sluice::cache
