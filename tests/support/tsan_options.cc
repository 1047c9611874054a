// What ThreadSanitizer is told in the programs of a build with SLUICE_SANITIZE=thread. Compiled in, because the
// daemon's environment holds nothing but PATH.
//
// Debian's libraries are not built for it: how their threads hand memory over (abseil's mutexes, gRPC's lists and
// RocksDB's counters are atomics and futexes) is not seen, and what they then do in memcpy or free looks like a race.
// called_from_lib leaves out such functions when the library itself calls them, and nothing else: our own code is
// watched also where gRPC calls it. No line may name a function or a file of ours.
extern "C" {

const char* __tsan_default_options();
const char* __tsan_default_suppressions();

const char* __tsan_default_options() {
  return "atexit_sleep_ms=20";  // of 1000, which every call of `sluice` would wait
}

const char* __tsan_default_suppressions() {
  return "called_from_lib:libgrpc.so\n"      // calls and their buffers go from poller to poller
         "called_from_lib:libgrpc++.so\n"    // the same, at the level of C++
         "called_from_lib:libgpr.so\n"       // gRPC's threads and locks
         "called_from_lib:libprotobuf.so\n"  // messages that gRPC made on one thread and frees on another
         "called_from_lib:librocksdb.so\n"   // files and blocks go to its compactions by counters that are atomics
         "called_from_lib:libabsl_graphcycles_internal.so\n"  // the order of abseil's own mutexes, under its spin lock
         "called_from_lib:libabsl_malloc_internal.so\n"       // memory for that
         "called_from_lib:libabsl_status.so\n"                // errors inside gRPC are a Status
         "called_from_lib:libabsl_cord.so\n"                  // whose text is a Cord
         "called_from_lib:libabsl_cord_internal.so\n"         // the same
         "called_from_lib:libabsl_time_zone.so\n";            // times in them: a table that is made once
}

}  // extern "C"
