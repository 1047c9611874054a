// Strict reading of a YAML mapping: every key must be known, every value of its kind, and an error names file, line,
// key and what is expected.
//
//   YamlMapping top(file, root);
//   top.Bytes("blockSize", &options.block_size_bytes);
//   RETURN_IF_ERROR(top.Finish());     // the first error, unknown keys among them
//
// A key that is absent leaves its target as it was: defaults are where the options are declared.
//
// Threads:  not thread-safe.
// Errors:   INVALID_ARGUMENT, gathered: the first one wins, and Finish returns it.
#pragma once

#include <yaml-cpp/yaml.h>

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/clock.h"
#include "common/status.h"

namespace sluice {

// Reads `path`. Error: NOT_FOUND, or INVALID_ARGUMENT with the line where the text is no YAML.
StatusOr<YAML::Node> LoadYaml(const std::string& path);
// The same of a text; `name` is what errors call it.
StatusOr<YAML::Node> ParseYaml(const std::string& text, const std::string& name);

// The same of a text, which messages call `name`.
StatusOr<YAML::Node> ParseYaml(const std::string& text, const std::string& name);

class YamlMapping {
 public:
  YamlMapping(std::string file, YAML::Node node);

  void String(std::string_view key, std::string* target);
  void Bytes(std::string_view key, uint64_t* target);  // "64MiB"
  void Rate(std::string_view key, uint64_t* target);   // "200MiB/s"
  void Integer(std::string_view key, uint64_t min, uint64_t max, uint64_t* target);
  void Fraction(std::string_view key, double* target);                 // 0 < value <= 1; "95%" or 0.95
  void Seconds(std::string_view key, Duration* target);                // "30s", "5m", "1h"
  void Paths(std::string_view key, std::vector<std::string>* target);  // a list of absolute paths
  void Choice(std::string_view key, std::span<const std::string_view> choices, std::string* target);

  // Calls `read` with each mapping of a list, or with a mapping's value.
  void List(std::string_view key, const std::function<Status(YamlMapping&)>& read);
  void Mapping(std::string_view key, const std::function<Status(YamlMapping&)>& read);
  // Calls `read` for each entry of a mapping whose keys the user chooses.
  void Entries(std::string_view key, const std::function<Status(const std::string&, YamlMapping&)>& read);

  // "FILE:LINE: KEY: …" for an error that the caller found at `key`.
  Status ErrorAt(std::string_view key, std::string_view what) const;

  bool Has(std::string_view key) const;
  Status Finish();

 private:
  // The value at `key` (marks it known); an undefined node when absent.
  YAML::Node Take(std::string_view key);
  void Fail(const Status& status);
  void Scalar(std::string_view key, std::string_view expected, const std::function<Status(const std::string&)>& parse);

  std::string file_;
  YAML::Node node_;
  std::vector<std::string> known_;
  Status first_error_;
};

// "30s", "5m", "1h", "250ms", "1d".
StatusOr<Duration> ParseDuration(std::string_view text);

}  // namespace sluice
