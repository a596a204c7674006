import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import type { Transfer } from './bank/schema.js';

/** What a client was told of a transfer. */
export type Outcome = 'committed' | 'rolled-back' | 'unknown';

/** A line of a client's log. Times are milliseconds since 1970: clients and agent share the machine's clock. */
export type Line =
  /** Written down before anything is sent. */
  | {
      readonly is: 'begun';
      readonly id: string;
      readonly kind: string;
      readonly at: number;
      readonly transfer: Transfer;
      /** Whether a callback waits for the COMMIT. */
      readonly hooked: boolean;
    }
  | { readonly is: 'told'; readonly id: string; readonly what: Outcome; readonly at: number; readonly why?: string }
  /** A callback that ran after COMMIT. */
  | { readonly is: 'hook'; readonly id: string; readonly at: number }
  /** A promise that the client itself saw broken. */
  | { readonly is: 'broken'; readonly id: string; readonly at: number; readonly what: string };

/** A client's own log, append-only: each line is with the operating system before the client goes on. */
export class Log {
  readonly #file: number;

  constructor(path: string) {
    this.#file = openSync(path, 'a');
  }

  begun(id: string, kind: string, transfer: Transfer, hooked: boolean): void {
    this.#append({ is: 'begun', id, kind, at: Date.now(), transfer, hooked });
  }

  told(id: string, what: Outcome, why?: string): void {
    this.#append({ is: 'told', id, what, at: Date.now(), ...(why !== undefined && { why }) });
  }

  hook(id: string): void {
    this.#append({ is: 'hook', id, at: Date.now() });
  }

  broken(id: string, what: string): void {
    this.#append({ is: 'broken', id, at: Date.now(), what });
  }

  close(): void {
    closeSync(this.#file);
  }

  #append(line: Line): void {
    writeSync(this.#file, `${JSON.stringify(line)}\n`);
  }
}

/** All lines of a log. */
export function readLog(path: string): Line[] {
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line);
}
