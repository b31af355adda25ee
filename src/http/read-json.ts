import type { z } from "zod";
import { AppError } from "../errors.ts";
import { decodeUtf8, findJsonFault, type JsonFault, MAX_JSON_DEPTH } from "../lib/json-tree.ts";
import { describe, type Issue, plainIssues, valueAt } from "../lib/zod-issues.ts";
import type { AppContext } from "./context.ts";
import { type BodyBounds, readBody } from "./read-body.ts";
import { ValidationFailure, validationDetails } from "./validation-failure.ts";

/** The most that a request to anything but a model may bring. */
export const MAX_JSON_BYTES = 1024 * 1024;

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
  const value = parseText(text);
  const fault = findJsonFault(value);
  if (fault !== null) throw new AppError("invalid_json", FAULTS[fault]);
  return value;
}

const FAULTS: Readonly<Record<JsonFault, string>> = {
  too_deep: `The request body is nested deeper than ${MAX_JSON_DEPTH} levels`,
  proto_key: "The request body has a key named __proto__",
};

function parseText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // V8's message quotes the body.
    throw new AppError("invalid_json", "The request body is not valid JSON");
  }
}
