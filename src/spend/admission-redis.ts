import type { Redis } from "ioredis";
import type { AdmissionRedis } from "./admission.ts";
import { ADMISSION_SCRIPTS } from "./admission-scripts.ts";

type Script = keyof typeof ADMISSION_SCRIPTS;
type Commands = Record<string, (...args: string[]) => Promise<unknown>>;

const KEYS = 3;
const command = (script: Script): string => `spendhook_${script}`;

/** Admission's scripts on a Redis connection, sent by their hash after the first time. */
export function createAdmissionRedis(
  redis: Redis,
  askForHolds: AdmissionRedis["askForHolds"],
): AdmissionRedis {
  for (const script of Object.keys(ADMISSION_SCRIPTS) as Script[]) {
    redis.defineCommand(command(script), { numberOfKeys: KEYS, lua: ADMISSION_SCRIPTS[script] });
  }
  const commands = redis as unknown as Commands;
  return {
    run: async (script, keys, args) => commands[command(script)]?.(...keys, ...args),
    askForHolds,
  };
}
