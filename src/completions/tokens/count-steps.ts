/** Tokens of a text by a vocabulary; its time may grow with the square of the longest run of one kind. */
export type CountTokens = (text: string) => number;

/**
 * The vocabulary first cuts a text into words, runs of signs and runs of space, and merges within each.
 * Longer ones than this are cut before that: of real words none is, and what is no word costs one token
 * more for each cut.
 */
const LONGEST_RUN = 128;
/** Text that is counted in one step: some tens of milliseconds for the worst of it. */
const STEP_CHARS = 8192;
/** How far before the end of a step a better place to cut is looked for. */
const LOOK_BACK = 256;

const RUN = /[\p{L}\p{M}]+|[^\s\p{L}\p{N}]+|\s+/gu;

/** Texts to be counted each by itself: one after another in `text`, each up to its place in `ends`. */
export interface Texts {
  readonly text: string;
  readonly ends: Uint32Array;
}

/** Counts in time linear in the text, in steps of bounded length. */
export function* countSteps({ text, ends }: Texts, countTokens: CountTokens): Generator<void, number, void> {
  let tokens = 0;
  let at = 0;
  let steppedAt = 0;
  for (const textEnd of ends) {
    while (at < textEnd) {
      const end = Math.min(stepEnd(text, at), textEnd);
      tokens += countStep(text.slice(at, end), countTokens);
      at = end;
      if (at - steppedAt < STEP_CHARS / 2) continue;
      steppedAt = at;
      yield;
    }
  }
  return tokens;
}

/** The length of the longest start of the text that has no more tokens than that. */
export function* cutSteps(
  text: string,
  maxTokens: number,
  countTokens: CountTokens,
): Generator<void, number, void> {
  let left = maxTokens;
  for (let at = 0; at < text.length;) {
    const end = stepEnd(text, at);
    const step = text.slice(at, end);
    const tokens = countStep(step, countTokens);
    if (tokens > left) return at + longestStart(step, left, countTokens);
    left -= tokens;
    at = end;
    yield;
  }
  return text.length;
}

function longestStart(step: string, maxTokens: number, countTokens: CountTokens): number {
  let [fits, tooLong] = [0, step.length];
  while (tooLong - fits > 1) {
    const middle = Math.floor((fits + tooLong) / 2);
    if (countStep(step.slice(0, middle), countTokens) <= maxTokens) fits = middle;
    else tooLong = middle;
  }
  return wholeCharacters(step, fits);
}

function countStep(step: string, countTokens: CountTokens): number {
  let tokens = 0;
  let from = 0;
  for (const { 0: run, index } of step.matchAll(RUN)) {
    if (run.length <= LONGEST_RUN) continue;
    if (index > from) tokens += countTokens(step.slice(from, index));
    from = index + run.length;
    for (let at = index; at < from;) {
      const end = wholeCharacters(step, Math.min(at + LONGEST_RUN, from));
      tokens += countTokens(step.slice(at, end));
      at = end;
    }
  }
  return from < step.length ? tokens + countTokens(step.slice(from)) : tokens;
}

/** Before a space that follows something else the vocabulary cuts as well. */
function stepEnd(text: string, from: number): number {
  const most = from + STEP_CHARS;
  if (most >= text.length) return text.length;
  for (let end = most; end > most - LOOK_BACK; end--) {
    if (isSpace(text.charCodeAt(end)) && !isSpace(text.charCodeAt(end - 1))) return end;
  }
  return wholeCharacters(text, most);
}

/** The place itself, or the one before where it is within a pair of surrogates. */
function wholeCharacters(text: string, at: number): number {
  const isWithin =
    isBetween(text.charCodeAt(at), 0xdc00, 0xdfff) && isBetween(text.charCodeAt(at - 1), 0xd800, 0xdbff);
  return isWithin ? at - 1 : at;
}

function isSpace(unit: number): boolean {
  return unit === 0x20 || unit === 0x0a;
}

function isBetween(unit: number, low: number, high: number): boolean {
  return unit >= low && unit <= high;
}
