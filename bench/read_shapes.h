// The ways of reading that readbench times: what one operation of each is.
//
// A target is a directory with one large file and one directory of small files. Each thread that reads it is a Worker
// with descriptors, a page-aligned buffer (an unaligned one makes every target equally slow) and a place in the data of
// its own. A shape is a step that does a few operations; readbench.cc decides how long to go on.
//
// Threads:  a Worker belongs to one thread at a time.
// Owns:     a Worker its descriptors, buffer and mapping.
// Errors:   a failed system call ends the program with a sentence: a figure from a target that fails is worth nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace sluice::bench {

inline constexpr size_t kBufferBytes = 1 << 20;
inline constexpr size_t kPageBytes = 4096;

// What all threads that read one target share.
struct Target {
  std::string name;
  std::string directory;
  std::vector<int> pids;  // the processes that serve it: their CPU time counts
  std::string large = "large";
  std::string small = "small";
  std::vector<std::string> names;  // of the small files, in the order of reading: shuffled, the same for every target
};

class Worker {
 public:
  // Thread `index` of `count`: begins its own share of the data.
  Worker(const Target& target, size_t index, size_t count);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // The large file, opened at the first use; the mapping lives from Map to Unmap.
  int large();
  uint64_t large_bytes();
  int small();  // the directory
  void Map();
  void Unmap();

  uint32_t Random();
  size_t NextUnit(size_t units);       // this thread's next block or file, round and round
  void Rewind() { started_ = false; }  // back to the beginning of its share
  size_t Share(size_t units) const;    // how many of `units` are this thread's
  const std::string& NextName();       // this thread's next small file

  [[noreturn]] void Fail(const char* what) const;

  const Target& target() const { return target_; }
  std::byte* buffer() { return buffer_; }
  const std::byte* mapping() const { return mapping_; }

  uint64_t bytes = 0;       // read since the slice began
  uint64_t operations = 0;  // done since the slice began

 private:
  const Target& target_;
  const size_t index_;
  const size_t count_;
  std::byte* buffer_;
  std::byte* mapping_ = nullptr;
  int large_fd_ = -1;
  int small_fd_ = -1;
  uint64_t large_bytes_ = 0;
  uint32_t random_;
  bool started_ = false;
  size_t next_ = 0;
};

struct Shape {
  const char* name;
  const char* title;
  bool maps;                     // reads through a mapping that is made anew for each slice: page faults count
  size_t batch;                  // operations between two looks at the clock
  void (*step)(Worker& worker);  // one operation, or one listing
  // Operations (or listings) of one pass over the data by one thread.
  size_t (*pass)(Worker& worker);
};

const std::vector<Shape>& Shapes();
const Shape* FindShape(const std::string& name);

}  // namespace sluice::bench
