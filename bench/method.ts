/**
 * How the bench measures; every report begins with it.
 * @module
 */

/** The method, a sentence or two a line. */
export const METHOD: readonly string[] = [
  "Server, load and controller are separate processes. CPU time and resident " +
  "memory are what Linux says of the server's process alone; a runtime that " +
  "can is asked to collect its garbage before memory is read.",
  "Open loop: a message is sent when it is due, whatever became of those " +
  "before it, and its latency counts from when it was due (no coordinated " +
  "omission). The clocks of the processes are compared first; latencies are " +
  "kept in HDR histograms.",
  "Every delivery is accounted for, by connection and message: lost, doubled, " +
  "out of order, or somebody else's. Two publishes that overlapped have no " +
  "order, but where everybody gets everything all must see the same one.",
  "How long other requests wait is measured from outside, by asking for " +
  "/healthz every 20 ms on a connection of its own, also in the open loop.",
  "The load is bare sockets from many addresses of 127.0.0.0/8. It shares the " +
  "machine with the server; when it was the bottleneck, sent late or read " +
  "late, or when something else took the processor, that is said.",
  "Heartbeats are on. Rounds alternate their order; tables have medians, and " +
  "the least and the most in parentheses. × is divided by “raw”: the " +
  "runtime's own server with one pre-encoded frame and no library, in the " +
  "same run under the same load.",
  "Memory is resident memory of the process. What the kernel keeps for a " +
  "socket is not in it: a few kB each, and more while data waits in it.",
];
