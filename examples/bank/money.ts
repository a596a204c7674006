import { Refusal } from './refusal.js';

/** What a `bigint` column holds at the most. */
const mostCents = 9_223_372_036_854_775_807n;

/** `123456` -> `1,234.56` */
export function formatCents(cents: bigint): string {
  const digits = (cents < 0n ? -cents : cents).toString().padStart(3, '0');
  const whole = BigInt(digits.slice(0, -2)).toLocaleString('en-US');
  return `${cents < 0n ? '-' : ''}${whole}.${digits.slice(-2)}`;
}

/**
 * `1234.5` -> `123450`. Digits and at most two decimals after a point, nothing else: whoever reads `1,000` as one or
 * `12.345` as twelve thousand has lost somebody's money.
 *
 * @throws Refusal where the text is no amount, or none that can be moved
 */
export function parseAmount(text: string): bigint {
  const [, sign, whole, cents = ''] = /^(-?)(\d+)(?:\.(\d{1,2}))?$/.exec(text) ?? [];
  if (whole === undefined) {
    throw new Refusal(`${quote(text)} is no amount; 1234.50 is one`);
  }
  const amount = BigInt(whole + cents.padEnd(2, '0'));
  if (sign === '-' || amount === 0n) {
    throw new Refusal(`the amount must be more than zero, and is ${quote(text)}`);
  }
  if (amount > mostCents) {
    throw new Refusal(`the amount ${quote(text)} is more than any account can hold`);
  }
  return amount;
}

/** Text of others as it can be shown in one line of a terminal. */
export const quote = (text: string): string => JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
