#include "cli/describe.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace sluice::cli {
namespace {

// '-' would become a typographic hyphen, a leading '.' a request.
std::string Troff(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '-' || c == '\\') out += '\\';
    out += c;
    if (c == '\n') out += "\\&";
  }
  return out;
}

std::vector<const CLI::App*> Subcommands(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App*) { return true; });
}

void DescribeOptions(const CLI::App& app, std::string& out) {
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_description().empty()) continue;
    const std::string name = option->get_positional() ? option->get_single_name() : option->get_name(false, true);
    out += fmt::format(".TP\n\\fB{}\\fR\n{}\n", Troff(name), Troff(option->get_description()));
  }
}

void DescribeCommands(const CLI::App& app, const std::string& prefix, std::string& out) {
  for (const CLI::App* command : Subcommands(app)) {
    const std::string name = prefix + command->get_name();
    out += fmt::format(".SS {}\n{}\n", Troff(name), Troff(command->get_description()));
    DescribeOptions(*command, out);
    DescribeCommands(*command, name + " ", out);
  }
}

void CompletionCases(const CLI::App& app, const std::string& path, std::string& out) {
  std::vector<std::string> words;
  for (const CLI::App* command : Subcommands(app)) words.push_back(command->get_name());
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) words.push_back("--" + name);
  }
  out += fmt::format("    \"{}\") words=\"{}\" ;;\n", path, fmt::join(words, " "));
  for (const CLI::App* command : Subcommands(app)) CompletionCases(*command, path + " " + command->get_name(), out);
}

}  // namespace

std::string ManPage(const CLI::App& app, const std::string& version) {
  std::string out = fmt::format(
      ".TH SLUICE 1 \"\" \"sluice {}\" \"Sluice\"\n.SH NAME\nsluice \\- administers the node cache\n", version);
  out += ".SH SYNOPSIS\n.B sluice\n[OPTIONS] COMMAND [ARGUMENTS]\n";
  out += fmt::format(".SH DESCRIPTION\n{}\n.SH OPTIONS\n", Troff(app.get_description()));
  DescribeOptions(app, out);
  out += ".SH COMMANDS\n";
  DescribeCommands(app, "", out);
  out +=
      ".SH EXIT STATUS\n.TP\n0\ndone\n.TP\n1\nthe daemon refused, or the work failed\n.TP\n2\nthe command line is "
      "wrong\n"
      ".TP\n3\nno daemon answers on the socket\n.TP\n4\nno such dataset, job or file\n";
  return out;
}

std::string Completion(const CLI::App& app) {
  std::string cases;
  CompletionCases(app, "sluice", cases);
  return fmt::format(R"(# bash completion for sluice; zsh: autoload -U bashcompinit && bashcompinit first
_sluice() {{
  local word path=sluice words i
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${{COMP_WORDS[i]}}
    [[ $word == -* ]] || path="$path $word"
  done
  while :; do
    case "$path" in
{}    esac
    [[ -n $words || $path != *" "* ]] && break
    path=${{path% *}}
  done
  COMPREPLY=($(compgen -W "$words" -- "${{COMP_WORDS[COMP_CWORD]}}"))
}}
complete -F _sluice sluice
)",
                     cases);
}

}  // namespace sluice::cli
