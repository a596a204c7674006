import { RequestContext } from '@mikro-orm/core';
import { expect } from 'chai';
import { Account } from '../support/bank.js';
import { forEachBank } from '../support/bank-database.js';
import { rejection } from '../support/rejection.js';

describe("a unit inside MikroORM's RequestContext", () => {
  const reason = new Error('no');

  forEachBank((bank) => {
    it('promise 2: gets none of its entities', async () => {
      const orm = await bank.engineFactory.create();
      await bank.rows("insert into account (owner, balance) values ('Ada', 1)");
      await RequestContext.create(orm.em, async () => {
        const ofRequest = await orm.em.findOneOrFail(Account, 1);
        ofRequest.balance = 99;
        await bank.uow.run(async (u) => {
          const ofUnit = await u.accounts.retrieve(1);
          expect(ofUnit).not.to.equal(ofRequest);
          expect(ofUnit?.balance).to.equal(1);
        });
      });
      expect(await bank.rows('select balance from account')).to.deep.equal([{ balance: 1 }]);
    });

    it('promise 2: does not flush what the request has persisted', async () => {
      const orm = await bank.engineFactory.create();
      await RequestContext.create(orm.em, async () => {
        orm.em.persist(orm.em.create(Account, { owner: 'of the request' }));
        await bank.uow.run(async (u) => {
          await u.accounts.create({ owner: 'of the unit' });
          expect(await u.accounts.count()).to.equal(1);
        });
      });
      expect(await bank.rows('select owner from account')).to.deep.equal([{ owner: 'of the unit' }]);
    });

    for (const end of ['commits', 'fails'] as const) {
      it(`promise 2: lends it none of its entities where it ${end}`, async () => {
        const orm = await bank.engineFactory.create();
        await RequestContext.create(orm.em, async () => {
          const request = orm.em.getContext();
          const run = bank.uow.run(async (u) => {
            await u.accounts.create({ owner: 'Ada' });
            await u.flush();
            if (end === 'fails') {
              throw reason;
            }
          });
          await (end === 'fails' ? rejection(run) : run);
          expect(request.getUnitOfWork().getIdentityMap().keys()).to.deep.equal([]);
          expect(orm.em.getContext()).to.equal(request);
          expect(await orm.em.count(Account)).to.equal(end === 'fails' ? 0 : 1);
        });
      });
    }

    it('promise 2: orm.em is the unit inside work, and the request again afterwards', async () => {
      const orm = await bank.engineFactory.create();
      await RequestContext.create(orm.em, async () => {
        const request = orm.em.getContext();
        await bank.uow.run(async (u) => {
          expect(orm.em.getContext()).to.equal(u.session);
          expect(orm.em.getContext()).not.to.equal(request);
        });
        expect(orm.em.getContext()).to.equal(request);
      });
    });

    it('promise 2: a unit that was begun keeps apart from it too', async () => {
      const orm = await bank.engineFactory.create();
      await RequestContext.create(orm.em, async () => {
        const request = orm.em.getContext();
        await using u = await bank.uow.begin();
        await u.accounts.create({ owner: 'Ada' });
        await u.commit();
        expect(request.getUnitOfWork().getIdentityMap().keys()).to.deep.equal([]);
      });
      expect(bank.sent()).to.deep.equal(['begin', 'insert account', 'commit']);
    });

    it('promise 2: a RequestContext inside work keeps apart from the unit around it', async () => {
      const orm = await bank.engineFactory.create();
      await bank.uow.run(async (u) => {
        await u.accounts.create({ owner: 'Ada' });
        await RequestContext.create(orm.em, async () => {
          await u.accounts.create({ owner: 'Grace' });
        });
      });
      expect(bank.sent()).to.deep.equal(['begin', 'insert account', 'commit']);
      expect(await bank.rows('select * from account')).to.have.length(2);
    });
  });
});
