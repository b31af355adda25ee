import { AppError } from "../errors.ts";
import type { ChatRequest } from "./chat-request.ts";

const MAX_ID_BYTES = 1024;

/** Request headers as Node gives them: lower-case names, latin-1 text. */
export type Headers = Readonly<Record<string, string | string[] | undefined>>;

/** Places that an operator adds to the ones that are always looked at. */
export interface CustomerIdPlaces {
  /** Headers, lower case, after the two of our own. */
  readonly headers: readonly string[];
}

/**
 * Who pays: the first non-blank of the two headers, those of the configuration, `user`, `litellm_metadata.user`, `metadata.user_id`
 * and `safety_identifier`; null when the call names nobody. Scalars count as text, objects do not.
 * Throws invalid_customer_id for an id over 1 KiB or one that is not well-formed Unicode.
 */
export function pickCustomerId(
  headers: Headers,
  request: ChatRequest,
  places: CustomerIdPlaces = { headers: [] },
): string | null {
  const candidates: (() => string | null)[] = [
    () => headerText(headers["x-litellm-customer-id"]),
    () => headerText(headers["x-litellm-end-user-id"]),
    ...places.headers.map((name) => () => headerText(headers[name])),
    () => request.user,
    () => request.litellmMetadataUser,
    () => request.metadataUserId,
    () => request.safetyIdentifier,
  ];
  for (const candidate of candidates) {
    const id = candidate();
    if (id !== null && id.trim() !== "") return checkId(id);
  }
  return null;
}

/** An id as it will be stored and told, or invalid_customer_id. */
export function checkId(id: string): string {
  if (!id.isWellFormed()) {
    throw new AppError("invalid_customer_id", "The customer id is not well-formed Unicode text", {
      param: "user",
    });
  }
  const bytes = Buffer.byteLength(id);
  if (bytes > MAX_ID_BYTES) {
    throw new AppError(
      "invalid_customer_id",
      `The customer id is ${bytes} bytes long; the most is ${MAX_ID_BYTES} bytes of UTF-8`,
      { param: "user" },
    );
  }
  return id;
}

/** A header as text: bytes above ASCII are UTF-8 in practice, which Node hands over as latin-1. */
export function headerText(value: string | string[] | undefined): string | null {
  const text = Array.isArray(value) ? value[0] : value;
  if (text === undefined) return null;
  return /[\x80-\xff]/.test(text) ? Buffer.from(text, "latin1").toString("utf8") : text;
}
