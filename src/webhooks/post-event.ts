import type { lookup as dnsLookup } from "node:dns";
import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import got from "got";
import type { AttemptTimingDoc } from "../store/webhook-documents.ts";
import { type AddressPolicy, guardedLookup, refuseUrl } from "./address-policy.ts";
import type { AttemptResult, FailureCode } from "./classify-attempt.ts";
import { BODY_TIMEOUT_MS, readAttempt, type Sent } from "./read-attempt.ts";

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
  /** It was sent twice: the first time over an open connection that the receiver had just given up. */
  readonly resent: boolean;
}

/** One POST to a receiver; never throws, and ends within its time-outs whatever the receiver does. */
export type PostEvent = (outgoing: Outgoing) => Promise<Posted>;

export interface Poster {
  readonly post: PostEvent;
  close(): void;
}

/** The longest that an attempt with this wait for headers can take. */
export function attemptTimeoutMs(headersMs: number): number {
  return headersMs + BODY_TIMEOUT_MS;
}

/** Shorter than the 5 s after which many servers close an idle connection. */
const IDLE_SOCKET_MS = 4000;

interface Agents {
  readonly http: HttpAgent;
  readonly https: HttpsAgent;
}

function openAgents(keepAlive: boolean): Agents {
  const options = { keepAlive, maxFreeSockets: 64, scheduling: "lifo", timeout: IDLE_SOCKET_MS } as const;
  return { http: new HttpAgent(options), https: new HttpsAgent({ ...options, minVersion: "TLSv1.2" }) };
}

/**
 * The verdict is fixed by the status line: a body that is slow, huge, broken or compressed changes
 * nothing and is cut off. Redirects are never followed. An event that meets an idle connection in the moment
 * of its end is sent once more, over a new one. `resolve` is the system's look-up of names unless given.
 */
export function createPoster(policy: AddressPolicy, resolve?: typeof dnsLookup): Poster {
  const kept = openAgents(true);
  const single = openAgents(false);
  const lookups = {
    http: guardedLookup(policy, "http:", resolve),
    https: guardedLookup(policy, "https:", resolve),
  };
  const send = ({ url, body, headers, timeoutMs }: Outgoing, agent: Agents): Promise<Sent> =>
    readAttempt(
      got.stream.post(url, {
        body,
        headers: { ...headers, "accept-encoding": "identity" },
        agent,
        dnsLookup: URL.parse(url)?.protocol === "https:" ? lookups.https : lookups.http,
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
      }),
    );
  return {
    post: async (outgoing) => {
      if (refuseUrl(outgoing.url, policy) !== null) return notSent("address_refused");
      const { stale, result, timing } = await send(outgoing, kept);
      if (!stale) return { result, timing, resent: false };
      const again = await send(outgoing, single);
      return { result: again.result, timing: again.timing, resent: true };
    },
    close: () => {
      for (const agents of [kept, single]) {
        agents.http.destroy();
        agents.https.destroy();
      }
    },
  };
}

/** An attempt that ended before anything was dialled. */
export function notSent(code: FailureCode): Posted {
  return {
    result: { kind: "failure", code },
    timing: { dnsMs: null, tcpMs: null, tlsMs: null, firstByteMs: null, totalMs: 0 },
    resent: false,
  };
}
