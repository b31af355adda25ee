import { setTimeout as delay } from "node:timers/promises";
import { waitUntil } from "../support/wait-until.ts";
import { callOnce } from "./call-once.ts";
import { checkAll, type Kept } from "./checks.ts";
import { Clients } from "./clients.ts";
import { customerIdOf, PARALLEL_LIMIT, type Role, RPM_LIMIT } from "./cast.ts";
import { Faults } from "./faults.ts";
import { faultText, planRounds, type Step } from "./plan.ts";
import { Witness } from "./witness.ts";
import { isReady, startWorld, type World } from "./world.ts";

export interface ChaosPlan {
  readonly seed: number;
  readonly rounds: number;
  /** Told what happens, line by line. */
  readonly tell: (line: string) => void;
}

export interface ChaosResult {
  readonly promises: readonly Kept[];
  readonly calls: number;
  readonly faults: number;
}

/** Promises that are looked at while calls are made. */
const WATCHED = [
  "who is blocked is not served",
  "who has used up a budget is not served",
  "nobody is served a model that is not on the list",
  "nobody is refused for a wrong reason",
  "no more calls at once, and no more a minute, than allowed",
  "a start right after a kill succeeds",
  "every proxy comes back by itself",
  "after each round everybody is answered as before",
] as const;

const COME_BACK = "every proxy comes back by itself";

/** Of what one round has broken; the end tells more. */
const MOST_TOLD = 5;
/**
 * Whatever is counted in calls ends by then: with a store that is frozen and a proxy that has just started each call
 * takes ten seconds. That calls do not end at all is seen at the end of the round.
 */
const LONGEST_MS = 60_000;
const POLL_MS = 20;
const HEALED_MS = 120_000;

/**
 * Plays a seed's faults under a seed's calls against the real service, and looks whether every promise was kept.
 * The same seed gives the same faults, customers, prompts and waits, counted in calls; what is in flight when a
 * fault comes is up to the machine. Throws only when the service does not come back at all.
 */
export async function playChaos({ seed, rounds, tell }: ChaosPlan): Promise<ChaosResult> {
  const world = await startWorld();
  const witness = new Witness();
  const clients = new Clients(world, witness, seed);
  try {
    const faults = new Faults(world, witness);
    const startedAt = performance.now();
    const plan = planRounds(seed, rounds);
    let told = 0;
    for (const [index, steps] of plan.entries()) {
      clients.round = index + 1;
      tell(`round ${index + 1}: ${steps.map(stepText).join("; ")}`);
      clients.start();
      await playRound(steps, { witness, faults });
      await faults.liftAll();
      await settle(world, witness, index + 1);
      await clients.stop();
      checkPace(world, { witness, faults, startedAt });
      const { broken } = witness;
      for (const { promise, what } of broken.slice(told, told + MOST_TOLD))
        tell(`  BROKEN ${promise}: ${what}`);
      told = broken.length;
      tell(`  ${witness.ended} calls so far, ${witness.paid.length} paid, ${told} promises broken`);
    }
    tell(
      `answers: ${[...witness.statuses]
        .toSorted(([a], [b]) => a.localeCompare(b))
        .map(([kind, count]) => `${count} × ${kind}`)
        .join(", ")}`,
    );
    tell("comparing with the upstream's bill …");
    const promises = [...watched(witness), ...(await checkAll(world, witness)), await checkEnd(world)];
    return { promises, calls: witness.ended, faults: plan.flat().length };
  } finally {
    // In the middle of a round that could not be played to its end, too.
    await clients.stop();
    await world.dispose();
  }
}

function stepText({ at, calls, fault }: Step): string {
  return `at call ${at} ${faultText(fault)} for ${calls}`;
}

async function playRound(
  steps: readonly Step[],
  { witness, faults }: { witness: Witness; faults: Faults },
): Promise<void> {
  const begun = witness.ended;
  const until = async (calls: number): Promise<void> => {
    const isOver = performance.now() + LONGEST_MS;
    while (witness.ended - begun < calls && performance.now() < isOver) await delay(POLL_MS);
  };
  const lifting: Promise<void>[] = [];
  for (const { at, calls, fault } of steps) {
    await until(at);
    const lift = await faults.begin(fault);
    const end = witness.ended - begun + calls;
    lifting.push(until(end).then(lift));
  }
  await Promise.all(lifting);
}

/** Waits until everything is back: then each kind of customer is answered, through both proxies, as if nothing had been. */
async function settle({ stack, second }: World, witness: Witness, round: number): Promise<void> {
  const proxies = [stack.baseUrl, second.baseUrl];
  for (const name of ["proxy", "second"] as const)
    await comeBack({ stack, second }, name, { witness, round });
  const lasting: [Role, number][] = [
    ["free", 200],
    ["blocked", 400],
    ["spent", 422],
    ["toggled", witness.isBlocked ? 400 : 200],
  ];
  const probe = { model: "paid", way: "whole", maxTokens: 50, prompt: "How is it?" } as const;
  for (const [role, wanted] of lasting) {
    const customerId = customerIdOf(role, 0, round);
    for (const [index, baseUrl] of proxies.entries()) {
      let told = "";
      try {
        await waitUntil(
          `${customerId} to be answered ${wanted}`,
          async () => {
            const outcome = await callOnce(baseUrl, { customerId, ...probe });
            told = `${outcome.status} ${outcome.told.slice(0, 300)}`;
            return outcome.status === wanted;
          },
          HEALED_MS,
        );
      } catch {
        const where = index === 0 ? "proxy" : "second proxy";
        witness.note(
          "after each round everybody is answered as before",
          `round ${round}: the ${where} answers ${customerId} ${told}, not ${wanted}`,
        );
      }
    }
  }
}

/** Waits for a proxy; one that does not come back by itself is started anew, so that the run can go on. */
async function comeBack(
  { stack, second }: Pick<World, "stack" | "second">,
  name: "proxy" | "second",
  { witness, round }: { witness: Witness; round: number },
): Promise<void> {
  const baseUrl = name === "proxy" ? stack.baseUrl : second.baseUrl;
  const ready = (): Promise<unknown> =>
    waitUntil(`the ${name} to be ready again`, () => isReady(baseUrl), HEALED_MS);
  try {
    await ready();
  } catch {
    const state = await fetch(`${baseUrl}/health/readiness`, { signal: AbortSignal.timeout(5000) })
      .then((answer) => answer.text())
      .catch(String);
    witness.note(COME_BACK, `round ${round}: the ${name} says ${state.slice(0, 500)}`);
    if (name === "proxy") await stack.kill("proxy", "SIGKILL");
    else second.signal("SIGKILL");
    await ready();
  }
}

/** What Redis has lost it cannot count: then there may be as many once more. */
function checkPace(
  { upstream }: World,
  { witness, faults, startedAt }: { witness: Witness; faults: Faults; startedAt: number },
): void {
  const promise = "no more calls at once, and no more a minute, than allowed";
  const peak = upstream.takePeak("single-0");
  const most = PARALLEL_LIMIT * (1 + faults.takeWipes());
  if (peak > most) witness.note(promise, `${peak} calls of single-0 at once, not ${most}`);
  const minutes = Math.ceil((performance.now() - startedAt) / 60_000) + 1;
  const served = upstream.served.get("paced-0") ?? 0;
  const bound = RPM_LIMIT * (minutes + faults.wipes);
  if (served > bound) witness.note(promise, `${served} calls of paced-0 in ${minutes} minutes, not ${bound}`);
}

function watched({ broken }: Witness): Kept[] {
  return WATCHED.map((promise) => ({
    promise,
    faults: broken.filter((one) => one.promise === promise).map(({ what }) => what),
  }));
}

async function checkEnd({ stack }: World): Promise<Kept> {
  const { code, signal } = await stack.stop();
  const faults = code === 0 ? [] : [`It ended with ${code ?? signal}`];
  return { promise: "it ends when it is told to", faults };
}
