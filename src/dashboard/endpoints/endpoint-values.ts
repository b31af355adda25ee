import type { EndpointFields } from "../api/webhooks.ts";
import { ApiError } from "../api/api-error.ts";
import type { Endpoint } from "../api/schemas/webhooks.ts";
import { given, orNull } from "../parts/typed-text.ts";

/** An endpoint as its form holds one. */
export type EndpointValues = Readonly<
  Record<
    | "url"
    | "description"
    | "event_types"
    | "customers"
    | "headers"
    | "timeout_ms"
    | "max_in_flight"
    | "rate_per_second"
    | "signature",
    string
  >
>;

export const NEW_ENDPOINT: EndpointValues = {
  url: "",
  description: "",
  event_types: "",
  customers: "",
  headers: "",
  timeout_ms: "15000",
  max_in_flight: "50",
  rate_per_second: "",
  signature: "v1",
};

export function valuesOf(endpoint: Endpoint): EndpointValues {
  return {
    url: endpoint.url,
    description: endpoint.description ?? "",
    event_types: (endpoint.event_types ?? []).join(","),
    customers: (endpoint.customers ?? []).join("\n"),
    // Values of headers are never shown again: left empty, they stay.
    headers: "",
    timeout_ms: String(endpoint.timeout_ms),
    max_in_flight: String(endpoint.max_in_flight),
    rate_per_second: endpoint.rate_per_second === null ? "" : String(endpoint.rate_per_second),
    signature: endpoint.signature,
  };
}

/** The form as a request. What is no number goes as it was typed: the server says what is wrong with it. */
export function requestOf(values: EndpointValues): EndpointFields {
  const headers = readHeaders(values.headers);
  return {
    url: values.url.trim(),
    description: orNull(values.description),
    event_types: listOrNull(values.event_types, ","),
    customers: listOrNull(values.customers, "\n"),
    ...(headers !== undefined && { headers }),
    timeout_ms: numberOrText(values.timeout_ms),
    max_in_flight: numberOrText(values.max_in_flight),
    rate_per_second:
      given(values.rate_per_second) === undefined ? null : numberOrText(values.rate_per_second),
    signature: values.signature,
  };
}

/** What is different in the form, as a request: what somebody else has changed meanwhile stays. */
export function changesOf(before: EndpointValues, after: EndpointValues): Partial<EndpointFields> {
  const known = new Map<string, unknown>(Object.entries(requestOf(before)));
  const changed = Object.entries(requestOf(after)).filter(
    ([name, value]) => JSON.stringify(value) !== JSON.stringify(known.get(name)),
  );
  return Object.fromEntries(changed);
}

function listOrNull(text: string, separator: string): string[] | null {
  const parts = text
    .split(separator)
    .map((part) => part.trim())
    .filter((part) => part !== "");
  return parts.length === 0 ? null : parts;
}

function numberOrText(text: string): number | string {
  const value = Number(text);
  return text.trim() === "" || Number.isNaN(value) ? text : value;
}

/** "name: value" lines; undefined for nothing, null for a dash. Throws ApiError for a line without a colon. */
function readHeaders(text: string): Record<string, string> | null | undefined {
  if (text.trim() === "") return undefined;
  if (text.trim() === "-") return null;
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  return Object.fromEntries(
    lines.map((line) => {
      const colon = line.indexOf(":");
      if (colon < 1) {
        const message = `A header is a name, a colon and a value; got "${line.trim().slice(0, 60)}"`;
        throw new ApiError(message, { status: 422, fields: new Map([["headers", message]]) });
      }
      return [line.slice(0, colon).trim(), line.slice(colon + 1).trim()];
    }),
  );
}
