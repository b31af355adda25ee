import type { TokenUsage } from "../lib/token-usage.ts";

type Fields = Record<string, unknown>;

/**
 * Reads an upstream's `usage` object into TokenUsage; null when there is none to read. Zero is a value:
 * an upstream that reports 0 tokens is believed. Missing details are 0.
 */
export function readUsage(wire: unknown): TokenUsage | null {
  if (!isObject(wire)) return null;
  const prompt = count(wire["prompt_tokens"]);
  const completion = count(wire["completion_tokens"]);
  if (prompt === null && completion === null) return null;
  const promptDetails = isObject(wire["prompt_tokens_details"]) ? wire["prompt_tokens_details"] : {};
  const completionDetails = isObject(wire["completion_tokens_details"])
    ? wire["completion_tokens_details"]
    : {};
  const promptTokens = prompt ?? 0;
  const completionTokens = completion ?? 0;
  return {
    promptTokens,
    completionTokens,
    totalTokens: count(wire["total_tokens"]) ?? promptTokens + completionTokens,
    cachedTokens: count(promptDetails["cached_tokens"]) ?? count(wire["prompt_cache_hit_tokens"]) ?? 0,
    cacheWriteTokens:
      count(promptDetails["cache_write_tokens"]) ?? count(promptDetails["cache_creation_tokens"]) ?? 0,
    reasoningTokens: count(completionDetails["reasoning_tokens"]) ?? 0,
  };
}

function isObject(value: unknown): value is Fields {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

function count(value: unknown): number | null {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : null;
}
