import { AppError } from "../errors.ts";
import { findJsonFlaw, OPEN_ARRAY, OPEN_OBJECT, skipSpace } from "../lib/check-json.ts";
import { MAX_JSON_DEPTH, MAX_JSON_VALUES } from "../lib/json-tree.ts";
import type { ChatClient } from "./chat-client.ts";
import { type Call, type ChargeDeps, type Charged, chargeCall, estimateUsage } from "./charge-call.ts";
import type { ReadAnswer } from "./answer-reader.ts";
import { relayAnswer, type StreamAnswer } from "./stream-answer.ts";
import { bodyFailure, type CallUpstream, type UpstreamResponse } from "./upstream.ts";
import { passedHeaders } from "./upstream-request.ts";

export interface CompleteChatDeps extends ChargeDeps {
  readonly readAnswer: ReadAnswer;
  readonly callUpstream: CallUpstream;
}

/** A whole answer, already charged (`charged` is null when the upstream refused: that costs nothing). */
export interface BodyAnswer {
  readonly kind: "body";
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: Buffer;
  readonly charged: Charged | null;
  /** From the request to the upstream until its whole response was here. */
  readonly upstreamMs: number;
}

export type Answer = BodyAnswer | StreamAnswer;

/** An upstream's whole response is held in memory until it is charged; past this it is refused. */
const MAX_RESPONSE_BYTES = 64 * 1024 * 1024;

/**
 * One admitted chat completion: asks the upstream, and answers with a body that is charged, or relays a stream that
 * is charged before its end. When the client has left, a stream is broken off and charged for what was generated; a
 * whole answer is awaited and charged as the upstream counts it.
 */
export async function completeChat(deps: CompleteChatDeps, call: Call, client: ChatClient): Promise<Answer> {
  const { gone } = client;
  const { deployment, request } = call;
  // While its limits were asked for the client may have left: nobody wants the answer, and nobody pays for it.
  if (gone.aborted) throw new AppError("client_closed", "The client left before its call was made");
  const askedAt = performance.now();
  const response = await deps.callUpstream(deployment, request, request.stream ? gone : null);
  const headers = passedHeaders(response.headers);
  const isStream = String(response.headers["content-type"] ?? "").startsWith("text/event-stream");
  if (response.status === 200 && isStream) {
    const sink = client.startStream({ status: response.status, headers });
    return relayAnswer(deps, call, { body: response.body, sink, announceCost: client.announceCost });
  }
  const body = await readBody(response, call);
  const upstreamMs = performance.now() - askedAt;
  if (response.status < 200 || response.status >= 300) {
    return { kind: "body", ...refusal(response.status, headers, body, call), charged: null, upstreamMs };
  }
  const facts = await deps.readAnswer(body);
  if (facts === null) {
    throw new AppError(
      "upstream_invalid_response",
      `The upstream of model '${deployment.modelName}' answered ${response.status} with a body that is not JSON`,
    );
  }
  const { usage, generated } = facts;
  const charged = await chargeCall(deps, call, {
    usage: usage ?? (await estimateUsage(deps, request, generated ?? "")),
    estimated: usage === null,
  });
  return { kind: "body", status: response.status, headers, body, charged, upstreamMs };
}

async function readBody(response: UpstreamResponse, call: Call): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const chunk of response.body) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > MAX_RESPONSE_BYTES) {
        throw new AppError("upstream_invalid_response", "The upstream's response is too large to pass on");
      }
    }
  } catch (error) {
    throw bodyFailure(error, call.deployment);
  }
  return chunks.length === 1 && Buffer.isBuffer(chunks[0]) ? chunks[0] : Buffer.concat(chunks);
}

/**
 * An upstream's refusal reaches the caller as it came, with two exceptions: a refusal of our own key is
 * our fault, not the caller's, and may quote the key; a redirect or a failure without a JSON body gets
 * our error instead.
 */
function refusal(
  status: number,
  headers: Record<string, string>,
  body: Buffer,
  call: Call,
): { status: number; headers: Record<string, string>; body: Buffer } {
  const model = call.deployment.modelName;
  if (status === 401 || status === 403) {
    throw new AppError(
      "upstream_auth",
      `The upstream of model '${model}' refused the proxy's key (${status})`,
    );
  }
  if (status < 400) {
    throw new AppError("upstream_invalid_response", `The upstream of model '${model}' answered ${status}`);
  }
  if (status >= 500 && !isJson(body)) {
    throw new AppError(
      "upstream_unavailable",
      `The upstream of model '${model}' failed with status ${status}`,
    );
  }
  return { status, headers, body };
}

function isJson(body: Buffer): boolean {
  const first = body[skipSpace(body, 0)];
  const isContainer = first === OPEN_OBJECT || first === OPEN_ARRAY;
  return isContainer && findJsonFlaw(body, { depth: MAX_JSON_DEPTH, values: MAX_JSON_VALUES }) === null;
}
