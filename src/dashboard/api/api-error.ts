/** A request that was refused or never arrived, with what to show where. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  /** HTTP status; 0 when no answer came. */
  readonly status: number;
  /** The server's message per wrong field; for one inside a list, under the list's name. */
  readonly fields: ReadonlyMap<string, string>;
  readonly retryAfterSeconds: number | null;

  constructor(
    message: string,
    about: { status: number; fields?: ReadonlyMap<string, string>; retryAfterSeconds?: number | null },
  ) {
    super(message);
    this.status = about.status;
    this.fields = about.fields ?? new Map();
    this.retryAfterSeconds = about.retryAfterSeconds ?? null;
  }
}

interface Detail {
  readonly loc: readonly (string | number)[];
  readonly msg: string;
}

interface ErrorBody {
  readonly detail?: readonly Detail[] | { readonly error?: string };
  readonly error?: { readonly message?: string; readonly param?: string | null };
}

/** Reads the three shapes in which the server says what is wrong. */
export function readApiError(status: number, body: unknown, retryAfter: string | null): ApiError {
  const { detail, error } = (typeof body === "object" && body !== null ? body : {}) as ErrorBody;
  const retryAfterSeconds = retryAfter === null ? null : Number(retryAfter) || null;
  const about = { status, retryAfterSeconds };
  if (Array.isArray(detail)) return fromDetails(detail as readonly Detail[], about);
  const text = (detail as { error?: string } | undefined)?.error;
  if (text !== undefined) return new ApiError(text, { ...about, fields: leadingFields(text) });
  const message = error?.message ?? `The server answered ${status}`;
  const param = error?.param ?? null;
  return new ApiError(message, {
    ...about,
    fields: param === null ? new Map() : new Map([[param, message]]),
  });
}

function fromDetails(
  details: readonly Detail[],
  about: { status: number; retryAfterSeconds: number | null },
): ApiError {
  const fields = new Map<string, string>();
  for (const { loc, msg } of details) {
    const field = String(loc[1] ?? loc[0] ?? "");
    const place = loc.slice(2).join(".");
    const text = place === "" ? msg : `${place}: ${msg}`;
    fields.set(field, fields.has(field) ? `${fields.get(field)}; ${text}` : text);
  }
  const message = [...fields].map(([field, text]) => `${field}: ${text}`).join("; ");
  return new ApiError(message, { ...about, fields });
}

/** "max_budget must be …; Invalid budget_duration: …" is about max_budget and budget_duration. */
function leadingFields(text: string): Map<string, string> {
  const sentences = text.split("; ").flatMap((sentence): [string, string][] => {
    const field = /^(?:Invalid )?([a-z_]+)[ .:]/.exec(sentence)?.[1];
    return field?.includes("_") === true ? [[field, sentence]] : [];
  });
  return new Map(sentences);
}
