/** What one call used, as the upstream counted it (or as we estimated it). Cached and reasoning tokens are parts of prompt and completion. */
export interface TokenUsage {
  readonly promptTokens: number;
  readonly completionTokens: number;
  readonly totalTokens: number;
  /** Part of promptTokens read from the upstream's cache. */
  readonly cachedTokens: number;
  /** Part of promptTokens written to the upstream's cache. */
  readonly cacheWriteTokens: number;
  /** Part of completionTokens spent on reasoning. */
  readonly reasoningTokens: number;
}
