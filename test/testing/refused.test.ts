import { IsolationLevel } from '@mikro-orm/core';
import { expect } from 'chai';
import { ConfigurationError, type UnitOfWorkOptions } from '../../src/index.js';
import { RollbackEngineFactory } from '../../src/testing/index.js';
import { BankUnitOfWork } from '../support/bank.js';
import { forEachBank } from '../support/bank-database.js';
import { execute } from '../support/execute.js';
import { rejection } from '../support/rejection.js';
import { useEnclosed } from './enclosed.js';

describe('what a savepoint cannot give', () => {
  forEachBank((bank) => {
    const test = useEnclosed(bank);
    const refused = async (run: Promise<unknown>, ...names: string[]) => {
      const error = await rejection(run);
      expect(error).to.be.instanceOf(ConfigurationError);
      expect(error.message).to.include('Nothing was sent.');
      for (const name of names) {
        expect(error.message).to.include(name);
      }
    };
    const create = (options: UnitOfWorkOptions) => test.uow.run((u) => u.accounts.create({ owner: 'Ada' }), options);

    for (const isolationLevel of [IsolationLevel.REPEATABLE_READ, IsolationLevel.SERIALIZABLE]) {
      it(`is refused: the isolation level ${isolationLevel}`, async () => {
        await refused(create({ isolationLevel }), `the isolation level "${isolationLevel}"`);
        await refused(test.uow.begin({ isolationLevel }), `the isolation level "${isolationLevel}"`);
        await refused(
          new BankUnitOfWork(test.rollback, { isolationLevel }).run(() => undefined),
          `the isolation level "${isolationLevel}"`,
        );
      });
    }

    it('is not refused: the isolation level that the test has', async () => {
      await create({ isolationLevel: IsolationLevel.READ_COMMITTED });
      expect(await test.uow.run((u) => u.accounts.count())).to.equal(1);
    });

    it('is given where the test has it: another isolation level', async () => {
      const isolationLevel = IsolationLevel.REPEATABLE_READ;
      await test.rollback.rollback();
      await using rollback = new RollbackEngineFactory(bank.engineFactory, { isolationLevel });
      const uow = new BankUnitOfWork(rollback);
      await rollback.start();
      const [row] = await uow.run(
        (u) => execute(u.session, "select current_setting('transaction_isolation') as level"),
        {
          isolationLevel,
        },
      );
      expect(row).to.deep.equal({ level: 'repeatable read' });
      const other = { isolationLevel: IsolationLevel.READ_COMMITTED };
      await refused(
        uow.run(() => undefined, other),
        'the isolation level "read committed", for it has "repeatable read"',
      );
    });

    it('is refused at once: an isolation level that there is not', () => {
      const options = { isolationLevel: 'very high' as never };
      expect(() => new RollbackEngineFactory(bank.engineFactory, options)).to.throw(
        ConfigurationError,
        'isolationLevel',
      );
    });

    for (const propagation of ['requires_new', 'not_supported'] as const) {
      it(`is refused: the propagation "${propagation}" inside a unit`, async () => {
        await test.uow.run(async (u) => {
          await refused(create({ propagation }), `"${propagation}"`, 'connection');
          await u.accounts.create({ owner: 'Grace' });
        });
        expect(await test.uow.run((u) => u.accounts.count())).to.equal(1);
      });
    }

    for (const propagation of ['supports', 'not_supported', 'never'] as const) {
      it(`is refused: the propagation "${propagation}" without a unit around it`, async () => {
        await refused(create({ propagation }), `the propagation "${propagation}"`);
      });
    }

    it('fails as outside of a test: the propagation "mandatory" without a unit around it', async () => {
      const inTest = await rejection(create({ propagation: 'mandatory' }));
      const outside = await rejection(bank.uow.run(() => undefined, { propagation: 'mandatory' }));
      expect(inTest.message).to.equal(outside.message);
    });
  });
});
