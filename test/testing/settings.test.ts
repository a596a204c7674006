import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import type { UnitOfWorkOptions } from '../../src/index.js';
import { forEachBank } from '../support/bank-database.js';
import { execute } from '../support/execute.js';
import { rejection } from '../support/rejection.js';
import { useEnclosed } from './enclosed.js';

describe('session, timeouts and readOnly of a unit in a test', () => {
  const role = `clerk_${randomBytes(6).toString('hex')}`;
  const reason = new Error('no');

  forEachBank((bank, engine) => {
    before(async () => {
      await bank.rows(`create role ${role}`);
      await bank.rows(`grant all on account to ${role}`);
      await bank.rows('grant usage on sequence account_id_seq to public');
    });
    after(async () => {
      await bank.rows('revoke all on sequence account_id_seq from public');
      await bank.rows(`revoke all on account from ${role}`);
      await bank.rows(`drop role ${role}`);
    });
    const test = useEnclosed(bank);

    const settings = (options?: UnitOfWorkOptions) =>
      test.uow.run(async (u) => {
        const [row] = await execute(
          u.session,
          `select current_setting('app.tenant', true) as tenant, current_user::text as "user",
             current_setting('statement_timeout') as timeout, current_setting('transaction_read_only') as readonly`,
        );
        return row;
      }, options);
    const options: UnitOfWorkOptions = {
      session: { variables: { 'app.tenant': "o'neill" }, role },
      timeouts: { statement: 12_345 },
      readOnly: true,
    };

    it('hold in the unit, and not in the next one', async () => {
      const before = await settings();
      expect(await settings(options)).to.deep.equal({
        tenant: "o'neill",
        user: role,
        timeout: '12345ms',
        readonly: 'on',
      });
      // once set, a variable is empty in the session, as it is after a transaction that has set it
      expect(await settings()).to.deep.equal({ ...before, tenant: '' });
    });

    it('do not hold in the next one where the unit fails, or swallows an error, either', async () => {
      const before = await settings();
      const failing = test.uow.run(() => Promise.reject(reason), options);
      expect(await rejection(failing)).to.equal(reason);
      const swallowing = test.uow.run((u) => execute(u.session, 'select 1 / 0').catch(() => undefined), options);
      expect(await rejection(swallowing)).to.have.property('code', '22012');
      expect(await settings()).to.deep.include({ ...before, tenant: '' });
    });

    it('hold in inner units', async () => {
      await test.uow.run(async (u) => {
        await u.run(async (inner) => {
          const [row] = await execute(inner.session, 'select current_user::text as "user"');
          expect(row).to.deep.equal({ user: role });
        });
      }, options);
    });

    it('are refused by the database as outside of a test: a write of a unit that is readOnly', async () => {
      const run = test.uow.run((u) => u.accounts.create({ owner: 'Ada' }), { readOnly: true });
      expect(await rejection(run)).to.have.property('code', '25006');
      await test.uow.run((u) => u.accounts.create({ owner: 'Ada' }));
    });

    it('let a unit write under its role, and check constraints', async () => {
      await test.uow.run((u) => u.accounts.create({ owner: 'Ada' }), { session: { role } });
      expect(await test.uow.run((u) => u.accounts.count())).to.equal(1);
    });

    it('make a unit fail that asks for a role that there is not, and no other', async () => {
      const run = test.uow.run(() => undefined, { session: { role: 'nobody there' } });
      expect(await rejection(run)).to.have.property('code', '22023');
      await test.uow.run((u) => u.accounts.create({ owner: 'Ada' }));
    });

    // PGlite has no clock to interrupt itself by
    if (engine === 'postgresql') {
      it('end a statement that takes longer', async () => {
        const run = test.uow.run((u) => execute(u.session, 'select pg_sleep(20)'), { timeouts: { statement: 50 } });
        expect(await rejection(run)).to.have.property('code', '57014');
      });
    }
  });
});
