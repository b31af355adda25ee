import type { WebhookConfig } from "./config.ts";
import type { ConfigFile } from "./file-schema.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Waits before attempt 1, 2, 3 …: 12 tries over 75 h 42 m 35 s. */
export const RETRY_WAITS_MS: readonly number[] = [
  0,
  5 * SECOND,
  30 * SECOND,
  2 * MINUTE,
  10 * MINUTE,
  30 * MINUTE,
  2 * HOUR,
  5 * HOUR,
  10 * HOUR,
  14 * HOUR,
  20 * HOUR,
  24 * HOUR,
];
const BREAKER_OPEN_S = 30;
const DISABLE_AFTER_H = 5 * 24;
const RETENTION_DAYS = 90;

/** How events are delivered, from `general_settings.webhook_settings`. */
export function webhookConfig({ general_settings: general }: ConfigFile): WebhookConfig {
  const settings = general?.webhook_settings;
  return {
    retryWaitsMs:
      settings?.retry_seconds === undefined
        ? RETRY_WAITS_MS
        : [0, ...settings.retry_seconds.map((seconds) => seconds * SECOND)],
    breakerOpenMs: (settings?.breaker_seconds ?? BREAKER_OPEN_S) * SECOND,
    disableAfterMs: (settings?.disable_after_hours ?? DISABLE_AFTER_H) * HOUR,
    keepDeliveriesMs: (settings?.retention_days ?? RETENTION_DAYS) * DAY,
  };
}
