import type { FailureCode } from "./classify-attempt.ts";

const BY_PHASE: Readonly<Record<string, FailureCode>> = {
  lookup: "dns_error",
  connect: "connect_timeout",
  secureConnect: "tls_error",
};

/** Gives a transport error its name by Node's code, and a time-out by the phase it fell in. */
export function nameFailure(error: Error & { code?: string; event?: string; cause?: unknown }): FailureCode {
  const code = error.code ?? "";
  if (code === "ERR_ADDRESS_REFUSED" || causeCode(error) === "ERR_ADDRESS_REFUSED") return "address_refused";
  if (error.event !== undefined) return BY_PHASE[error.event] ?? "header_timeout";
  if (code === "ENOTFOUND" || code === "EAI_AGAIN" || code === "ENODATA") return "dns_error";
  if (code === "ECONNREFUSED") return "connection_refused";
  if (code === "ECONNRESET" || code === "EPIPE" || code === "ERR_STREAM_PREMATURE_CLOSE")
    return "connection_reset";
  if (code === "ETIMEDOUT") return "connect_timeout";
  if (code.startsWith("HPE_") || code.startsWith("ERR_HTTP")) return "protocol_error";
  if (code === "ERR_INVALID_URL") return "invalid_url";
  if (code === "EPROTO" || /CERT|TLS|SSL|SELF_SIGNED|UNABLE_TO_/.test(code)) return "tls_error";
  return "network_error";
}

function causeCode(error: { cause?: unknown }): unknown {
  return error.cause !== null && typeof error.cause === "object" && "code" in error.cause
    ? error.cause.code
    : undefined;
}
