import type { z } from "zod";
import { AppError } from "../errors.ts";
import type { AppContext } from "./context.ts";
import { readBody } from "./read-body.ts";
import { ValidationFailure, validationDetails } from "./validation-failure.ts";

const MAX_BYTES = 1024 * 1024;

/** The request's JSON body, checked. Throws ValidationFailure with every wrong field at once. */
export async function readJson<T>(ctx: AppContext, schema: z.ZodType<T>): Promise<T> {
  const text = (await readBody(ctx.req, MAX_BYTES)).toString("utf8");
  return check(schema, parse(text), "body");
}

/** The same for a request that may have no body: then it is an empty object. */
export async function readJsonOrNothing<T>(ctx: AppContext, schema: z.ZodType<T>): Promise<T> {
  const text = (await readBody(ctx.req, MAX_BYTES)).toString("utf8");
  return check(schema, text.trim() === "" ? {} : parse(text), "body");
}

/** The request's query, checked like a body. */
export function readQuery<T>(ctx: AppContext, schema: z.ZodType<T>): T {
  return check(schema, { ...ctx.query }, "query");
}

function check<T>(schema: z.ZodType<T>, input: unknown, place: "body" | "query"): T {
  const parsed = schema.safeParse(input, { reportInput: true });
  if (parsed.success) return parsed.data;
  throw new ValidationFailure(validationDetails(parsed.error.issues, place, input));
}

function parse(text: string): unknown {
  if (text === "") {
    throw new AppError("invalid_request", "The request has no body (with curl, the body goes in -d, not -D)");
  }
  try {
    return JSON.parse(text);
  } catch {
    // V8's message quotes the body.
    throw new AppError("invalid_json", "The request body is not valid JSON");
  }
}
