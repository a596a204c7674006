import { inspect } from 'node:util';
import { expect } from 'chai';
import { engineOptions, MikroOrmEngineFactory, postgresConfig } from '../../src/index.js';
import { Account } from '../support/bank.js';
import { rejection } from '../support/rejection.js';

const password = 'correct-horse';

/** All that a log could show of a value, however it is printed. */
function everythingOf(value: unknown): string {
  const error = value as { message?: string; stack?: string; cause?: unknown };
  const own = typeof value === 'object' && value !== null ? Object.getOwnPropertyNames(value) : [];
  const parts = [inspect(value, { depth: 12, showHidden: true, getters: true }), String(value), ...own];
  try {
    parts.push(JSON.stringify(value));
  } catch {
    // a circular one: `inspect` has shown it
  }
  parts.push(error.message ?? '', error.stack ?? '');
  return error.cause === undefined ? parts.join('\n') : `${parts.join('\n')}\n${everythingOf(error.cause)}`;
}

function expectNoPassword(value: unknown): void {
  const text = everythingOf(value);
  expect(text).not.to.contain(password);
  expect(text).not.to.contain(encodeURIComponent(password));
}

describe('the password of a DSN', () => {
  for (const dsn of [
    `postgres://ada:${password}@host:port/bank`,
    `postgres://ada:${password}@host:99999/bank`,
    `postgres://ada:${password}@ho st/bank`,
    `postgres://ada:${password}/x@host/bank`,
    `postgres://ada:${password}@host/100%`,
    `postgres://ada:${password}@host/bank?sslmode=${password}`,
    `postgres://host/bank?password=${password}&connect_timeout=soon`,
    `mysql://ada:${password}@host/bank`,
    `ada:${password}@host/bank`,
    `//ada:${password}@host`,
    `pglite://ada:${password}@host`,
  ]) {
    it(`promise 18: is not in the error for ${dsn.replaceAll(password, '***')}`, async () => {
      expectNoPassword(await rejection((async () => postgresConfig({ DATABASE_URL: dsn }))()));
      expectNoPassword(await rejection(engineOptions({ dsn, poolSize: 1 })));
      expectNoPassword(await rejection(new MikroOrmEngineFactory(engineOptions({ dsn, poolSize: 1 })).create()));
    });
  }

  for (const dsn of [
    `postgres://ada:${password}@127.0.0.1:1/bank`,
    `postgres://ada@127.0.0.1:1/bank?password=${password}`,
  ]) {
    it(`promise 18: is not in what inspect shows of options, factory and orm: ${dsn.replace(password, '***')}`, async () => {
      const options = await engineOptions({ dsn, poolSize: 1 }, { entities: [Account] });
      expectNoPassword(options);
      await using engineFactory = new MikroOrmEngineFactory(options);
      expectNoPassword(engineFactory);
      const orm = await engineFactory.create();
      expectNoPassword(engineFactory);
      expectNoPassword(orm);
      expectNoPassword(orm.config);
      expectNoPassword(orm.em);
      expectNoPassword(orm.em.getConnection());
      expectNoPassword(await rejection(orm.em.fork().count(Account)));
      expectNoPassword(orm.em.getConnection());
      expectNoPassword(orm);
    });
  }
});
