import { createCipheriv, createDecipheriv, createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import { ConfigurationError } from '../../errors.js';
import type { Position } from '../../postgres/keyset/keyset.js';
import type { Meta } from '../../session/metadata.js';
import { refuse } from '../validation/refuse.js';
import { partCheck } from './cursor-parts.js';
import type { Place } from './order.js';

/** Positions as texts that a client can keep, of one order. */
export interface CursorText {
  write(position: Position): string;
  /** The position; undefined where the text is no cursor of this order. Takes time in proportion to the text. */
  read(text: string): Position | undefined;
}

/** @throws ConfigurationError: the rows are read, and their places can't be kept */
function unwritable(problem: string): never {
  throw new ConfigurationError(`A row's place in this order ${problem} The page was read, and nothing is changed.`);
}

/** No cursor is longer than this many characters. */
const longest = 1_000_000;

/**
 * Without a secret, cursors can be read and made up: what they may show and what they may hold is checked column by column.
 * With one, they are encrypted and authenticated.
 *
 * @throws ConfigurationError where the order has columns that a readable cursor can't have
 */
export function cursorText(meta: Meta, columns: readonly Place[], secret: string | undefined): CursorText {
  const { write, read } = secret === undefined ? readable(columns) : sealed(secret, contextOf(meta, columns));
  return {
    write(position) {
      const text = write(position);
      return text.length <= longest
        ? text
        : refuse(
            `A row's place in this order makes a cursor of more than ${longest} characters: order by other columns.`,
          );
    },
    read(text) {
      const position = text.length <= longest ? read(text) : undefined;
      return position?.length === columns.length && position.every((part) => part === null || typeof part === 'string')
        ? (position as Position)
        : undefined;
    },
  };
}

function readable(columns: readonly Place[]) {
  const checks = columns.map((column) => {
    if (column.hidden) {
      refuse(
        `"${column.path}" is hidden, and a cursor would show it: give the engine a "cursorSecret", or order by another column.`,
      );
    }
    return (
      partCheck(column) ??
      refuse(
        `A cursor with a value of "${column.path}"${column.type ? ` (${column.type})` : ''} can't be told from a forged one: give the engine a "cursorSecret", or order by another column.`,
      )
    );
  });
  const isValid = (position: readonly unknown[]) =>
    position.length === checks.length &&
    position.every((part, index) =>
      part === null ? columns[index]?.nullable === true : typeof part === 'string' && checks[index]?.(part) === true,
    );
  return {
    write(position: Position): string {
      if (!isValid(position)) {
        unwritable(
          'has a value that can not be told from a forged one, as settings like DateStyle write it: give the engine a "cursorSecret".',
        );
      }
      return Buffer.from(JSON.stringify(position)).toString('base64url');
    },
    read(text: string): readonly unknown[] | undefined {
      const position = parsed(bytesOf(text));
      return position && isValid(position) ? position : undefined;
    },
  };
}

/**
 * SIV: the text is encrypted with its own authentication code for a nonce, so that the same position always makes the same
 * cursor, and no change of it goes unnoticed.
 */
function sealed(secret: string, context: string) {
  const keys = Buffer.from(hkdfSync('sha256', secret, '', 'mikro-orm-uow cursors', 64));
  const [codeKey, textKey] = [keys.subarray(0, 32), keys.subarray(32)];
  const codeOf = (plain: Buffer) =>
    createHmac('sha256', codeKey).update(`${context}\0`).update(plain).digest().subarray(0, 16);
  return {
    write(position: Position): string {
      const plain = Buffer.from(JSON.stringify(position));
      const code = codeOf(plain);
      return Buffer.concat([code, createCipheriv('aes-256-ctr', textKey, code).update(plain)]).toString('base64url');
    },
    read(text: string): readonly unknown[] | undefined {
      const bytes = bytesOf(text);
      if (bytes === undefined || bytes.length < 16) {
        return undefined;
      }
      const code = bytes.subarray(0, 16);
      const plain = createDecipheriv('aes-256-ctr', textKey, code).update(bytes.subarray(16));
      return timingSafeEqual(code, codeOf(plain)) ? parsed(plain) : undefined;
    },
  };
}

/** What a cursor belongs to: a class, and an order of it. */
const contextOf = (meta: Meta, columns: readonly Place[]): string =>
  JSON.stringify([meta.className, columns.map(({ orderBy }) => orderBy)]);

/** The bytes, where the text is the one text of them. */
function bytesOf(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64url');
  return bytes.toString('base64url') === text ? bytes : undefined;
}

function parsed(bytes: Buffer | undefined): readonly unknown[] | undefined {
  try {
    const value: unknown = JSON.parse(String(bytes));
    return Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
