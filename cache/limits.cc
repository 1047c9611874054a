// BlockStore: volumes' limits (cache/account.h), and how they take effect.
#include "cache/block_store.h"

namespace sluice::cache {

void BlockStore::SetLimits(const std::shared_ptr<Account>& account, const std::string& volume,
                           const std::optional<CacheLimits>& limits) {
  account->Claim(volume, limits);
  BeginAdopting(account);
  EvictIfAbove(account);
}

void BlockStore::EndLimits(const std::shared_ptr<Account>& account, const std::string& volume) {
  account->EndClaim(volume);
  BeginAdopting(account);
  EvictIfAbove(account);
}

void BlockStore::BeginAdopting(const Owner& owner) {
  if (!owner->adopting && owner->Adopt() && !gate_.closed()) io::Spawn(AdoptInBackground(owner));
}

// A little at a time: nobody notices, whoever has to evict meanwhile adopts by himself.
io::Task<void> BlockStore::AdoptInBackground(Owner owner) {
  const io::Gate::Holder holder = gate_.Enter();
  owner->adopting = true;
  do {
    co_await loop_.Sleep(Duration(1));
  } while (!gate_.closed() && owner->Adopt());
  owner->adopting = false;
}

}  // namespace sluice::cache
