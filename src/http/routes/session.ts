import type { Router } from "@koa/router";
import { z } from "zod";
import { AppError } from "../../errors.ts";
import { hashApiKey, sameDigest } from "../../lib/secrets.ts";
import type { Session, Sessions } from "../../sessions/sessions.ts";
import type { AppContext, RequestState } from "../context.ts";
import { readJson } from "../read-json.ts";
import { sessionCookie, setSessionCookie } from "../session-cookie.ts";
import type { ClientAddress } from "../client-address.ts";
import { type KeyThrottle, tooManyWrongKeys } from "../key-throttle.ts";

export interface SessionRoutesDeps {
  readonly sessions: Sessions;
  readonly signInThrottle: KeyThrottle;
  readonly clientAddress: ClientAddress;
  readonly masterKeyHash: string;
}

/** Anybody may send one: it costs little room, and not for long. */
const SIGN_IN_BOUNDS = { maxBytes: 16 * 1024, withinMs: 10_000 };
const signIn = z.strictObject({ key: z.string().max(8192) });

/**
 * Signing in and out of the dashboard. Wrong keys are counted by client; behind a load balancer that is no
 * trusted proxy that is one count for all of its clients.
 */
export function sessionRoutes(router: Router<RequestState>, deps: SessionRoutesDeps): void {
  const { sessions, signInThrottle, masterKeyHash } = deps;

  // Even the right key has to wait: a different answer would tell which one it is.
  const refuseWaiting = (address: string): void => {
    const wait = signInThrottle.waitSeconds(address);
    if (wait > 0) throw tooManyWrongKeys(wait);
  };

  const current = async (ctx: AppContext): Promise<Session> => {
    const token = sessionCookie(ctx);
    const session = token === null ? null : await sessions.find(token);
    if (session === null) throw new AppError("session_ended", "Nobody is signed in here");
    return session;
  };

  router.post("/ui/api/session", async (ctx: AppContext) => {
    ctx.set("cache-control", "no-store");
    const address = deps.clientAddress(ctx.req);
    refuseWaiting(address);
    const { key } = await readJson(ctx, signIn, SIGN_IN_BOUNDS);
    // Others may have failed while this body was on its way; from here to the count nothing is awaited.
    refuseWaiting(address);
    if (!sameDigest(hashApiKey(key), masterKeyHash)) {
      signInThrottle.failed(address);
      throw new AppError("invalid_api_key", "This is not the operator's key", { param: "key" });
    }
    const { session, token } = await sessions.begin();
    setSessionCookie(ctx, { token, expiresAt: session.expiresAt });
    ctx.body = sessionJson(session);
  });

  router.get("/ui/api/session", async (ctx: AppContext) => {
    ctx.set("cache-control", "no-store");
    ctx.body = sessionJson(await current(ctx));
  });

  router.delete("/ui/api/session", async (ctx: AppContext) => {
    const { id } = await current(ctx);
    if (!sessions.isCsrf(id, ctx.get("x-csrf-token"))) {
      throw new AppError("csrf_failed", "With a session, a change needs its token in x-csrf-token");
    }
    await sessions.end(id);
    setSessionCookie(ctx, null);
    ctx.status = 204;
  });
}

function sessionJson({ csrfToken, expiresAt }: Session): object {
  return { csrf_token: csrfToken, expires_at: expiresAt.toISOString() };
}
