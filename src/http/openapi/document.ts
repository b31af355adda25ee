import { z } from "zod";
import { CALL_OPERATIONS } from "./call-operations.ts";
import { CUSTOMER_OPERATIONS } from "./customer-operations.ts";
import type { Operation } from "./operation.ts";
import { WEBHOOK_OPERATIONS } from "./webhook-operations.ts";

export const OPERATIONS: readonly Operation[] = [
  ...CALL_OPERATIONS,
  ...CUSTOMER_OPERATIONS,
  ...WEBHOOK_OPERATIONS,
];

type Json = Record<string, unknown>;

/** The OpenAPI 3.1 document, made of the schemas that check the requests. */
export function openApiDocument(version: string): Json {
  const paths: Record<string, Json> = {};
  for (const operation of OPERATIONS) {
    paths[operation.path] = { ...paths[operation.path], [operation.method]: operationJson(operation) };
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Spendhook",
      version,
      description:
        "An OpenAI-compatible proxy that charges every call to a customer, stops customers at their budget, and reports each charge by a signed webhook.",
      license: { name: "MIT", identifier: "MIT" },
    },
    security: [{ key: [] }],
    tags: [...new Set(OPERATIONS.map(({ tag }) => tag))].map((name) => ({ name })),
    paths,
    components: {
      securitySchemes: { key: { type: "http", scheme: "bearer", description: "The operator's key" } },
      responses: {
        Refused: {
          description:
            '`{"error": {message, type, param, code}}` or `{"detail": {error}}`, as LiteLLM answers it',
        },
        Unavailable: {
          description:
            'What is needed is away, or there is more to do than this process can: `{"error": …}` with `x-should-retry: true`, and `retry-after` where it is known',
        },
        Invalid: { description: 'Wrong fields, every one of them: `{"detail": [{type, loc, msg, input}]}`' },
      },
    },
  };
}

function operationJson({ tag, summary, path, query, body, answers, status, open }: Operation): Json {
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
  const checked = query !== undefined || body !== undefined;
  return {
    tags: [tag],
    summary,
    ...(open === true && { security: [] }),
    parameters: [...inPath, ...(query === undefined ? [] : queryParameters(query))],
    ...(body !== undefined && {
      requestBody: { content: { "application/json": { schema: jsonSchema(body) } } },
    }),
    responses: {
      [String(status ?? 200)]: { description: answers },
      "4XX": { $ref: "#/components/responses/Refused" },
      ...(open !== true && { "503": { $ref: "#/components/responses/Unavailable" } }),
      ...(checked && { "422": { $ref: "#/components/responses/Invalid" } }),
    },
  };
}

function queryParameters(query: z.ZodType): Json[] {
  const schema = jsonSchema(query) as { properties?: Record<string, Json>; required?: string[] };
  return Object.entries(schema.properties ?? {}).map(([name, of]) => ({
    name,
    in: "query",
    required: schema.required?.includes(name) ?? false,
    schema: of,
  }));
}

/** What goes in: transforms are ours, and what JSON Schema cannot say is left open. */
function jsonSchema(schema: z.ZodType): Json {
  const { $schema: _dialect, ...json } = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" });
  return json;
}
