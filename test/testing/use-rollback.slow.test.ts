import { expect } from 'chai';
import { ConfigurationError } from '../../src/index.js';
import { useRollback } from '../../src/testing/index.js';
import { createDatabase } from '../support/database.js';
import { forEachEngine } from '../support/engines.js';
import { finish, fixture, runMocha, startNode } from './run-suite.js';

describe('useRollback', () => {
  forEachEngine((engine) => {
    it('leaves every row byte for byte as it was: nested suites, tests and hooks that fail, tests that time out', async () => {
      const { dsn, drop } = await engine.dsn();
      try {
        const { code, output, told } = await runMocha([fixture('traces')], { DATABASE_URL: dsn });
        expect(output).to.include('6 passing').and.include('7 failing');
        expect(output.match(/Timeout of 300ms/g), output).to.have.length(4);
        expect(code).to.equal(7);
        expect(told).to.have.length(1);
        const [{ outcomes, unchanged, size }] = told as [{ outcomes: string[]; unchanged: boolean; size: number }];
        expect(outcomes).to.deep.equal(Array(4).fill('UnitOfWorkClosedError'));
        expect(size).to.be.greaterThan(200);
        expect(unchanged).to.equal(true);
      } finally {
        await drop();
      }
    });
  });

  it('leaves every row as it was with node:test, whose hooks are no part of the flow of a test', async () => {
    await using database = await createDatabase();
    const suite = startNode([fixture('traces-of-node-test')], { DATABASE_URL: database.url });
    const { output, told } = await finish(suite);
    expect(output).to.match(/[#ℹ] pass 2\n. fail 1\n. cancelled 2\n/);
    expect(told).to.deep.equal([{ ends: Array(2).fill('UnitOfWorkClosedError'), unchanged: true }]);
  });

  const recorder = () => {
    const hooks: Record<'beforeEach' | 'afterEach' | 'after', () => Promise<void>> = {} as never;
    const log: string[] = [];
    useRollback(
      {
        start: async () => void log.push('start'),
        rollback: async () => void log.push('rollback'),
      },
      {
        beforeEach: (hook) => {
          hooks.beforeEach = hook;
        },
        afterEach: (hook) => {
          hooks.afterEach = hook;
        },
        after: (hook) => {
          hooks.after = hook;
        },
      },
    );
    return { hooks, log };
  };

  it('takes the hooks of any runner', async () => {
    const { hooks, log } = recorder();
    await hooks.beforeEach();
    await hooks.afterEach();
    await hooks.after();
    expect(log).to.deep.equal(['start', 'rollback']);
  });

  it('makes up for a rollback that a runner left out, before the next test or at the end', async () => {
    const { hooks, log } = recorder();
    await hooks.beforeEach();
    await hooks.beforeEach();
    await hooks.after();
    expect(log).to.deep.equal(['start', 'rollback', 'start', 'rollback']);
  });

  for (const hooks of [{}, null, { beforeEach: () => undefined }]) {
    it(`is refused without hooks: ${JSON.stringify(hooks)}`, () => {
      const rollback = { start: async () => undefined, rollback: async () => undefined };
      expect(() => useRollback(rollback, hooks as never)).to.throw(
        ConfigurationError,
        'found no beforeEach and afterEach',
      );
    });
  }
});
