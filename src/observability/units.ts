import { tracingChannel } from 'node:diagnostics_channel';
import type { UnitStatus } from '../errors.js';

/** One run of a unit of work, an inner one's included: from its opening to the end of its callbacks. */
export interface UnitMessage {
  /** MikroORM's configuration of the engine that it is on: the very object that is `orm.config`. */
  readonly engine: object;
  /** What the unit is called: the name of its class, unless it was given another. */
  readonly name: string;
  /** Which run of its work it is, from 1. */
  readonly attempt: number;
  /** MikroORM's name of where it works: `nested` unless set. */
  readonly propagation: string;
  /** Whether it takes part in the transaction of another unit. */
  readonly isInner: boolean;
  /** `active` until its end. */
  status: UnitStatus;
  /** Why it failed, if it did. */
  error?: unknown;
  /** How many statements it has sent, its inner units included; of an inner one, with what others sent in the same transaction meanwhile. */
  statements: number;
  /** How often the server was asked and waited for, its end included. */
  roundTrips: number;
  /** For how many milliseconds it has waited for a connection. */
  waited: number;
  /** For how many milliseconds it has held one. */
  held: number;
  /** How many entities of each class were created, changed and deleted in its flushes, those of inner units included. */
  rows: Readonly<Record<string, number>>;
}

/**
 * The tracing channel `mikro-orm-uow:unit`. What is counted is complete at `asyncEnd`. A run that failed is heard of at `error`,
 * too, as with every tracing channel.
 */
export const units = tracingChannel<object, UnitMessage>('mikro-orm-uow:unit');

/** One call of `run` or `begin`, with all runs of its work and the pauses between them. */
export interface RunMessage extends Pick<UnitMessage, 'engine' | 'name' | 'propagation' | 'isInner'> {}

/** Runs a unit with something around it, such as a context of its own. */
export type Around = <T>(message: RunMessage, run: () => Promise<T>) => Promise<T>;

const arounds = new Set<Around>();

/** Has every unit run inside of `around`, until the function that is returned is called. */
export function runUnitsInside(around: Around): () => void {
  arounds.add(around);
  return () => arounds.delete(around);
}

/** Whether anybody listens. */
export const unitsAreWatched = (): boolean => units.hasSubscribers || arounds.size > 0;

/** Runs a call inside of all that is to be around it. */
export function insideAll<T>(describe: () => RunMessage, run: () => Promise<T>): Promise<T> {
  let inside = run;
  for (const around of arounds) {
    const inner = inside;
    inside = () => around(describe(), inner);
  }
  return inside();
}
