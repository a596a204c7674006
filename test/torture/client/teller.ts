import type { UnitStatus } from '../../../src/index.js';
import { accounts, type Transfer } from '../bank/schema.js';
import { count, type Figures } from '../figures.js';
import type { Log, Outcome } from '../log.js';
import type { Random } from '../random.js';
import { describeError, isForeseen, outcomeOf } from './outcome.js';

/** A transfer that is to be made, with the id that it will have in the journal. */
export interface Slip extends Transfer {
  readonly id: string;
}

/** A lie that a client may be made to tell, so that the checker can be tested. */
export type Lie = 'committed' | 'rolled-back' | 'unknown';

/** Hands out slips, and keeps the log of what became of them. */
export class Teller {
  readonly figures: Figures = {};
  readonly #name: string;
  readonly #log: Log;
  readonly #lie: Lie | undefined;
  #slips = 0;

  constructor(name: string, log: Log, lie?: Lie) {
    this.#name = name;
    this.#log = log;
    this.#lie = lie;
  }

  /** A new slip; one that moves nothing is for a single statement, which could not move money from here to there. */
  slip(kind: string, random: Random, { moves = true } = {}): Slip {
    const source = random.between(1, accounts);
    const target = ((source + random.between(0, accounts - 2)) % accounts) + 1;
    const transfer = moves ? { source, target, amount: random.between(1, 50) } : { source, target: source, amount: 0 };
    this.#slips += 1;
    const id = `${this.#name}-${this.#slips}`;
    this.#log.begun(id, kind, transfer, moves);
    count(this.figures, `kind: ${kind}`);
    return { id, ...transfer };
  }

  slips<const Kinds extends readonly string[]>(kinds: Kinds, random: Random): { [Kind in keyof Kinds]: Slip } {
    return kinds.map((kind) => this.slip(kind, random)) as { [Kind in keyof Kinds]: Slip };
  }

  /** A callback after COMMIT. */
  hook({ id }: Slip): void {
    this.#log.hook(id);
  }

  /** Waits for a call of the library's, and writes down what it said about the slips. Returns what it rejected with. */
  async settle(
    slips: readonly Slip[],
    call: Promise<unknown>,
    status?: () => UnitStatus | undefined,
  ): Promise<unknown> {
    let error: unknown;
    let failed = false;
    try {
      await call;
    } catch (thrown) {
      failed = true;
      error = thrown;
    }
    const outcome = failed ? outcomeOf(error) : 'committed';
    if (failed) {
      this.#countError(slips, error);
    }
    this.tell(slips, outcome, failed ? describeError(error) : undefined);
    const ended = status?.();
    if (ended !== undefined && ended !== outcome) {
      this.broken(slips, `the call said ${outcome}, and the unit's status is ${ended}`);
    }
    return error;
  }

  /** The same, for what must not succeed. */
  async settleRefused(slips: readonly Slip[], call: Promise<unknown>): Promise<unknown> {
    const error = await this.settle(slips, call);
    if (error === undefined) {
      this.broken(slips, 'the call succeeded, and it had to be refused');
    }
    return error;
  }

  tell(slips: readonly Slip[], outcome: Outcome, why?: string): void {
    for (const { id } of slips) {
      const said = this.#slips % 50 === 0 && this.#lie !== undefined ? this.#lie : outcome;
      this.#log.told(id, said, outcome === 'committed' ? undefined : why);
      count(this.figures, `told: ${said}`);
    }
  }

  broken(slips: readonly Slip[], what: string): void {
    this.#log.broken(slips[0]?.id ?? this.#name, what);
  }

  #countError(slips: readonly Slip[], error: unknown): void {
    const { code, attempts } = error as { code?: unknown; attempts?: unknown };
    const name = error instanceof Error ? error.constructor.name : typeof error;
    count(this.figures, `error: ${name}${typeof code === 'string' ? ` ${code}` : ''}`);
    if (code === '40001' || code === '40P01') {
      count(this.figures, 'conflicts that reached the caller');
    }
    if (attempts !== undefined) {
      count(this.figures, 'gave up after all attempts');
    }
    if (!isForeseen(error)) {
      this.broken(slips, `an error that no consumer reckons with: ${error instanceof Error ? error.stack : error}`);
    }
  }
}
