import type { BankUnitOfWork, JournalRepository } from '../bank/entities.js';
import type { Random } from '../random.js';
import type { Teller } from './teller.js';

/** What a scenario works with. */
export interface Counter {
  readonly uow: BankUnitOfWork;
  /** A repository without a unit of work. */
  readonly journal: JournalRepository;
  readonly teller: Teller;
  readonly random: Random;
  /** Aborted when the agent says so. */
  readonly alarm: AbortSignal;
}

/** One use of the library. Resolves to what the library rejected with, if it did. */
export type Scenario = (counter: Counter) => Promise<unknown>;
