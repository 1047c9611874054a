// sluice: the command line of the admin API.
#include <CLI/CLI.hpp>
#include <functional>
#include <iostream>

#include "cli/commands.h"
#include "cli/describe.h"
#include "common/suggest.h"

namespace sluice::cli {
namespace {

constexpr const char* kRecordDescription =
    "Write a line 'OBJECT-HEX BLOCK BYTES' for each block that is read, for cachesim --trace. Reads that the kernel "
    "answers by itself do not come to the daemon: a file with passthrough is seen as a whole when it is closed, pages "
    "and natively published volumes not at all. To see all reads, mount with access=large-files, set a throttle that "
    "does not hold anybody up ('sluice throttle VOLUME --read 1TiB/s') before the files are opened, and drop the pages "
    "before each pass ('echo 1 > /proc/sys/vm/drop_caches')";

// The command to run, chosen while the command line is parsed.
using Action = std::function<int()>;

struct Flags {
  Globals globals;
  PrewarmFlags prewarm;
  MountFlags mount;
  UpgradeFlags upgrade;
  ConfigFlags config;
  VolumeFlags volume;
  std::string job;
  std::string limit;
  std::string dataset;
  std::vector<std::string> patterns;
  std::string read = "none";
  uint64_t requests = 0;
  bool watch = false;
  double seconds = 0;
  uint64_t accesses_max = 10'000'000;
};

CLI::App* Command(CLI::App& parent, Action& action, const std::string& name, const std::string& description,
                  Action run) {
  CLI::App* command = parent.add_subcommand(name, description);
  command->callback([&action, run = std::move(run)] { action = run; });
  return command;
}

void AddShowCommands(CLI::App& app, Flags& flags, Action& action) {
  Command(app, action, "mounts", "The volumes that are mounted", [&] { return ShowMounts(flags.globals); });
  Command(app, action, "status", "Version, tiers and whether they are in service",
          [&] { return ShowStatus(flags.globals); });
  CLI::App* stats =
      Command(app, action, "stats", "Hits, misses and bytes", [&] { return ShowStats(flags.globals, flags.watch); });
  stats->add_flag("--watch", flags.watch, "Again every second, as rates");
  Command(app, action, "metrics", "All metrics in Prometheus' text format", [&] { return ShowMetrics(flags.globals); });
}

void AddConfigCommands(CLI::App& app, Flags& flags, Action& action) {
  CLI::App* config = app.add_subcommand("config", "The configuration");
  config->require_subcommand(1);
  Command(*config, action, "show", "The configuration in force, defaults filled in",
          [&] { return ShowConfig(flags.globals); });
  CLI::App* set = Command(*config, action, "set", "Change it while the volumes are in use (docs/configuration.md)",
                          [&] { return SetConfig(flags.globals, flags.config); });
  set->add_option("changes", flags.config.arguments, "KEY=VALUE, such as tiers.ssd.quota=300GiB or policy=lru");
  CLI::App* unset = Command(*config, action, "unset", "Take changes back: the plugin's file says it again",
                            [&] { return UnsetConfig(flags.globals, flags.config); });
  unset->add_option("keys", flags.config.arguments, "Keys, such as tiers.ssd.quota, tiers, or '*'")->required();
  for (CLI::App* command : {set, unset}) {
    command->add_flag("--dry-run", flags.config.dry_run, "Only say what would be");
    command->add_flag("--restart", flags.config.restart,
                      "Start the daemon again if something takes effect only then; readers wait some 50 ms");
  }
}

void AddJobCommands(CLI::App& app, Flags& flags, Action& action) {
  CLI::App* prewarm = Command(app, action, "prewarm", "Fill the cache before anybody reads",
                              [&] { return Prewarm(flags.globals, flags.prewarm); });
  prewarm->add_option("dataset", flags.prewarm.dataset, "Volume id, or the source of exactly one volume")->required();
  prewarm->add_option("paths", flags.prewarm.patterns,
                      "Files, directories or globs ('**' crosses directories); none: everything");
  prewarm->add_option("--from", flags.prewarm.from_file,
                      "Read paths from this file, one a line; '-' is standard input");
  prewarm->add_option("--tier", flags.prewarm.tier, "dram, ssd or hdd; default: where the cache would put it");
  prewarm->add_option("--limit", flags.prewarm.limit, "Bytes per second at most, such as 200MiB/s");
  prewarm->add_option("--concurrency", flags.prewarm.concurrency, "Files at a time; default 32");
  prewarm->add_flag("--publish-native", flags.prewarm.publish_native,
                    "At the end, make the tree that pods mount without FUSE; immutable volumes only");
  prewarm->add_option(
      "--id", flags.prewarm.id,
      "The job's id, of your choice: with it the command may be repeated, and the volume mounted later");
  prewarm->add_flag("--metadata-only", flags.prewarm.metadata_only, "Ask for all names anew, and fetch no bytes");
  prewarm->add_flag("--refresh", flags.prewarm.refresh, "Ask for names anew even where what is known still holds");
  prewarm->add_flag("--wait", flags.prewarm.wait, "Show the progress until it has ended");
  Command(app, action, "jobs", "All prewarm jobs", [&] { return ShowJobs(flags.globals); });
  CLI::App* job = app.add_subcommand("job", "One prewarm job");
  job->require_subcommand(1);
  Command(*job, action, "cancel", "End a job; what it has cached stays",
          [&] { return CancelJob(flags.globals, flags.job); })
      ->add_option("id", flags.job, "The job, such as j1")
      ->required();
  Command(*job, action, "forget", "Remove the record of a job that has ended",
          [&] { return ForgetJob(flags.globals, flags.job); })
      ->add_option("id", flags.job, "The job, such as j1")
      ->required();
  CLI::App* limit = Command(*job, action, "limit", "Change a job's bandwidth",
                            [&] { return LimitJob(flags.globals, flags.job, flags.limit); });
  limit->add_option("id", flags.job, "The job, such as j1")->required();
  limit->add_option("rate", flags.limit, "Bytes per second, such as 200MiB/s; 'none' lifts the limit")->required();
  Command(*job, action, "watch", "Show a job's progress until it has ended",
          [&] { return WatchJob(flags.globals, flags.job); })
      ->add_option("id", flags.job, "The job, such as j1")
      ->required();
}

void AddFileCommands(CLI::App& app, Flags& flags, Action& action) {
  CLI::App* throttle = Command(app, action, "throttle", "Limit the reads of a dataset or of the node",
                               [&] { return Throttle(flags.globals, flags.dataset, flags.read, flags.requests); });
  throttle->add_option("dataset", flags.dataset, "Volume id, source, or 'node'")->required();
  throttle->add_option("--read", flags.read, "Bytes per second, such as 200MiB/s; 'none' lifts the limit");
  throttle->add_option("--requests", flags.requests, "Reads per second; 0 lifts the limit");
  const std::tuple<const char*, const char*, FilesAction> commands[] = {
      {"evict", "Drop cached data", FilesAction::kEvict},
      {"pin", "Keep files from eviction", FilesAction::kPin},
      {"unpin", "Let files be evicted again", FilesAction::kUnpin},
      {"verify", "Compare cached data with its checksums; bad blocks are dropped", FilesAction::kVerify}};
  for (const auto& [name, description, files_action] : commands) {
    CLI::App* command = Command(app, action, name, description, [&flags, chosen = files_action] {
      return Files(flags.globals, chosen, flags.dataset, flags.patterns);
    });
    command->add_option("dataset", flags.dataset, "Volume id, or the source of exactly one volume")->required();
    command->add_option("paths", flags.patterns, "Files, directories or globs; none: everything");
  }
}

void AddTraceCommands(CLI::App& app, Flags& flags, Action& action) {
  CLI::App* trace = app.add_subcommand("trace", "Which blocks are read");
  trace->require_subcommand(1);
  CLI::App* record = Command(*trace, action, "record", kRecordDescription,
                             [&] { return RecordTrace(flags.globals, flags.seconds, flags.accesses_max); });
  record->add_option("--seconds", flags.seconds, "How long, at most a day")->required();
  record
      ->add_option("--accesses-max", flags.accesses_max,
                   "Ends when there are so many, of about 45 bytes each; 0: only with the time")
      ->capture_default_str();
}

void AddMountCommands(CLI::App& app, Flags& flags, Action& action) {
  CLI::App* mount = Command(app, action, "mount", "Mount a source on a machine without Kubernetes",
                            [&] { return Mount(flags.globals, flags.mount); });
  mount->add_option("source", flags.mount.source, "s3://BUCKET/PREFIX, https://HOST/PATH or file:///DIRECTORY")
      ->required();
  mount->add_option("directory", flags.mount.directory, "Where to show it")->required();
  mount
      ->add_option("-o", flags.mount.parameters,
                   "Volume parameter KEY=VALUE (docs/volume-parameters.md); may be repeated")
      ->allow_extra_args(false);
  mount->add_option("--secret-file", flags.mount.secret_file,
                    "YAML file with accessKeyId and secretAccessKey, mode 0600");
  CLI::App* unmount = Command(app, action, "unmount", "End a mount made by 'sluice mount'",
                              [&] { return Unmount(flags.globals, flags.mount); });
  unmount->add_option("directory", flags.mount.directory, "Where it is shown")->required();
  for (CLI::App* command : {mount, unmount}) {
    command->add_option("--name", flags.mount.name, "The dataset's name; default: made from the directory");
    command->add_option("--csi-socket", flags.mount.csi_socket, "The plugin's CSI socket")->capture_default_str();
  }
}

void AddVolumeCommands(CLI::App& app, Flags& flags, Action& action) {
  CLI::App* volume = app.add_subcommand("volume", "One volume's parameters");
  volume->require_subcommand(1);
  CLI::App* set = Command(*volume, action, "set", "Give it others while it is in use, and at each of its mounts",
                          [&] { return SetVolume(flags.globals, flags.volume); });
  set->add_option("volume", flags.volume.volume, "Volume id")->required();
  set->add_option("parameters", flags.volume.parameters,
                  "KEY=VALUE, all of them (docs/volume-parameters.md): what is not named gets its default")
      ->required();
  Command(*volume, action, "reset", "From its next mount on what the plugin is told then",
          [&] { return ResetVolume(flags.globals, flags.volume); })
      ->add_option("volume", flags.volume.volume, "Volume id")
      ->required();
}

void AddUpgradeCommand(CLI::App& app, Flags& flags, Action& action) {
  CLI::App* upgrade = Command(app, action, "upgrade", "Replace the daemon while its volumes are in use",
                              [&] { return Upgrade(flags.globals, flags.upgrade); });
  upgrade->add_option("--program", flags.upgrade.program,
                      "The new sluiced, root's own; default: the one beside the plugin");
  upgrade->add_option("--pool", flags.upgrade.pool, "Whose daemon")->capture_default_str();
  upgrade
      ->add_option("--deadline", flags.upgrade.deadline_seconds,
                   "Seconds for the new daemon to serve; then the one before it is started again")
      ->check(CLI::Range(0.1, 1800.0))
      ->capture_default_str();
  upgrade->add_option("--csi-socket", flags.upgrade.csi_socket, "The plugin's CSI socket")->capture_default_str();
}

int Run(int argc, char** argv) {
  CLI::App app("Administers a node's Sluice cache over the daemon's admin socket.", "sluice");
  Flags flags;
  Action action;
  app.set_version_flag("--version", SLUICE_VERSION);
  app.add_option("--socket", flags.globals.socket, "The pool's admin socket")->capture_default_str();
  app.add_option("--output", flags.globals.output, "text or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  app.require_subcommand(1);
  app.fallthrough();
  AddShowCommands(app, flags, action);
  AddConfigCommands(app, flags, action);
  AddJobCommands(app, flags, action);
  AddFileCommands(app, flags, action);
  AddTraceCommands(app, flags, action);
  AddMountCommands(app, flags, action);
  AddVolumeCommands(app, flags, action);
  AddUpgradeCommand(app, flags, action);
  Command(app, action, "completion", "Print a completion script for bash and zsh", [&] {
    std::cout << Completion(app);
    return kOk;
  });
  Command(app, action, "man", "Print the man page sluice(1)", [&] {
    std::cout << ManPage(app, SLUICE_VERSION);
    return kOk;
  });
  try {
    app.parse(argc, argv);
  } catch (const CLI::RequiredError& e) {
    if (app.remaining_size() == 0) return app.exit(e) == 0 ? kOk : kUsage;
    std::vector<std::string_view> names;
    const auto commands = app.get_subcommands([](const CLI::App*) { return true; });
    for (const CLI::App* command : commands) names.push_back(command->get_name());
    std::cerr << "sluice: no command '" << app.remaining().front() << "'" << DidYouMean(app.remaining().front(), names)
              << "\n";
    return kUsage;
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? kOk : kUsage;
  }
  return action();
}

}  // namespace
}  // namespace sluice::cli

int main(int argc, char** argv) { return sluice::cli::Run(argc, argv); }
