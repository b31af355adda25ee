import { Agent, type Dispatcher, errors } from "undici";
import { AppError } from "../errors.ts";
import type { ChatRequest } from "./chat-request.ts";
import { chatUrl, type UpstreamTarget, upstreamBody, upstreamHeaders } from "./upstream-request.ts";

/** An upstream's answer: its headers are here, its body is still on the way. */
export interface UpstreamResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: AsyncIterable<Uint8Array>;
}

/**
 * Posts one chat request. Rejects with upstream_unavailable or upstream_timeout when no response headers
 * came; the body's own failures surface while it is read (see `bodyFailure`).
 */
export type CallUpstream = (
  target: UpstreamTarget,
  request: ChatRequest,
  signal: AbortSignal | null,
) => Promise<UpstreamResponse>;

export interface UpstreamClient {
  readonly call: CallUpstream;
  close(): Promise<void>;
}

const CONNECT_TIMEOUT_MS = 10_000;
/** Below the 5 s after which common servers close an idle connection without saying so beforehand. */
const KEEP_ALIVE_MS = 4000;
/** Also where a server promises longer: what a burst has opened must not stay for minutes. */
const KEEP_ALIVE_MOST_MS = 30_000;

/** One keep-alive pool per origin, no limit on connections: the callers' concurrency is the limit. */
export function createUpstreamClient(userAgent: string): UpstreamClient {
  const agent = new Agent({
    connect: { timeout: CONNECT_TIMEOUT_MS },
    keepAliveTimeout: KEEP_ALIVE_MS,
    keepAliveMaxTimeout: KEEP_ALIVE_MOST_MS,
    pipelining: 1,
  });
  const targets = new Map<string, { origin: string; path: string; headers: Record<string, string> }>();

  const resolve = (
    target: UpstreamTarget,
  ): { origin: string; path: string; headers: Record<string, string> } => {
    const known = targets.get(target.id);
    if (known !== undefined) return known;
    const url = chatUrl(target);
    const made = {
      origin: url.origin,
      path: url.pathname + url.search,
      headers: upstreamHeaders(target, userAgent),
    };
    targets.set(target.id, made);
    return made;
  };

  return {
    call: async (target, request, signal) => {
      const { origin, path, headers } = resolve(target);
      try {
        const response: Dispatcher.ResponseData = await agent.request({
          origin,
          path,
          method: "POST",
          headers,
          body: upstreamBody(request, target),
          signal,
          headersTimeout: target.timeoutMs,
          bodyTimeout: target.idleTimeoutMs,
        });
        return { status: response.statusCode, headers: response.headers, body: response.body };
      } catch (error) {
        if (signal?.aborted === true)
          throw new AppError("client_closed", "The client left before the upstream answered");
        throw requestFailure(error, target);
      }
    },
    close: () => agent.destroy(),
  };
}

/** Why no response came, with a name; the address and the cause stay out of the message. */
function requestFailure(error: unknown, target: UpstreamTarget): AppError {
  if (error instanceof errors.HeadersTimeoutError) {
    return new AppError(
      "upstream_timeout",
      `The upstream of model '${target.modelName}' did not answer within ${target.timeoutMs / 1000} s`,
      { cause: error },
    );
  }
  if (error instanceof errors.ConnectTimeoutError) {
    return new AppError(
      "upstream_timeout",
      `The upstream of model '${target.modelName}' could not be reached within ${CONNECT_TIMEOUT_MS / 1000} s`,
      { cause: error },
    );
  }
  return new AppError(
    "upstream_unavailable",
    `The upstream of model '${target.modelName}' could not be reached`,
    {
      cause: error,
    },
  );
}

/** Why a response body ended early. */
export function bodyFailure(error: unknown, target: UpstreamTarget): AppError {
  if (error instanceof errors.BodyTimeoutError) {
    return new AppError(
      "upstream_timeout",
      `The upstream of model '${target.modelName}' went silent for ${target.idleTimeoutMs / 1000} s`,
      { cause: error },
    );
  }
  if (error instanceof AppError) return error;
  return new AppError(
    "upstream_unavailable",
    `The upstream of model '${target.modelName}' broke off its response`,
    { cause: error },
  );
}
