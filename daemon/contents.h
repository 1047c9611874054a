// What a volume shows: the source of each of its mounts, opened, with the credentials that are its own.
//
//   VolumeSpec.source            one mount, at the root
//   VolumeSpec.mounts            any number, each at its path   ─► parts() ─► source::JoinedSource ─► cache::Dataset
//
// Threads:   Open not on the loop; Check on it; the rest from any.
// Owns:      its sources, with whoever reads from them, and the volume's credentials, in memory only.
// Errors:    Open: INVALID_ARGUMENT for what is no source, PERMISSION_DENIED for a directory that the pool may not
// show.
//            Check: the source's, with its name in front.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "io/task.h"
#include "proto/broker.pb.h"
#include "source/joined_source.h"
#include "source/open_source.h"

namespace sluice::daemon {

struct ContentsContext {
  const source::SourceContext& sources;
  source::RetryOptions retry;
  const std::vector<std::string>& source_directories;  // of file:// sources
};

class Contents {
 public:
  static StatusOr<std::shared_ptr<Contents>> Open(const broker::v1::VolumeSpec& spec, const ContentsContext& context);

  source::JoinedSource::Parts parts() const;
  // Asks each source for its root: whether it exists and lets us in.
  io::Task<Status> Check() const;
  // From the next request to a source on.
  void Renew(const broker::v1::Credentials& credentials);
  broker::v1::Credentials credentials() const;
  // The URI of what stands at that path of the volume; "" where directories are made up.
  std::string UriOf(std::string_view path) const;

 private:
  struct Opened {
    broker::v1::VolumeMount mount;
    std::shared_ptr<source::CredentialStore> credentials;
    std::shared_ptr<source::Source> source;
    std::string mark;
  };
  Status Add(broker::v1::VolumeMount mount, const broker::v1::VolumeSpec& spec, const ContentsContext& context);

  std::vector<Opened> opened_;
  mutable std::mutex mutex_;
  broker::v1::Credentials credentials_;  // GUARDED_BY mutex_
};

// Its sources, as people are shown them: "s3://a", or "s3://a at /x, s3://b at /y".
std::string SourceText(const broker::v1::VolumeSpec& spec);

// The same for the same mounts; "" of a volume that shows the one source it was made for.
std::string MountsFingerprint(const broker::v1::VolumeSpec& spec);

// They show the same, with credentials by the same keys.
bool HaveSameMounts(const broker::v1::VolumeSpec& a, const broker::v1::VolumeSpec& b);

// Whose objects the volume's are in the cache: volumes of one identity share them.
std::string IdentityOf(const broker::v1::VolumeSpec& spec);

}  // namespace sluice::daemon
