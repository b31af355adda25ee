import type { Next } from "koa";
import { AppError } from "../errors.ts";
import { hashApiKey, sameDigest } from "../lib/secrets.ts";
import type { AppContext } from "./context.ts";

/**
 * Lets only the operator's key in. It is read from `Authorization: Bearer`, or from `api-key`,
 * `x-api-key` or `x-litellm-api-key`, which other clients send. Only its hash is kept.
 */
export function authenticate(masterKeyHash: string) {
  return async (ctx: AppContext, next: Next): Promise<void> => {
    const key = presentedKey(ctx);
    if (key === null) throw new AppError("missing_api_key", "Authentication Error, No api key passed in.");
    const keyHash = hashApiKey(key);
    if (!sameDigest(keyHash, masterKeyHash)) {
      throw new AppError("invalid_api_key", "Authentication Error, Invalid proxy server key passed.");
    }
    ctx.state.keyHash = keyHash;
    await next();
  };
}

function presentedKey(ctx: AppContext): string | null {
  const { headers } = ctx.req;
  const bearer = /^Bearer +(\S+) *$/i.exec(headers.authorization ?? "")?.[1];
  const other = headers["x-litellm-api-key"] ?? headers["api-key"] ?? headers["x-api-key"];
  return bearer ?? (typeof other === "string" && other !== "" ? other.replace(/^Bearer +/i, "") : null);
}
