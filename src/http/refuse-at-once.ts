import type { IncomingMessage, ServerResponse } from "node:http";
import { toErrorBody } from "../errors.ts";
import { holdsKey } from "./authenticate.ts";
import type { HttpDeps } from "./context.ts";
import type { Gate } from "./gate.ts";
import { OVERLOADED } from "./overloaded.ts";
import { declaredBytes } from "./read-body.ts";

export interface RefusalDeps extends Pick<HttpDeps, "log" | "newId" | "masterKeyHash" | "isDraining"> {
  readonly callGate: Pick<Gate, "refuses">;
}

const CALL_PATH = /^(?:\/v1)?\/chat\/completions(?:\?|$)/;
/** A body up to this is read and thrown away after the answer, so that its connection can be used again. */
const SMALL_BODY_BYTES = 64 * 1024;
/** Refusals are told together, so often. */
const TELL_MS = 1000;
const BODY = JSON.stringify(toErrorBody(OVERLOADED));
const HEADERS = Object.entries({
  "content-type": "application/json; charset=utf-8",
  "content-length": String(Buffer.byteLength(BODY)),
  "x-should-retry": "true",
  ...OVERLOADED.headers,
}).flat();

/**
 * Answers a call that there is no place for as the application would, before it is asked, at a fraction of the cost:
 * with more calls than can be served what refusals cost is taken from those that are. True: it is answered.
 */
export function refuseAtOnce(
  deps: RefusalDeps,
): (request: IncomingMessage, response: ServerResponse) => boolean {
  const { callGate, newId, masterKeyHash, isDraining } = deps;
  const told = counted(deps);
  return (request, response) => {
    if (!isSmallCall(request) || isDraining()) return false;
    // Where the connection ends with the answer, a body that is still on its way would take the answer along.
    if (!response.shouldKeepAlive && !request.complete) return false;
    // A wrong key is told so, and neither counts nor learns that there is no place.
    if (!holdsKey(request, masterKeyHash) || !callGate.refuses()) return false;
    told();
    response.writeHead(OVERLOADED.status, [...HEADERS, "x-request-id", newId("req")]);
    response.end(BODY);
    return true;
  };
}

function isSmallCall(request: IncomingMessage): boolean {
  if (request.method !== "POST" || !CALL_PATH.test(request.url ?? "")) return false;
  return request.headers["transfer-encoding"] === undefined && declaredBytes(request) <= SMALL_BODY_BYTES;
}

/** One line for all that are refused within a second, the last one of a process aside: a line each would cost much. */
function counted({ log }: Pick<RefusalDeps, "log">): () => void {
  let refused = 0;
  const tell = (): void => {
    log.warn({ refused }, "http.overloaded");
    refused = 0;
  };
  return () => {
    if (refused++ === 0) setTimeout(tell, TELL_MS).unref();
  };
}
