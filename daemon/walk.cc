#include "daemon/walk.h"

#include <fnmatch.h>

#include <algorithm>

#include "source/source.h"

namespace sluice::daemon {
namespace {

// `path` is `directory` or lies below it.
bool IsWithin(std::string_view path, std::string_view directory) {
  return directory.empty() || path == directory ||
         (path.size() > directory.size() && path.starts_with(directory) && path[directory.size()] == '/');
}

}  // namespace

Patterns::Patterns(std::vector<std::string> patterns) {
  for (std::string& text : patterns) {
    while (text.starts_with('/')) text.erase(0, 1);
    while (text.ends_with('/')) text.pop_back();
    const size_t wildcard = text.find_first_of("*?[");
    Pattern pattern;
    pattern.is_glob = wildcard != std::string::npos;
    pattern.crosses = text.find("**") != std::string::npos;
    pattern.literal = text.substr(0, text.find_first_of("*?[\\"));
    pattern.text = std::move(text);
    patterns_.push_back(std::move(pattern));
  }
}

bool Patterns::Matches(std::string_view path) const {
  if (patterns_.empty()) return true;
  const std::string text(path);
  return std::any_of(patterns_.begin(), patterns_.end(), [&](const Pattern& pattern) {
    if (!pattern.is_glob) return IsWithin(path, pattern.text);
    return ::fnmatch(pattern.text.c_str(), text.c_str(), pattern.crosses ? 0 : FNM_PATHNAME) == 0;
  });
}

bool Patterns::MayMatchBelow(std::string_view directory) const {
  if (patterns_.empty() || directory.empty()) return true;
  return std::any_of(patterns_.begin(), patterns_.end(), [&](const Pattern& pattern) {
    if (!pattern.is_glob) return IsWithin(directory, pattern.text) || IsWithin(pattern.text, directory);
    const size_t shared = std::min(pattern.literal.size(), directory.size());
    return pattern.literal.substr(0, shared) == directory.substr(0, shared);
  });
}

Walker::Walker(cache::Dataset& dataset, const Patterns& patterns, int64_t since_ns)
    : dataset_(dataset), patterns_(patterns), since_ns_(since_ns) {
  stack_.push_back({cache::kRootIno, "", 0});
}

void Walker::ListAhead() {
  for (const cache::Node& node : ahead_) {
    if (node.entry.kind != source::Entry::Kind::kDirectory) continue;
    if (!patterns_.MayMatchBelow(source::JoinPath(stack_.back().path, node.entry.name))) continue;
    if (!dataset_.StartListingAhead(node.ino, SIZE_MAX, since_ns_)) return;
  }
}

io::Task<StatusOr<std::optional<cache::Node>>> Walker::Next() {
  constexpr size_t kChildrenAtATime = 256;
  while (!stack_.empty()) {
    if (ahead_.empty()) {
      const Position at = stack_.back();
      if (at.after == 0) CO_RETURN_IF_ERROR(co_await dataset_.ListAll(at.directory, since_ns_));
      ahead_ = dataset_.catalog().Children(at.directory, at.after, kChildrenAtATime);
      if (ahead_.empty()) {
        stack_.pop_back();
        continue;
      }
      ListAhead();
      std::reverse(ahead_.begin(), ahead_.end());
    }
    cache::Node node = std::move(ahead_.back());
    ahead_.pop_back();
    stack_.back().after = node.ino;
    std::string path = source::JoinPath(stack_.back().path, node.entry.name);
    if (node.entry.kind == source::Entry::Kind::kDirectory) {
      if (!patterns_.MayMatchBelow(path)) continue;
      ahead_.clear();  // they are read again when this directory is done
      stack_.push_back({node.ino, std::move(path), 0});
    } else if (node.entry.kind == source::Entry::Kind::kFile && patterns_.Matches(path)) {
      co_return node;
    }
  }
  co_return std::nullopt;
}

}  // namespace sluice::daemon
