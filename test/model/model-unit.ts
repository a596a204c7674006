import { Disagreement } from './disagreement.js';
import { Failed, type Level } from './level.js';

/** A callback, and what it throws. */
export interface ModelHook {
  readonly place: string;
  readonly throws: boolean;
}

/** What the log says of how a unit ended among branches that run side by side. */
export interface Race {
  /** How many blocks of branches are open, one in the other. */
  depth: number;
  committed?: boolean;
  rolledBack?: boolean;
  /** What a COMMIT by hand has failed with. */
  failure?: string;
  abortedBy?: string;
}

/** How a unit stands to the transaction around it. */
export type Kind = 'transaction' | 'savepoint' | 'joined' | 'bare';

/** A unit as the model has it: what SPEC promises of one, without sessions, connections or time. */
export class ModelUnit {
  readonly kind: Kind;
  readonly level: Level;
  readonly outer: ModelUnit | undefined;
  /** Notes that a callback has run. */
  readonly ran: (place: string) => void;
  status: 'active' | 'committed' | 'rolled-back' = 'active';
  /** Who ended it, before its work did. */
  ended: 'hand' | 'signal' | undefined;
  /** Why it did not end as it was asked to by hand, or what its signal was aborted with. */
  failure: string | undefined;
  /** What its signal was aborted with, where it may have been too late. */
  perhaps: string | undefined;
  /** What an inner unit that shares the transaction has failed with. */
  doomedBy: string | undefined;
  /** Branches that may end or abort it run side by side: who is first, only the log can tell. */
  race: Race | undefined;
  /** Opened by begin(), and so around no code, from the work of a unit that has ended: what is asked of it may be refused. */
  isShadowed = false;
  afterCommit: ModelHook[] = [];
  afterRollback: ModelHook[] = [];

  constructor(kind: Kind, level: Level, outer: ModelUnit | undefined, ran: (place: string) => void) {
    this.kind = kind;
    this.level = level;
    this.outer = outer;
    this.ran = ran;
  }

  /** Whether it, or a unit whose transaction it shares, ends at an uncertain time. */
  get uncertain(): boolean {
    return this.race !== undefined || (this.outer?.uncertain ?? false);
  }

  /** Whether callbacks come too late: those of an inner unit wait for the end of the outer one, unless they were undone. */
  get hooksHaveRun(): boolean {
    return this.hasEnded && (this.outer === undefined || (this.kind === 'savepoint' && this.status === 'rolled-back'));
  }

  get hasEnded(): boolean {
    return this.status !== 'active';
  }

  /** Commits; throws Failed where nothing is stored, or where callbacks failed afterwards. */
  commit(): void {
    try {
      this.#prepare();
    } catch (error) {
      this.rollBack(error instanceof Failed ? error.result : undefined);
      throw error;
    }
    this.#close('committed');
    if (this.kind === 'savepoint' || this.kind === 'transaction') {
      this.level.commit();
    }
    if (this.outer !== undefined) {
      this.#handOver(this.outer);
      return;
    }
    const thrown = this.#run(this.afterCommit);
    if (thrown.length > 0) {
      throw new Failed(`after-commit(${thrown.join()})`);
    }
  }

  /** Branches start that race each other. */
  startRace(): void {
    this.race ??= { depth: 0 };
    this.race.depth += 1;
  }

  /** They have all ended: what they did to the unit is settled. */
  endRace(): void {
    const { race } = this;
    if (race === undefined || --race.depth > 0) {
      return;
    }
    this.race = undefined;
    this.perhaps = race.abortedBy;
    if (this.hasEnded) {
      return;
    }
    if (race.committed) {
      this.ended = 'hand';
      // it was stored, so whatever failed came too late to count
      this.doomedBy = undefined;
      this.level.abortedBy = undefined;
      try {
        this.commit();
      } catch (error) {
        if (!(error instanceof Failed && error.result.startsWith('after-commit'))) {
          throw new Disagreement(`COMMIT succeeded, although it had to fail with ${String((error as Failed).result)}`);
        }
      }
    } else if (race.rolledBack || race.failure !== undefined || race.abortedBy !== undefined) {
      this.ended = race.rolledBack || race.failure !== undefined ? 'hand' : 'signal';
      this.failure = race.failure ?? (race.rolledBack ? undefined : race.abortedBy);
      // whether it was rolled back by hand, without a reason, before it was aborted, is chance
      const aborted = race.rolledBack && race.abortedBy !== undefined ? `${race.abortedBy}|` : race.abortedBy;
      this.rollBack(race.failure ?? aborted);
    }
  }

  /** Rolls back, because of an error or by hand; what callbacks throw then is returned. */
  rollBack(error: string | undefined): string[] {
    this.#close('rolled-back');
    if (this.kind === 'joined' && this.outer !== undefined) {
      this.outer.doomedBy ??= error ?? '';
      // nothing is undone before the outer unit ends
      this.#handOver(this.outer);
      return [];
    }
    return this.#run(this.afterRollback);
  }

  /** What COMMIT, or the release of a savepoint, depends on. */
  #prepare(): void {
    const { abortedBy } = this.level;
    const causes = [this.doomedBy, abortedBy, abortedBy && 'sql(25P02)'].filter((cause) => cause !== undefined);
    if (causes.length > 0) {
      throw new Failed(causes.map((cause) => `aborted(${cause})`).join('|'));
    }
    this.level.flush();
    if (this.kind === 'transaction' && this.level.refusedAtCommit) {
      throw new Failed('sql(23514)');
    }
  }

  /** Callbacks, those to come included, wait for the end of the unit around. */
  #handOver(outer: ModelUnit): void {
    outer.afterCommit.push(...this.afterCommit);
    outer.afterRollback.push(...this.afterRollback);
    this.afterCommit = outer.afterCommit;
    this.afterRollback = outer.afterRollback;
  }

  #close(status: 'committed' | 'rolled-back'): void {
    this.status = status;
  }

  #run(hooks: readonly ModelHook[]): string[] {
    const thrown: string[] = [];
    for (const { place, throws } of hooks) {
      this.ran(place);
      if (throws) {
        thrown.push(`hook(${place})`);
      }
    }
    return thrown;
  }
}
