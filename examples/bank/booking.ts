import { parseAmount, quote } from './money.js';
import { Refusal } from './refusal.js';
import { columns } from './statement.js';

/** One line of a statement, understood. Accounts go by their numbers. */
export interface Booking {
  readonly reference: string;
  /** None: money that comes in from outside. */
  readonly from: string | undefined;
  /** None: money that goes out. */
  readonly to: string | undefined;
  /** In cents. */
  readonly amount: bigint;
  /** YYYY-MM-DD. */
  readonly valueDate: string;
  readonly note: string;
}

/**
 * Understands the fields of a line. What is not clear is not guessed.
 *
 * @throws Refusal with what is wrong with them
 */
export function parseBooking(fields: readonly string[]): Booking {
  if (fields.length !== columns.length) {
    throw new Refusal(`${fields.length} ${fields.length === 1 ? 'column' : 'columns'} instead of ${columns.length}`);
  }
  const [reference, from, to, amount, date, note] = fields.map((field) => field.trim()) as [
    string,
    string,
    string,
    string,
    string,
    string,
  ];
  if (!/^[\w./-]{1,64}$/.test(reference)) {
    throw new Refusal(
      reference === '' ? 'the reference is missing' : `${quote(reference)} is no reference: letters, digits and ./-_`,
    );
  }
  if (from === to) {
    throw new Refusal(from === '' ? 'neither from nor to is given' : `from and to are the same account ${quote(from)}`);
  }
  if (note.includes('\0')) {
    throw new Refusal('the note contains a NUL character, which PostgreSQL cannot store');
  }
  return {
    reference,
    from: from || undefined,
    to: to || undefined,
    amount: parseAmount(amount),
    valueDate: parseDate(date),
    note,
  };
}

function parseDate(text: string): string {
  const date = /^\d{4}-\d{2}-\d{2}$/.test(text) ? new Date(`${text}T00:00:00Z`) : undefined;
  // the 30th of February is a date to JavaScript: the 2nd of March
  if (!date || Number.isNaN(date.getTime()) || date.toISOString().slice(0, 10) !== text) {
    throw new Refusal(`${quote(text)} is no date; 2025-01-31 is one`);
  }
  return text;
}
