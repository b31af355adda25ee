/** One wrong field, in the shape that LiteLLM (FastAPI) uses. */
export interface ValidationDetail {
  readonly type: string;
  readonly loc: readonly (string | number)[];
  readonly msg: string;
  readonly input: unknown;
}

/** A management request with wrong fields: 422 with every one of them. */
export class ValidationFailure extends Error {
  override readonly name = "ValidationFailure";
  readonly details: readonly ValidationDetail[];

  constructor(details: readonly ValidationDetail[]) {
    super("The request has wrong fields");
    this.details = details;
  }
}

/** A query parameter that must be there, once. */
export function requiredQuery(
  query: Readonly<Record<string, string | string[] | undefined>>,
  name: string,
): string {
  const value = query[name];
  if (typeof value === "string" && value !== "") return value;
  const several = Array.isArray(value);
  throw new ValidationFailure([
    {
      type: several ? "string_type" : "missing",
      loc: ["query", name],
      msg: several ? "Input should be given once" : "Field required",
      input: value ?? null,
    },
  ]);
}
