const TEXTS: Readonly<Record<string, string>> = {
  budget_exceeded: "over budget",
  budget_unavailable: "limits could not be checked",
  rate_limited: "too many at once",
  customer_blocked: "customer blocked",
  customer_model_denied: "model not allowed",
  customer_region_denied: "region not allowed",
  customer_unknown: "limits not known while the store was away",
  model_unpriced: "model without a price",
  delivered: "delivered",
  address_refused: "address not allowed",
  dns_error: "host name not found",
  connect_timeout: "no connection in time",
  header_timeout: "no answer in time",
  connection_reset: "connection broken off",
  tls_error: "TLS failed",
};

/** A code in words; one that is new here as itself. */
export function reasonText(code: string): string {
  const status = /^http_(\d{3})$/.exec(code)?.[1];
  if (status !== undefined) return `answered ${status}`;
  return TEXTS[code] ?? code.replaceAll("_", " ");
}
