#include "source/joined_source.h"

#include <algorithm>
#include <set>

namespace sluice::source {
namespace {

Entry DirectoryNamed(std::string name) {
  Entry entry;
  entry.kind = Entry::Kind::kDirectory;
  entry.name = std::move(name);
  return entry;
}

// A directory has no version.
void Mark(Entry& entry, const std::string& mark) {
  if (entry.kind != Entry::Kind::kDirectory) entry.version.insert(0, mark);
}
void Mark(Page& page, const std::string& mark) {
  if (mark.empty()) return;
  for (Entry& entry : page.entries) Mark(entry, mark);
}

// Where the next page of a directory goes on: the greatest key so far, and the part's own continuation. The part's may
// hold any byte; a key holds no NUL.
struct Continuation {
  std::string key;
  std::string next;

  static Continuation Parse(const std::string& text) {
    const size_t end = std::min(text.find('\0'), text.size());
    return {text.substr(0, end), end < text.size() ? text.substr(end + 1) : ""};
  }
  std::string Text() const { return key + '\0' + next; }
};

bool ByKey(const Entry& a, const Entry& b) { return KeyOf(a) < KeyOf(b); }

// The greatest key that the page shows or hides, or `after`.
std::string LastKey(const Page& page, const std::string& after) {
  std::string last = after;
  for (const Entry& entry : page.entries) last = std::max(last, KeyOf(entry));
  for (const std::string& key : page.hidden_keys) last = std::max(last, key);
  return last;
}

// Puts `names` into a part's page in place of what that has of them: those up to its greatest key, and behind the last
// page all that are left. `after` is the greatest key before the page, so that each comes once whatever the order is.
void PutInto(Page& page, const std::vector<std::string>& names, const std::string& after) {
  const std::string last = LastKey(page, after);
  const bool in_order = std::is_sorted(page.entries.begin(), page.entries.end(), ByKey);
  std::erase_if(page.entries, [&](const Entry& entry) { return std::ranges::binary_search(names, entry.name); });
  for (const std::string& name : names) {
    Entry entry = DirectoryNamed(name);
    const std::string key = KeyOf(entry);
    if (key > after && (key <= last || page.next.empty())) page.entries.push_back(std::move(entry));
  }
  if (in_order) std::sort(page.entries.begin(), page.entries.end(), ByKey);
  if (!page.next.empty()) page.next = Continuation{last, page.next}.Text();
}

// Whether the part has a directory there. A part's root is asked for by listing it.
io::Task<StatusOr<bool>> HasDirectory(Source& source, std::string path) {
  if (path.empty()) co_return true;
  const auto entry = co_await source.Stat(std::move(path));
  if (entry.status().code() == StatusCode::kNotFound) co_return false;
  if (!entry.ok()) co_return entry.status();
  co_return entry->kind == Entry::Kind::kDirectory;
}

}  // namespace

JoinedSource::Place JoinedSource::PlaceOf(std::string_view path) const {
  Place place;
  size_t longest = 0;
  for (const Part& part : *parts_) {
    const auto below = PathBelow(path, part.path);
    if (!below || (place.source != nullptr && part.path.size() < longest)) continue;
    place = {part.source, std::string(*below), part.mark};
    longest = part.path.size();
  }
  return place;
}

StatusOr<JoinedSource::Place> JoinedSource::Find(std::string_view path) const {
  Place place = PlaceOf(path);
  if (place.source == nullptr) return NotFound("'{}' is in none of the volume's mounts", path);
  return place;
}

StatusOr<JoinedSource::Place> JoinedSource::FindVersion(std::string_view path, std::string* version) const {
  ASSIGN_OR_RETURN(Place place, Find(path));
  if (!version->starts_with(place.mark)) return Aborted("'{}' was a file of a mount that is not there any more", path);
  version->erase(0, place.mark.size());
  return place;
}

std::vector<std::string> JoinedSource::NamesIn(std::string_view directory) const {
  std::set<std::string> names;
  for (const Part& part : *parts_) {
    const auto below = PathBelow(part.path, directory);
    if (below && !below->empty()) names.emplace(below->substr(0, below->find('/')));
  }
  return {names.begin(), names.end()};
}

io::Task<StatusOr<Entry>> JoinedSource::Stat(std::string path) {
  const auto is_part = [&](const Part& part) { return part.path == path; };
  const bool leads_to_part = !NamesIn(path).empty();
  if (leads_to_part || (!path.empty() && std::ranges::any_of(*parts_, is_part))) {
    co_return DirectoryNamed(path.substr(path.rfind('/') + 1));
  }
  CO_ASSIGN_OR_RETURN(Place place, Find(path));
  CO_ASSIGN_OR_RETURN(Entry entry, co_await place.source->Stat(std::move(place.path)));
  Mark(entry, place.mark);
  co_return entry;
}

io::Task<StatusOr<Page>> JoinedSource::List(std::string directory, std::string continuation) {
  const std::vector<std::string> names = NamesIn(directory);
  Place place = PlaceOf(directory);
  if (names.empty()) {
    if (place.source == nullptr) co_return Find(directory).status();
    CO_ASSIGN_OR_RETURN(Page all, co_await place.source->List(std::move(place.path), std::move(continuation)));
    Mark(all, place.mark);
    co_return all;
  }
  const Continuation from = Continuation::Parse(continuation);
  StatusOr<Page> page = Page();
  bool has_directory = place.source != nullptr;
  if (has_directory && continuation.empty()) {
    CO_ASSIGN_OR_RETURN(has_directory, co_await HasDirectory(*place.source, place.path));
  }
  if (has_directory) page = co_await place.source->List(std::move(place.path), from.next);
  if (!page.ok()) co_return page;
  Mark(*page, place.mark);
  PutInto(*page, names, from.key);
  co_return page;
}

bool JoinedSource::CanListAfter(std::string_view directory) const {
  const Place place = PlaceOf(directory);
  return place.source != nullptr && place.source->CanListAfter(place.path);
}

io::Task<StatusOr<Page>> JoinedSource::ListAfter(std::string directory, std::string key) {
  CO_ASSIGN_OR_RETURN(Place place, Find(directory));
  StatusOr<Page> page = co_await place.source->ListAfter(std::move(place.path), key);
  const std::vector<std::string> names = NamesIn(directory);
  if (!page.ok()) co_return page;
  Mark(*page, place.mark);
  if (!names.empty()) PutInto(*page, names, key);
  co_return page;
}

io::Task<Status> JoinedSource::Read(ReadRequest request) {
  CO_ASSIGN_OR_RETURN(Place place, FindVersion(request.path, &request.version));
  request.path = std::move(place.path);
  co_return co_await place.source->Read(std::move(request));
}

bool JoinedSource::GivesDigests() const {
  return std::ranges::any_of(*parts_, [](const Part& part) { return part.source->GivesDigests(); });
}

io::Task<StatusOr<std::optional<Digest>>> JoinedSource::DigestOf(std::string path, std::string version) {
  CO_ASSIGN_OR_RETURN(Place place, FindVersion(path, &version));
  co_return co_await place.source->DigestOf(std::move(place.path), std::move(version));
}

io::Task<StatusOr<std::string>> JoinedSource::ReadLink(std::string path) {
  CO_ASSIGN_OR_RETURN(Place place, Find(path));
  co_return co_await place.source->ReadLink(std::move(place.path));
}

}  // namespace sluice::source
