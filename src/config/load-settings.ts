import os from "node:os";
import { ConfigError } from "./config-error.ts";
import type { LoadConfig } from "./config.ts";
import type { ConfigFile } from "./file-schema.ts";

const MIB = 1024 * 1024;
/** What a call in flight may come to, its two sockets and a small body included. */
const CALL_BYTES = 128 * 1024;
/** Calls may come to this share of memory, and so may the bodies of large ones. */
const CALLS_SHARE = 1 / 8;
/** A body stands in memory some seven times while its call is made: its bytes, texts and parts. */
const BODIES_SHARE = 1 / 64;
const CALLS = { least: 1024, most: 8192 } as const;
const MOST_BODY_BYTES = 256 * MIB;
const QUEUE_MS = 1000;

/**
 * How much a process takes on at once, from `general_settings`; what is not said there follows from the memory.
 * Throws ConfigError for a bound that the largest allowed body would not fit into.
 */
export function loadConfigOf(
  { general_settings: general }: ConfigFile,
  { maxBodyBytes, memoryBytes }: { maxBodyBytes: number; memoryBytes: number },
): LoadConfig {
  const calls = Math.floor((memoryBytes * CALLS_SHARE) / CALL_BYTES);
  const bodies = Math.floor(Math.min(memoryBytes * BODIES_SHARE, MOST_BODY_BYTES));
  const inFlightMb = general?.max_body_mb_in_flight;
  if (inFlightMb !== undefined && inFlightMb * MIB < maxBodyBytes) {
    throw new ConfigError("configuration", [
      "general_settings.max_body_mb_in_flight must not be less than max_request_size_mb " +
        `(${maxBodyBytes / MIB}): one such body would never be read`,
    ]);
  }
  return {
    maxRequests: general?.global_max_parallel_requests ?? Math.min(Math.max(calls, CALLS.least), CALLS.most),
    maxBodyBytes: inFlightMb === undefined ? Math.max(bodies, maxBodyBytes) : Math.floor(inFlightMb * MIB),
    maxQueueMs: general?.max_queue_ms ?? QUEUE_MS,
  };
}

/** What this process may use: the limit of its container where there is one, else what the machine has. */
export function memoryBytes(): number {
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(limit, os.totalmem()) : os.totalmem();
}
