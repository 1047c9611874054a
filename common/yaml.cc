#include "common/yaml.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>

#include "common/bytes.h"
#include "common/suggest.h"

namespace sluice {

StatusOr<YAML::Node> LoadYaml(const std::string& path) {
  std::ifstream stream(path);
  if (!stream) return NotFound("the configuration file {} cannot be read", path);
  return ParseYaml({std::istreambuf_iterator<char>(stream), {}}, path);
}

StatusOr<YAML::Node> ParseYaml(const std::string& text, const std::string& name) {
  try {
    return YAML::Load(text);
  } catch (const YAML::Exception& e) {
    return InvalidArgument("{}:{}: {}", name, e.mark.line + 1, e.msg);
  }
}

StatusOr<Duration> ParseDuration(std::string_view text) {
  double number = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit(rest, text.data() + text.size() - rest);
  double seconds = -1;
  if (unit == "ms") seconds = number * 1e-3;
  if (unit == "s") seconds = number;
  if (unit == "m") seconds = number * 60;
  if (unit == "h") seconds = number * 3600;
  if (unit == "d") seconds = number * 86400;
  if (error != std::errc{} || !(seconds >= 0) || seconds > 100.0 * 365 * 86400) {
    return InvalidArgument("'{}' is not a duration; write a number with a unit, such as 30s, 5m or 1h", text);
  }
  return Duration(static_cast<int64_t>(seconds * 1e9));
}

YamlMapping::YamlMapping(std::string file, YAML::Node node) : file_(std::move(file)), node_(std::move(node)) {
  if (node_.IsDefined() && !node_.IsNull() && !node_.IsMap()) {
    Fail(InvalidArgument("{}:{}: a mapping (key: value) is expected here", file_, node_.Mark().line + 1));
    node_ = YAML::Node();
  }
}

bool YamlMapping::Has(std::string_view key) const {
  return node_.IsMap() && static_cast<const YAML::Node&>(node_)[std::string(key)].IsDefined();
}

YAML::Node YamlMapping::Take(std::string_view key) {
  known_.emplace_back(key);
  return Has(key) ? static_cast<const YAML::Node&>(node_)[std::string(key)] : YAML::Node(YAML::NodeType::Undefined);
}

void YamlMapping::Fail(const Status& status) {
  if (first_error_.ok()) first_error_ = status;
}

Status YamlMapping::ErrorAt(std::string_view key, std::string_view what) const {
  int line = node_.Mark().line;
  if (Has(key)) line = static_cast<const YAML::Node&>(node_)[std::string(key)].Mark().line;
  return InvalidArgument("{}:{}: {}: {}", file_, line + 1, key, what);
}

void YamlMapping::Scalar(std::string_view key, std::string_view expected,
                         const std::function<Status(const std::string&)>& parse) {
  const YAML::Node value = Take(key);
  if (!value.IsDefined()) return;
  if (!value.IsScalar()) return Fail(ErrorAt(key, fmt::format("{} is expected", expected)));
  const Status parsed = parse(value.Scalar());
  if (!parsed.ok()) Fail(ErrorAt(key, Message(parsed)));
}

void YamlMapping::String(std::string_view key, std::string* target) {
  Scalar(key, "a string", [&](const std::string& text) {
    *target = text;
    return absl::OkStatus();
  });
}

void YamlMapping::Bytes(std::string_view key, uint64_t* target) {
  Scalar(key, "a size such as 64MiB", [&](const std::string& text) {
    ASSIGN_OR_RETURN(*target, ParseBytes(text));
    return absl::OkStatus();
  });
}

void YamlMapping::Rate(std::string_view key, uint64_t* target) {
  Scalar(key, "a rate such as 200MiB/s", [&](const std::string& text) {
    ASSIGN_OR_RETURN(*target, ParseRate(text));
    return absl::OkStatus();
  });
}

void YamlMapping::Integer(std::string_view key, uint64_t min, uint64_t max, uint64_t* target) {
  Scalar(key, "a whole number", [&](const std::string& text) -> Status {
    uint64_t value = 0;
    const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || rest != text.data() + text.size() || value < min || value > max) {
      return InvalidArgument("'{}' is not a whole number from {} to {}", text, min, max);
    }
    *target = value;
    return absl::OkStatus();
  });
}

void YamlMapping::Fraction(std::string_view key, double* target) {
  Scalar(key, "a share such as 0.95 or 95%", [&](const std::string& text) -> Status {
    double value = 0;
    const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const std::string_view unit(rest, text.data() + text.size() - rest);
    if (unit == "%") value /= 100;
    if (error != std::errc{} || !(unit.empty() || unit == "%") || !(value > 0 && value <= 1)) {
      return InvalidArgument("'{}' is not a share; write 0.95 or 95%", text);
    }
    *target = value;
    return absl::OkStatus();
  });
}

void YamlMapping::Seconds(std::string_view key, Duration* target) {
  Scalar(key, "a duration such as 30s", [&](const std::string& text) {
    ASSIGN_OR_RETURN(*target, ParseDuration(text));
    return absl::OkStatus();
  });
}

void YamlMapping::Choice(std::string_view key, std::span<const std::string_view> choices, std::string* target) {
  Scalar(key, "a word", [&](const std::string& text) -> Status {
    if (std::find(choices.begin(), choices.end(), text) == choices.end()) {
      return InvalidArgument("'{}' is not known{}", text, DidYouMean(text, choices));
    }
    *target = text;
    return absl::OkStatus();
  });
}

void YamlMapping::Paths(std::string_view key, std::vector<std::string>* target) {
  const YAML::Node value = Take(key);
  if (!value.IsDefined()) return;
  if (!value.IsSequence()) return Fail(ErrorAt(key, "a list of absolute paths is expected"));
  target->clear();
  for (const auto& item : value) {
    if (!item.IsScalar() || !item.Scalar().starts_with('/')) {
      return Fail(ErrorAt(key, fmt::format("'{}' is no absolute path", item.IsScalar() ? item.Scalar() : "…")));
    }
    target->push_back(item.Scalar());
  }
}

void YamlMapping::List(std::string_view key, const std::function<Status(YamlMapping&)>& read) {
  const YAML::Node value = Take(key);
  if (!value.IsDefined()) return;
  if (!value.IsSequence()) return Fail(ErrorAt(key, "a list is expected"));
  for (const auto& item : value) {
    YamlMapping mapping(file_, item);
    Fail(read(mapping));
  }
}

void YamlMapping::Mapping(std::string_view key, const std::function<Status(YamlMapping&)>& read) {
  const YAML::Node value = Take(key);
  if (!value.IsDefined()) return;
  YamlMapping mapping(file_, value);
  Fail(read(mapping));
}

void YamlMapping::Entries(std::string_view key, const std::function<Status(const std::string&, YamlMapping&)>& read) {
  const YAML::Node value = Take(key);
  if (!value.IsDefined()) return;
  if (!value.IsMap()) return Fail(ErrorAt(key, "a mapping (name: …) is expected"));
  for (const auto& entry : value) {
    YamlMapping mapping(file_, entry.second);
    Fail(read(entry.first.Scalar(), mapping));
  }
}

Status YamlMapping::Finish() {
  if (node_.IsMap()) {
    const std::vector<std::string_view> known(known_.begin(), known_.end());
    for (const auto& entry : node_) {
      const std::string& key = entry.first.Scalar();
      if (std::find(known.begin(), known.end(), key) == known.end()) {
        Fail(InvalidArgument("{}:{}: unknown key '{}'{}", file_, entry.first.Mark().line + 1, key,
                             DidYouMean(key, known)));
      }
    }
  }
  return first_error_;
}

}  // namespace sluice
