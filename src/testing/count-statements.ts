import type { MikroORM } from '@mikro-orm/core';
import { requireMethods } from '../common/require-methods.js';
import { ConfigurationError } from '../errors.js';
import type { EngineFactory } from '../interfaces/engine-factory.js';
import { type StatementMessage, statements } from '../observability/statements.js';
import { asksForConstraints } from '../postgres/transaction/deferred-constraints.js';
import { requireFunction } from '../unit-of-work/require-function.js';

/** What an engine has sent. */
export interface StatementCount<T> {
  /** What `work` resolved to. */
  readonly result: T;
  /** How many statements: without those that open, set up, check and end transactions and savepoints. */
  readonly statements: number;
  /** How often the server was asked and waited for: what travels in one message, or side by side, counts once. */
  readonly roundTrips: number;
  /** One line a message, in the order in which they were sent: the statement, after the control statements before it. */
  readonly list: readonly string[];
}

/**
 * Counts what the engine sends while `work` runs, in whichever unit of work or session; on PostgreSQL and on PGlite, where a
 * message counts as the round trip that it would be. Not counted are connecting, cancelling, and the questions that follow a
 * lost COMMIT on a connection of their own. What others do on the engine at the same time is counted, too.
 *
 * `list` is for reading and for tests: MikroORM's statements have their values in it.
 *
 * Rejects with what `work` rejects with, and with ConfigurationError where the engine's driver is none of this library's.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import type { EngineFactory } from 'mikro-orm-uow';
 * import { countStatements } from 'mikro-orm-uow/testing';
 *
 * export async function listsInOneStatement(engineFactory: EngineFactory, list: () => Promise<unknown[]>) {
 *   const { statements, list: sent } = await countStatements(engineFactory, list);
 *   assert.equal(statements, 1, sent.join('\n'));
 * }
 * ```
 */
export async function countStatements<T>(
  engineFactory: EngineFactory<MikroORM>,
  work: () => T | Promise<T>,
): Promise<StatementCount<T>> {
  requireMethods(engineFactory, ['create'], 'countStatements() needs an engine factory');
  requireFunction('countStatements', work);
  const orm = await engineFactory.create();
  const connection = orm.em.getConnection('write');
  if (!('tellsStatements' in connection)) {
    throw new ConfigurationError(
      "countStatements() hears only of what the drivers of this library send, and the engine has another one: make its options with engineOptions(), or with { driver: UnitOfWorkPostgreSqlDriver } of 'mikro-orm-uow/postgresql'. Nothing was sent.",
    );
  }
  const messages: StatementMessage[] = [];
  const listen = (message: unknown): void => {
    const sent = message as StatementMessage;
    if (sent.engine === orm.config) {
      messages.push(sent);
    }
  };
  statements.start.subscribe(listen);
  try {
    const result = await work();
    return {
      result,
      statements: messages.filter(({ sql }) => !isControl(sql)).length,
      roundTrips: messages.reduce((sum, { roundTrips }) => sum + roundTrips, 0),
      list: messages.map(({ before, sql }) => [...before, sql].map(inOneLine).join('; ')),
    };
  } finally {
    statements.start.unsubscribe(listen);
  }
}

/** A transaction's beginning, end, savepoints and settings, and what a test's transaction checks at the end of each unit. */
const isControl = (sql: string): boolean =>
  /^\s*(begin|start transaction|commit|rollback|savepoint|release|set (constraints|local|transaction|role)|reset|select pg_catalog\.(set_config|current_setting))\b/i.test(
    sql,
  ) || asksForConstraints(sql);

const inOneLine = (sql: string): string => sql.trim().replaceAll(/\s*\n\s*/g, ' ');
