import type { IncomingMessage } from "node:http";
import type { Next } from "koa";
import { AppError } from "../errors.ts";
import { hashApiKey, sameDigest } from "../lib/secrets.ts";
import type { Sessions } from "../sessions/sessions.ts";
import type { ClientAddress } from "./client-address.ts";
import type { AppContext } from "./context.ts";
import { type KeyThrottle, tooManyWrongKeys } from "./key-throttle.ts";
import { sessionCookie } from "./session-cookie.ts";

export interface KeyCheckDeps {
  readonly masterKeyHash: string;
  /** Counts wrong keys apart from sign-ins, so that a program with an old key closes nobody's dashboard. */
  readonly keyThrottle: KeyThrottle;
  readonly clientAddress: ClientAddress;
}

/**
 * Lets only the operator's key in. It is read from `Authorization: Bearer`, or from `api-key`,
 * `x-api-key` or `x-litellm-api-key`, which other clients send. Only its hash is kept.
 */
export function authenticate(deps: KeyCheckDeps) {
  return async (ctx: AppContext, next: Next): Promise<void> => {
    checkKey(ctx, presentedKey(ctx.req), deps);
    await next();
  };
}

/**
 * Lets the operator's key in, or the session of a signed-in dashboard; with a session everything but
 * reading also needs the header `x-csrf-token`. Who acts is the operator's key either way.
 */
export function authenticateOperator(deps: KeyCheckDeps & { sessions: Pick<Sessions, "find" | "isCsrf"> }) {
  const { masterKeyHash, sessions } = deps;
  return async (ctx: AppContext, next: Next): Promise<void> => {
    const key = presentedKey(ctx.req);
    const token = key === null ? sessionCookie(ctx) : null;
    if (token === null) {
      checkKey(ctx, key, deps);
    } else {
      const session = await sessions.find(token);
      if (session === null)
        throw new AppError("session_ended", "The session has ended; please sign in again");
      if (!isReading(ctx) && !sessions.isCsrf(session.id, ctx.get("x-csrf-token"))) {
        throw new AppError("csrf_failed", "With a session, a change needs its token in x-csrf-token");
      }
      ctx.state.keyHash = masterKeyHash;
      ctx.state.session = session;
    }
    await next();
  };
}

/**
 * The right key passes whatever was tried from its address before: many programs share one. So a client
 * that guesses is only told to stop, and seen in the log; what keeps it out is the length of the key.
 */
function checkKey(ctx: AppContext, key: string | null, deps: KeyCheckDeps): void {
  if (key === null) throw new AppError("missing_api_key", "Authentication Error, No api key passed in.");
  const keyHash = hashApiKey(key);
  if (!sameDigest(keyHash, deps.masterKeyHash)) throw wrongKey(ctx, deps);
  ctx.state.keyHash = keyHash;
}

function wrongKey(ctx: AppContext, { clientAddress, keyThrottle }: KeyCheckDeps): AppError {
  const address = clientAddress(ctx.req);
  ctx.state.logFields["clientAddress"] = address;
  const wait = keyThrottle.waitSeconds(address);
  if (wait > 0) return tooManyWrongKeys(wait);
  keyThrottle.failed(address);
  return new AppError("invalid_api_key", "Authentication Error, Invalid proxy server key passed.");
}

function isReading(ctx: AppContext): boolean {
  return ctx.method === "GET" || ctx.method === "HEAD";
}

/** True for a request with the key of this hash, whatever it asks for. */
export function holdsKey(request: IncomingMessage, keyHash: string): boolean {
  const key = presentedKey(request);
  return key !== null && sameDigest(hashApiKey(key), keyHash);
}

function presentedKey({ headers }: IncomingMessage): string | null {
  const bearer = /^Bearer +(\S+) *$/i.exec(headers.authorization ?? "")?.[1];
  const other = headers["x-litellm-api-key"] ?? headers["api-key"] ?? headers["x-api-key"];
  return bearer ?? (typeof other === "string" && other !== "" ? other.replace(/^Bearer +/i, "") : null);
}
