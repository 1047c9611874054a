#include "cli/arguments.h"

namespace sluice::cli {

StatusOr<std::map<std::string, std::string>> ParsePairs(const std::vector<std::string>& arguments,
                                                        std::string_view example) {
  std::map<std::string, std::string> values;
  for (const std::string& pair : arguments) {
    const size_t equals = pair.find('=');
    if (equals == std::string::npos || equals == 0) {
      return InvalidArgument("'{}': KEY=VALUE is expected, such as {}", pair, example);
    }
    values[pair.substr(0, equals)] = pair.substr(equals + 1);
  }
  return values;
}

}  // namespace sluice::cli
