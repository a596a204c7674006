import type { MessagePort } from 'node:worker_threads';
import type { Packed } from './crossing/pack.js';

/** What the worker is started with. */
export interface WorkerSetup {
  readonly port: MessagePort;
  /** Counts what the worker has sent; the calling thread sleeps on it. */
  readonly sent: Int32Array<SharedArrayBuffer>;
  readonly module: string;
  readonly engine: string;
}

/** What a method is called on, all of it in the worker. */
export type Target =
  | { readonly kind: 'bank' }
  | { readonly kind: 'declared'; readonly name: string }
  | { readonly kind: 'unit' | 'session' | 'repository' | 'proxy' | 'iterator'; readonly id: number }
  | { readonly kind: 'member'; readonly id: number; readonly name: string };

/** What the calling thread sends. */
export type ToWorker =
  | {
      readonly kind: 'call';
      readonly id: number;
      /** The callback that the call is made in, whose context it needs; 0 outside of any. */
      readonly frame: number;
      readonly target: Target;
      readonly method: string;
      readonly args: Packed;
      /** The function of the calling thread that belongs to the arguments. */
      readonly callback?: number | undefined;
    }
  | { readonly kind: 'returned'; readonly frame: number; readonly result: Packed }
  | { readonly kind: 'threw'; readonly frame: number; readonly error: Packed }
  /** Nobody waits any more: undo what is open. */
  | { readonly kind: 'abandon' }
  /** Nothing: whether it can be sent tells whether the worker lives. */
  | { readonly kind: 'ping' };

/** Units that have ended since the worker last said so. */
export type Ended = readonly (readonly [id: number, status: string])[];

/** What the worker sends. */
export type FromWorker = { readonly ended: Ended } & (
  | { readonly kind: 'result'; readonly id: number; readonly result: Packed }
  | { readonly kind: 'error'; readonly id: number; readonly error: Packed }
  | { readonly kind: 'callback'; readonly frame: number; readonly callback: number; readonly args: Packed }
  | { readonly kind: 'failed'; readonly error: Packed }
  | { readonly kind: 'exited'; readonly code: number }
  | { readonly kind: 'abandoned' }
);

/** What a module exports, as far as it can be asked for. */
export interface Exports {
  readonly unitsOfWork: readonly string[];
  readonly repositories: readonly string[];
}

/** The methods of something, by its name. */
export type Shape = Readonly<Record<string, readonly string[]>>;

/** A unit that the worker has opened. */
export interface OpenedUnit {
  readonly unit: number;
  readonly attempt: number;
  /** The number of its declaration. */
  readonly declared: number;
  /** The repositories of the declaration, the first time that it is opened. */
  readonly shape?: Shape;
}

/** Iterators come in pages of so many values. */
export const pageSize = 200;

/** A part of a stream. */
export interface Page {
  readonly values: readonly unknown[];
  readonly done: boolean;
}
