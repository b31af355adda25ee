/**
 * Every failure a caller can see has a row here: its HTTP status, the `type` that clients match on, and
 * whether repeating the same call can help. A code without a row does not compile.
 */

export type ErrorCode =
  | "invalid_json"
  | "invalid_request"
  | "invalid_customer_id"
  | "missing_api_key"
  | "invalid_api_key"
  | "not_admin"
  | "model_not_found"
  | "route_not_found"
  | "method_not_allowed"
  | "customer_not_found"
  | "charge_not_found"
  | "endpoint_not_found"
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
  | "draining"
  | "internal";

interface ErrorRow {
  readonly status: number;
  readonly type: string;
  readonly retry: boolean;
}

/** Types follow LiteLLM's error envelope, so existing handlers keep matching. */
export const ERROR_TABLE = {
  invalid_json: { status: 400, type: "invalid_request_error", retry: false },
  invalid_request: { status: 400, type: "invalid_request_error", retry: false },
  invalid_customer_id: { status: 400, type: "invalid_request_error", retry: false },
  missing_api_key: { status: 401, type: "auth_error", retry: false },
  invalid_api_key: { status: 401, type: "auth_error", retry: false },
  not_admin: { status: 401, type: "auth_error", retry: false },
  model_not_found: { status: 404, type: "invalid_request_error", retry: false },
  route_not_found: { status: 404, type: "not_found", retry: false },
  method_not_allowed: { status: 405, type: "invalid_request_error", retry: false },
  customer_not_found: { status: 404, type: "not_found", retry: false },
  charge_not_found: { status: 404, type: "not_found", retry: false },
  endpoint_not_found: { status: 404, type: "not_found", retry: false },
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
  draining: { status: 503, type: "service_unavailable", retry: true },
  internal: { status: 500, type: "internal_server_error", retry: true },
} as const satisfies Record<ErrorCode, ErrorRow>;

/** A failure with a name. The message is for the caller: no secrets, no internals; those go to `cause`. */
export class AppError extends Error {
  override readonly name = "AppError";
  readonly code: ErrorCode;
  /** The request field at fault, where there is one. */
  readonly param: string | null;

  constructor(code: ErrorCode, message: string, options: { param?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.param = options.param ?? null;
  }

  get status(): number {
    return ERROR_TABLE[this.code].status;
  }

  get type(): string {
    return ERROR_TABLE[this.code].type;
  }

  get retry(): boolean {
    return ERROR_TABLE[this.code].retry;
  }
}

/** LiteLLM's and OpenAI's error envelope; `code` is the HTTP status as a string. */
export function toErrorBody(error: AppError): {
  error: { message: string; type: string; param: string | null; code: string };
} {
  return {
    error: { message: error.message, type: error.type, param: error.param, code: String(error.status) },
  };
}
