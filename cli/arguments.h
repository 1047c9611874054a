// What stands on a command line.
//
// Threads:  pure functions.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/status.h"

namespace sluice::cli {

// "KEY=VALUE" each; the last of a key counts. INVALID_ARGUMENT that shows `example`.
StatusOr<std::map<std::string, std::string>> ParsePairs(const std::vector<std::string>& arguments,
                                                        std::string_view example);

}  // namespace sluice::cli
