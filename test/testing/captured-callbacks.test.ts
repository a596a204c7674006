import { expect } from 'chai';
import { AfterCommitError, ConfigurationError } from '../../src/index.js';
import { capturedCallbacks } from '../../src/testing/index.js';
import { forEachBank } from '../support/bank-database.js';
import { rejection } from '../support/rejection.js';
import { useEnclosed } from './enclosed.js';

describe('capturedCallbacks', () => {
  forEachBank((bank) => {
    const test = useEnclosed(bank);
    let log: string[];
    beforeEach(() => {
      log = [];
    });

    const places = {
      'in a test that is rolled back': () => ({ engineFactory: test.rollback, uow: test.uow }),
      'on the engine itself': async () => {
        await test.rollback.rollback();
        return { engineFactory: bank.engineFactory, uow: bank.uow };
      },
    };

    for (const [place, prepare] of Object.entries(places)) {
      describe(place, () => {
        it('keeps the very callbacks of all units, in order, and runs none', async () => {
          const { engineFactory, uow } = await prepare();
          const [first, inner, last, second] = ['first', 'inner', 'last', 'second'].map((name) => () => log.push(name));
          const { result, callbacks } = await capturedCallbacks(engineFactory, async () => {
            await uow.run(async (u) => {
              u.afterCommit(first as () => void);
              await u.run((nested) => nested.afterCommit(inner as () => void));
              u.afterCommit(last as () => void);
            });
            await using u = await uow.begin();
            u.afterCommit(second as () => void);
            await u.accounts.create({ owner: 'Ada' });
            await u.commit();
            return 'done';
          });
          expect(result).to.equal('done');
          expect(callbacks).to.deep.equal([first, inner, last, second]);
          expect(log).to.deep.equal([]);
          expect(await uow.run((u) => u.accounts.count())).to.equal(1);
        });

        it('drops those of what was undone, and runs what waits for a rollback', async () => {
          const { engineFactory, uow } = await prepare();
          const { callbacks } = await capturedCallbacks(engineFactory, async () => {
            await uow.run(async (u) => {
              await rejection(
                u.run((inner) => {
                  inner.afterCommit(() => log.push('inner'));
                  throw new Error('no');
                }),
              );
            });
            await uow.run(async (u) => {
              u.afterCommit(() => log.push('committed'));
              u.afterRollback(() => log.push('rolled back'));
              await u.rollback();
            });
          });
          expect(callbacks).to.deep.equal([]);
          expect(log).to.deep.equal(['rolled back']);
        });

        it('lets the test run each once, in units of their own, those included that others register', async () => {
          const { engineFactory, uow } = await prepare();
          const { callbacks, run } = await capturedCallbacks(engineFactory, () =>
            uow.run(async (u) => {
              u.afterCommit(async () => {
                log.push('first');
                await uow.run((next) => next.accounts.create({ owner: 'Grace' }));
                u.afterCommit(() => log.push('registered by the first'));
              });
              u.afterCommit(() => log.push('second'));
            }),
          );
          expect(callbacks).to.have.lengthOf(2);
          await run();
          await run();
          expect(log).to.deep.equal(['first', 'second', 'registered by the first']);
          expect(await uow.run((u) => u.accounts.count())).to.equal(1);
        });

        it('runs them at the end where it is told to, and those of later units as ever', async () => {
          const { engineFactory, uow } = await prepare();
          const { callbacks } = await capturedCallbacks(
            engineFactory,
            async () => {
              await uow.run((u) => u.afterCommit(() => log.push('captured')));
              log.push('work done');
            },
            { execute: true },
          );
          expect(callbacks).to.have.lengthOf(1);
          await uow.run((u) => u.afterCommit(() => log.push('later')));
          expect(log).to.deep.equal(['work done', 'captured', 'later']);
        });

        it('runs the others where one throws, and tells of it as a commit does', async () => {
          const { engineFactory, uow } = await prepare();
          const reason = new Error('no');
          const captured = await capturedCallbacks(engineFactory, () =>
            uow.run((u) => {
              u.afterCommit(() => Promise.reject(reason));
              u.afterCommit(() => log.push('the other'));
            }),
          );
          const error = await rejection(captured.run());
          expect(error).to.be.instanceOf(AfterCommitError).with.property('errors').that.deep.equals([reason]);
          expect(log).to.deep.equal(['the other']);
        });

        it('rejects with what work rejects with, and captures no more', async () => {
          const { engineFactory, uow } = await prepare();
          const reason = new Error('no');
          expect(await rejection(capturedCallbacks(engineFactory, () => Promise.reject(reason)))).to.equal(reason);
          await uow.run((u) => u.afterCommit(() => log.push('as ever')));
          expect(log).to.deep.equal(['as ever']);
        });

        it('refuses a second one at the same time, and what is no function', async () => {
          const { engineFactory } = await prepare();
          const { result } = await capturedCallbacks(engineFactory, () =>
            rejection(capturedCallbacks(engineFactory, () => log.push('ran'))),
          );
          expect(result)
            .to.be.instanceOf(ConfigurationError)
            .with.property('message')
            .that.matches(/already/);
          const wrong = [
            capturedCallbacks(engineFactory, 1 as never),
            capturedCallbacks(engineFactory, () => log.push('ran'), { execute: 'yes' as never }),
            capturedCallbacks({ create: () => engineFactory.create() } as never, () => log.push('ran')),
          ];
          for (const refused of wrong) {
            expect(await rejection(refused)).to.be.instanceOf(ConfigurationError);
          }
          expect(log).to.deep.equal([]);
        });
      });
    }
  });
});
