// What the fuzz targets share. A target is one function, LLVMFuzzerTestOneInput, called with one input after the other;
// whatever ends the process is a finding: a report of a sanitizer, too much memory or time, or an Expect that is false.
#pragma once

#include <google/protobuf/stubs/logging.h>
#include <spdlog/spdlog.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace sluice::fuzz {

// A property of every input. Not an assert: it says what was wrong.
inline void Expect(bool holds, std::string_view what) {
  if (holds) return;
  std::fprintf(stderr, "a property does not hold: %.*s\n", static_cast<int>(what.size()), what.data());
  std::abort();
}

inline std::string_view TextOf(const uint8_t* data, size_t size) { return {reinterpret_cast<const char*>(data), size}; }

// Cuts the first line off `text`, without its end.
inline std::string_view TakeLine(std::string_view& text) {
  const size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

// Damaged input is logged where it is met, by protobuf, too: here it would be all that is done.
inline const bool kQuiet = [] {
  spdlog::set_level(spdlog::level::off);
  google::protobuf::SetLogHandler(nullptr);
  return true;
}();

}  // namespace sluice::fuzz
