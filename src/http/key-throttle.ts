import ipaddr from "ipaddr.js";
import { AppError } from "../errors.ts";

/** Counts wrong keys per client address in this process. */
export interface KeyThrottle {
  /** Seconds until this address may try again; 0 = now. */
  waitSeconds(address: string): number;
  failed(address: string): void;
}

const WINDOW_MS = 60_000;
/** Addresses remembered at once: an attacker with many costs us this much memory, and the oldest go first. */
const MAX_ADDRESSES = 10_000;
/** Whoever has one IPv6 address has its whole network of 2^64. */
const IPV6_NETWORK_PARTS = 4;

/** `mostWrong` wrong keys within a minute close an address until the first of them is a minute old. */
export function createKeyThrottle({
  mostWrong,
  nowMs,
}: {
  mostWrong: number;
  nowMs: () => number;
}): KeyThrottle {
  const failures = new Map<string, number[]>();
  const recent = (address: string): number[] =>
    (failures.get(address) ?? []).filter((at) => nowMs() - at < WINDOW_MS);
  return {
    waitSeconds: (address) => {
      const times = recent(networkOf(address));
      const [first] = times;
      if (first === undefined || times.length < mostWrong) return 0;
      return Math.max(1, Math.ceil((WINDOW_MS - (nowMs() - first)) / 1000));
    },
    failed: (address) => {
      const network = networkOf(address);
      const times = [...recent(network), nowMs()].slice(-mostWrong);
      failures.delete(network);
      failures.set(network, times);
      for (const oldest of failures.keys()) {
        if (failures.size <= MAX_ADDRESSES) return;
        failures.delete(oldest);
      }
    },
  };
}

function networkOf(address: string): string {
  if (!ipaddr.isValid(address)) return address;
  const parsed = ipaddr.process(address);
  return parsed instanceof ipaddr.IPv6
    ? parsed.parts.slice(0, IPV6_NETWORK_PARTS).join(":")
    : parsed.toString();
}

/** The answer to a client that has to wait, in plain words and as `retry-after`. */
export function tooManyWrongKeys(waitSeconds: number): AppError {
  return new AppError("too_many_attempts", `Too many wrong keys from here; try again in ${waitSeconds} s`, {
    headers: { "retry-after": String(waitSeconds) },
  });
}
