import {
  endpointPatchSchema,
  newEndpointSchema,
  rotateSchema,
  testSchema,
} from "../../webhooks/endpoint-fields.ts";
import {
  customerEventsQuery,
  deliveriesQuery,
  eventsQuery,
  replayBody,
} from "../routes/webhook-deliveries.ts";
import { historyQuery } from "../routes/webhook-endpoints.ts";
import type { Operation } from "./operation.ts";

const ENDPOINTS = "Webhook endpoints";
const DELIVERIES = "Events and deliveries";
const endpoint = "The endpoint with its settings, state and stats; never a secret.";
const withSecret = "The endpoint, and its secret, once.";
const one = "/webhook/endpoints/{id}";

/** Where events go, and what becomes of them. */
export const WEBHOOK_OPERATIONS: readonly Operation[] = [
  { method: "get", path: "/webhook/endpoints", tag: ENDPOINTS, summary: "All endpoints", answers: "{data}" },
  {
    method: "post",
    path: "/webhook/endpoints",
    tag: ENDPOINTS,
    summary: "Add an endpoint",
    body: newEndpointSchema,
    status: 201,
    answers: withSecret,
  },
  { method: "get", path: one, tag: ENDPOINTS, summary: "One endpoint", answers: endpoint },
  {
    method: "patch",
    path: one,
    tag: ENDPOINTS,
    summary: "Change an endpoint: what is absent stays, null clears",
    body: endpointPatchSchema,
    answers: endpoint,
  },
  {
    method: "delete",
    path: one,
    tag: ENDPOINTS,
    summary: "Delete an endpoint; its deliveries stay to be seen",
    status: 204,
    answers: "Nothing.",
  },
  {
    method: "post",
    path: `${one}/pause`,
    tag: ENDPOINTS,
    summary: "Keep its events until it is resumed",
    answers: endpoint,
  },
  {
    method: "post",
    path: `${one}/resume`,
    tag: ENDPOINTS,
    summary: "Send what was kept, slowly at first",
    answers: endpoint,
  },
  {
    method: "post",
    path: `${one}/rotate`,
    tag: ENDPOINTS,
    summary: "A new secret; the old ones sign as well until the overlap ends",
    body: rotateSchema,
    answers: withSecret,
  },
  {
    method: "post",
    path: `${one}/revoke`,
    tag: ENDPOINTS,
    summary: "Only the newest secret signs from now on",
    answers: endpoint,
  },
  {
    method: "get",
    path: `${one}/secret`,
    tag: ENDPOINTS,
    summary: "The newest secret; written to the audit log",
    answers: "{secret}",
  },
  {
    method: "post",
    path: `${one}/test`,
    tag: ENDPOINTS,
    summary: "Send one signed event now",
    body: testSchema,
    answers: "What was sent, what came back, and a curl line.",
  },
  {
    method: "get",
    path: `${one}/history`,
    tag: ENDPOINTS,
    summary: "Attempts and lag by hour",
    query: historyQuery,
    answers: "{data}",
  },
  {
    method: "get",
    path: "/.well-known/spendhook/webhook-keys.json",
    tag: ENDPOINTS,
    summary: "Public keys of v1a signatures",
    answers: "{keys}",
    open: true,
  },
  {
    method: "get",
    path: "/webhook/deliveries",
    tag: DELIVERIES,
    summary: "Deliveries, newest first",
    query: deliveriesQuery,
    answers: "{data, next_cursor}",
  },
  {
    method: "get",
    path: "/webhook/deliveries/{id}",
    tag: DELIVERIES,
    summary: "One delivery: its text and every attempt",
    answers: "The delivery.",
  },
  {
    method: "post",
    path: "/webhook/deliveries/{id}/resend",
    tag: DELIVERIES,
    summary: "Send once more",
    status: 202,
    answers: "The delivery.",
  },
  {
    method: "post",
    path: "/webhook/replay",
    tag: DELIVERIES,
    summary: "Tell the events of a span of time again",
    body: replayBody,
    status: 202,
    answers: "{id, matched, …}",
  },
  {
    method: "get",
    path: "/webhook/replay/{id}",
    tag: DELIVERIES,
    summary: "How far a replay is",
    answers: "{state, matched, queued}; matched is null until it is known",
  },
  {
    method: "get",
    path: "/events",
    tag: DELIVERIES,
    summary: "Events in the order they were committed, for receivers that ask",
    query: eventsQuery,
    answers: "{data: events, next_cursor}",
  },
  {
    method: "get",
    path: "/customer/{id}/events",
    tag: DELIVERIES,
    summary: "A customer's charges after a sequence number",
    query: customerEventsQuery,
    answers: "{data: events, next_cursor}",
  },
];
