import { deferred } from '../common/deferred.js';
import type { OpenUnit } from '../engine/open-units.js';
import { hasSettings } from './session-settings.js';
import type { Unit } from './unit.js';
import { isInside } from './unit-context.js';

/** One call of `run` or `begin`, from its first attempt to its last, the pauses in between included. */
export class OpenRun implements OpenUnit {
  readonly #interrupted = new AbortController();
  readonly #left = deferred<void>();
  /** The attempt that is under way, or was the last. */
  unit: Unit | undefined;
  readonly since = new Date();

  constructor(
    readonly name: string,
    readonly isInner: boolean,
    /** Where it was opened, where that is asked for. */
    readonly openedAt: Error | undefined,
  ) {}

  get attempt(): number {
    return this.unit?.attempt ?? 1;
  }

  get statements(): number {
    return this.unit?.usage?.statements ?? 0;
  }

  get holdsConnection(): boolean {
    return this.unit?.usage?.holdsConnection ?? false;
  }

  /** Aborted when the run is interrupted from outside. */
  get interrupted(): AbortSignal {
    return this.#interrupted.signal;
  }

  /** Whether another attempt can't store the work twice: the last one had a transaction, which is rolled back. */
  get mayRunAgain(): boolean {
    return this.unit?.status === 'rolled-back' && this.unit.transactional;
  }

  get surroundsCaller(): boolean {
    return this.unit?.surroundsCaller ?? false;
  }

  get restrictsCaller(): boolean {
    return this.unit !== undefined && hasSettings(this.unit.options.session) && isInside(this.unit);
  }

  /** Resolves when the transaction has ended; also where the run ends before it has one. */
  get ended(): Promise<void> {
    return Promise.race([this.#left.promise, this.unit?.state.closed ?? this.#left.promise]);
  }

  interrupt(error: unknown): void {
    this.#interrupted.abort(error);
    this.unit?.interrupt(error);
  }

  /** To be called when there will be no other attempt. */
  leave(): void {
    this.#left.resolve();
  }
}
