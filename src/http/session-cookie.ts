import type { AppContext } from "./context.ts";

const NAME = "spendhook_session";

/** The session cookie's value; null when the request has none. */
export function sessionCookie(ctx: AppContext): string | null {
  const header = ctx.req.headers.cookie ?? "";
  for (const part of header.split(";")) {
    const [name, value] = part.trim().split("=", 2);
    if (name === NAME && value !== undefined && value !== "") return value;
  }
  return null;
}

/** Gives the browser a session until it expires; `null` takes it away. */
export function setSessionCookie(ctx: AppContext, session: { token: string; expiresAt: Date } | null): void {
  const { token, expiresAt } = session ?? { token: "", expiresAt: new Date(0) };
  const parts = [`${NAME}=${token}`, "Path=/", "HttpOnly", "SameSite=Strict"];
  parts.push(`Expires=${expiresAt.toUTCString()}`);
  if (isHttps(ctx)) parts.push("Secure");
  ctx.set("set-cookie", parts.join("; "));
}

/** A proxy in front says how it was asked; whoever lies about that only keeps the cookie from itself. */
function isHttps(ctx: AppContext): boolean {
  const forwarded = ctx.get("x-forwarded-proto").split(",", 1)[0]?.trim();
  return forwarded === "https" || "encrypted" in ctx.req.socket;
}
