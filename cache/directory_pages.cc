#include "cache/directory_pages.h"

#include <algorithm>

namespace sluice::cache {
namespace {

// Of all that a page has, shown or hidden; ascending if the server's are. Empty: they are in no order.
std::vector<std::string> KeysOf(const source::Page& page) {
  std::vector<std::string> keys;
  keys.reserve(page.entries.size() + page.hidden_keys.size());
  for (const source::Entry& entry : page.entries) keys.push_back(source::KeyOf(entry));
  if (!std::is_sorted(keys.begin(), keys.end())) return {};
  keys.insert(keys.end(), page.hidden_keys.begin(), page.hidden_keys.end());
  std::sort(keys.begin(), keys.end());
  return keys;
}

// Leaves the keys in (after, end].
void Clip(source::Page& page, const std::string& after, const std::optional<std::string>& end) {
  const auto outside = [&](const std::string& key) { return key <= after || (end && key > *end); };
  std::erase_if(page.entries, [&](const source::Entry& entry) { return outside(source::KeyOf(entry)); });
  std::erase_if(page.hidden_keys, outside);
  page.hidden = page.hidden_keys.size();
}

}  // namespace

DirectoryPages::DirectoryPages(source::Source& source, std::string directory, io::Loop& loop, io::Gate& gate,
                               ListingBudget& budget)
    : source_(source),
      directory_(std::move(directory)),
      gate_(gate),
      budget_(budget),
      progressed_(loop),
      may_cut_(source.CanListAfter(directory_)) {
  ranges_.push_back(std::make_shared<Range>());
  ranges_.back()->from_start = true;
}

DirectoryPages::~DirectoryPages() {
  for (const auto& range : ranges_) budget_.pages -= range->pages.size();
}

io::Task<StatusOr<std::optional<source::Page>>> DirectoryPages::Next(bool cut) {
  for (;;) {
    if (!status_.ok()) co_return status_;
    if (ranges_.empty()) co_return std::nullopt;
    Range& front = *ranges_.front();
    if (!front.pages.empty()) {
      source::Page page = std::move(front.pages.front());
      front.pages.pop_front();
      --budget_.pages;
      if (cut) Start(cut);  // the next ones come while this one is looked at
      co_return page;
    }
    if (front.done) {
      ranges_.pop_front();
      continue;
    }
    Start(cut);
    if (front.fetching) co_await progressed_.Wait();  // else it has come already
  }
}

void DirectoryPages::Start(bool cut) {
  while (StartOne(cut)) {
  }
}

bool DirectoryPages::StartOne(bool cut) {
  if (!status_.ok()) return false;
  for (auto at = ranges_.begin(); at != ranges_.end(); ++at) {
    const bool ahead = at != ranges_.begin();
    std::shared_ptr<Range> range = *at;
    if (range->done || (ahead && !MayFetchAhead())) continue;
    if (range->fetching) range = cut && MayFetchAhead() ? Cut(at) : nullptr;
    if (range == nullptr) continue;
    io::Spawn(Fetch(shared_from_this(), range, ahead || range != *at));
    return true;
  }
  return false;
}

bool DirectoryPages::MayFetchAhead() const {
  return budget_.requests + 1 < kRequestsMax && budget_.pages + budget_.requests < kPagesMax;
}

std::shared_ptr<DirectoryPages::Range> DirectoryPages::Cut(Ranges::iterator at) {
  Range& range = **at;
  if (!range.stride || !may_cut_) return nullptr;
  const auto middle = range.stride->Ahead(range.position, kRangePages);
  if (!middle) return nullptr;
  const auto far = range.stride->Ahead(range.position, 2 * kRangePages);
  if (range.end && (!far || *far > *range.end)) return nullptr;
  const auto cut_off = std::make_shared<Range>();
  cut_off->position = *middle;
  cut_off->end = range.end;
  cut_off->stride = range.stride;
  range.end = *middle;
  ranges_.insert(std::next(at), cut_off);
  was_cut_ = true;
  return cut_off;
}

io::Task<void> DirectoryPages::Fetch(std::shared_ptr<DirectoryPages> self, std::shared_ptr<Range> range, bool ahead) {
  const io::Gate::Holder holder = self->gate_.Enter();
  range->fetching = true;
  if (ahead) ++self->budget_.requests;
  const std::string after = range->position;
  const bool from_key = !range->begun && !range->from_start;
  auto task =
      from_key ? self->source_.ListAfter(self->directory_, after) : self->source_.List(self->directory_, range->next);
  StatusOr<source::Page> page = co_await task;
  range->fetching = false;
  if (ahead) --self->budget_.requests;
  if (!self->status_.ok()) co_return;
  if (page.ok()) {
    self->Take(*range, *std::move(page), after);
  } else if (from_key && page.status().code() != StatusCode::kUnavailable &&
             page.status().code() != StatusCode::kDeadlineExceeded) {
    self->Refuse(Message(page.status()));
  } else {
    self->status_ = page.status();
  }
  self->progressed_.Notify();
}

void DirectoryPages::Refuse(std::string_view why) {
  may_cut_ = false;
  refused_ = true;
  if (was_cut_) status_ = FailedPrecondition("the listing of '{}' cannot be cut: {}", directory_, why);
}

void DirectoryPages::Take(Range& range, source::Page page, const std::string& after) {
  std::vector<std::string> keys;
  if (may_cut_) {
    const bool has_any = !page.entries.empty() || !page.hidden_keys.empty();
    keys = KeysOf(page);
    if (has_any && (keys.empty() || keys.front() <= after)) {
      Refuse("the server lists names out of order");
      keys.clear();
    }
    if (!status_.ok()) return;
  }
  range.begun = true;
  range.next = page.next;
  range.done = page.next.empty();
  if (was_cut_) {
    Clip(page, range.position, range.end);
    if (range.end && !keys.empty() && keys.back() >= *range.end) range.done = true;
  }
  if (!keys.empty()) {
    range.position = keys.back();
    if (auto stride = KeyStride::Of(keys)) range.stride = std::move(stride);
  }
  range.pages.push_back(std::move(page));
  ++budget_.pages;
}

}  // namespace sluice::cache
