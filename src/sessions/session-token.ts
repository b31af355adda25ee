import { createHmac, hkdfSync } from "node:crypto";
import { sameDigest } from "../lib/secrets.ts";

/** What a session's cookie says, once its signature has been checked. */
export interface SessionClaim {
  readonly id: string;
  readonly expiresAt: Date;
}

export interface SessionTokens {
  /** The cookie's value: the claim and its signature. */
  sign(claim: SessionClaim): string;
  /** The claim of a cookie that we signed and that has not expired; null for everything else. */
  read(token: string, now: Date): SessionClaim | null;
  /** What a page of this session must send with every write; another site cannot read it. */
  csrfOf(sessionId: string): string;
  /** Compares in constant time. */
  isCsrf(sessionId: string, given: string): boolean;
}

const KEY_BYTES = 32;
const CONTEXT = "spendhook dashboard session v1";

/**
 * Signs sessions under a key derived from the operator's key: every proxy of a deployment accepts the
 * cookies of every other, and a changed operator key ends all sessions.
 */
export function createSessionTokens(masterKey: string): SessionTokens {
  const key = Buffer.from(hkdfSync("sha256", masterKey, "", CONTEXT, KEY_BYTES));
  const mac = (text: string): string => createHmac("sha256", key).update(text).digest("base64url");
  const csrfOf = (sessionId: string): string => mac(`csrf.${sessionId}`);
  return {
    sign: ({ id, expiresAt }) => {
      const claim = `${id}.${expiresAt.getTime()}`;
      return `${claim}.${mac(`session.${claim}`)}`;
    },
    read: (token, now) => {
      const [, id, expires, signature] = /^([\w-]{1,64})\.(\d{1,15})\.([\w-]{43})$/.exec(token) ?? [];
      if (id === undefined || expires === undefined || signature === undefined) return null;
      if (!sameDigest(signature, mac(`session.${id}.${expires}`))) return null;
      const expiresAt = new Date(Number(expires));
      return expiresAt > now ? { id, expiresAt } : null;
    },
    csrfOf,
    isCsrf: (sessionId, given) => sameDigest(given, csrfOf(sessionId)),
  };
}
