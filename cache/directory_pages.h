// The pages of one directory's listing, in order, fetched several at a time where the source can begin anywhere.
//
// A long listing is cut into ranges of keys, (begin, end], each fetched page after page. The cuts are guesses
// (cache/key_stride.h) a few pages ahead of what was seen, nearest to the front first, so that little has to wait for
// its turn. A wrong guess costs requests that bring nothing, but the last range goes on as if there were no others.
// What is given out is, in the same order, what one request after the other would have brought. A server that orders
// names otherwise, or ignores where to begin, is found out, because it shows keys that a page cannot have.
//
// Threads:     loop-confined.
// Suspends:    Next.
// Owns:        what was fetched and not given out yet. Borrows the rest; requests under way hold the gate.
// Limits:      kRequestsMax requests at a time and kPagesMax fetched pages, over all that share a budget; beyond them
//              one request for the front of each listing.
// Errors:      the source's; any when `refused`: begin anew without cuts.
// Invariants:  each key of the listing is in one range; a range's keys are given out once.
#pragma once

#include <deque>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cache/key_stride.h"
#include "io/sync.h"
#include "source/source.h"

namespace sluice::cache {

// What several listings have fetched, or asked for, ahead of their front.
struct ListingBudget {
  size_t requests = 0;
  size_t pages = 0;
};

class DirectoryPages : public std::enable_shared_from_this<DirectoryPages> {
 public:
  static constexpr size_t kRequestsMax = 8;
  static constexpr size_t kPagesMax = 32;
  static constexpr size_t kRangePages = 3;  // how long a range is to be

  DirectoryPages(source::Source& source, std::string directory, io::Loop& loop, io::Gate& gate, ListingBudget& budget);
  ~DirectoryPages();

  // nullopt at the end. `cut`: whether more than one request at a time is worth it. One call at a time.
  io::Task<StatusOr<std::optional<source::Page>>> Next(bool cut);

  // The server does not list in the order of keys, or does not begin where it is told to: cuts would lose names.
  bool refused() const { return refused_; }

 private:
  struct Range {
    std::string position;            // up to here it is fetched; before that, where it begins, exclusive
    std::optional<std::string> end;  // inclusive; nullopt: whatever comes
    std::string next;                // the continuation; empty before the first page
    std::optional<KeyStride> stride;
    std::deque<source::Page> pages;
    bool from_start = false;  // it has no begin
    bool begun = false;       // a page of it has come
    bool fetching = false;
    bool done = false;
  };
  using Ranges = std::list<std::shared_ptr<Range>>;

  // Starts requests as far as the limits go.
  void Start(bool cut);
  bool StartOne(bool cut);
  bool MayFetchAhead() const;
  // Cuts off what lies further ahead; nullptr when what is left is short, or there is no telling where.
  std::shared_ptr<Range> Cut(Ranges::iterator at);
  static io::Task<void> Fetch(std::shared_ptr<DirectoryPages> self, std::shared_ptr<Range> range, bool ahead);
  void Take(Range& range, source::Page page, const std::string& after);
  // There will be no cuts; if there were, the listing fails.
  void Refuse(std::string_view why);

  source::Source& source_;
  const std::string directory_;
  io::Gate& gate_;
  ListingBudget& budget_;
  io::Event progressed_;
  Ranges ranges_;  // ascending, one after the other
  Status status_;
  bool may_cut_;
  bool was_cut_ = false;
  bool refused_ = false;
};

}  // namespace sluice::cache
