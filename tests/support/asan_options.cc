// What LeakSanitizer is told in the programs of a build with SLUICE_SANITIZE=address. Compiled in, because the daemon's
// environment holds nothing but PATH. No line may name a function or a file of ours.
extern "C" {

const char* __lsan_default_suppressions();

const char* __lsan_default_suppressions() {
  return "leak:fuse_uring_start\n";  // 4 KiB of a session with `transport: ring`, which libfuse keeps when it ends
}

}  // extern "C"
