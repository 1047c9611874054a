// The files of a dataset that match some patterns, one after the other, listing as it goes.
//
// A pattern is a path (a directory means everything below it) or a glob: '*' and '?' stay within a component, '**'
// crosses. No patterns: every file.
//
// Threads:   on the loop; one Next at a time.
// Suspends:  Next.
// Limits:    as cache::Dataset::StartListingAhead; memory for the directories on the way down and their siblings, not
//            for the files.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cache/dataset.h"

namespace sluice::daemon {

class Patterns {
 public:
  explicit Patterns(std::vector<std::string> patterns);

  bool Matches(std::string_view path) const;
  // Whether something below this directory may match.
  bool MayMatchBelow(std::string_view directory) const;

 private:
  struct Pattern {
    std::string text;
    bool is_glob;
    bool crosses;         // has "**"
    std::string literal;  // what stands before the first wildcard or escape
  };
  std::vector<Pattern> patterns_;
};

class Walker {
 public:
  // `since_ns` as for Dataset::ListAll.
  Walker(cache::Dataset& dataset, const Patterns& patterns, int64_t since_ns = 0);

  // The next file; nullopt at the end. An error is a directory that cannot be listed: the walk has ended.
  io::Task<StatusOr<std::optional<cache::Node>>> Next();

 private:
  // Lists the directories that come next, so that the walk need not wait for one after the other.
  void ListAhead();

  struct Position {
    cache::Ino directory;
    std::string path;
    cache::Ino after;
  };
  cache::Dataset& dataset_;
  const Patterns& patterns_;
  const int64_t since_ns_;
  std::vector<Position> stack_;
  std::vector<cache::Node> ahead_;  // children read but not looked at yet, last first
};

}  // namespace sluice::daemon
