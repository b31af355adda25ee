import { AppError } from "../errors.ts";
import { withDeadline } from "../lib/deadline.ts";
import type { NewId } from "../lib/ids.ts";
import type { Store } from "../store/connect.ts";
import type { SessionTokens } from "./session-token.ts";

/** A signed-in dashboard. */
export interface Session {
  readonly id: string;
  readonly expiresAt: Date;
  readonly csrfToken: string;
}

export interface Sessions {
  /** Begins a session and answers with it and its cookie's value. */
  begin(): Promise<{ session: Session; token: string }>;
  /**
   * The session of a cookie; null when its signature is not ours, its time is over or it was ended. Throws
   * store_unavailable.
   */
  find(token: string): Promise<Session | null>;
  /** From here on no process accepts the session's cookie. */
  end(sessionId: string): Promise<void>;
  isCsrf(sessionId: string, given: string): boolean;
}

export interface SessionsDeps {
  readonly store: Store;
  readonly tokens: SessionTokens;
  readonly newId: NewId;
  readonly now: () => Date;
}

const LIFE_MS = 12 * 3_600_000;
const ANSWER_MS = 2000;

/**
 * Sessions are signed cookies whose row exists: forged ones cost no look into the store, and ending one is
 * deleting its row. Rows that have expired are deleted by the store.
 */
export function createSessions({ store, tokens, newId, now }: SessionsDeps): Sessions {
  const { sessions } = store.collections;
  const asked = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await withDeadline(work, ANSWER_MS);
    } catch (cause) {
      throw new AppError("store_unavailable", "The store that knows the sessions does not answer", { cause });
    }
  };
  return {
    begin: async () => {
      const claim = { id: newId("ses"), expiresAt: new Date(now().getTime() + LIFE_MS) };
      await asked(sessions.insertOne({ _id: claim.id, expiresAt: claim.expiresAt, createdAt: now() }));
      return {
        session: { ...claim, csrfToken: tokens.csrfOf(claim.id) },
        token: tokens.sign(claim),
      };
    },
    find: async (token) => {
      const claim = tokens.read(token, now());
      if (claim === null) return null;
      const row = await asked(sessions.findOne({ _id: claim.id }));
      return row && { ...claim, csrfToken: tokens.csrfOf(claim.id) };
    },
    end: async (sessionId) => {
      await asked(sessions.deleteOne({ _id: sessionId }));
    },
    isCsrf: (sessionId, given) => tokens.isCsrf(sessionId, given),
  };
}
