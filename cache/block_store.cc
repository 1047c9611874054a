#include "cache/block_store.h"

#include <dirent.h>
#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>

namespace sluice::cache {

BlockStore::BlockStore(io::Loop& loop, io::FileIo& io)
    : loop_(loop), io_(io), room_(loop), proved_(loop), moves_(loop, kMovesMax), gate_(loop) {}

BlockStore::~BlockStore() = default;

StatusOr<std::unique_ptr<BlockStore>> BlockStore::Open(const BlockStoreOptions& options, io::Loop& loop, io::FileIo& io,
                                                       Registry& metrics) {
  std::unique_ptr<BlockStore> store(new BlockStore(loop, io));
  store->open_files_max_ = options.open_files_max;
  store->sealer_ = options.sealer;
  std::array<Files, kMedia> files;
  for (const TierOptions& tier_options : options.tiers) {
    ASSIGN_OR_RETURN(auto tier, Tier::Open(tier_options, metrics));
    if (store->by_medium_[tier->index()] != nullptr) {
      return InvalidArgument("two tiers of medium {} are configured; at most one of each is possible", tier->name());
    }
    store->by_medium_[tier->index()] = tier.get();
    files[tier->index()] = ListFiles(*tier);
    if (options.sealer != nullptr) tier->OnSealProbe(options.sealer->Probe(tier->directory_fd()));
    store->tiers_.push_back(std::move(tier));
  }
  if (store->tiers_.empty()) return InvalidArgument("no tier is configured; at least one is needed");
  std::sort(store->tiers_.begin(), store->tiers_.end(),
            [](const auto& a, const auto& b) { return a->index() < b->index(); });
  ASSIGN_OR_RETURN(store->index_, Index::Open(options.index_directory, options.index_commits));
  RETURN_IF_ERROR(store->Load(files));
  for (const auto& tier : store->tiers_) store->RemoveStrayFiles(*tier, files[tier->index()]);
  return store;
}

Status BlockStore::Load(const std::array<Files, kMedia>& files) {
  std::shared_ptr<Object> object;
  std::vector<std::string> damaged;
  uint64_t blocks = 0;
  uint64_t missing = 0;
  const auto load_blocks = [&](const ParsedKey& key, const std::vector<BlockRecord>& records) {
    for (uint32_t i = 0; i < records.size(); ++i) {
      const uint32_t block = key.first_block + i;
      Tier* const tier = records[i].tier_plus_one == 0 ? nullptr : this->tier(records[i].tier_plus_one - 1);
      if (tier == nullptr || block >= object->block_count()) continue;
      if (!files[tier->index()].contains(object->id)) {
        ++missing;
        continue;
      }
      const uint64_t bytes = Tier::Footprint(object->BlockLength(block));
      object->SetPresent(block, tier->index(), /*verified=*/false);
      object->checksum(block) = records[i].checksum;
      Charge(*object, *tier, static_cast<int64_t>(bytes));
      Enter(*object, block);
      ++blocks;
    }
  };
  RETURN_IF_ERROR(index_->Scan(std::string(1, kObjectRecords), [&](std::string_view key, std::string_view value) {
    const auto parsed = ParseRecordKey(key);
    if (parsed.ok() && parsed->is_object) {
      const auto record = DecodeObject(value);
      if (record.ok() && ObjectId::Of(record->version) == parsed->id) {
        object = std::make_shared<Object>(record->version, parsed->id, AccountOf(record->version.dataset));
        object->pinned = record->pinned;
        if (record->proven) object->proof = Proof::kProven;
        objects_[object->id] = object;
        return;
      }
    } else if (parsed.ok() && object != nullptr && object->id == parsed->id) {
      if (const auto records = DecodeBlocks(value); records.ok()) return load_blocks(*parsed, *records);
    }
    damaged.emplace_back(key);
  }));
  for (auto& key : damaged) index_->Delete(std::move(key));
  // What has no block left (its file is gone, its tier no longer configured) is not kept.
  for (auto at = objects_.begin(); at != objects_.end();) {
    const auto current = at++;
    if (current->second->cached_blocks() > 0 || current->second->pinned) continue;
    index_->Delete(ObjectRecordKey(current->first));
    objects_.erase(current);
  }
  spdlog::info(
      "the cache index names {} blocks of {} objects; {} blocks without a file and {} damaged records are dropped",
      blocks, objects_.size(), missing, damaged.size());
  return absl::OkStatus();
}

BlockStore::Files BlockStore::ListFiles(const Tier& tier) {
  Files files;
  for (int i = 0; i < 256; ++i) {
    const std::string folder = fmt::format("{:02x}", i);
    const int fd = ::openat(tier.directory_fd(), folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const std::unique_ptr<DIR, int (*)(DIR*)> stream(fd < 0 ? nullptr : ::fdopendir(fd), ::closedir);
    if (stream == nullptr) continue;
    while (const dirent* item = ::readdir(stream.get())) {
      ObjectId id;
      const std::string_view name = item->d_name;
      if (name.size() != 2 * id.bytes.size()) continue;
      for (size_t byte = 0; byte < id.bytes.size(); ++byte) {
        const std::string digits(name.substr(2 * byte, 2));
        id.bytes[byte] = static_cast<uint8_t>(std::strtoul(digits.c_str(), nullptr, 16));
      }
      files.insert(id);
    }
  }
  return files;
}

// Files that the index does not name: what was written just before a crash.
void BlockStore::RemoveStrayFiles(const Tier& tier, const Files& files) const {
  uint64_t removed = 0;
  for (const ObjectId& id : files) {
    const auto object = Find(id);
    if (object != nullptr && object->blocks_in(tier.index()) > 0) continue;
    removed += ::unlinkat(tier.directory_fd(), Tier::FileName(id).c_str(), 0) == 0 ? 1 : 0;
  }
  if (removed > 0)
    spdlog::info("{} files of the {} tier that the index does not name are removed", removed, tier.name());
}

std::shared_ptr<Object> BlockStore::Find(const ObjectId& id) const {
  const std::lock_guard lock(mutex_);
  const auto found = objects_.find(id);
  return found == objects_.end() ? nullptr : found->second;
}

std::shared_ptr<Object> BlockStore::Acquire(const ObjectVersion& version) {
  const ObjectId id = ObjectId::Of(version);
  const std::lock_guard lock(mutex_);
  auto& object = objects_[id];
  if (object == nullptr) object = std::make_shared<Object>(version, id, AccountLocked(version.dataset));
  object->opens().fetch_add(1);
  return object;
}

std::shared_ptr<Account> BlockStore::AccountOf(const std::string& dataset) {
  const std::lock_guard lock(mutex_);
  return AccountLocked(dataset);
}

std::shared_ptr<Account> BlockStore::AccountLocked(const std::string& dataset) {
  if (const auto found = accounts_.find(dataset); found != accounts_.end()) return found->second;
  absl::erase_if(accounts_, [](const auto& one) { return one.second.use_count() == 1; });  // nobody else has it
  return accounts_.emplace(dataset, std::make_shared<Account>(dataset, by_medium_)).first->second;
}

void BlockStore::Release(const std::shared_ptr<Object>& object) {
  object->opens().fetch_sub(1);
  Discard(object);
}

void BlockStore::Discard(const std::shared_ptr<Object>& object) {
  {
    const std::lock_guard lock(mutex_);
    if (object->opens() > 0 || object->cached_blocks() > 0 || !object->fills.empty() || object->pinned ||
        object->held())
      return;
    const auto found = objects_.find(object->id);
    if (found == objects_.end() || found->second != object) return;
    objects_.erase(found);
  }
  if (object->open_position) {
    open_objects_.erase(*object->open_position);
    object->open_position.reset();
  }
  for (const auto& tier : tiers_) {
    if (object->fd(tier->index()) < 0) continue;
    --open_files_;  // the object closes it when the last operation on it has ended
    ::unlinkat(tier->directory_fd(), Tier::FileName(object->id).c_str(), 0);
  }
}

std::vector<std::shared_ptr<Object>> BlockStore::Objects() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<Object>> objects;
  objects.reserve(objects_.size());
  for (const auto& [id, object] : objects_) objects.push_back(object);
  return objects;
}

std::vector<std::shared_ptr<Object>> BlockStore::ObjectsWith(uint8_t first_byte) const {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<Object>> objects;
  for (const auto& [id, object] : objects_) {
    if (id.bytes[0] == first_byte) objects.push_back(object);
  }
  return objects;
}

void BlockStore::SetPinned(const std::shared_ptr<Object>& object, bool pinned) {
  object->pinned = pinned;
  if (pinned || object->cached_blocks() > 0) {
    RecordObject(*object);
  } else {
    index_->Delete(ObjectRecordKey(object->id));
  }
  Discard(object);
}

void BlockStore::SetProof(Object& object, Proof proof) {
  const bool was_proven = std::exchange(object.proof, proof) == Proof::kProven;
  if (was_proven != (proof == Proof::kProven) && object.cached_blocks() > 0) RecordObject(object);
}

void BlockStore::RecordObject(const Object& object) {
  index_->Put(ObjectRecordKey(object.id),
              EncodeObject({object.version, object.pinned, object.proof == Proof::kProven}));
}

void BlockStore::Record(const Object& object, uint32_t block) {
  if (object.cached_blocks() == 0 && !object.pinned) {
    index_->Delete(ObjectRecordKey(object.id));
  } else if (object.cached_blocks() == 1) {
    RecordObject(object);
  }
  const uint32_t first = block / kBlocksPerRecord * kBlocksPerRecord;
  std::vector<BlockRecord> records;
  bool any = false;
  for (uint32_t i = first; i < std::min(first + kBlocksPerRecord, object.block_count()); ++i) {
    const auto tier = object.TierOf(i);
    any |= tier.has_value();
    records.push_back({static_cast<uint8_t>(tier ? *tier + 1 : 0), const_cast<Object&>(object).checksum(i)});
  }
  if (any) {
    index_->Put(BlocksRecordKey(object.id, first), EncodeBlocks(records));
  } else {
    index_->Delete(BlocksRecordKey(object.id, first));
  }
}

io::Task<void> BlockStore::Close() {
  co_await gate_.Close();
  index_->Drain();
}

}  // namespace sluice::cache
