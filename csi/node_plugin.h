// The plugin of a node: its pools with their daemons, the CSI services over them, and the kubelet's knowledge of it.
//
// Threads:  ServeNode is called once, before any other thread begins; it returns when all of its own have ended.
// Errors:   what keeps it from serving, with the flag, the file or the pool.
#pragma once

#include <signal.h>

#include <string>

#include "common/status.h"

namespace sluice::csi {

struct NodeFlags {
  std::string endpoint;
  std::string node_id;
  std::string state_directory;
  std::string run_directory = "/run/sluice";
  std::string config_file;             // empty: the defaults
  std::string kubelet_directory;       // empty: any path is taken
  std::string registration_directory;  // empty: somebody else registers it
};

// Until one of `signals` comes, which every thread blocks.
Status ServeNode(const NodeFlags& flags, const sigset_t& signals);

}  // namespace sluice::csi
