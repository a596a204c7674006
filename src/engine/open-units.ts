import type { EngineFactory } from '../interfaces/engine-factory.js';
import type { Holder } from '../postgres/pool/holders.js';
import { Overdue } from './overdue.js';

/** What an engine factory has to know of an open unit, to close the engine under it. */
export interface OpenUnit {
  /** Rolls the unit back; its `run` rejects with `error`. */
  interrupt(error: unknown): void;
  /** Resolves when the unit's transaction has ended. */
  readonly ended: Promise<void>;
  /** What its users call it. */
  readonly name: string;
  readonly since: Date;
  /** Which run of the work is under way, from 1. */
  readonly attempt: number;
  /** How many statements its transaction was given so far. */
  readonly statements: number;
  readonly holdsConnection: boolean;
  /** Whether it takes part in the transaction of another one, which stands for it. */
  readonly isInner: boolean;
  /** Whether the running code is inside of the unit, and the unit holds a connection. */
  readonly surroundsCaller: boolean;
  /** Whether the running code is inside of the unit, and the unit has a role or variables that other sessions have not. */
  readonly restrictsCaller: boolean;
}

/** One open unit of work, as `state()` shows it. */
export interface OpenUnitState {
  /** What the unit is called: the name of its class, unless it was given another. */
  readonly name: string;
  /** When it was opened. */
  readonly since: Date;
  /** Which run of its work is under way, from 1. */
  readonly attempt: number;
  /** How many statements it has sent in this run. */
  readonly statements: number;
}

/** The units that are open on an engine. */
export class OpenUnits {
  /** Tells of units that are open for too long. */
  readonly overdue = new Overdue();
  readonly #units = new Set<OpenUnit>();
  readonly #empty = new Set<() => void>();
  /** Where the callbacks of committed units go that are captured in a test, instead of being run. */
  captured: (() => unknown)[] | undefined;

  /** Notes the unit, and where it was opened; the function that is returned forgets it again. */
  enter(unit: OpenUnit, openedAt?: Error): () => void {
    this.#units.add(unit);
    const endWatch = unit.isInner ? undefined : this.overdue.watch(unit, openedAt);
    return () => {
      this.#units.delete(unit);
      endWatch?.();
      if (this.#units.size === 0) {
        for (const resolve of this.#empty) {
          resolve();
        }
        this.#empty.clear();
      }
    };
  }

  /** Those with a transaction of their own, in the order in which they were opened. */
  list(): OpenUnitState[] {
    return this.#outermost.map(({ name, since, attempt, statements }) => ({ name, since, attempt, statements }));
  }

  /** Those that hold a connection. */
  holders(): Holder[] {
    const now = Date.now();
    return this.#outermost
      .filter(({ holdsConnection }) => holdsConnection)
      .map(({ name, since }) => ({ name, age: now - since.getTime() }));
  }

  get #outermost(): OpenUnit[] {
    return [...this.#units].filter(({ isInner }) => !isInner);
  }

  /** Whether the running code is inside of a unit that holds a connection. */
  surroundsCaller(): boolean {
    return [...this.#units].some((unit) => unit.surroundsCaller);
  }

  /** Whether the running code is inside of a unit with a role or variables of its own. */
  restrictsCaller(): boolean {
    return [...this.#units].some((unit) => unit.restrictsCaller);
  }

  /** Resolves when no unit is open. */
  async empty(): Promise<void> {
    if (this.#units.size > 0) {
      await new Promise<void>((resolve) => this.#empty.add(resolve));
    }
  }

  /** Rolls back every unit that is still open. */
  async interrupt(error: unknown): Promise<void> {
    const units = [...this.#units];
    for (const unit of units) {
      unit.interrupt(error);
    }
    await Promise.all(units.map((unit) => unit.ended));
  }
}

/** An engine factory that is told of the units on its engine. One that isn't can't wait for them when it closes. */
export interface UnitHost {
  readonly openUnits: OpenUnits;
}

/** The open units of the factory's engine, where it keeps account of them. */
export const openUnitsOf = (engineFactory: EngineFactory | UnitHost): OpenUnits | undefined =>
  'openUnits' in engineFactory ? engineFactory.openUnits : undefined;
