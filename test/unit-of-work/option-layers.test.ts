import { expect } from 'chai';
import { MikroOrmUnitOfWork, type UnitOfWorkOptions } from '../../src/index.js';
import { AccountRepository } from '../support/bank.js';
import { forEachBank } from '../support/bank-database.js';
import { execute } from '../support/execute.js';

const shown = `select current_setting('statement_timeout') as statement, current_setting('lock_timeout') as lock,
  current_setting('idle_in_transaction_session_timeout') as idle, current_setting('transaction_isolation') as level,
  current_setting('transaction_read_only') as readonly, current_setting('app.a', true) as a,
  current_setting('app.b', true) as b`;

describe('promise 2: options of a declaration, of an instance and of a call', () => {
  forEachBank((bank) => {
    const settings = async (
      declared: UnitOfWorkOptions | undefined,
      made: UnitOfWorkOptions | undefined,
      called: UnitOfWorkOptions | undefined,
    ): Promise<Record<string, unknown>> => {
      class Declared extends MikroOrmUnitOfWork.of({ accounts: AccountRepository }, declared) {}
      const uow = new Declared(bank.engineFactory, made);
      const [row] = await uow.run((u) => execute(u.session, shown), called);
      await using begun = await uow.begin(called);
      expect(await execute(begun.session, shown), 'of begin()').to.deep.equal([row]);
      return row ?? {};
    };

    it('all of a declaration hold where nobody says otherwise', async () => {
      const options: UnitOfWorkOptions = {
        isolationLevel: 'serializable',
        readOnly: true,
        timeouts: { statement: 7_000, lock: 6_000, idleInTransaction: 5_000 },
        session: { variables: { 'app.a': 'declared' } },
      };
      const expected = {
        statement: '7s',
        lock: '6s',
        idle: '5s',
        level: 'serializable',
        readonly: 'on',
        a: 'declared',
      };
      for (const nothing of [undefined, {}, { isolationLevel: undefined, timeouts: {}, session: undefined }]) {
        expect(await settings(options, nothing, nothing)).to.deep.include(expected);
      }
      expect(await settings(undefined, options, undefined)).to.deep.include(expected);
      expect(await settings(undefined, undefined, options)).to.deep.include(expected);
    });

    it('those of the call win over those of the instance, and they over the declaration', async () => {
      const [declared, made, called] = (['read committed', 'repeatable read', 'serializable'] as const).map(
        (isolationLevel): UnitOfWorkOptions => ({ isolationLevel }),
      );
      expect(await settings(declared, made, called)).to.have.property('level', 'serializable');
      expect(await settings(declared, made, {})).to.have.property('level', 'repeatable read');
      expect(await settings(called, declared, {})).to.have.property('level', 'read committed');
      expect(await settings({ readOnly: true }, undefined, { readOnly: false })).to.have.property('readonly', 'off');
    });

    it('timeouts and variables are laid over each other name by name, and nothing given is changed', async () => {
      const layers = [
        {
          timeouts: { statement: 7_000, lock: 7_000 },
          session: { variables: { 'app.a': 'declared', 'app.b': 'declared' } },
        },
        { timeouts: { lock: 6_000, idleInTransaction: 6_000 } },
        { timeouts: { idleInTransaction: 5_000 }, session: { variables: { 'app.b': 'called' } } },
      ] as const;
      const before = structuredClone(layers);
      const row = await settings(...layers);
      expect(row).to.deep.include({ statement: '7s', lock: '6s', idle: '5s', a: 'declared', b: 'called' });
      expect(layers).to.deep.equal(before);
    });
  });
});
