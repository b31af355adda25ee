import type { Session } from "../session/session.ts";
import { ApiError, readApiError } from "./api-error.ts";

/** Query parameters; null and empty ones are left out. */
export type Query = Readonly<Record<string, string | number | boolean | null | undefined>>;

export interface ApiRequest {
  readonly method?: "GET" | "POST" | "PATCH" | "DELETE";
  readonly path: string;
  readonly query?: Query | undefined;
  readonly body?: unknown;
  readonly signal?: AbortSignal | undefined;
}

export interface Answer<T> {
  readonly body: T;
  /** Where the next page begins; null on the last. */
  readonly nextCursor: string | null;
}

/**
 * Sends one request with the session's cookie. The type of the answer is a promise that
 * test/integration/dashboard/contract.test.ts checks against the server. Throws ApiError.
 */
export type Send = <T>(request: ApiRequest) => Promise<Answer<T>>;

/**
 * A refused session is renewed by signing in again, and the request is repeated then: it was not
 * carried out.
 */
export function createSend(fetch: typeof globalThis.fetch, session: Session): Send {
  const attempt = async (request: ApiRequest): Promise<Response> => {
    const { method = "GET", body, signal } = request;
    const headers: Record<string, string> = {};
    if (method !== "GET") headers["x-csrf-token"] = session.csrfToken();
    if (body !== undefined) headers["content-type"] = "application/json";
    const init = {
      method,
      headers,
      ...(body !== undefined && { body: JSON.stringify(body) }),
      ...(signal !== undefined && { signal }),
    };
    try {
      return await fetch(addressOf(request), init);
    } catch (cause) {
      if (signal?.aborted) throw cause;
      throw new ApiError("The server cannot be reached", { status: 0 });
    }
  };

  return async <T>(request: ApiRequest): Promise<Answer<T>> => {
    let answer = await attempt(request);
    let isRenewed = false;
    while (answer.status === 401 || (answer.status === 403 && !isRenewed)) {
      if (answer.status === 401) await session.expire();
      else {
        // Another tab has signed in anew: its token is ours as well.
        isRenewed = true;
        await session.resume();
      }
      request.signal?.throwIfAborted();
      answer = await attempt(request);
    }
    const text = await answer.text();
    const body = text === "" ? undefined : parse(text);
    if (!answer.ok) throw readApiError(answer.status, body, answer.headers.get("retry-after"));
    return { body: body as T, nextCursor: nextCursor(answer) };
  };
}

/** The request's path with its query. */
export function addressOf({ path, query = {} }: Pick<ApiRequest, "path" | "query">): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== "") parameters.set(name, String(value));
  }
  const text = parameters.toString();
  return text === "" ? path : `${path}?${text}`;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // A proxy in between may answer in HTML; the status says enough.
    return undefined;
  }
}

function nextCursor(answer: Response): string | null {
  const next = /<([^>]*)>;\s*rel="next"/.exec(answer.headers.get("link") ?? "")?.[1];
  return next === undefined ? null : new URLSearchParams(next.split("?")[1]).get("cursor");
}
