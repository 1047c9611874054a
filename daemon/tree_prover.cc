#include "daemon/tree_prover.h"

#include <spdlog/spdlog.h>

namespace sluice::daemon {

void TreeProver::Start(const std::shared_ptr<Mount>& mount) {
  if (started_.insert(TreeOptionsOf(*mount->spec()).name).second) io::Spawn(Run(mount));
}

void TreeProver::OnServed(const std::shared_ptr<Mount>& mount) {
  const auto tree = trees_.Find(TreeOptionsOf(*mount->spec()).name);
  if (tree && tree->leased) Start(mount);
}

io::Task<void> TreeProver::Run(std::shared_ptr<Mount> mount) {
  co_await Prove(mount, mount->closing);
  started_.erase(TreeOptionsOf(*mount->spec()).name);
}

io::Task<void> TreeProver::Prove(std::shared_ptr<Mount> mount, const std::atomic<bool>& stop) {
  const io::Gate::Holder holder = gate_.Enter();
  const std::string name = TreeOptionsOf(*mount->spec()).name;
  co_await turn_.Acquire(1, io::Urgency::kPrewarm);
  const auto unproven = co_await trees_.Unproven(name);
  for (const auto& object : unproven) {
    // One that has gone keeps nothing in the cache: what is missing then was evicted.
    const auto tree = trees_.Find(name);
    if (!tree || !MayGoOn(*mount, stop)) break;
    co_await ProveObject(*mount, object->version, tree->medium, stop);
  }
  if (!unproven.empty()) {
    const size_t left = (co_await trees_.Unproven(name)).size();
    spdlog::info("volume {}: {} of {} files that can be published natively are proven again", mount->volume_id(),
                 unproven.size() - std::min(left, unproven.size()), unproven.size());
  }
  turn_.Release(1);
}

io::Task<void> TreeProver::ProveObject(const Mount& mount, cache::ObjectVersion version, uint8_t medium,
                                       const std::atomic<bool>& stop) {
  const auto object = cache_.store().Acquire(version);
  for (uint32_t block = 0; block < object->block_count() && MayGoOn(mount, stop); ++block) {
    if (object->IsVerified(block)) continue;
    const Instant begun = loop_.clock().Now();
    co_await cache_.store().Check(object, block);
    if (!object->TierOf(block) && MayGoOn(mount, stop)) {
      const auto fetched = co_await cache_.Warm(object, mount.dataset->source(), block, 1, medium);
      if (!fetched.ok()) {
        spdlog::warn("block {} of {} cannot be fetched again now: {}", block, object->version.path,
                     Message(fetched.status()));
      }
    }
    co_await loop_.Sleep(loop_.clock().Now() - begun);
  }
  cache_.store().Release(object);
}

}  // namespace sluice::daemon
