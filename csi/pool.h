// One pool: its daemon, kept alive, and the FUSE connections of its volumes, kept open. This is the broker.
//
// It holds a duplicate of every volume's FUSE descriptor, the bytes of its FUSE_INIT and the backing files of its
// inodes. When the daemon dies it is started again, after a backoff, and is handed them all: readers wait that long and
// see no error. The daemon holds the same: when the plugin dies its volumes are served on, and the next plugin, which
// finds the daemon listening, is handed them back.
//
// When both die the connections are lost. What was staged, and where pods have it, is recorded (StagedVolumes), so that
// it can be mounted anew (Staging::Restore).
//
// An attached daemon (`attached` in the configuration) is started by somebody else, in a pod of its own: the pool waits
// for it instead, and asks it to stop when another is to take its place.
//
// What the daemon is told of its configuration is a file of the pool's own, STATE_DIR/config/NAME.yaml: as the
// configuration was when it was applied last (Start, Upgrade), whatever has become of --config since.
//
// Threads:     every method is thread-safe; one thread of its own supervises the daemon and receives from it.
// Owns:        the daemon's process while it serves no volume, the descriptors, the credentials of mounted volumes.
// Limits:      kMountDeadline per Mount; kBackoffMax between restarts; kStartDeadline for a daemon to listen, and
//              kHelloDeadline to say what it serves: then it is killed, as is one that says nothing for
//              `answerDeadline` of the configuration, though it is asked whether it lives. What it says is taken at
//              kMessagesPerSecondMax. After kAbortAfter without a
//              daemon the connections are given up, so that nothing waits for ever (readers get ENOTCONN).
// Errors:      Mount: the daemon's own answer; UNAVAILABLE when there is no daemon or it dies over it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "common/message_socket.h"
#include "common/pool_config.h"
#include "common/token_bucket.h"
#include "csi/backing_files.h"
#include "csi/changed_parameters.h"
#include "csi/daemon_process.h"
#include "csi/mounter.h"
#include "csi/replacement.h"
#include "csi/staged_volumes.h"
#include "proto/broker.pb.h"

namespace sluice::csi {

struct PoolOptions {
  std::string name;
  PoolConfigs configs;  // of all pools: they share the node's memory
  std::string state_directory;
  std::string run_directory;  // on a tmpfs
  std::string config_file;    // empty: none
  std::string daemon_program;
  std::function<void()> on_lost;  // Lost() may have grown; any thread, no call back into the pool
};

class Pool {
 public:
  static constexpr Duration kMountDeadline = std::chrono::seconds(60);
  static constexpr Duration kBackoffFirst = std::chrono::milliseconds(20);
  static constexpr Duration kBackoffMax = std::chrono::seconds(10);
  static constexpr Duration kBackoffServingMax = std::chrono::milliseconds(40);  // after a daemon that had served
  static constexpr Duration kAbortAfter = std::chrono::minutes(10);
  static constexpr Duration kRenewDeadline = std::chrono::seconds(10);
  static constexpr int kRenewTriesMax = 3;  // each over another change of the volume
  static constexpr Duration kLivesDeadline = std::chrono::seconds(2);
  static constexpr Duration kLeaseDeadline = std::chrono::seconds(15);
  static constexpr Duration kStopDeadline = std::chrono::seconds(10);
  static constexpr Duration kStartDeadline = std::chrono::minutes(5);    // a large index is read first
  static constexpr Duration kReplaceDeadline = std::chrono::minutes(2);  // an attached one, started by somebody else
  static constexpr Duration kHelloDeadline = std::chrono::seconds(30);
  static constexpr size_t kStrangersMax = 1024;
  static constexpr uint64_t kMessagesPerSecondMax = 20'000;  // ten times what opening files one after the other makes
  static constexpr uint64_t kComplaintsPerSecondMax = 10;
  static constexpr uint64_t kChangesPerSecondMax = 1000;  // of volumes; each is a file that is written
  static constexpr uint32_t kProtocolVersion = 3;

  // Finds the daemon, or starts it. REQUIRES: the pool has its directories (MakePoolDirectories).
  static StatusOr<std::unique_ptr<Pool>> Start(PoolOptions options);
  ~Pool();  // stops the daemon, unless it serves volumes

  const std::string& name() const { return name_; }
  // As it is in force.
  PoolConfig config() const;

  // The daemon answers.
  bool ready() const;
  // Waits for that.
  bool WaitReady(Duration deadline);
  // Asks it: one that has just died is not known to have.
  bool Lives();
  // Why it is not; empty when it is.
  std::string last_failure() const;
  uint64_t restarts() const { return restarts_; }

  // Hands a new mount to the daemon and returns when it is served. `restored`: in place of one that is lost.
  Status Mount(const broker::v1::VolumeSpec& spec, FuseMount mount, const std::string& staging_path, bool restored);
  // Tells the daemon, and lets the connection go. Nothing happens when the volume is not there.
  Status Unmount(const std::string& volume_id);

  // Replaces the daemon by one that runs `program` with the configuration as it is now, and returns when that serves
  // every volume. When it does not within `deadline`, what ran before is started again, as it was configured.
  // INVALID_ARGUMENT, NOT_FOUND for the program and the configuration; ABORTED while another replacement is under way;
  // UNAVAILABLE without a daemon; FAILED_PRECONDITION when the new one does not serve, or what cannot change did.
  StatusOr<Upgraded> Upgrade(const std::string& program, Duration deadline);

  // The volume as it is to be mounted: `spec`, or what it was changed to since, with its credentials.
  StatusOr<broker::v1::VolumeSpec> SpecFor(const broker::v1::VolumeSpec& spec, const StringMap& secret) const;
  // Whether the volume is mounted as it is to be, but for what takes effect at its next mount.
  StatusOr<bool> Shows(const broker::v1::VolumeSpec& spec, const StringMap& secret) const;
  // The volume's Secret as it is now. Newer credentials are recorded and handed to the daemon; while there is none they
  // come to the next one with the mount. Nothing happens when the volume is not served, or has them already. What fails
  // is done again by the next call.
  Status TakeSecret(const std::string& volume_id, const StringMap& secret);

  // What is recorded of volumes, of which a plugin after this one will know.
  Status AddPublished(const std::string& volume_id, const broker::v1::PublishedPath& published);
  Status RemovePublished(const std::string& volume_id, const std::string& path);
  Status Forget(const std::string& volume_id);
  std::optional<broker::v1::StagedVolume> RecordOf(const std::string& volume_id) const;
  // NOT_FOUND when they were not kept.
  StatusOr<broker::v1::Credentials> CredentialsOf(const std::string& volume_id) const;
  // The volumes that were staged and that nobody serves any more; none while there is no daemon.
  std::vector<std::string> Lost() const;

  struct Tree {
    std::string name;
    UniqueFd root;
  };
  // The tree of the volume's files in the cache, kept as it is until ReleaseTree. FAILED_PRECONDITION, with the reason,
  // when the volume cannot be shown so (yet).
  StatusOr<Tree> LeaseTree(const std::string& volume_id);
  void ReleaseTree(const std::string& name);
  bool serves_any() const;
  // The volume is served or will be again.
  bool Has(const std::string& volume_id) const;
  // What it was mounted with, without credentials.
  std::optional<broker::v1::VolumeSpec> SpecOf(const std::string& volume_id) const;
  // Where; empty when it is not.
  std::string StagingPathOf(const std::string& volume_id) const;

 private:
  struct Volume {
    broker::v1::VolumeSpec spec;
    std::string staging_path;
    UniqueFd fuse_fd;
    std::string fuse_init;
    StringMap secret;          // all of it, as far as this plugin was told; a change may name other keys of it
    bool established = false;  // the daemon has answered FUSE_INIT
    bool is_renewing =
        false;  // whether the daemon has the credentials in `spec` is not known, nor if they are recorded
    BackingFiles backings;
  };

  Pool(PoolOptions options, std::unique_ptr<StagedVolumes> staged,
       std::unique_ptr<ChangedParameters> changed_parameters);
  std::string ConfigFile() const;
  StatusOr<PoolConfigs> Configured() const;
  Status Apply(const PoolConfigs& configs);
  void RollBack();
  Status ForgetUnmounted();
  void Supervise();
  // Converses with one daemon until it ends; how it ended.
  std::string RunDaemon();
  StatusOr<MessageSocket> Connect() const;
  StatusOr<MessageSocket> AwaitDaemon();
  void EndDaemon(MessageSocket& socket);
  StatusOr<MessageSocket> StartDaemon(std::optional<DaemonProcess>& process);
  // How a daemon has ended that has gone from its connection, or that it goes on.
  std::string EndOf(DaemonProcess& process);
  void ReceiveLoop(MessageSocket& socket);
  // REQUIRES: the daemon has said Hello.
  Status AskWhetherItLives(MessageSocket& socket);
  // False: the daemon makes no sense, or is of another protocol.
  bool OnMessage(MessageSocket& socket, const broker::v1::Message& message, std::span<UniqueFd> descriptors);
  void Adopt(const broker::v1::Held& held, std::span<UniqueFd> descriptors);
  void Resume(MessageSocket& socket, const broker::v1::Hello& hello);
  // Logs what is wrong with a daemon, which may do it on purpose: the log is not filled.
  void Complain(std::string_view what);
  // What the daemon is answered.
  broker::v1::ChangedVolume ChangeVolume(const broker::v1::ChangeVolume& request);
  StringMap ChangedOf(const std::string& volume_id) const;
  // Those of the volume's spec; again when a change has put others there meanwhile.
  Status HandCredentials(const std::string& volume_id);
  Status TryChange(const broker::v1::ChangeVolume& request, broker::v1::ChangedVolume* changed);
  StatusOr<int32_t> OpenBacking(const broker::v1::OpenBacking& request, std::span<const UniqueFd> descriptors);
  struct Answer {
    broker::v1::Result result;
    UniqueFd descriptor;
  };
  static Status StatusOf(const StatusOr<Answer>& answer);
  Status SendResumed(MessageSocket& socket);
  StatusOr<Answer> Ask(broker::v1::Message request, std::span<const int> descriptors, Duration deadline);
  void OnMountAnswered(const std::string& volume_id, const broker::v1::Result& result);
  uint64_t Generation() const;
  bool Stopping() const;
  bool Replaces(const std::string& ended);
  bool ReplaceFound();
  void OnAllResumed();
  void FailReplacement(const std::string& failure);
  void GiveUpConnections();
  void GiveUpRings();

  const PoolOptions options_;
  const std::string name_;
  const uid_t uid_;
  const gid_t gid_;
  const bool is_attached_;           // somebody else starts the daemon
  TierDirectories tiers_;            // as they were when it connected; the supervisor's thread only
  std::set<std::string> held_;       // volumes that the connected daemon serves; the supervisor's thread only
  bool hangs_ = false;               // it says nothing any more; the same
  TokenBucket messages_;             // from it; the same
  TokenBucket complaints_;           // about it; the same
  TokenBucket changes_;              // that it asks for; the same
  std::set<std::string> strangers_;  // that it serves and should not, kStrangersMax of them; the same
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  // GUARDED_BY mutex_
  const std::unique_ptr<StagedVolumes> staged_;
  const std::unique_ptr<ChangedParameters> changed_parameters_;
  PoolConfigs configs_;              // that the daemon has, or will when it is started
  PoolConfigs found_configs_;        // of a daemon that was there before this plugin
  MessageSocket* socket_ = nullptr;  // null: no daemon answers
  std::map<uint64_t, std::optional<Answer>> pending_;
  std::map<uint64_t, std::string> mounting_;  // requests to mount or resume a volume, and which
  std::set<uint64_t> resuming_;               // those to resume one that are not answered yet
  DaemonProcess::Program program_;            // what is started; its file is opened at the first start
  DaemonProcess::Program running_;            // what the connected daemon runs
  std::string daemon_version_;
  bool was_found_ = false;  // the connected daemon was there before this plugin
  std::optional<Replacement> replacement_;
  uint64_t next_number_ = 1;
  uint64_t generation_ = 0;  // counts daemons
  std::map<std::string, Volume> volumes_;
  std::set<std::string> leased_;  // trees, from LeaseTree to ReleaseTree
  std::string last_failure_ = "it has not started yet";
  bool stop_ = false;

  std::atomic<uint64_t> restarts_{0};
  std::thread supervisor_;
};

}  // namespace sluice::csi
