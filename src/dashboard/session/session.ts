import { ApiError, readApiError } from "../api/api-error.ts";
import type { SessionInfo } from "../api/schemas/session.ts";
import { type Observable, observable } from "../observable.ts";

/**
 * checking: not known yet. signed_out: nothing to lose. expired: the page stays as it is under the
 * sign-in, so that nothing typed is lost. unreachable: the server gives no answer.
 */
export type SessionState = "checking" | "signed_out" | "open" | "expired" | "unreachable";

export interface Session {
  readonly state: Pick<Observable<SessionState>, "get" | "listen">;
  readonly csrfToken: () => string;
  /** Asks the server whether the cookie is good. A page that is in use stays. */
  readonly resume: () => Promise<void>;
  /** Throws ApiError for a wrong key, or too many of them. */
  readonly signIn: (key: string) => Promise<void>;
  readonly signOut: () => Promise<void>;
  /** Asks for the key again; resolves when someone has signed in. */
  readonly expire: () => Promise<void>;
}

const PATH = "/ui/api/session";

export function createSession(fetch: typeof globalThis.fetch): Session {
  const state = observable<SessionState>("checking");
  let csrf = "";
  let waiting: (() => void)[] = [];

  const open = async (answer: Response): Promise<void> => {
    csrf = ((await answer.json()) as SessionInfo).csrf_token;
    state.set("open");
    const resumed = waiting;
    waiting = [];
    for (const resume of resumed) resume();
  };

  return {
    state,
    csrfToken: () => csrf,
    resume: async () => {
      const answer = await fetch(PATH).catch(() => null);
      const isIn = state.get() === "open" || state.get() === "expired";
      if (answer?.ok) await open(answer);
      else if (answer?.status === 401) state.set(isIn ? "expired" : "signed_out");
      else if (!isIn) state.set("unreachable");
    },
    signIn: async (key) => {
      const headers = { "content-type": "application/json" };
      const init = { method: "POST", headers, body: JSON.stringify({ key }) };
      const answer = await fetch(PATH, init).catch(() => null);
      if (answer === null) throw new ApiError("The server cannot be reached", { status: 0 });
      if (answer.ok) return open(answer);
      const body: unknown = await answer.json().catch(() => null);
      throw readApiError(answer.status, body, answer.headers.get("retry-after"));
    },
    signOut: async () => {
      const answer = await fetch(PATH, { method: "DELETE", headers: { "x-csrf-token": csrf } }).catch(
        () => null,
      );
      if (answer === null || !(answer.ok || answer.status === 401)) {
        throw new ApiError("The server cannot be reached: you are still signed in", { status: 0 });
      }
      waiting = [];
      state.set("signed_out");
    },
    expire: () => {
      if (state.get() === "open") state.set("expired");
      return new Promise((resolve) => waiting.push(resolve));
    },
  };
}
