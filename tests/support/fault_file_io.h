// A FileIo over a real one that fails on command: an errno instead of the operation.
//
// Threads:  as io/file_io.h.
#pragma once

#include <map>

#include "io/file_io.h"

namespace sluice {

class FaultFileIo : public io::FileIo {
 public:
  FaultFileIo(io::Loop& loop, std::unique_ptr<io::FileIo> real) : FileIo(loop), real_(std::move(real)) {}

  // Every operation of this kind fails with the errno, until it is erased.
  std::map<io::FileRequest::Kind, int> faults;

  std::string_view name() const override { return real_->name(); }
  void Start(io::FileRequest& request) override {
    const auto fault = faults.find(request.kind);
    if (fault == faults.end()) return real_->Start(request);
    loop_.Post([&request, error = fault->second] { request.Complete(-error); });
  }

 private:
  std::unique_ptr<io::FileIo> real_;
};

}  // namespace sluice
