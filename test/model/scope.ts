import type { OpenUnitOfWork } from '../../src/index.js';
import type { Holdings } from './holdings.js';
import type { Outcome } from './outcome.js';
import type { ItemRepositoryClass } from './world.js';

/** An open unit of the model's world. */
export type Unit = OpenUnitOfWork<{ items: ItemRepositoryClass }>;

/** What happened: how each step settled, by its place in the history, and which hooks ran, in order. */
export interface Log {
  readonly outcomes: Map<string, Outcome>;
  readonly hooks: string[][];
}

/** Where steps run. */
export interface Scope {
  readonly unit?: Unit;
  /** Whether the unit has no transaction. */
  readonly bare: boolean;
  readonly items: InstanceType<ItemRepositoryClass>;
  readonly abort?: AbortController;
  /** Rows with this beginning are nobody else's at the moment. */
  readonly reads: string;
  readonly holdings: Holdings<object>;
  /** What goes on though nobody in the history waits for it. */
  readonly strays: Promise<unknown>[];
  readonly hooks: string[];
}
