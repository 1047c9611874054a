// A man page and shell completions, made from the command line's own definition, so that they cannot disagree with it.
//
// Threads:  pure functions.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace sluice::cli {

// troff for sluice(1).
std::string ManPage(const CLI::App& app, const std::string& version);

// A completion script for bash or zsh (which reads bash's through bashcompinit).
std::string Completion(const CLI::App& app);

}  // namespace sluice::cli
