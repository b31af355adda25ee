import { Int32 } from "bson";
import { MAX_DOCUMENT_BYTES } from "../bson-codec.ts";
import type { Document } from "../bson-codec.ts";
import { SESSION_TIMEOUT_MINUTES } from "../session.ts";

/** MongoDB 8.0. A later version would make drivers send commands that are not supported here. */
const WIRE_VERSION = 25;
const VERSION = "8.0.17";

/** Answers the commands that touch no data; null for any other. */
export function answerHandshake(name: string, connectionId: number): Document | null {
  switch (name) {
    case "hello":
    case "isMaster":
    case "ismaster":
      return hello(connectionId);
    case "ping":
      return { ok: 1 };
    case "buildInfo":
    case "buildinfo":
      return {
        version: VERSION,
        versionArray: VERSION.split(".").map(Number),
        modules: ["spendhook-embedded"],
        bits: 64,
        maxBsonObjectSize: MAX_DOCUMENT_BYTES,
        ok: 1,
      };
    default:
      return null;
  }
}

/**
 * A set name makes the driver retry writes, and a session timeout gives it sessions. Left out: a
 * topology version (the driver would wait for changes on it), compression and authentication.
 */
function hello(connectionId: number): Document {
  return {
    helloOk: true,
    ismaster: true,
    isWritablePrimary: true,
    setName: "embedded",
    maxBsonObjectSize: MAX_DOCUMENT_BYTES,
    maxMessageSizeBytes: 48_000_000,
    maxWriteBatchSize: 100_000,
    localTime: new Date(),
    logicalSessionTimeoutMinutes: SESSION_TIMEOUT_MINUTES,
    connectionId: new Int32(connectionId),
    minWireVersion: 0,
    maxWireVersion: WIRE_VERSION,
    readOnly: false,
    ok: 1,
  };
}
