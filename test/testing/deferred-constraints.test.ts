import { expect } from 'chai';
import { forEachBank } from '../support/bank-database.js';
import { execute } from '../support/execute.js';
import { rejection } from '../support/rejection.js';
import { useEnclosed } from './enclosed.js';

describe('deferred constraints in a test', () => {
  forEachBank((bank) => {
    before(async () => {
      await bank.rows('create schema "Odd ""schema"');
      await bank.rows('create table late (n int constraint "late n" unique deferrable initially deferred)');
      await bank.rows('create table "Odd ""schema".late (n int unique deferrable initially deferred)');
      await bank.rows('create table prompt (n int constraint prompt_n unique deferrable initially immediate)');
    });
    after(async () => {
      await bank.rows('drop table late, prompt');
      await bank.rows('drop schema "Odd ""schema" cascade');
    });
    const test = useEnclosed(bank);
    const twice = (table: string) => `insert into ${table} values (1), (1)`;
    const swap = async (table: string) => {
      // one statement after the other: in between the constraint is violated
      await test.uow.run(async (u) => {
        await execute(u.session, `insert into ${table} values (1)`);
        await execute(u.session, `insert into ${table} values (1)`);
        await execute(u.session, `update ${table} set n = 2 where ctid = (select max(ctid) from ${table})`);
      });
    };

    it('are checked where the service commits, with the error of COMMIT, and undo that unit alone', async () => {
      await test.uow.run((u) => u.accounts.create({ owner: 'Ada' }));
      const run = test.uow.run(async (u) => {
        await u.accounts.create({ owner: 'Grace' });
        await execute(u.session, twice('late'));
      });
      expect(await rejection(run)).to.have.property('code', '23505');
      await test.uow.run(async (u) => {
        expect(await u.accounts.count()).to.equal(1);
        expect(await execute(u.session, 'select * from late')).to.deep.equal([]);
      });
    });

    it('are checked by commit() too', async () => {
      const u = await test.uow.begin();
      await execute(u.session, twice('late'));
      expect(await rejection(u.commit())).to.have.property('code', '23505');
      expect(u.status).to.equal('rolled-back');
    });

    it('are not checked at the end of an inner unit', async () => {
      await test.uow.run(async (u) => {
        await u.run((inner) => execute(inner.session, twice('late')));
        await execute(u.session, 'delete from late where ctid = (select max(ctid) from late)');
      });
    });

    for (const table of ['late', '"Odd ""schema".late']) {
      it(`are as deferred as they were in the units that follow: ${table}`, async () => {
        await swap(table);
        await test.uow.run((u) => execute(u.session, `delete from ${table}`));
        await swap(table);
        const run = test.uow.run((u) => execute(u.session, twice(table)));
        expect(await rejection(run)).to.have.property('code', '23505');
        await test.uow.run((u) => execute(u.session, `delete from ${table}`));
        await swap(table);
      });
    }

    it('that are immediate unless told otherwise stay so, also after a unit that told otherwise', async () => {
      await test.uow.run(async (u) => {
        await execute(u.session, 'set constraints prompt_n deferred');
        await execute(u.session, 'insert into prompt values (1)');
        await execute(u.session, 'insert into prompt values (1)');
        await execute(u.session, 'update prompt set n = 2 where ctid = (select max(ctid) from prompt)');
      });
      const sent: string[] = [];
      const run = test.uow.run(async (u) => {
        await execute(u.session, 'insert into prompt values (1)').finally(() => sent.push('insert'));
        sent.push('went on');
      });
      expect(await rejection(run)).to.have.property('code', '23505');
      expect(sent).to.deep.equal(['insert']);
    });
  });
});
