#include "tests/simulation/medium.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "common/unique_fd.h"

namespace sluice::simulation {
namespace {

std::vector<std::byte> ReadAt(int fd, uint64_t offset_bytes, size_t length) {
  std::vector<std::byte> bytes(length);
  if (::pread(fd, bytes.data(), length, static_cast<off_t>(offset_bytes)) < 0) std::abort();
  return bytes;
}

void WriteAt(int fd, uint64_t offset_bytes, std::span<const std::byte> bytes) {
  const ssize_t written = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset_bytes));
  if (written != static_cast<ssize_t>(bytes.size())) std::abort();
}

struct stat About(int fd) {
  struct stat about{};
  if (::fstat(fd, &about) != 0) std::abort();
  return about;
}

void CopyBytes(int from, int to, uint64_t size) {
  if (::ftruncate(to, static_cast<off_t>(size)) != 0) std::abort();
  for (off_t at = ::lseek(from, 0, SEEK_DATA); at >= 0;) {
    const off_t end = ::lseek(from, at, SEEK_HOLE);
    WriteAt(to, static_cast<uint64_t>(at), ReadAt(from, static_cast<uint64_t>(at), static_cast<size_t>(end - at)));
    at = ::lseek(from, end, SEEK_DATA);
  }
}

}  // namespace

void Medium::AddTier(uint8_t tier, int directory_fd, std::string directory) {
  tiers_[tier].directory_fd = directory_fd;
  tiers_[tier].directory = std::move(directory);
}

void Medium::OnOpen(int directory_fd, const std::string& name, int fd, bool is_new) {
  for (auto& [number, tier] : tiers_) {
    if (tier.directory_fd != directory_fd) continue;
    File& file = tier.files[name];
    if (const uint64_t inode = About(fd).st_ino; inode != file.inode) {
      file = {};
      file.inode = inode;
      file.is_new = is_new;
      if (is_new) tier.sealed.erase(name);  // its number may have been another's
    }
    open_[fd] = {number, name};
  }
}

Medium::File* Medium::Find(int fd) {
  const auto found = open_.find(fd);
  if (found == open_.end()) return nullptr;
  File& file = tiers_[found->second.first].files[found->second.second];
  return file.inode == About(fd).st_ino ? &file : nullptr;  // null: it has no name any more
}

const Medium::Sealed* Medium::FindSealed(int fd) {
  const auto found = open_.find(fd);
  if (found == open_.end()) return nullptr;
  const SealedFiles& files = tiers_[found->second.first].sealed;
  const auto sealed = files.find(found->second.second);
  return sealed != files.end() && sealed->second.inode == About(fd).st_ino ? &sealed->second : nullptr;
}

void Medium::Seal(int fd) {
  File* const file = Find(fd);
  if (file == nullptr) return;
  file->before.clear();
  file->is_new = false;
  tiers_[open_[fd].first].sealed[open_[fd].second] = {file->inode, {}};
}

bool Medium::IsSealed(int fd) { return FindSealed(fd) != nullptr; }

bool Medium::IsSealed(int directory_fd, const std::string& name) {
  struct stat about{};
  if (::fstatat(directory_fd, name.c_str(), &about, 0) != 0) return false;
  return std::ranges::any_of(tiers_, [&](const auto& entry) {
    const auto sealed = entry.second.sealed.find(name);
    return entry.second.directory_fd == directory_fd && sealed != entry.second.sealed.end() &&
           sealed->second.inode == about.st_ino;
  });
}

bool Medium::IsRotten(int fd, ByteRange range) {
  const Sealed* const sealed = FindSealed(fd);
  if (sealed == nullptr) return false;
  const auto page = sealed->rotten.lower_bound(range.offset / kPage);
  return page != sealed->rotten.end() && *page * kPage < range.end();
}

std::string Medium::NameOf(int fd) const {
  const auto found = open_.find(fd);
  if (found == open_.end()) return "?";
  return fmt::format("{}/{}", cache::kMediumNames[found->second.first], found->second.second);
}

void Medium::BeforeChange(int fd, ByteRange range) {
  File* const file = Find(fd);
  if (file == nullptr) return;
  for (uint64_t page = range.offset / kPage; page * kPage < range.end(); ++page) {
    file->lost.erase(page);
    if (!file->before.contains(page)) file->before[page] = ReadAt(fd, page * kPage, kPage);
  }
  if (!random_.OneIn(8)) return;  // the kernel writes it back, with what is written in a moment
  file->before.clear();
  file->is_new = false;
}

void Medium::Lose(int fd, ByteRange range, bool misdirected) {
  File* const file = Find(fd);
  if (file == nullptr) return;
  for (uint64_t page = range.offset / kPage; page * kPage < range.end(); ++page) {
    const auto before = file->before.find(page);
    file->lost[page] = before == file->before.end() ? std::vector<std::byte>(kPage) : before->second;
  }
  if (!misdirected) return;
  TierFiles& tier = tiers_[open_[fd].first];
  auto target = tier.files.begin();
  std::advance(target, random_.Below(tier.files.size()));
  const uint64_t offset_bytes = random_.Below(range.end() / kPage + 1) * kPage;
  strays_.push_back({open_[fd].first, target->first, offset_bytes, ReadAt(fd, range.offset, range.length)});
}

void Medium::FlipBit(int fd, ByteRange range) {
  const uint64_t at = range.offset + random_.Below(range.length);
  std::vector<std::byte> byte = ReadAt(fd, at, 1);
  byte[0] ^= std::byte{1} << random_.Below(8);
  WriteAt(fd, at, byte);
}

uint64_t Medium::AllocatedBytes(uint8_t tier) const {
  uint64_t total = 0;
  const TierFiles& files = tiers_.at(tier);
  for (const auto& [name, file] : files.files) {
    struct stat about{};
    if (::stat((files.directory + "/objects/" + name).c_str(), &about) == 0)
      total += uint64_t(about.st_blocks) * kSector;
  }
  return total;
}

void Medium::Restore(int fd, uint64_t page, std::span<const std::byte> bytes) {
  const auto size = static_cast<uint64_t>(About(fd).st_size);
  if (page * kPage < size) WriteAt(fd, page * kPage, bytes.first(std::min(kPage, size - page * kPage)));
}

void Medium::CopyFile(TierFiles& tier, const std::string& name, const File& file, const std::string& to, Loss loss) {
  const UniqueFd source(::open((tier.directory + "/objects/" + name).c_str(), O_RDONLY | O_CLOEXEC));
  if (!source.valid()) return;
  if (loss == Loss::kPower && file.is_new && random_.OneIn(8)) return;
  std::filesystem::create_directories(std::filesystem::path(to).parent_path());
  const UniqueFd copy(::open(to.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  CopyBytes(source.get(), copy.get(), static_cast<uint64_t>(About(source.get()).st_size));
  if (About(source.get()).st_ino != file.inode) return;
  if (loss == Loss::kPower) {
    for (const auto& [page, before] : file.before) {
      // New, old, or the first sectors of the one and the rest of the other.
      const uint64_t kept = random_.OneIn(2) ? kPage : random_.OneIn(2) ? 0 : random_.Below(kPage / kSector) * kSector;
      std::vector<std::byte> bytes = ReadAt(source.get(), page * kPage, kPage);
      std::copy(before.begin() + static_cast<ptrdiff_t>(kept), before.end(),
                bytes.begin() + static_cast<ptrdiff_t>(kept));
      Restore(copy.get(), page, bytes);
    }
  }
  for (const auto& [page, before] : file.lost) Restore(copy.get(), page, before);
  const auto sealed = tier.sealed.find(name);
  if (sealed == tier.sealed.end() || sealed->second.inode != file.inode) return;
  Sealed& next = tier.sealed_next[name] = {About(copy.get()).st_ino, sealed->second.rotten};
  for (const auto& [page, before] : file.lost) next.rotten.insert(page);
}

void Medium::CopyTo(const std::string& root, Loss loss) {
  lost_power_ = loss == Loss::kPower;
  for (auto& [number, tier] : tiers_) {
    tier.sealed_next.clear();
    const std::string directory = root + "/" + std::string(cache::kMediumNames[number]);
    std::filesystem::create_directories(directory);
    for (const auto& [name, file] : tier.files) CopyFile(tier, name, file, directory + "/objects/" + name, loss);
  }
  for (const Stray& stray : strays_) {
    const std::string name = fmt::format("{}/{}/objects/{}", root, cache::kMediumNames[stray.tier], stray.name);
    const UniqueFd file(::open(name.c_str(), O_RDWR | O_CLOEXEC));
    if (!file.valid()) continue;
    WriteAt(file.get(), stray.offset_bytes, stray.bytes);
    const auto sealed = tiers_[stray.tier].sealed_next.find(stray.name);
    if (sealed == tiers_[stray.tier].sealed_next.end()) continue;
    for (uint64_t at = 0; at < stray.bytes.size(); at += kPage) {
      sealed->second.rotten.insert((stray.offset_bytes + at) / kPage);
    }
  }
}

void Medium::Forget() {
  strays_.clear();
  open_.clear();
  for (auto& [number, tier] : tiers_) {
    for (auto& [name, file] : tier.files) file = {};
    tier.sealed = std::move(tier.sealed_next);
    tier.sealed_next.clear();
  }
}

void CopyIndex(World& world, Random& random, const std::string& from, const std::string& to, Medium::Loss loss) {
  std::filesystem::create_directories(to);
  std::string log;
  for (const auto& entry : std::filesystem::directory_iterator(from)) {
    const std::string name = entry.path().filename();
    if (name == "LOCK" || name.starts_with("LOG")) continue;
    std::error_code gone;  // RocksDB clears up by itself
    std::filesystem::copy_file(entry.path(), to + "/" + name, gone);
    if (name.ends_with(".log")) log = std::max(log, name);
  }
  if (loss == Medium::Loss::kNothing || log.empty()) return;
  const uint64_t size = std::filesystem::file_size(to + "/" + log);
  const uint64_t kept = random.OneIn(3) ? size : random.Between(0, size);
  world.Note("index: {} of {} bytes of its log are left", kept, size);
  std::filesystem::resize_file(to + "/" + log, kept);
}

}  // namespace sluice::simulation
