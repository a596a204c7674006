import { expect } from 'chai';
import fc from 'fast-check';
import { MikroOrmConnectionProxy, MikroOrmRepository } from '../../src/index.js';
import { AccountRepository } from '../support/bank.js';
import { forEachSeed } from '../support/seeds.js';
import { hostileValue, made } from './hostile.js';
import { hostileText } from './hostile-text.js';
import { Sandbox } from './sandbox.js';

const wellFormed = hostileText.map((text) => text.toWellFormed());

type Method = (...args: unknown[]) => unknown;

/** Every public method of a repository: those to come included. */
const methods = membersOf(MikroOrmRepository.prototype).filter(
  (name) => !['constructor', 'session', 'scope'].includes(name),
);

function membersOf(prototype: object): string[] {
  return prototype === Object.prototype
    ? []
    : [...Object.getOwnPropertyNames(prototype), ...membersOf(Object.getPrototypeOf(prototype))];
}

describe('promise 18, promise 31: hostile input to repositories', () => {
  let sandbox: Sandbox;
  before(async () => {
    sandbox = await Sandbox.open();
  });
  afterEach(() => sandbox.inspect());
  after(() => sandbox[Symbol.asyncDispose]());

  const call = async (repository: object, name: string, args: unknown[]): Promise<void> => {
    const method = (repository as Record<string, Method>)[name] as Method;
    const result = await method.apply(repository, args);
    if (typeof result === 'object' && result !== null && Symbol.asyncIterator in result) {
      for await (const _ of result as AsyncIterable<unknown>) {
        // read to the end
      }
    }
  };

  forEachSeed(
    'any arguments, in a unit: ends in an error that says why, and runs nothing',
    300,
    async (seed, numRuns) => {
      await fc.assert(
        fc.asyncProperty(fc.constantFrom(...methods), fc.array(hostileValue, { maxLength: 3 }), async (name, args) => {
          sandbox.forget();
          const undo = Symbol('undo');
          await sandbox.attempt(async () => {
            try {
              await sandbox.uow.run(async (u) => {
                await call(u.accounts, name, args.map(made));
                await u.flush();
                throw undo;
              });
            } catch (error) {
              if (error !== undo) {
                throw error;
              }
            }
          });
        }),
        { seed, numRuns },
      );
    },
  );

  forEachSeed('any arguments, standalone', 100, async (seed, numRuns) => {
    const reading = methods.filter((name) => /^(retrieve|list|count|exists|rows|page|stream)/.test(name));
    const repository = new AccountRepository(new MikroOrmConnectionProxy(sandbox.engineFactory));
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...reading), fc.array(hostileValue, { maxLength: 3 }), async (name, args) => {
        sandbox.forget();
        await sandbox.attempt(() => call(repository, name, args.map(made)));
      }),
      { seed, numRuns },
    );
  });

  forEachSeed('any text is stored, found and changed as it is, or refused', 150, async (seed, numRuns) => {
    await fc.assert(
      // pg has no bytes for half a surrogate pair, and sends U+FFFD for it, as all of Node does
      fc.asyncProperty(wellFormed, wellFormed, async (owner, other) => {
        sandbox.forget();
        const undo = Symbol('undo');
        const error = await sandbox.attempt(() =>
          sandbox.uow
            .run(async (u) => {
              const { id } = await u.accounts.create({ owner }).then(async (account) => {
                await u.flush();
                return account;
              });
              u.session.clear();
              const found = await u.accounts.retrieve({ owner });
              expect(found).to.deep.include({ id, owner });
              await u.accounts.update(id, { owner: `${other}!` });
              await u.flush();
              u.session.clear();
              expect((await u.accounts.retrieve(id))?.owner).to.equal(`${other}!`);
              throw undo;
            })
            .catch((thrown: unknown) => {
              if (thrown !== undo) {
                throw thrown;
              }
            }),
        );
        if (error !== undefined) {
          // too long for the column or its index, or a character that PostgreSQL has not
          expect(owner.length > 255 || other.length > 254 || /\0/.test(owner + other)).to.equal(true);
        }
      }),
      { seed, numRuns },
    );
  });
});
