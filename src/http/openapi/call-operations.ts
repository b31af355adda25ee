import { z } from "zod";
import { MAX_ANSWER_TOKENS, MAX_ANSWERS } from "../../completions/inspect-chat.ts";
import { dayRange } from "../day-range.ts";
import type { Operation } from "./operation.ts";

const CALLS = "Calls";
const SPEND = "Spend";
const HEALTH = "Health";

const answerLimit = z.int().min(1).max(MAX_ANSWER_TOKENS).nullish();

/** Only what is read here; everything else reaches the upstream as it came. */
const chat = z.looseObject({
  model: z.string().optional(),
  messages: z.array(z.looseObject({})).min(1),
  user: z.string().optional().describe("The customer who pays"),
  stream: z.boolean().optional(),
  max_tokens: answerLimit,
  max_completion_tokens: answerLimit,
  n: z.int().min(1).max(MAX_ANSWERS).nullish().describe("How many answers"),
});

/** Calls to models, what they cost, and whether the service is well. */
export const CALL_OPERATIONS: readonly Operation[] = [
  {
    method: "post",
    path: "/v1/chat/completions",
    tag: CALLS,
    summary:
      "A chat completion, charged to the customer in `user`; also without /v1. Fields that are read here may be there once, in this spelling",
    body: chat,
    answers: "The upstream's answer, byte for byte; a stream when `stream` is true.",
  },
  {
    method: "get",
    path: "/v1/models",
    tag: CALLS,
    summary: "The models that may be called; also without /v1",
    answers: "OpenAI's list.",
  },
  {
    method: "get",
    path: "/model/info",
    tag: SPEND,
    summary: "Deployments with the price in force and where it came from",
    answers: "{data}",
  },
  {
    method: "get",
    path: "/spend/explain/{request_id}",
    tag: SPEND,
    summary: "A charge as its arithmetic",
    answers: "Tokens × rate per kind, and the rounding.",
  },
  {
    method: "get",
    path: "/spend/overview",
    tag: SPEND,
    summary: "Spend per day and model, top customers, refusals, and how webhooks are doing",
    query: dayRange,
    answers: "The overview.",
  },
  {
    method: "get",
    path: "/health/liveliness",
    tag: HEALTH,
    summary: "The process answers; also /health/liveness",
    answers: "A word.",
    open: true,
  },
  {
    method: "get",
    path: "/health/readiness",
    tag: HEALTH,
    summary: "Store, queue and spool work, and the process is not stopping; else 503",
    answers: "{status, store, queue, spool, spooled_charges, set_aside_charges, draining}",
    open: true,
  },
  {
    method: "get",
    path: "/openapi.json",
    tag: HEALTH,
    summary: "This document",
    answers: "OpenAPI 3.1.",
    open: true,
  },
  {
    method: "get",
    path: "/docs",
    tag: HEALTH,
    summary: "This document as a page",
    answers: "HTML.",
    open: true,
  },
];
