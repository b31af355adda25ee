const NAME = /^[!#$%&'*+.^_`|~0-9a-z-]{1,100}$/;
const REFUSED = new Set([
  "host",
  "connection",
  "keep-alive",
  "transfer-encoding",
  "te",
  "trailer",
  "trailers",
  "upgrade",
  "expect",
  "user-agent",
  "cookie",
  "cookie2",
  "set-cookie",
  "accept-encoding",
  "date",
]);
/** Headers that we, the transport or a cloud's infrastructure give a meaning to. */
const REFUSED_PREFIXES = [
  "content-",
  "webhook-",
  "proxy-",
  "sec-",
  "x-amz-",
  "x-goog-",
  "x-azure-",
  "x-ms-",
  "x-forwarded-",
  "x-envoy-",
];
const MOST_HEADERS = 20;
const MOST_VALUE_BYTES = 2048;

/** Why these headers may not be sent with every event, each fault with the header's name; empty = they may. */
export function refuseHeaders(headers: Readonly<Record<string, string>>): string[] {
  const entries = Object.entries(headers);
  const faults = entries.flatMap(([name, value]) => {
    const fault = refuseHeader(name.toLowerCase(), value);
    return fault === null ? [] : [`header '${name.slice(0, 100)}' ${fault}`];
  });
  if (entries.length > MOST_HEADERS) faults.push(`there are more than ${MOST_HEADERS} headers`);
  return faults;
}

function refuseHeader(name: string, value: string): string | null {
  if (!NAME.test(name)) return "has a name that HTTP does not allow";
  if (REFUSED.has(name) || REFUSED_PREFIXES.some((prefix) => name.startsWith(prefix))) {
    return "is set by others and cannot be custom";
  }
  if (Buffer.byteLength(value) > MOST_VALUE_BYTES) return `is longer than ${MOST_VALUE_BYTES} bytes`;
  // Printable ASCII and tabs: no line break can end this header and begin another.
  return /^[\t\x20-\x7e]*$/.test(value) ? null : "has a value with characters that HTTP does not allow";
}
