/**
 * Every failure a caller can see has a row here: its HTTP status, the `type` that clients match on, and
 * whether repeating the same call can help. A code without a row does not compile.
 */

export type ErrorCode =
  | "invalid_json"
  | "invalid_request"
  | "invalid_customer_id"
  | "invalid_cursor"
  | "missing_api_key"
  | "invalid_api_key"
  | "not_admin"
  | "session_ended"
  | "csrf_failed"
  | "too_many_attempts"
  | "too_many_watchers"
  | "model_not_found"
  | "route_not_found"
  | "method_not_allowed"
  | "customer_blocked"
  | "customer_model_denied"
  | "customer_region_denied"
  | "customer_not_found"
  | "customer_required"
  | "customer_unknown"
  | "customer_exists"
  | "budget_exists"
  | "budget_not_found"
  | "invalid_budget"
  | "dates_missing"
  | "default_model_unknown"
  | "model_unpriced"
  | "budget_exceeded"
  | "budget_unavailable"
  | "rate_limited"
  | "charge_not_found"
  | "endpoint_not_found"
  | "invalid_endpoint"
  | "delivery_not_found"
  | "delivery_batched"
  | "replay_not_found"
  | "request_too_large"
  | "request_timeout"
  | "unsupported_media_type"
  | "upstream_auth"
  | "upstream_unavailable"
  | "upstream_invalid_response"
  | "upstream_timeout"
  | "client_closed"
  | "ledger_unavailable"
  | "store_unavailable"
  | "store_full"
  | "query_timeout"
  | "overloaded"
  | "draining"
  | "internal";

interface ErrorRow {
  readonly status: number;
  readonly type: string;
  readonly retry: boolean;
  /** LiteLLM answers these as {"detail": {"error": …}}. */
  readonly envelope?: "detail";
}

/** Types follow LiteLLM's error envelope, so existing handlers keep matching. */
export const ERROR_TABLE = {
  invalid_json: { status: 400, type: "invalid_request_error", retry: false },
  invalid_request: { status: 400, type: "invalid_request_error", retry: false },
  invalid_customer_id: { status: 400, type: "invalid_request_error", retry: false },
  invalid_cursor: { status: 422, type: "invalid_request_error", retry: false },
  missing_api_key: { status: 401, type: "auth_error", retry: false },
  invalid_api_key: { status: 401, type: "auth_error", retry: false },
  not_admin: { status: 401, type: "auth_error", retry: false },
  session_ended: { status: 401, type: "auth_error", retry: false },
  csrf_failed: { status: 403, type: "auth_error", retry: false },
  too_many_attempts: { status: 429, type: "auth_error", retry: false },
  too_many_watchers: { status: 503, type: "service_unavailable", retry: true },
  model_not_found: { status: 404, type: "invalid_request_error", retry: false },
  route_not_found: { status: 404, type: "not_found", retry: false },
  method_not_allowed: { status: 405, type: "invalid_request_error", retry: false },
  customer_blocked: { status: 400, type: "invalid_request_error", retry: false },
  customer_model_denied: { status: 403, type: "customer_model_access_denied", retry: false },
  customer_region_denied: { status: 400, type: "invalid_request_error", retry: false },
  customer_required: { status: 401, type: "auth_error", retry: false },
  customer_unknown: { status: 503, type: "service_unavailable", retry: true },
  customer_exists: { status: 400, type: "bad_request", retry: false },
  budget_exists: { status: 400, type: "bad_request", retry: false, envelope: "detail" },
  budget_not_found: { status: 404, type: "not_found", retry: false },
  invalid_budget: { status: 400, type: "bad_request", retry: false, envelope: "detail" },
  dates_missing: { status: 400, type: "bad_request", retry: false, envelope: "detail" },
  default_model_unknown: { status: 422, type: "invalid_request_error", retry: false },
  model_unpriced: { status: 400, type: "invalid_request_error", retry: false },
  // 422 unless litellm_settings.budget_exceeded_status_code says otherwise.
  budget_exceeded: { status: 422, type: "budget_exceeded", retry: false },
  budget_unavailable: { status: 503, type: "service_unavailable", retry: true },
  rate_limited: { status: 429, type: "throttling_error", retry: false },
  customer_not_found: { status: 404, type: "not_found", retry: false },
  charge_not_found: { status: 404, type: "not_found", retry: false },
  endpoint_not_found: { status: 404, type: "not_found", retry: false },
  invalid_endpoint: { status: 400, type: "invalid_request_error", retry: false },
  delivery_not_found: { status: 404, type: "not_found", retry: false },
  delivery_batched: { status: 409, type: "invalid_request_error", retry: false },
  replay_not_found: { status: 404, type: "not_found", retry: false },
  request_too_large: { status: 413, type: "invalid_request_error", retry: false },
  request_timeout: { status: 408, type: "timeout", retry: true },
  unsupported_media_type: { status: 415, type: "invalid_request_error", retry: false },
  upstream_auth: { status: 502, type: "upstream_error", retry: false },
  upstream_unavailable: { status: 502, type: "upstream_error", retry: true },
  upstream_invalid_response: { status: 502, type: "upstream_error", retry: true },
  upstream_timeout: { status: 504, type: "timeout", retry: true },
  // Nobody reads this answer: nginx's number, so that logs tell it from a failure.
  client_closed: { status: 499, type: "client_closed", retry: false },
  ledger_unavailable: { status: 503, type: "service_unavailable", retry: true },
  store_unavailable: { status: 503, type: "service_unavailable", retry: true },
  store_full: { status: 503, type: "service_unavailable", retry: true },
  // The same question would take as long again.
  query_timeout: { status: 503, type: "timeout", retry: false },
  overloaded: { status: 503, type: "service_unavailable", retry: true },
  draining: { status: 503, type: "service_unavailable", retry: true },
  internal: { status: 500, type: "internal_server_error", retry: true },
} as const satisfies Record<ErrorCode, ErrorRow>;

export interface AppErrorOptions {
  /** The request field at fault. */
  readonly param?: string;
  readonly cause?: unknown;
  /** Where an operator has chosen another status than the table's. */
  readonly status?: number;
  /** Facts beside the message, for programs. */
  readonly facts?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A failure with a name. The message is for the caller: no secrets, no internals; those go to `cause`. */
export class AppError extends Error {
  override readonly name = "AppError";
  readonly code: ErrorCode;
  /** The request field at fault, where there is one. */
  readonly param: string | null;
  readonly status: number;
  readonly facts: Readonly<Record<string, unknown>>;
  readonly headers: Readonly<Record<string, string>>;

  constructor(code: ErrorCode, message: string, options: AppErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.param = options.param ?? null;
    this.status = options.status ?? ERROR_TABLE[code].status;
    this.facts = options.facts ?? {};
    this.headers = options.headers ?? {};
  }

  get type(): string {
    return ERROR_TABLE[this.code].type;
  }

  get retry(): boolean {
    return ERROR_TABLE[this.code].retry;
  }
}

/** LiteLLM's and OpenAI's error envelope; `code` is the HTTP status as a string. */
export function toErrorBody(error: AppError): object {
  const row: ErrorRow = ERROR_TABLE[error.code];
  if (row.envelope === "detail") return { detail: { error: error.message } };
  const { message, type, param, status, facts } = error;
  return { error: { message, type, param, code: String(status), ...facts } };
}
