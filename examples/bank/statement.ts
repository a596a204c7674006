import { isUtf8 } from 'node:buffer';
import { CsvError, parse } from 'csv-parse/sync';

/** What the first line of a statement says. */
export const columns = ['reference', 'from', 'to', 'amount', 'date', 'note'] as const;

/** A line of a statement, which may go on over several lines of the file: its fields, or why they can't be read. */
export type StatementLine = { readonly line: number } & (
  | { readonly fields: readonly string[] }
  | { readonly problem: string }
);

/** The file as a whole is no statement. */
export class StatementError extends Error {
  override name = 'StatementError';
}

/**
 * Takes a statement file apart. A line that can't be read costs only itself: reading goes on at the next one.
 *
 * @throws StatementError where the file is empty or does not begin with the names of the columns
 */
export function readStatement(file: Buffer): StatementLine[] {
  const byteOrderMark = file.subarray(0, 3).equals(Buffer.from([0xef, 0xbb, 0xbf])) ? 3 : 0;
  const reader = new Reader(file.subarray(byteOrderMark));
  const [header, ...lines] = reader.read();
  if (header === undefined) {
    throw new StatementError('the file is empty');
  }
  if (!('fields' in header) || header.fields.map((name) => name.trim()).join() !== columns.join()) {
    throw new StatementError(`the first line must be ${columns.join()}`);
  }
  return lines;
}

const newline = 0x0a;
const carriageReturn = 0x0d;

/**
 * Reads from a whole file, not from a stream: statements are small, and after a quote that is never closed reading has
 * to go back to where it was opened. csv-parse says at which byte each record ends; the line numbers follow from that.
 */
class Reader {
  readonly #bytes: Buffer;
  readonly #lines: StatementLine[] = [];
  /** Where the next record begins, and in which line of the file. */
  #offset = 0;
  #line = 1;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  read(): StatementLine[] {
    this.#skipEmptyLines();
    while (this.#offset < this.#bytes.length) {
      const from = this.#offset;
      try {
        parse(this.#bytes.subarray(from), {
          record_delimiter: ['\r\n', '\n'],
          relax_column_count: true,
          skip_empty_lines: true,
          max_record_size: 16_384,
          on_record: (fields: string[], { bytes }) => {
            this.#take(from + bytes, fields);
          },
        });
      } catch (error) {
        if (!(error instanceof CsvError)) {
          throw error;
        }
        const next = this.#bytes.indexOf(newline, this.#offset) + 1;
        this.#take(next === 0 ? this.#bytes.length : next, problemOf(error));
      }
    }
    return this.#lines;
  }

  /** Takes what is there up to `end` as one line of the statement. */
  #take(end: number, content: string[] | string): void {
    const line = this.#line;
    const isText = isUtf8(this.#bytes.subarray(this.#offset, end));
    if (!isText) {
      this.#lines.push({ line, problem: 'not in UTF-8, so its text cannot be relied on' });
    } else {
      this.#lines.push(typeof content === 'string' ? { line, problem: content } : { line, fields: content });
    }
    this.#moveTo(end);
    this.#skipEmptyLines();
  }

  #moveTo(offset: number): void {
    for (; this.#offset < offset; this.#offset += 1) {
      this.#line += this.#bytes[this.#offset] === newline ? 1 : 0;
    }
  }

  #skipEmptyLines(): void {
    const isBreak = (byte: number | undefined) => byte === newline || byte === carriageReturn;
    while (isBreak(this.#bytes[this.#offset])) {
      this.#moveTo(this.#offset + 1);
    }
  }
}

const problemOf = ({ code }: CsvError): string =>
  code === 'CSV_MAX_RECORD_SIZE'
    ? 'too long, or a quotation mark is missing'
    : 'a quotation mark is missing or misplaced';
