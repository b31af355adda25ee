import type { ServerResponse } from "node:http";
import { AppError } from "../../errors.ts";
import type { Sessions } from "../../sessions/sessions.ts";
import type { LiveFeed } from "../../spend/live-feed.ts";
import type { AppContext } from "../context.ts";
import { sessionCookie } from "../session-cookie.ts";

export interface LiveDeps {
  readonly live: Pick<LiveFeed, "watch">;
  readonly sessions: Pick<Sessions, "find">;
  /** Milliseconds between comments that keep the connection open; the session is checked as often. */
  readonly liveHeartbeatMs?: number;
}

const HEARTBEAT_MS = 10_000;
/** How long a browser waits before it comes back, in its own words. */
const RECONNECT = "retry: 2000\n\n";
/** A client with so much unread has stopped reading; it may come back. */
const MAX_UNREAD_BYTES = 1024 * 1024;

/** GET /ui/api/live: server-sent events until the client leaves, its session ends or the process stops. */
export function liveEvents({ live, sessions, liveHeartbeatMs = HEARTBEAT_MS }: LiveDeps) {
  return async (ctx: AppContext): Promise<void> => {
    const response = ctx.res;
    const stop = live.watch({
      take: (events) => write(response, events),
      end: () => response.end(),
    });
    if (stop === null) {
      throw new AppError("too_many_watchers", "Too many dashboards look on already, or this process stops", {
        headers: { "retry-after": "5" },
      });
    }
    ctx.respond = false;
    ctx.set({
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-store",
      "x-accel-buffering": "no",
    });
    response.statusCode = 200;
    write(response, RECONNECT);
    const token = ctx.state.session === undefined ? null : sessionCookie(ctx);
    const heartbeat = setInterval(() => {
      write(response, ": still here\n\n");
      if (token !== null) endWithSession(response, sessions.find(token));
    }, liveHeartbeatMs);
    try {
      await closed(response);
    } finally {
      clearInterval(heartbeat);
      stop();
    }
  };
}

function write(response: ServerResponse, text: string): void {
  if (response.destroyed || response.writableEnded) return;
  if (response.writableLength > MAX_UNREAD_BYTES) response.destroy();
  else response.write(text);
}

function endWithSession(response: ServerResponse, session: ReturnType<Sessions["find"]>): void {
  session.then(
    (found) => {
      if (found === null) response.end();
    },
    () => {
      // The store does not answer: it has nothing to tell, and the next heartbeat asks again.
    },
  );
}

function closed(response: ServerResponse): Promise<void> {
  if (response.closed) return Promise.resolve();
  return new Promise((resolve) => {
    response.once("close", resolve);
  });
}
