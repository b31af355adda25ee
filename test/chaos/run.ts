import { parseArgs } from "node:util";
import { z } from "zod";
import { shownFaults } from "./checks.ts";
import { measureRecovery, recoveryTable } from "./recovery.ts";
import { playChaos } from "./play.ts";

const HELP = `Usage: npm run test:chaos [-- options]

Runs the real service with two proxies under load, does to it what a seed says (kill, freeze, restart, wipe, cut,
a failing upstream or receiver, changes by the operator), and compares the money with the bill of an upstream and
the receipts of clients. The same seed is the same schedule. Linux only; some 15 seconds a round.
Exit code 0: every promise was kept; 1: some were not; 2: it could not be run to its end.

  --seed N     the schedule (default: made up, and printed)
  --rounds N   rounds of faults (default 20)
  --figures    instead: the time from kill -9 of each process to the first call that is served
  --help       print this text
`;

const whole = z.coerce.number().int().min(0).max(4_294_967_295);

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seed: { type: "string", default: String(Date.now() % 1_000_000) },
      rounds: { type: "string", default: "20" },
      figures: { type: "boolean", default: false },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help === true) {
    process.stdout.write(HELP);
    return 0;
  }
  const [seed, rounds] = [whole.parse(values.seed), whole.min(1).parse(values.rounds)];
  if (values.figures) {
    process.stdout.write(recoveryTable(await measureRecovery()));
    return 0;
  }
  process.stdout.write(`chaos: --seed ${seed} --rounds ${rounds}\n`);
  const tell = (line: string): void => void process.stdout.write(`${line}\n`);
  const { promises, calls, faults } = await playChaos({ seed, rounds, tell });
  tell(`${calls} calls, ${faults} faults`);
  for (const kept of promises) {
    tell(`${kept.faults.length === 0 ? "kept  " : "BROKEN"}  ${kept.promise}`);
    for (const fault of shownFaults(kept)) tell(`          ${fault}`);
  }
  const failed = promises.filter((kept) => kept.faults.length > 0).length;
  if (failed > 0) tell(`again: npm run test:chaos -- --seed ${seed} --rounds ${rounds}`);
  tell(`${promises.length - failed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`chaos: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.stdout.write("0 passed, 1 failed\n");
  process.exitCode = 2;
}
