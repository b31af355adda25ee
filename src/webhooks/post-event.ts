import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import got, { type Request, type Response } from "got";
import { type AddressPolicy, guardedLookup, refuseUrl } from "./address-policy.ts";
import type { AttemptResult, FailureCode } from "./classify-attempt.ts";
import { parseRetryAfter } from "./retry-schedule.ts";

/** One POST to a receiver; never throws, and ends within the time-outs below whatever the receiver does. */
export type PostEvent = (
  url: string,
  body: Buffer,
  headers: Record<string, string>,
) => Promise<AttemptResult>;

export interface Poster {
  readonly post: PostEvent;
  close(): void;
}

const HEADERS_TIMEOUT_MS = 15_000;
const BODY_TIMEOUT_MS = 3000;
/** The longest one attempt can take. */
export const ATTEMPT_TIMEOUT_MS = HEADERS_TIMEOUT_MS + BODY_TIMEOUT_MS;
const READ_BYTES = 16 * 1024;
const KEEP_BYTES = 4 * 1024;

/**
 * The verdict is fixed by the status line: a body that is slow, huge, broken or compressed changes
 * nothing and is cut off. Redirects are never followed.
 */
export function createPoster(policy: AddressPolicy): Poster {
  // Idle sockets are dropped before the usual 5 s of servers, so that a POST does not meet a closing one.
  const options = { keepAlive: true, maxFreeSockets: 64, scheduling: "lifo", timeout: 30_000 } as const;
  const http = new HttpAgent(options);
  const https = new HttpsAgent({ ...options, minVersion: "TLSv1.2" });
  const lookup = guardedLookup(policy);
  return {
    post: async (url, body, headers) => {
      if (refuseUrl(url, policy) !== null) return { kind: "failure", code: "address_refused" };
      const request = got.stream.post(url, {
        body,
        headers: { ...headers, "accept-encoding": "identity" },
        agent: { http, https },
        dnsLookup: lookup,
        decompress: false,
        followRedirect: false,
        throwHttpErrors: false,
        retry: { limit: 0 },
        timeout: {
          lookup: 2000,
          connect: 3000,
          secureConnect: 5000,
          response: HEADERS_TIMEOUT_MS,
          request: ATTEMPT_TIMEOUT_MS,
        },
      });
      return readAttempt(request);
    },
    close: () => {
      http.destroy();
      https.destroy();
    },
  };
}

function readAttempt(request: Request): Promise<AttemptResult> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    let timer: NodeJS.Timeout | undefined;
    let response: Response | undefined;
    const finish = (): void => {
      if (response === undefined) return;
      clearTimeout(timer);
      resolve({
        kind: "response",
        status: response.statusCode,
        retryAfterMs: parseRetryAfter(headerText(response.headers["retry-after"]), new Date()),
        body: printable(Buffer.concat(chunks)),
      });
      if (!request.readableEnded) request.destroy();
    };
    request.once("response", (received: Response) => {
      response = received;
      timer = setTimeout(finish, BODY_TIMEOUT_MS);
    });
    request.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes >= READ_BYTES) finish();
    });
    request.once("end", finish);
    request.once("close", finish);
    request.on("error", (error: Error & { code?: string; event?: string }) => {
      if (response === undefined) resolve({ kind: "failure", code: nameFailure(error) });
      else finish();
    });
  });
}

const BY_PHASE: Readonly<Record<string, FailureCode>> = {
  lookup: "dns_error",
  connect: "connect_timeout",
  secureConnect: "tls_error",
};

/** Gives a transport error its name by Node's code, and a time-out by the phase it fell in. */
function nameFailure(error: Error & { code?: string; event?: string; cause?: unknown }): FailureCode {
  const code = error.code ?? "";
  if (code === "ERR_ADDRESS_REFUSED" || causeCode(error) === "ERR_ADDRESS_REFUSED") return "address_refused";
  if (error.event !== undefined) return BY_PHASE[error.event] ?? "header_timeout";
  if (code === "ENOTFOUND" || code === "EAI_AGAIN" || code === "ENODATA") return "dns_error";
  if (code === "ECONNREFUSED") return "connection_refused";
  if (code === "ECONNRESET" || code === "EPIPE" || code === "ERR_STREAM_PREMATURE_CLOSE")
    return "connection_reset";
  if (code === "ETIMEDOUT") return "connect_timeout";
  if (code.startsWith("HPE_") || code.startsWith("ERR_HTTP")) return "protocol_error";
  if (code === "ERR_INVALID_URL") return "invalid_url";
  if (/CERT|TLS|SSL|SELF_SIGNED|UNABLE_TO_/.test(code)) return "tls_error";
  return "network_error";
}

function causeCode(error: { cause?: unknown }): unknown {
  return error.cause !== null && typeof error.cause === "object" && "code" in error.cause
    ? error.cause.code
    : undefined;
}

function headerText(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}

/** At most 4 KiB, cut at a character, without control characters. */
function printable(bytes: Buffer): string {
  const text = new TextDecoder("utf-8").decode(bytes.subarray(0, KEEP_BYTES), { stream: true });
  // oxlint-disable-next-line no-control-regex -- control characters are what must go
  return text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/g, "");
}
