import { countTokens, setMergeCacheSize } from "gpt-tokenizer/encoding/o200k_base";
import { serveJobs, type Steps } from "../../lib/serve-jobs.ts";
import { countSteps, cutSteps, type Texts } from "./count-steps.ts";

/** What the thread is asked: tokens of texts, or how much of a text has no more tokens than that. */
export type CountJob = Texts | { readonly text: string; readonly maxTokens: number };

/** Words are remembered, not the runs that an attacker makes up. */
const CACHED_WORDS = 20_000;
setMergeCacheSize(CACHED_WORDS);

/** Text that spells a special token is plain text to the model as well. */
const options = { disallowedSpecial: new Set<string>() };
const count = (text: string): number => countTokens(text, options);

serveJobs((job: CountJob): Steps<number> =>
  "ends" in job ? countSteps(job, count) : cutSteps(job.text, job.maxTokens, count),
);
