/** Numbers that are the same for the same seed on every machine. */
export interface Random {
  /** In [0, 1). */
  next(): number;
  /** A whole number in [0, limit). */
  below(limit: number): number;
  pick<T>(choices: readonly T[]): T;
}

/** Mulberry32: small, quick and good enough for made-up data. Never for secrets. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (limit: number): number => Math.floor(next() * limit);
  return {
    next,
    below,
    pick: (choices) => {
      const chosen = choices[below(choices.length)];
      if (chosen === undefined) throw new Error("There is nothing to pick from");
      return chosen;
    },
  };
}

const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";

/** A request id as the proxy makes them, for a time, from made-up randomness. */
export function seededRequestId(random: Random, at: Date): string {
  let time = at.getTime();
  let stamp = "";
  for (let digit = 0; digit < 10; digit++) {
    stamp = ALPHABET.charAt(time % 32) + stamp;
    time = Math.floor(time / 32);
  }
  let rest = "";
  for (let digit = 0; digit < 16; digit++) rest += ALPHABET.charAt(random.below(32));
  return `req_${stamp}${rest}`;
}
