import { describe, type Issue, valueAt } from "../lib/zod-issues.ts";

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

/** One detail per wrong field; an unknown one is named. */
export function validationDetails(
  issues: readonly Issue[],
  place: "body" | "query",
  input: unknown,
): ValidationDetail[] {
  return issues.flatMap((issue): ValidationDetail[] => {
    const loc = [place, ...issue.path.map((step) => (typeof step === "symbol" ? String(step) : step))];
    if (issue.code === "unrecognized_keys") {
      return issue.keys.map((key) => ({
        type: "extra_forbidden",
        loc: [...loc, key],
        msg: "Extra inputs are not permitted",
        input: valueAt(input, [...issue.path, key]),
      }));
    }
    const value = valueAt(input, issue.path);
    if (value === undefined) return [{ type: "missing", loc, msg: "Field required", input: null }];
    const type = TYPES[issue.code] ?? "value_error";
    // Where fields contradict each other, the value of one explains nothing.
    const contradiction = issue.code === "custom" && issue.params?.["contradiction"] === true;
    const secret = issue.path.some((step) => SECRET_FIELDS.has(String(step)));
    const msg = contradiction || secret ? issue.message : `${issue.message}, got ${describe(value)}`;
    return [{ type, loc, msg, input: secret ? null : value }];
  });
}

/** Their values are nobody's to read in an error, or in the log of whoever got it. */
const SECRET_FIELDS: ReadonlySet<string> = new Set(["secret", "headers", "key"]);

const TYPES: Readonly<Record<string, string>> = {
  invalid_type: "type_error",
  invalid_union: "type_error",
  invalid_value: "literal_error",
  too_big: "less_than_equal",
  too_small: "greater_than_equal",
  invalid_format: "string_pattern_mismatch",
};

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
