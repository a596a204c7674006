import type { EngineFactory } from '../interfaces/engine-factory.js';

/** What an engine factory has to know of an open unit, to close the engine under it. */
export interface OpenUnit {
  /** Rolls the unit back; its `run` rejects with `error`. */
  interrupt(error: unknown): void;
  /** Resolves when the unit's transaction has ended. */
  readonly ended: Promise<void>;
  /** Whether the running code is inside of the unit, and the unit holds a connection. */
  readonly surroundsCaller: boolean;
  /** Whether the running code is inside of the unit, and the unit has a role or variables that other sessions have not. */
  readonly restrictsCaller: boolean;
}

/** The units that are open on an engine. */
export class OpenUnits {
  readonly #units = new Set<OpenUnit>();
  readonly #empty = new Set<() => void>();
  /** Where the callbacks of committed units go that are captured in a test, instead of being run. */
  captured: (() => unknown)[] | undefined;

  /** Notes the unit; the function that is returned forgets it again. */
  enter(unit: OpenUnit): () => void {
    this.#units.add(unit);
    return () => {
      this.#units.delete(unit);
      if (this.#units.size === 0) {
        for (const resolve of this.#empty) {
          resolve();
        }
        this.#empty.clear();
      }
    };
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
