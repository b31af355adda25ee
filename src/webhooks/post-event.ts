import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import got, { type Request, type Response } from "got";
import type { AttemptTimingDoc } from "../store/webhook-documents.ts";
import { type AddressPolicy, guardedLookup, refuseUrl } from "./address-policy.ts";
import type { AttemptResult } from "./classify-attempt.ts";
import { nameFailure } from "./name-failure.ts";
import { parseRetryAfter } from "./retry-schedule.ts";

/** What one attempt sends, and how long it waits for the response headers. */
export interface Outgoing {
  readonly url: string;
  readonly body: Buffer;
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
}

/** How one attempt ended, and how long its phases took. */
export interface Posted {
  readonly result: AttemptResult;
  readonly timing: AttemptTimingDoc;
}

/** One POST to a receiver; never throws, and ends within its time-outs whatever the receiver does. */
export type PostEvent = (outgoing: Outgoing) => Promise<Posted>;

export interface Poster {
  readonly post: PostEvent;
  close(): void;
}

const BODY_TIMEOUT_MS = 3000;
const READ_BYTES = 16 * 1024;
const KEEP_BYTES = 4 * 1024;

/** The longest that an attempt with this wait for headers can take. */
export function attemptTimeoutMs(headersMs: number): number {
  return headersMs + BODY_TIMEOUT_MS;
}

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
    post: ({ url, body, headers, timeoutMs }) => {
      if (refuseUrl(url, policy) !== null) {
        return Promise.resolve({
          result: { kind: "failure", code: "address_refused" },
          timing: { dnsMs: null, tcpMs: null, tlsMs: null, firstByteMs: null, totalMs: 0 },
        });
      }
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
          response: timeoutMs,
          request: attemptTimeoutMs(timeoutMs),
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

function readAttempt(request: Request): Promise<Posted> {
  const startedAt = performance.now();
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    let timer: NodeJS.Timeout | undefined;
    let response: Response | undefined;
    const end = (result: AttemptResult): void =>
      resolve({ result, timing: timingOf(request, performance.now() - startedAt) });
    const finish = (): void => {
      if (response === undefined) return;
      clearTimeout(timer);
      end({
        kind: "response",
        status: response.statusCode,
        retryAfterMs: parseRetryAfter(headerText(response.headers["retry-after"]), new Date()),
        control: headerText(response.headers["webhook-delivery"])?.trim().toLowerCase() ?? null,
        headers: plainHeaders(response.headers),
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
      if (response === undefined) end({ kind: "failure", code: nameFailure(error) });
      else finish();
    });
  });
}

/** got's own clock readings; a phase that an open connection does not need is null. */
function timingOf(request: Request, totalMs: number): AttemptTimingDoc {
  const phases = request.timings?.phases ?? {};
  const ms = (phase: number | undefined): number | null => (phase === undefined ? null : Math.round(phase));
  return {
    dnsMs: ms(phases.dns),
    tcpMs: ms(phases.tcp),
    tlsMs: ms(phases.tls),
    firstByteMs: ms(phases.firstByte),
    totalMs: Math.round(totalMs),
  };
}

function plainHeaders(headers: Response["headers"]): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, printable(Buffer.from(String(value)))]],
    ),
  );
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
