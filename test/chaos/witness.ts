import { costNano } from "../support/fake-upstream.ts";
import type { Paid } from "../support/load.ts";
import { PAID_NANO, UPSTREAM_FAILURE } from "./billing-upstream.ts";
import type { CallOutcome } from "./call-once.ts";
import { BUDGETS, type Role, roleOf, usdNano } from "./cast.ts";
import type { PlannedCall } from "./plan.ts";

/** What a call may rely on, taken down at the moment it begins. */
interface Begun {
  readonly customerId: string;
  readonly plan: PlannedCall;
  /** The number of the block that this proxy must keep for the toggled customer; null = none. */
  readonly mustKeepBlock: number | null;
  readonly number: number;
  readonly round: number;
}

type Proxy = PlannedCall["through"];

/** Sees what clients are answered, knows what the operator was told, and notes each broken promise. */
export class Witness {
  /** Every call that was answered to its last byte. */
  readonly paid: Paid[] = [];
  /** How often each kind of customer was answered what. */
  readonly statuses = new Map<string, number>();
  /** Promises that were broken, and by what. */
  readonly broken: { readonly promise: string; readonly what: string }[] = [];
  /** In which round a call began, by its request id. */
  readonly rounds = new Map<string, number>();
  /** USD that a customer may have spent, where an operator has raised it. */
  readonly raised = new Map<string, number>();
  ended = 0;
  #blocks = 0;
  #isBlocked = false;
  /** The block that each proxy has shown to know. */
  readonly #known: Record<Proxy, number | null> = { proxy: null, second: null };

  begin(facts: Omit<Begun, "mustKeepBlock">): Begun {
    return { ...facts, mustKeepBlock: this.#isBlocked ? this.#known[facts.plan.through] : null };
  }

  end(begun: Begun, outcome: CallOutcome): void {
    this.ended++;
    const { customerId, plan } = begun;
    const kind = `${plan.role} ${outcome.status ?? "no answer"}`;
    this.statuses.set(kind, (this.statuses.get(kind) ?? 0) + 1);
    if (outcome.requestId !== null) this.rounds.set(outcome.requestId, begun.round);
    if (outcome.usage !== null) {
      const { prompt, completion } = outcome.usage;
      const nano =
        plan.model === "steady" ? costNano({ prompt, completion }) : BigInt(completion) * PAID_NANO;
      this.paid.push({ requestId: outcome.requestId ?? "", customerId, nano });
    }
    if (plan.role === "toggled" && isBlockRefusal(outcome) && this.#isBlocked) {
      this.#known[plan.through] = this.#blocks;
    }
    const fault = this.#judge(begun, outcome);
    if (fault === null) return;
    const { way, through } = plan;
    this.note(
      fault,
      `round ${begun.round}, call ${begun.number} of ${customerId} (${way} ${plan.model} through ${through}) was answered ${outcome.status} ${outcome.told.slice(0, 200)}`,
    );
  }

  #judge({ plan, mustKeepBlock }: Begun, outcome: CallOutcome): string | null {
    const { role, model } = plan;
    if (outcome.status === 200) {
      if (role === "blocked") return "who is blocked is not served";
      if (role === "spent") return "who has used up a budget is not served";
      if (role === "picky" && model === "steady") return "nobody is served a model that is not on the list";
      if (role === "toggled" && this.#isBlocked && mustKeepBlock === this.#blocks) {
        return "who is blocked is not served";
      }
      return null;
    }
    if (outcome.status === null || PASSING.has(outcome.status)) return null;
    if (outcome.status === 500 && outcome.told.includes(UPSTREAM_FAILURE)) return null;
    return LASTING[role].includes(outcome.status) ? null : "nobody is refused for a wrong reason";
  }

  note(promise: string, what: string): void {
    this.broken.push({ promise, what });
  }

  /** The block is acknowledged: the proxy that has done so keeps it from now on. */
  blocked(): void {
    this.#blocks++;
    this.#isBlocked = true;
    this.#known.proxy = this.#blocks;
    this.#known.second = null;
  }

  /** An unblock is about to be sent: it may be in force at any moment. */
  unblocking(): void {
    this.#isBlocked = false;
  }

  get isBlocked(): boolean {
    return this.#isBlocked;
  }

  /** The most that a customer may ever have spent; null = without limit. */
  capOf(customerId: string): bigint | null {
    const usd = this.raised.get(customerId) ?? BUDGETS[roleOf(customerId)];
    return usd === null ? null : usdNano(usd);
  }
}

/** What anybody may be answered while something is away; a 500 of our own is never among them. */
const PASSING = new Set([502, 503, 504]);

const LASTING: Readonly<Record<Role, readonly number[]>> = {
  free: [],
  hard: [422],
  soft: [422],
  tier: [422],
  paced: [429],
  single: [429],
  picky: [403],
  blocked: [400],
  toggled: [400],
  spent: [422],
  newcomer: [422],
};

function isBlockRefusal({ status, told }: CallOutcome): boolean {
  return status === 400 && told.includes("locked");
}
