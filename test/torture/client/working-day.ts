import { setTimeout as pause } from 'node:timers/promises';
import type { BankUnitOfWork, JournalRepository } from '../bank/entities.js';
import { count } from '../figures.js';
import type { Random } from '../random.js';
import { isOutOfReach } from './outcome.js';
import type { Scenario } from './scenario.js';
import { beginCommit, beginRollback, commitThenThrow, rollbackThenReturn } from './scenarios/by-hand.js';
import { aborted, deferred, escaping, swallowing, timedOut } from './scenarios/careless.js';
import { keyed } from './scenarios/keyed.js';
import { dooming, independent, nested, parallel } from './scenarios/nested.js';
import { deadlocking, plain, serializable, standalone, throwing } from './scenarios/plain.js';
import type { Teller } from './teller.js';

const scenarios = {
  plain,
  serializable,
  deadlocking,
  throwing,
  standalone,
  keyed,
  nested,
  parallel,
  independent,
  dooming,
  beginCommit,
  beginRollback,
  commitThenThrow,
  rollbackThenReturn,
  swallowing,
  deferred,
  escaping,
  aborted,
  timedOut,
} satisfies Record<string, Scenario>;

/** How often each comes; what commits comes most often, for that is where most can go wrong. */
const weights: Readonly<Record<keyof typeof scenarios, number>> = {
  plain: 12,
  serializable: 10,
  deadlocking: 6,
  throwing: 2,
  standalone: 5,
  keyed: 8,
  nested: 6,
  parallel: 3,
  independent: 3,
  dooming: 1,
  beginCommit: 8,
  beginRollback: 2,
  commitThenThrow: 3,
  rollbackThenReturn: 1,
  swallowing: 2,
  deferred: 2,
  escaping: 2,
  aborted: 4,
  timedOut: 1,
};

/** Several workers that make transfers side by side until the day is over. */
export class WorkingDay {
  readonly #uow: BankUnitOfWork;
  readonly #journal: JournalRepository;
  readonly #teller: Teller;
  #alarm = new AbortController();
  #over = false;

  constructor(uow: BankUnitOfWork, journal: JournalRepository, teller: Teller) {
    this.#uow = uow;
    this.#journal = journal;
    this.#teller = teller;
  }

  /** Aborts the signal of the units that are open now. */
  soundAlarm(): void {
    const alarm = this.#alarm;
    this.#alarm = new AbortController();
    alarm.abort();
    count(this.#teller.figures, 'alarms');
  }

  end(): void {
    this.#over = true;
  }

  async work(random: Random): Promise<void> {
    while (!this.#over) {
      count(this.#teller.figures, 'units');
      const error = await scenarios[random.weighted(weights)]({
        uow: this.#uow,
        journal: this.#journal,
        teller: this.#teller,
        random,
        alarm: this.#alarm.signal,
      });
      if (error !== undefined && isOutOfReach(error)) {
        await pause(random.between(10, 60));
      }
    }
  }
}
