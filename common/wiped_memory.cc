// What the two programs give back to the allocator is wiped: credentials go with their volume, wherever a string, a
// message or a library's buffer held a copy of them. Programs name this file as a source of theirs; it replaces free(),
// in which delete ends, too.
//
// Larger blocks are data on its way to readers. Wiping them would cost a copy's time each, and no secret is in them.
// A realloc() that moves a block does not come here.
#include <malloc.h>
#include <string.h>

#include <cstddef>

extern "C" void __libc_free(void* block);  // glibc's own

extern "C" void free(void* block) {
  constexpr size_t kWipedBytesMax = 64 * 1024;
  if (block == nullptr) return;
  const size_t bytes = ::malloc_usable_size(block);
  if (bytes <= kWipedBytesMax) ::explicit_bzero(block, bytes);
  __libc_free(block);
}
