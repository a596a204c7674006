import { setImmediate as nextTurn } from 'node:timers/promises';
import { Service } from 'typedi';
// biome-ignore lint/style/useImportType: TypeDI needs the class when the program runs
import { BankService } from './bank-service.js';
import { parseBooking } from './booking.js';
import { reasonOf } from './explain.js';
import type { StatementLine } from './statement.js';

/** What became of one line. */
export type Outcome = { readonly line: number; readonly reference?: string } & (
  | { readonly kind: 'booked' | 'already booked' }
  | { readonly kind: 'refused'; readonly reason: string }
);

/** Books statements. */
@Service()
export class StatementImport {
  constructor(private readonly bank: BankService) {}

  /**
   * Books each line as one unit of work. One that is refused leaves nothing behind, and the next one goes on. Rejects
   * with the reason of `signal`, or where the database fails; what was booked until then stays.
   */
  async *book(lines: readonly StatementLine[], signal?: AbortSignal): AsyncGenerator<Outcome> {
    const lineOf = new Map<string, number>();
    for (const line of lines) {
      // PGlite answers within the same turn of the event loop: without a pause, Ctrl-C would be heard after the last line
      await nextTurn();
      signal?.throwIfAborted();
      yield await this.#bookLine(line, lineOf, signal);
    }
  }

  async #bookLine(statementLine: StatementLine, lineOf: Map<string, number>, signal?: AbortSignal): Promise<Outcome> {
    const { line } = statementLine;
    if ('problem' in statementLine) {
      return { line, kind: 'refused', reason: statementLine.problem };
    }
    try {
      const booking = parseBooking(statementLine.fields);
      const { reference } = booking;
      const first = lineOf.get(reference);
      if (first !== undefined) {
        return { line, reference, kind: 'refused', reason: `the reference ${reference} is that of line ${first}` };
      }
      const kind = await this.bank.book(booking, signal);
      lineOf.set(reference, line);
      return { line, reference, kind };
    } catch (error) {
      const reason = reasonOf(error);
      if (reason === undefined) {
        throw error;
      }
      return { line, kind: 'refused', reason };
    }
  }
}
