import type { z } from "zod";
import { AppError } from "../errors.ts";
import { findJsonFlaw, type JsonFlaw } from "../lib/check-json.ts";
import { decodeUtf8, findJsonFault, MAX_JSON_DEPTH } from "../lib/json-tree.ts";
import { describe, type Issue, plainIssues, valueAt } from "../lib/zod-issues.ts";
import type { AppContext } from "./context.ts";
import { type BodyBounds, readBody } from "./read-body.ts";
import { ValidationFailure, validationDetails } from "./validation-failure.ts";

/** The most that a request to anything but a model may bring. */
export const MAX_JSON_BYTES = 1024 * 1024;
/** Ten times the longest list that any field takes: each value may be a wrong one, and is told with its place. */
const MAX_VALUES = 10_000;

/** The request's JSON body, at most 1 MiB unless `bounds` say otherwise, checked. Throws ValidationFailure with every wrong field at once. */
export async function readJson<T>(ctx: AppContext, schema: z.ZodType<T>, bounds?: BodyBounds): Promise<T> {
  return check(schema, parse(await readBody(ctx.req, bounds ?? boundsOf(ctx))), "body");
}

/** The same for a request that may have no body: then it is an empty object. */
export async function readJsonOrNothing<T>(ctx: AppContext, schema: z.ZodType<T>): Promise<T> {
  const bytes = await readBody(ctx.req, boundsOf(ctx));
  return check(schema, bytes.length === 0 ? {} : parse(bytes), "body");
}

/** The request's query, checked like a body; a parameter that the schema does not have is passed over, as in LiteLLM. */
export function readQuery<T>(ctx: AppContext, schema: z.ZodType<T>): T {
  return check(schema, { ...ctx.query }, "query");
}

function boundsOf(ctx: AppContext): BodyBounds {
  return { maxBytes: MAX_JSON_BYTES, grow: ctx.state.growBody };
}

function check<T>(schema: z.ZodType<T>, input: unknown, place: "body" | "query"): T {
  const parsed = schema.safeParse(input, { reportInput: true });
  if (parsed.success) return parsed.data;
  const issues = plainIssues(parsed.error.issues);
  throw ownError(issues, input) ?? new ValidationFailure(validationDetails(issues, place, input));
}

/**
 * Some faults have an error of their own, as in LiteLLM. It is answered where nothing else is wrong:
 * beside others the list of all is.
 */
function ownError(issues: readonly Issue[], input: unknown): AppError | null {
  const faults = issues.map((issue) => {
    const { code, fault } = (issue.code === "custom" && issue.params) || {};
    if (code !== "invalid_budget") return null;
    const text = String(fault).replace("%s", () => issue.path.join("."));
    return `${text}. Received: ${receivedText(valueAt(input, issue.path))}`;
  });
  if (faults.length === 0 || faults.includes(null)) return null;
  return new AppError("invalid_budget", faults.join("; "));
}

function receivedText(value: unknown): string {
  return typeof value === "string" ? value.slice(0, 100) : describe(value);
}

function parse(bytes: Buffer): unknown {
  if (bytes.length === 0) {
    throw new AppError("invalid_request", "The request has no body (with curl, the body goes in -d, not -D)");
  }
  const text = decodeUtf8(bytes);
  if (text === null) throw new AppError("invalid_json", "The request body is not valid UTF-8");
  // Before anything is built of it: what has many values takes its time and memory by their number.
  const flaw = findJsonFlaw(Buffer.from(text), { depth: MAX_JSON_DEPTH, values: MAX_VALUES });
  if (flaw !== null) throw new AppError("invalid_json", FLAWS[flaw.kind]);
  const value: unknown = JSON.parse(text);
  if (findJsonFault(value) === "proto_key") {
    throw new AppError("invalid_json", "The request body has a key named __proto__");
  }
  return value;
}

/** A fault of syntax is told without the place: V8's messages quote the body, and who writes these has a tool. */
const FLAWS: Readonly<Record<JsonFlaw["kind"], string>> = {
  syntax: "The request body is not valid JSON",
  too_deep: `The request body is nested deeper than ${MAX_JSON_DEPTH} levels`,
  too_many: `The request body has more than ${MAX_VALUES} values`,
};
