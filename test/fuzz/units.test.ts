import { expect } from 'chai';
import fc from 'fast-check';
import { ConfigurationError, MikroOrmUnitOfWork, type UnitOfWorkOptions } from '../../src/index.js';
import { AccountRepository, BankUnitOfWork } from '../support/bank.js';
import { forEachSeed } from '../support/seeds.js';
import { hostileValue, made } from './hostile.js';
import { hostileText } from './hostile-text.js';
import { Sandbox } from './sandbox.js';

const optionNames = ['isolationLevel', 'readOnly', 'propagation', 'signal', 'session', 'timeouts', 'retry', 'other'];
const hostileOptions = fc.oneof(
  fc.dictionary(fc.constantFrom(...optionNames), hostileValue, { minKeys: 1, maxKeys: 3, noNullPrototype: true }),
  hostileValue,
);
const hostileSession = fc.record(
  {
    variables: fc.dictionary(
      fc.oneof(
        hostileText,
        hostileText.map((text) => `app.${text}`),
      ),
      hostileText,
    ),
    role: hostileText,
  },
  { requiredKeys: [] },
);

describe('promise 18, promise 31: hostile input to units of work', () => {
  let sandbox: Sandbox;
  before(async () => {
    sandbox = await Sandbox.open();
  });
  afterEach(() => sandbox.inspect());
  after(() => sandbox[Symbol.asyncDispose]());

  /** The ways that lead to options. */
  const ways: Record<string, (options: UnitOfWorkOptions) => unknown> = {
    of: (options) => MikroOrmUnitOfWork.of({ accounts: AccountRepository }, options),
    new: (options) => new BankUnitOfWork(sandbox.engineFactory, options),
    run: (options) => sandbox.uow.run((u) => u.accounts.count(), options),
    begin: async (options) => {
      await using u = await sandbox.uow.begin(options);
      await u.accounts.count();
    },
    inner: (options) => sandbox.uow.run(async (u) => u.run((inner) => inner.accounts.count(), options)),
  };

  forEachSeed('any options: refused before anything is sent, or taken as they are', 300, async (seed, numRuns) => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...Object.keys(ways)), hostileOptions, async (way, recipe) => {
        sandbox.forget();
        const error = await sandbox.attempt(() => ways[way]?.(made(recipe) as UnitOfWorkOptions));
        if (error instanceof ConfigurationError) {
          expect(sandbox.isSilent, 'nothing was sent').to.equal(true);
        }
      }),
      { seed, numRuns },
    );
  });

  forEachSeed('any session variables and roles: set as they are, or refused', 150, async (seed, numRuns) => {
    await fc.assert(
      fc.asyncProperty(hostileSession, async (session) => {
        sandbox.forget();
        const [name, value] = Object.entries(session.variables ?? {})[0] ?? [];
        await sandbox.attempt(() =>
          sandbox.uow.run(
            async (u) => {
              const connection = u.session.getConnection();
              const rows = await connection.execute(
                'select current_setting(?) as value',
                [name ?? 'role'],
                'all',
                u.session.getTransactionContext(),
              );
              if (value !== undefined && session.role === undefined) {
                expect(rows).to.deep.equal([{ value }]);
              }
            },
            { session },
          ),
        );
      }),
      { seed, numRuns },
    );
  });

  forEachSeed('any value that work throws arrives as it is, and nothing is stored', 100, async (seed, numRuns) => {
    await fc.assert(
      fc.asyncProperty(hostileValue, fc.boolean(), async (recipe, inside) => {
        const value = made(recipe);
        const work = async (u: { accounts: AccountRepository }) => {
          await u.accounts.create({ owner: 'Eve' });
          throw value;
        };
        const run = inside ? sandbox.uow.run((u) => u.run(work)) : sandbox.uow.run(work);
        expect(Object.is((await thrownBy(run)).error, value), 'the same value').to.equal(true);
        expect(await sandbox.uow.run((u) => u.accounts.count({ owner: 'Eve' }))).to.equal(0);
      }),
      { seed, numRuns },
    );
  });

  forEachSeed('any reason that a signal is aborted with arrives as it is', 100, async (seed, numRuns) => {
    await fc.assert(
      fc.asyncProperty(hostileValue, fc.boolean(), async (recipe, during) => {
        const reason = made(recipe);
        const abort = new AbortController();
        const run = sandbox.uow.run(
          async (u) => {
            const counted = during ? Promise.allSettled([u.accounts.count()]) : u.accounts.count();
            await (during ? undefined : counted);
            abort.abort(reason);
            await counted;
          },
          { signal: abort.signal },
        );
        expect(Object.is((await thrownBy(run)).error, abort.signal.reason), 'the same reason').to.equal(true);
      }),
      { seed, numRuns },
    );
  });

  forEachSeed('any callback is refused or run, whatever it throws', 100, async (seed, numRuns) => {
    await fc.assert(
      fc.asyncProperty(hostileValue, hostileValue, async (recipe, thrown) => {
        sandbox.forget();
        const ran: number[] = [];
        const callback = made(recipe) as () => unknown;
        await sandbox.attempt(() =>
          sandbox.uow.run((u) => {
            u.afterCommit(() => {
              throw made(thrown);
            });
            u.afterCommit(() => ran.push(1));
            u.afterRollback(() => ran.push(2));
            u.afterCommit(callback);
            u.afterRollback(callback);
          }),
        );
        expect(ran).to.deep.equal([typeof callback === 'function' ? 1 : 2]);
      }),
      { seed, numRuns },
    );
  });
});

/** What it rejects with, in an object: the error itself may be a thenable, which `await` would unwrap. */
function thrownBy(promise: Promise<unknown>): Promise<{ readonly error: unknown }> {
  return new Promise((resolve, reject) => {
    promise.then(
      () => reject(new Error('It was to reject')),
      (error) => resolve({ error }),
    );
  });
}
