import { AppError } from "../errors.ts";
import type { NewId } from "../lib/ids.ts";
import { eventHeaders } from "./attempt-delivery.ts";
import { customHeaders, type SecretBox, signingKeysOf } from "./endpoint-keys.ts";
import type { EndpointStore } from "./endpoint-store.ts";
import { timingJson } from "./list-deliveries.ts";
import type { Posted, PostEvent } from "./post-event.ts";
import { type EventType, sampleEvent } from "./sample-event.ts";
import { signatureHeaders } from "./sign.ts";

export interface SendTestDeps {
  readonly endpoints: Pick<EndpointStore, "find">;
  readonly secrets: SecretBox;
  readonly post: PostEvent;
  readonly userAgent: string;
  readonly newId: NewId;
  readonly now: () => Date;
}

const HIDDEN = "***";

/**
 * Sends one signed event of this type now, also to an endpoint that is paused or disabled, and answers what
 * was sent byte for byte (values of custom headers hidden), what came back, and a curl line that does the same.
 * It is in no ledger and is not tried again. Throws endpoint_not_found.
 */
export async function sendTest(deps: SendTestDeps, endpointId: string, type: EventType): Promise<object> {
  const endpoint = await deps.endpoints.find(endpointId);
  if (endpoint === null) {
    throw new AppError("endpoint_not_found", `There is no webhook endpoint '${endpointId}'`);
  }
  const now = deps.now();
  const id = deps.newId("evt_test");
  const text = sampleEvent(type, id, now);
  const body = Buffer.from(text, "utf8");
  const message = { id, timestamp: Math.floor(now.getTime() / 1000), body };
  const signed = signatureHeaders(message, signingKeysOf(endpoint, deps.secrets, now));
  const custom = customHeaders(endpoint, deps.secrets);
  const { userAgent } = deps;
  const headers = eventHeaders({ custom, userAgent, number: 1, signed });
  const posted = await deps.post({ url: endpoint.url, body, headers, timeoutMs: endpoint.timeoutMs });
  const shown = { ...headers, ...Object.fromEntries(Object.keys(custom).map((name) => [name, HIDDEN])) };
  return {
    request: { url: endpoint.url, headers: shown, body: text },
    ...outcomeJson(posted),
    curl: curlLine(endpoint.url, shown, text),
  };
}

function outcomeJson({ result, timing }: Posted): object {
  const ok = result.kind === "response" && result.status >= 200 && result.status < 300;
  return {
    response:
      result.kind === "response"
        ? { status: result.status, headers: result.headers, body: result.body }
        : null,
    outcome: ok ? "delivered" : result.kind === "response" ? `http_${result.status}` : result.code,
    timing: timingJson(timing),
  };
}

function curlLine(url: string, headers: Readonly<Record<string, string>>, body: string): string {
  const quote = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;
  const options = Object.entries(headers).map(([name, value]) => `-H ${quote(`${name}: ${value}`)}`);
  return ["curl -X POST", quote(url), ...options, "--data-binary", quote(body)].join(" ");
}
