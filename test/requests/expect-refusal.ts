import { expect } from 'chai';
import { ConfigurationError } from '../../src/index.js';

/** A refusal's message: short, says that nothing was sent, and gives no hidden field or value away. */
export function expectRefusal(error: unknown, what: string): void {
  expect(error, what).to.be.instanceOf(ConfigurationError);
  const { message } = error as Error;
  expect(message, what).to.match(/Nothing was sent\.$/);
  expect(message.length, message).to.be.lessThan(1000);
  expect(message, what).not.to.match(/doorCode|motto|hunter2|swordfish|1234/);
}

/** What was sent, but for the transaction around it. */
export const statements = (sql: readonly string[]): string[] =>
  sql.filter((text) => !/^(begin|rollback|discard|select pg_catalog\.pg_current_xact_id)/i.test(text));
